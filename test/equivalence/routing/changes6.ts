// SPDX-License-Identifier: Apache-2.0
// Changes of an IPv6 router in the middle of traffic, made behind TNA's back, as changes.ts has them for IPv4.

import type { Change, Configuration, Step } from '../configuration.js';
import type { Random } from '../random.js';
import { address6Of } from './plan.js';
import { gateway6, ip6 } from './routes6.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });
const ip = (text: string): Step => step('ip', text);
/** A device may have lost its IPv6, and its settings: what the kernel refuses is recorded. */
const sysctl = (text: string): Step => step('agent', `sysctl net/ipv6/${text}`);

type Draw = (random: Random, configuration: Configuration) => Step[];

const any = (r: Random, c: Configuration): number => r.below(c.ports.length);
const name = (r: Random, c: Configuration): string => `p${any(r, c) + 1}`;
const station = (r: Random, c: Configuration): { readonly ip: string; readonly dev: string } => {
  const port = any(r, c);
  return { ip: address6Of(port, r.pick([10, 11])), dev: `p${port + 1}` };
};
const over = (r: Random, c: Configuration): string => {
  const { ip, dev } = station(r, c);
  return `via ${ip} dev ${dev}`;
};

const draws: readonly (readonly [number, Draw])[] = [
  [
    4,
    (r, c) => {
      const { ip: to, dev } = station(r, c);
      const state = r.pick(['permanent', 'stale', 'reachable']);
      return [ip(`neigh replace ${to} lladdr 02:00:5e:77:00:01 dev ${dev} nud ${state}`)];
    },
  ],
  [
    3,
    (r, c) => {
      const { ip: to, dev } = station(r, c);
      return [ip(`neigh del ${to} dev ${dev}`)];
    },
  ],
  [4, (r, c) => [ip(`route replace ${station(r, c).ip}/128 ${over(r, c)}`)]],
  [3, (r, c) => [ip(`route add ${r.pick(['blackhole', 'unreachable', 'prohibit'])} ${station(r, c).ip}/128`)]],
  [2, (r, c) => [ip(`route add ${station(r, c).ip}/127 from ${address6Of(any(r, c), 0)}/64 ${over(r, c)}`)]],
  [3, (r, c) => [ip(`route del ${address6Of(any(r, c), 0)}/64`)]],
  [3, (r, c) => [ip(`route replace default ${gateway6(r, c.ports.length)} mtu ${r.pick([1300, 1500])}`)]],
  [2, (r, c) => [ip(`route add ${address6Of(any(r, c), 0)}/64 ${over(r, c)} metric ${r.pick([1, 256, 300])}`)]],
  [2, () => [ip6('route flush root fd10::/16')]],
  [2, (r, c) => [ip(`nexthop replace id 11 ${over(r, c)}`)]],
  [3, () => [sysctl('conf/all/forwarding 0')]],
  [2, (r, c) => [sysctl(`conf/${name(r, c)}/forwarding 0`)]],
  [2, (r, c) => [sysctl(`conf/${name(r, c)}/disable_ipv6 1`)]],
  [2, (r, c) => [sysctl(`conf/${name(r, c)}/mtu ${r.pick([1280, 1350])}`)]],
  [1, () => [sysctl('conf/all/proxy_ndp 1')]],
  [2, (r, c) => [ip6(`rule add from ${station(r, c).ip} prohibit priority 50`)]],
  [
    2,
    (r, c) => [ip(`xfrm policy add src ${station(r, c).ip}/128 dst ::/0 dir ${r.pick(['fwd', 'out'])} action block`)],
  ],
  [
    3,
    () => [step('nft', 'table inet late { chain c { type filter hook forward priority 0; meta l4proto udp drop; }; }')],
  ],
  [
    2,
    (r) => [
      step(
        'nft',
        `table ip6 late { chain c { type filter hook ${r.pick(['prerouting', 'forward', 'postrouting'])} priority 0; meta l4proto udp drop; }; }`,
      ),
    ],
  ],
  [
    1,
    (r, c) => [
      step(
        'nft',
        `table netdev late { chain c { type filter hook ${r.pick(['ingress', 'egress'])} device ${name(r, c)} priority 0; drop; }; }`,
      ),
    ],
  ],
  [3, (r, c) => [ip(`addr add ${station(r, c).ip}/64 dev ${name(r, c)} nodad`)]],
  [3, (r, c) => [ip(`addr del ${address6Of(any(r, c), 1)}/64 dev ${name(r, c)}`)]],
  [2, (r, c) => [ip(`link set ${name(r, c)} down`)]],
  [
    2,
    (r, c) => {
      const one = name(r, c);
      return [ip(`link set ${one} down`), ip(`link set ${one} up`)];
    },
  ],
  [3, (r, c) => [ip(`link set ${name(r, c)} mtu ${r.pick([1279, 1280, 1300, 1400, 1500])}`)]],
  [2, (r, c) => [ip(`link set ${name(r, c)} address 02:00:5e:99:00:01`)]],
  [1, (r, c) => [ip('link add br9 address 02:00:5e:20:00:09 type bridge'), ip(`link set ${name(r, c)} master br9`)]],
  [1, (r, c) => [step('capture', r.chance(0.3) ? 'any' : name(r, c))]],
  [1, (r, c) => [step('agent', `tcx ${name(r, c)} ${r.pick(['ingress', 'egress'])}`)]],
  [1, (r, c) => [step('far', `generic h${any(r, c) + 1}`)]],
  [1, (r, c) => [step('tc', `qdisc add dev ${name(r, c)} root handle 7: pfifo limit 900`)]],
];

/** Draws at most three changes; most configurations have none. */
export function drawRouter6Changes(random: Random, configuration: Configuration, frames: number): Change[] {
  if (!random.chance(0.4)) return [];
  return Array.from({ length: random.between(1, 3) }, () => ({
    before: random.between(Math.floor(frames / 4), frames - 10),
    steps: random.weighted(draws)(random, configuration),
  }));
}
