// SPDX-License-Identifier: Apache-2.0
// Changes of a router in the middle of traffic, made behind TNA's back: the very next packet has to go as the changed
// router sends it.

import type { Change, Configuration, Step } from '../configuration.js';
import type { Random } from '../random.js';
import { addressOf } from './plan.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });

type Draw = (random: Random, configuration: Configuration) => Step[];

const any = (r: Random, c: Configuration): number => r.below(c.ports.length);
const name = (r: Random, c: Configuration): string => `p${any(r, c) + 1}`;
const station = (r: Random, c: Configuration): { readonly ip: string; readonly dev: string } => {
  const port = any(r, c);
  return { ip: addressOf(port, r.pick([10, 11])), dev: `p${port + 1}` };
};

const draws: readonly (readonly [number, Draw])[] = [
  [
    4,
    (r, c) => {
      const { ip, dev } = station(r, c);
      return [
        step(
          'ip',
          `neigh replace ${ip} lladdr 02:00:5e:77:00:01 dev ${dev} nud ${r.pick(['permanent', 'stale', 'reachable'])}`,
        ),
      ];
    },
  ],
  [
    3,
    (r, c) => {
      const { ip, dev } = station(r, c);
      return [step('ip', `neigh del ${ip} dev ${dev}`)];
    },
  ],
  [
    4,
    (r, c) => {
      const { ip } = station(r, c);
      const other = station(r, c);
      return [step('ip', `route replace ${ip}/32 via ${other.ip} dev ${other.dev}`)];
    },
  ],
  [3, (r, c) => [step('ip', `route add ${r.pick(['blackhole', 'unreachable', 'prohibit'])} ${station(r, c).ip}/32`)]],
  [3, (r, c) => [step('ip', `route del ${addressOf(any(r, c), 0)}/24`)]],
  [3, (r, _c) => [step('ip', `route replace default via ${addressOf(0, 10)} dev p1 mtu ${r.pick([600, 1500])}`)]],
  [2, () => [step('ip', 'route flush root 172.16.0.0/12')]],
  [3, () => [step('sysctl', 'net/ipv4/ip_forward 0')]],
  [2, (r, c) => [step('sysctl', `net/ipv4/conf/${name(r, c)}/forwarding 0`)]],
  [3, (r) => [step('sysctl', `net/ipv4/conf/all/rp_filter ${r.between(1, 2)}`)]],
  [2, (r, c) => [step('ip', `rule add from ${station(r, c).ip} prohibit priority 50`)]],
  [
    2,
    (r, c) => [
      step('ip', `xfrm policy add src ${station(r, c).ip}/32 dst 0.0.0.0/0 dir ${r.pick(['fwd', 'out'])} action block`),
    ],
  ],
  [
    3,
    () => [step('nft', 'table inet late { chain c { type filter hook forward priority 0; ip protocol udp drop; }; }')],
  ],
  [
    1,
    () => [
      step('nft', 'table ip late { chain c { type filter hook prerouting priority -300; ip protocol udp drop; }; }'),
    ],
  ],
  [
    1,
    () => [
      step('nft', 'table ip late { chain c { type filter hook postrouting priority 0; ip protocol udp drop; }; }'),
    ],
  ],
  [
    2,
    (r, c) => [
      step(
        'nft',
        `table netdev late { chain c { type filter hook ${r.pick(['ingress', 'egress'])} device ${name(r, c)} priority 0; drop; }; }`,
      ),
    ],
  ],
  [3, (r, c) => [step('ip', `addr add ${station(r, c).ip}/24 dev ${name(r, c)}`)]],
  [3, (r, c) => [step('ip', `addr del ${addressOf(any(r, c), 1)}/24 dev ${name(r, c)}`)]],
  [3, (r, c) => [step('ip', `link set ${name(r, c)} down`)]],
  [2, (r, c) => [step('ip', `link set ${name(r, c)} mtu ${r.pick([576, 700, 1400, 1500])}`)]],
  [2, (r, c) => [step('ip', `link set ${name(r, c)} address 02:00:5e:99:00:01`)]],
  [
    1,
    (r, c) => [
      step('ip', `link add br9 address 02:00:5e:20:00:09 type bridge`),
      step('ip', `link set ${name(r, c)} master br9`),
    ],
  ],
  [2, (r, c) => [step('capture', r.chance(0.3) ? 'any' : name(r, c))]],
  [2, (r, c) => [step('agent', `tcx ${name(r, c)} ${r.pick(['ingress', 'egress'])}`)]],
  [1, (r, c) => [step('far', `generic h${any(r, c) + 1}`)]],
  [1, (r, c) => [step('tc', `qdisc add dev ${name(r, c)} root handle 7: pfifo limit 900`)]],
];

/** Draws at most three changes; most configurations have none. */
export function drawRouterChanges(random: Random, configuration: Configuration, frames: number): Change[] {
  if (!random.chance(0.4)) {
    return [];
  }
  const changes = Array.from({ length: random.between(1, 3) }, () => ({
    before: random.between(Math.floor(frames / 4), frames - 10),
    steps: random.weighted(draws)(random, configuration),
  }));
  return changes.sort((a, b) => a.before - b.before);
}
