// SPDX-License-Identifier: Apache-2.0
// Frames for the networks of a router as they come in by the ports: with the tags of their networks, to the address of the port. Some come
// with other tags than they should.

import type { Send } from '../../support/lab/agent.js';
import { colons, little, mac, tagged } from '../../support/lab/frame.js';
import type { PortKind } from '../configuration.js';
import type { Random } from '../random.js';
import { portMac } from './plan.js';
import type { Tag, Way } from './way.js';

export interface Arriving {
  readonly send: Send;
  /** It has the tags that it should have. */
  readonly ordinary: boolean;
  readonly way: Way;
}

/** struct virtio_net_hdr: how long it is, and where it says how long headers are and where the checksum begins. */
const virtio = { length: 20, headers: 4, start: 12 };
const number = (digits: string): number => Number.parseInt(digits.slice(2, 4) + digits.slice(0, 2), 16);

const wrong: readonly (readonly [number, (tags: readonly Tag[], random: Random) => readonly Tag[]])[] = [
  [2, (tags) => tags.slice(1)],
  [2, (tags, r) => [...tags.slice(0, -1), { protocol: 0x8100, vid: r.pick([0, 9, 10, 11, 12, 4095]) }]],
  [2, (tags) => tags.map(({ protocol, vid }) => ({ protocol: protocol === 0x8100 ? 0x88a8 : 0x8100, vid }))],
  // A tag that has nothing but a priority, and a tag too many.
  [3, (tags, r) => [{ protocol: 0x8100, vid: r.below(8) << 13 }, ...tags]],
  [1, (tags, r) => [...tags, { protocol: 0x8100, vid: r.pick([0, 5, 10, 11]) }]],
];

/**
 * @param frames their ports are numbers of networks
 * @returns one for each
 */
export function throughVlans(
  random: Random,
  frames: readonly Send[],
  wayOf: (network: number, mac: string) => Way,
  kind: PortKind,
): readonly Arriving[] {
  // What is the same arrives in the same way: only then is the second one the fast path's.
  const known = new Map<string, Arriving>();
  return frames.map((frame) => {
    const key = `${frame.port} ${frame.bytes}`;
    const arriving = known.get(key) ?? arrive(random, frame, wayOf, kind);
    known.set(key, arriving);
    return arriving;
  });
}

function arrive(random: Random, frame: Send, wayOf: (network: number, mac: string) => Way, kind: PortKind): Arriving {
  const header = frame.virtio === true ? frame.bytes.slice(0, virtio.length) : '';
  const bytes = frame.bytes.slice(header.length);
  const way = wayOf(frame.port, colons(bytes.slice(12, 24)));
  const ours = bytes.startsWith(mac(portMac(frame.port))) ? mac(way.mac) + bytes.slice(12) : bytes;
  const ordinary = !random.chance(0.07);
  const tags = ordinary ? way.tags : random.weighted(wrong)(way.tags, random);
  const priority = random.chance(0.3) ? random.below(8) << 13 : 0;
  // In metadata, as devices hand tags up that take them off.
  const above = kind === 'veth' && frame.virtio !== true && tags.length > 0 && random.chance(0.5) ? tags[0] : undefined;
  const inside = above === undefined ? tags : tags.slice(1);
  const whole = inside.reduceRight((inner, { protocol, vid }) => tagged(inner, vid | priority, protocol), ours);
  const shift = inside.length * 4;
  const moved = (at: number) => little(number(header.slice(at, at + 4)) + shift);
  const before =
    header === ''
      ? ''
      : `${header.slice(0, virtio.headers)}${moved(virtio.headers)}${header.slice(virtio.headers + 4, virtio.start)}${moved(virtio.start)}${header.slice(virtio.start + 4)}`;
  const send = {
    ...frame,
    port: way.port,
    bytes: before + whole,
    ...(above === undefined ? {} : { mark: above.protocol * 2 ** 16 + (above.vid | priority) }),
  };
  return { send, ordinary, way };
}
