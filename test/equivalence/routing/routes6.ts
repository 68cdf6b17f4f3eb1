// SPDX-License-Identifier: Apache-2.0
// Draws the routes of an IPv6 router: prefixes that nest at any bit, gateways with global and link-local addresses, kinds of
// routes, next hop objects, metrics, routes for some sources only.

import type { Step } from '../configuration.js';
import type { Random } from '../random.js';
import { drawPrefix } from './nested6.js';
import { address6Of } from './plan.js';
import type { Routes } from './routes.js';

const ip = (text: string): Step => ({ tool: 'ip', text });
/** For objects whose family `ip -b` does not see from an address. */
export const ip6 = (text: string): Step => ({ tool: 'agent', text: `exec ip -6 ${text}` });

/** The link-local address of the first station behind each port. */
export const linkLocalGateway = 'fe80::10';

/** A gateway behind a port that mostly is a neighbour with a permanent entry. */
export function gateway6(random: Random, ports: number): string {
  const port = random.below(ports);
  const address = random.weighted([
    [6, address6Of(port, 10)],
    [3, address6Of(port, 11)],
    [3, linkLocalGateway],
    [2, address6Of(port, 12)],
    [1, address6Of(port, 13)],
    [1, address6Of(port, 20)],
  ] as const);
  return `via ${address} dev p${port + 1}`;
}

type Draw = (random: Random, prefix: string, ports: number) => Step[];

const one =
  (draw: (random: Random, prefix: string, ports: number) => string): Draw =>
  (r, p, n) => [ip(`route add ${draw(r, p, n)}`)];

const kinds: readonly (readonly [number, Draw])[] = [
  [14, one((r, p, n) => `${p} ${gateway6(r, n)}`)],
  [2, one((r, p, n) => `${p} ${gateway6(r, n)} onlink`)],
  [2, one((r, p, n) => `${p} dev p${r.between(1, n)}`)],
  [3, one((r, p, n) => `${p} ${gateway6(r, n)} mtu ${r.pick([1000, 1280, 1300, 1400, 9000])}`)],
  [1, one((r, p, n) => `${p} ${gateway6(r, n)} mtu lock ${r.pick([1280, 1400, 9000])}`)],
  [3, one((r, p) => `${r.pick(['blackhole', 'unreachable', 'prohibit', 'throw'])} ${p}`)],
  [1, one((_, p) => `anycast ${p} dev p1`)],
  [2, one((r, p, n) => `${p} nexthop ${gateway6(r, n)} nexthop ${gateway6(r, n)}`)],
  [
    2,
    (r, p, n) => [
      ip(`route add ${p} ${gateway6(r, n)} metric 20`),
      ip(`route add ${p} ${gateway6(r, n)} metric ${r.pick([10, 30])}`),
    ],
  ],
  [
    1,
    (r, p, n) => [
      ip(`route add ${p} ${gateway6(r, n)} pref ${r.pick(['low', 'medium', 'high'])}`),
      ip(`route append ${p} dev p${r.between(1, n)} pref ${r.pick(['low', 'medium', 'high'])}`),
    ],
  ],
  [1, one((r, p, n) => `${p} ${gateway6(r, n)} expires 3000`)],
  [2, (r, p) => [ip(`route add ${p} nhid ${r.between(11, 14)}`)]],
  [1, one((r, p, n) => `${p} encap seg6 mode encap segs ${address6Of(0, 10)} ${gateway6(r, n)}`)],
  [
    1,
    (r, p, n) => [
      ip(`route add ${p} from ${address6Of(r.below(n), 0)}/64 ${gateway6(r, n)}`),
      ...(r.chance(0.5) ? [ip(`route add ${p} ${gateway6(r, n)}`)] : []),
    ],
  ],
];

export function drawRoutes6(random: Random, ports: number): Routes {
  const steps: Step[] = [
    ip(`nexthop add id 11 ${gateway6(random, ports)}`),
    random.chance(0.5) ? ip(`nexthop add id 12 ${gateway6(random, ports)}`) : ip6('nexthop add id 12 blackhole'),
    ip(`nexthop add id 14 ${gateway6(random, ports)}`),
    ip('nexthop add id 13 group 11/14'),
  ];
  const destinations: string[] = [];
  const count = random.between(2, 24);
  for (let i = 0; i < count; i += 1) {
    const { text, inside } = drawPrefix(random);
    steps.push(...random.weighted(kinds)(random, text, ports));
    destinations.push(inside(), inside());
  }
  if (random.chance(0.5)) {
    // Somebody with two routes of one metric, known on both devices: preferences decide, or which leads back.
    const somebody = address6Of(random.below(ports), 77);
    for (const command of ['add', 'append']) {
      const port = random.below(ports);
      steps.push(
        ip(`neigh add ${somebody} lladdr 02:00:5e:4${port + 1}:00:77 dev p${port + 1}`),
        ip(`route ${command} ${somebody}/128 dev p${port + 1} metric 7 pref ${random.pick(['low', 'medium', 'high'])}`),
      );
    }
    destinations.push(somebody, somebody);
  }
  if (random.chance(0.5)) steps.push(ip(`route add default ${gateway6(random, ports)}`));
  if (random.chance(0.1)) steps.push(ip(`route add default from ${address6Of(0, 0)}/64 ${gateway6(random, ports)}`));
  if (random.chance(0.1)) steps.push(ip('route add local fd30::/64 dev lo'));
  destinations.push('fd30::9', '2001:db8::77', '2002:a01:1::1', 'fd10::1');
  return { steps, destinations, allSlow: false };
}
