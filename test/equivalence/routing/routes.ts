// SPDX-License-Identifier: Apache-2.0
// Draws the routes of a router: nested prefixes, gateways, kinds of routes, next hop objects, metrics.

import type { Step } from '../configuration.js';
import type { Random } from '../random.js';
import { addressOf } from './plan.js';

export interface Routes {
  readonly steps: readonly Step[];
  readonly destinations: readonly string[];
  readonly allSlow: boolean;
}

const ip = (text: string): Step => ({ tool: 'ip', text });

/** A gateway behind a port that mostly is a neighbour with a permanent entry. */
export function gateway(random: Random, ports: number): string {
  const port = random.below(ports);
  return `via ${addressOf(
    port,
    random.weighted([
      [6, 10],
      [3, 11],
      [2, 12],
      [1, 13],
      [1, 20],
    ] as const),
  )} dev p${port + 1}`;
}

/** An address inside a prefix; prefixes begin at 172.16.0.0. */
function inside(random: Random, network: number, length: number): string {
  const free = 32 - length;
  const host = free === 0 ? 0 : random.below(2 ** Math.min(free, 16));
  const value = ((network + host) >>> 0) >>> 0;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

type Draw = (random: Random, prefix: string, ports: number) => string[];

const kinds: readonly (readonly [number, Draw])[] = [
  [12, (r, p, n) => [`route add ${p} ${gateway(r, n)}`]],
  [3, (r, p, n) => [`route add ${p} ${gateway(r, n)} onlink`]],
  [2, (r, p, n) => [`route add ${p} dev p${r.between(1, n)}`]],
  [3, (r, p, n) => [`route add ${p} ${gateway(r, n)} mtu ${r.pick([200, 600, 1000, 1400, 9000])}`]],
  [1, (r, p, n) => [`route add ${p} ${gateway(r, n)} mtu lock ${r.pick([600, 1400])}`]],
  [2, (r, p) => [`route add ${r.pick(['blackhole', 'unreachable', 'prohibit', 'throw'])} ${p}`]],
  [1, (_, p) => [`route add broadcast ${p} dev p1`]],
  [2, (r, p, n) => [`route add ${p} nexthop ${gateway(r, n)} nexthop ${gateway(r, n)}`]],
  [
    2,
    (r, p, n) => [
      `route add ${p} ${gateway(r, n)} metric 20`,
      `route add ${p} ${gateway(r, n)} metric ${r.pick([10, 30])}`,
    ],
  ],
  [1, (r, p, n) => [`route add ${p} tos 0x10 ${gateway(r, n)}`, `route add ${p} ${gateway(r, n)}`]],
  [2, (r, p) => [`route add ${p} nhid ${r.between(1, 3)}`]],
  [1, (r, p, n) => [`route add ${p} encap ip id 5 dst 192.0.2.1 dev p${r.between(1, n)}`]],
];

export function drawRoutes(random: Random, ports: number): Routes {
  const commands = [
    `nexthop add id 1 ${gateway(random, ports)}`,
    random.chance(0.5) ? `nexthop add id 2 ${gateway(random, ports)}` : 'nexthop add id 2 blackhole',
    'nexthop add id 3 group 1/2',
  ];
  const destinations: string[] = [];
  const count = random.between(2, 24);
  for (let i = 0; i < count; i += 1) {
    const length = random.pick([8, 12, 14, 16, 16, 20, 22, 24, 24, 24, 25, 28, 30, 31, 32, 32]);
    // Few different bits, so that prefixes nest and share leaves.
    const bits = random.below(4) * 2 ** 16 + random.below(3) * 2 ** 8 + random.pick([0, 0, 1, 2, 16, 128, 255]);
    const mask = length === 32 ? 0xffffffff : (0xffffffff << (32 - length)) >>> 0;
    const network = ((0xac100000 + bits) & mask) >>> 0;
    const prefix = `${[24, 16, 8, 0].map((shift) => (network >>> shift) & 255).join('.')}/${length}`;
    commands.push(...random.weighted(kinds)(random, prefix, ports));
    destinations.push(inside(random, network, length), inside(random, network, length));
  }
  if (random.chance(0.5)) {
    commands.push(`route add default ${gateway(random, ports)}`);
  }
  const realms = random.chance(0.03);
  if (realms) {
    commands.push(`route add 172.31.0.0/16 ${gateway(random, ports)} realms 5`);
  }
  const local = random.chance(0.04);
  if (local) {
    commands.push('route add local 172.30.0.0/24 dev p1');
  }
  destinations.push('172.31.1.1', '172.30.0.9', '192.0.2.77', '8.8.8.8');
  return { steps: commands.map(ip), destinations, allSlow: realms || local };
}
