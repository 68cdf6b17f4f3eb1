// SPDX-License-Identifier: Apache-2.0
// How many packets of a random router are due to the fast path.

import type { Send } from '../../support/lab/agent.js';
import { ipv6Address, mac } from '../../support/lab/frame.js';
import type { Claim } from '../accelerator.js';
import type { Case } from '../runner.js';
import type { Outcome } from '../side.js';
import { address6Of, addressOf, type Neighbour, placeOf, portMac, type RouterPlan } from './plan.js';
import { untaggedBy, type Way } from './way.js';

/** Where an IP packet in an Ethernet frame has what is asked of it, as hexadecimal digits. */
export interface Family {
  readonly type: string;
  readonly destination: (bytes: string) => string;
  /** Nothing about it that could be the kernel's. Ports may be those of sockets. */
  readonly ordinary: (bytes: string) => boolean;
  readonly address: (text: string) => string;
  readonly own: (port: number) => string;
}

export const ip4: Family = {
  type: '080045',
  destination: (bytes) => bytes.slice(60, 68),
  ordinary: (bytes) => bytes.slice(30, 32) === '00' && !/^06|^11/.test(bytes.slice(46, 48)),
  address: (text) =>
    text
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join(''),
  own: (port) => addressOf(port, 1),
};

export const ip6: Family = {
  type: '86dd60',
  destination: (bytes) => bytes.slice(76, 108),
  ordinary: (bytes) =>
    Number.parseInt(bytes.slice(36, 40), 16) >= 4 &&
    !/^(00|06|11)/.test(bytes.slice(40, 42)) &&
    !bytes.slice(44).startsWith('0000000000000000'),
  address: ipv6Address,
  own: (port) => address6Of(port, 1),
};

/** How frames are sent and received where VLANs are on the way. */
export interface Vlans {
  readonly wayOf: (network: number, mac: string) => Way;
  /** As the networks' stations mean them: the port is the network's number, and there are no tags. Absent: something is wrong with the tags. */
  readonly meant: readonly ({ readonly frame: Send; readonly way: Way } | undefined)[];
}

/**
 * Counts packets that leave no doubt: to a neighbour with a permanent entry, the first one aside, before any change,
 * forwarded by Linux to exactly one port, where it and the sender's port are both claimed as accelerated.
 *
 * @param mixed claims may be those of the other family, or of bridges alone, so that both ports need an address of this family
 */
export function countDue(
  plan: RouterPlan,
  family: Family,
  one: Case,
  plain: Outcome,
  claims: readonly Claim[],
  mixed: boolean,
  vlans?: Vlans,
): number {
  const { configuration } = one;
  if (plan.allSlow || (one.kind === 'veth' && one.hook === 'xdp')) {
    return 0;
  }
  const claimed = new Set(claims.filter((claim) => claim.accelerated).map((claim) => claim.name));
  const accelerated = (network: number, claim: string) =>
    claimed.has(claim) && (!mixed || plan.own.includes(family.own(network)));
  const permanent = new Map(plan.neighbours.filter((n) => n.permanent).map((n) => [family.address(n.ip), n]));
  const end = configuration.changes[0]?.before ?? one.frames.length;
  const used = new Set<Neighbour>();
  return one.frames.slice(0, end).filter((bare, index) => {
    const meant = vlans?.meant[index];
    const frame = vlans === undefined ? bare : meant?.frame;
    const received = plain.frames[index]?.received ?? [];
    const arrived = received[0];
    const neighbour = frame === undefined ? undefined : permanent.get(family.destination(frame.bytes));
    if (frame === undefined || arrived === undefined || neighbour === undefined) return false;
    if (frame.virtio === true || received.length !== 1) return false;
    const way = vlans?.wayOf(neighbour.port, neighbour.mac);
    const forwarded = `${mac(neighbour.mac)}${mac(way?.mac ?? portMac(neighbour.port))}${family.type}`;
    const bytes = way === undefined ? arrived.bytes : (untaggedBy(arrived.bytes, way) ?? '');
    /** The port, or the network, that it left by. */
    const left = way === undefined ? arrived.port : neighbour.port;
    // Captures and qdiscs are no port's fault: what passes one of them is left to Linux.
    const plainPort = !configuration.setup.some((step) => step.tool === 'capture' || step.tool === 'tc');
    const again = used.has(neighbour);
    if (bytes.startsWith(forwarded)) used.add(neighbour);
    return (
      again &&
      plainPort &&
      family.ordinary(frame.bytes) &&
      arrived.port === (way?.port ?? placeOf(neighbour)) &&
      left !== frame.port &&
      bytes.startsWith(forwarded) &&
      accelerated(frame.port, meant?.way.claim ?? `p${frame.port + 1}`) &&
      accelerated(left, way?.claim ?? `p${left + 1}`)
    );
  }).length;
}

export const bridged = ({ configuration }: RouterPlan): boolean => configuration.bridges.length > 0;
