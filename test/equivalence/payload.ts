// SPDX-License-Identifier: Apache-2.0
// Draws what is inside a frame between two stations: protocols, options, sizes, damage.

import { arp, checksum, ethernet, hex, ipv4, ipv6, mac, sized, tagged, tcp, udp } from '../support/lab/frame.js';
import type { Random } from './random.js';

export interface Station {
  readonly mac: string;
  readonly ip: string;
}

type Payload = (random: Random, from: Station, to: Station) => readonly [type: number, bytes: string];

/** A link-local IPv6 address made from a MAC address (RFC 4291, appendix A), as 32 digits. */
export function linkLocal(address: string): string {
  const digits = mac(address);
  const first = Number.parseInt(digits.slice(0, 2), 16) ^ 2;
  return `fe80000000000000${hex(first, 1)}${digits.slice(2, 6)}fffe${digits.slice(6)}`;
}

export function icmpv6(source: string, destination: string, body: string): string {
  const pseudo = `${source}${destination}${hex(body.length / 2, 4)}0000003a`;
  return ipv6(source, destination, 58, `${body.slice(0, 4)}${hex(checksum(pseudo + body), 2)}${body.slice(8)}`, 255);
}

const data = (random: Random, max = 64): string => random.bytes(random.below(max)).toString('hex');

const payloads: readonly (readonly [number, Payload])[] = [
  [
    6,
    (random, from, to) => [
      0x0800,
      ipv4({
        source: from.ip,
        destination: to.ip,
        protocol: 17,
        payload: udp(random.between(1024, 1030), random.pick([53, 4789, 7]), data(random, 400)),
      }),
    ],
  ],
  [
    4,
    (random, from, to) => [
      0x0800,
      ipv4({
        source: from.ip,
        destination: to.ip,
        protocol: 6,
        payload: tcp(from.ip, to.ip, [1024, 80], random.pick([0x02, 0x10, 0x18, 0x04]), data(random)),
      }),
    ],
  ],
  [
    2,
    // Router alert, record route, and a time to live that a router would refuse: a bridge must not care.
    (random, from, to) => [
      0x0800,
      ipv4({
        source: from.ip,
        destination: to.ip,
        protocol: 17,
        payload: udp(1, 2, data(random)),
        options: random.pick(['94040000', '0707040000000000', '01010101']),
        ttl: random.pick([0, 1, 255]),
      }),
    ],
  ],
  [
    1,
    (random, from, to) => [
      0x0800,
      ipv4({
        source: from.ip,
        destination: to.ip,
        protocol: 17,
        payload: data(random),
        fragment: random.pick([0x2000, 0x4000, 0x00b9]),
      }),
    ],
  ],
  [
    1,
    (random, from, to) => [
      0x0800,
      ipv4({ source: from.ip, destination: to.ip, protocol: 6, payload: data(random), badChecksum: true }),
    ],
  ],
  [2, (random, from, to) => [0x0806, arp(random.pick([1, 2] as const), from.mac, from.ip, '000000000000', to.ip)]],
  [
    2,
    (random, from, to) => {
      const source = linkLocal(from.mac);
      const target = linkLocal(to.mac);
      const body = random.pick([
        `8700000000000000${target}0101${mac(from.mac)}`,
        `8800000060000000${source}0201${mac(from.mac)}`,
        `8000000000010001${data(random)}`,
      ]);
      return [0x86dd, icmpv6(source, target, body)];
    },
  ],
  // Hop-by-hop options, then UDP.
  [
    1,
    (random, from, to) => [
      0x86dd,
      ipv6(linkLocal(from.mac), linkLocal(to.mac), 0, `1100050200000000${udp(5, 6, data(random))}`),
    ],
  ],
  // 802.3 with a length and LLC; unassigned, MPLS, PPPoE, IPX and LLDP types.
  [1, (random) => [random.pick([3, 46, 1500, 1501, 1535]), `424203${data(random)}`]],
  [2, (random) => [random.pick([0x88b5, 0x8847, 0x8864, 0x8137, 0x88cc, 0x0600, 0xffff]), data(random)]],
  // IP types whose contents are nothing of the kind.
  [1, (random) => [random.pick([0x0800, 0x86dd, 0x0806]), data(random)]],
];

/** An untagged frame from one station to another with a random payload, not padded. */
export function drawFrame(random: Random, from: Station, to: Station): string {
  const [type, bytes] = random.weighted(payloads)(random, from, to);
  return ethernet(to.mac, from.mac, type, bytes);
}

/** One or two VLAN tags, priority tags included. */
export function drawTags(random: Random, frame: string): string {
  const tci = () => random.pick([0, 0xa000, 1, 10, 0x2064, 4094, 4095]);
  const inner = tagged(frame, tci(), random.pick([0x8100, 0x8100, 0x8100, 0x88a8, 0x9100]));
  return random.chance(0.35) ? tagged(inner, tci(), random.pick([0x8100, 0x88a8, 0x88a8])) : inner;
}

/** A size around one of the limits that an egress MTU sets: header, header with a tag, two tags. */
export function atLimit(random: Random, frame: string, mtu: number): string {
  return sized(frame, mtu + random.pick([13, 14, 14, 15, 17, 18, 18, 19, 22, 23]));
}
