// SPDX-License-Identifier: Apache-2.0
// What the router of the benchmark is in IPv4 and in IPv6: addresses, routes, packets, and how the generator varies them.

import { readU32 } from 'bpf-loader-native';
import { checksum, ethernet, ipv4, ipv6, ipv6Address, sized, udp } from '../support/lab/frame.js';
import { inNetns, ip } from '../support/lab/netns.js';
import {
  addRoutes,
  addRoutes6,
  firstDestination,
  ipv4Address,
  mostRoutes,
  mostRoutes6,
} from '../support/lab/routes.js';

export type FamilyName = 4 | 6;

export interface RoutedFamily {
  readonly name: FamilyName;
  readonly mostRoutes: number;
  /** Of the frames that are sent, in bytes. */
  readonly frameLength: number;
  /** Of the generator's programs. */
  readonly program: string;
  frame(destination: string, source: string): string;
  /** Beside those that both families have. */
  constants(): Readonly<Record<string, number>>;
  /** Addresses of p2 and of the device that packets come in by, and the neighbour behind p2, before there are routes. */
  configure(netns: string, ingress: string, neighbour: string): Promise<void>;
  /** So many routes; a single one leads to all destinations. */
  route(netns: string, count: number): Promise<void>;
}

const hops = 64;
const datagram = udp(9, 9, '00'.repeat(18));
const packet4 = ipv4({
  source: '192.0.2.2',
  destination: ipv4Address(firstDestination),
  protocol: 17,
  payload: datagram,
  ttl: hops,
});

const four: RoutedFamily = {
  name: 4,
  mostRoutes,
  frameLength: 60,
  program: 'generate_routed',
  frame: (destination, source) => sized(ethernet(destination, source, 0x0800, packet4), 60),
  constants: () => ({ ttl: hops, destination: firstDestination, header_sum: headerSum(packet4) }),
  configure: async (netns, ingress, neighbour) => {
    const settings = ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0'];
    await inNetns(netns, [
      'sysctl',
      '-qw',
      ...settings,
      `net.ipv4.conf.${ingress}.rp_filter=0`,
      'net.ipv4.conf.p2.rp_filter=0',
    ]);
    await ip(
      netns,
      `addr add 192.0.2.1/24 dev ${ingress}`,
      'addr add 198.51.100.1/24 dev p2',
      `neigh add 198.51.100.2 lladdr ${neighbour} dev p2 nud permanent`,
    );
  },
  route: (netns, count) =>
    count === 1
      ? ip(netns, `route add ${ipv4Address(firstDestination)}/4 via 198.51.100.2`)
      : addRoutes(netns, count, 'via 198.51.100.2'),
};

const six: RoutedFamily = {
  name: 6,
  mostRoutes: mostRoutes6,
  frameLength: 80,
  program: 'generate_routed6',
  frame: (destination, source) =>
    ethernet(destination, source, 0x86dd, ipv6(ipv6Address('fd00:1::2'), ipv6Address('4000::'), 17, datagram, hops)),
  constants: () => ({ ttl: hops }),
  configure: async (netns, ingress, neighbour) => {
    const settings = ['all.disable_ipv6=0', `${ingress}.disable_ipv6=0`, 'p2.disable_ipv6=0', 'all.forwarding=1'];
    await inNetns(netns, ['sysctl', '-qw', ...settings.map((text) => `net.ipv6.conf.${text}`)]);
    await ip(
      netns,
      `addr add fd00:1::1/64 dev ${ingress} nodad`,
      'addr add fd00:2::1/64 dev p2 nodad',
      `neigh add fd00:2::2 lladdr ${neighbour} dev p2 nud permanent`,
    );
  },
  route: (netns, count) =>
    count === 1 ? ip(netns, 'route add 4000::/16 via fd00:2::2') : addRoutes6(netns, count, 'via fd00:2::2'),
};

export const families: Readonly<Record<FamilyName, RoutedFamily>> = { 4: four, 6: six };

/** The Ethernet header of a frame in words as they lie in memory. */
export function addressWords(frame: string): number[] {
  const header = Buffer.from(frame, 'hex');
  return [0, 4, 8].map((offset) => readU32(header, offset));
}

/** The sum of the IP header without destination and checksum, of words as the machine's byte order has them. */
function headerSum(packet: string): number {
  const sum = ~checksum(`${packet.slice(0, 20)}0000${packet.slice(24, 32)}`) & 0xffff;
  return ((sum & 0xff) << 8) | (sum >> 8);
}
