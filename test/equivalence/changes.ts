// SPDX-License-Identifier: Apache-2.0
// Changes of the configuration in the middle of traffic, made behind TNA's back: from the very next frame on, the
// fast path has to behave as the changed bridge does.

import type { Change, Configuration, Step } from './configuration.js';
import { portsOf } from './configuration.js';
import { drawPortSetting } from './port-settings.js';
import type { Random } from './random.js';
import { drawVlanChange } from './vlans.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });

type Draw = (random: Random, configuration: Configuration) => Step[];

const portName = (random: Random, configuration: Configuration): string => random.pick(configuration.ports).name;
const bridgeName = (random: Random, configuration: Configuration): string => random.pick(configuration.bridges).name;

/** One function per kind of change, with its weight. A change may turn out to change nothing; that is a case too. */
const draws: readonly (readonly [number, Draw])[] = [
  [4, (r, c) => [step('bridge', `link set dev ${portName(r, c)} state ${r.between(0, 4)}`)]],
  [3, (r, c) => [step('ip', `link set ${portName(r, c)} down`)]],
  [3, (r, c) => [step('ip', `link set ${portName(r, c)} up`)]],
  [3, (r, c) => [step('ip', `link set ${portName(r, c)} mtu ${r.pick([576, 1000, 1400, 1500])}`)]],
  [9, (r, c) => drawPortSetting(r, c.ports, r.pick(c.ports))],
  [
    1,
    (r, c) => {
      const host = r.pick(c.hosts);
      return [step('rtnl', `fdb ${c.ports[host.port]?.name} ${host.mac} notify`)];
    },
  ],
  [1, (r, c) => [step('rtnl', `bridge ${bridgeName(r, c)} fdb_max_learned ${r.between(1, 12)}`)]],
  [1, (r, c) => [step('ip', `link set ${bridgeName(r, c)} type bridge no_linklocal_learn 1`)]],
  [1, (r, c) => [step('ip', `link set ${bridgeName(r, c)} allmulticast on`)]],
  [3, (r, c) => [step('ip', `link set ${portName(r, c)} nomaster`)]],
  [
    3,
    (r, c) => {
      const host = r.pick(c.hosts);
      const bridge = c.ports[host.port]?.bridge ?? 0;
      const port = c.ports[r.pick(portsOf(c, bridge))]?.name;
      return [
        step(
          'bridge',
          `fdb replace ${host.mac} dev ${port} master ${r.pick(['static', 'static sticky', 'permanent', 'dynamic extern_learn'])}`,
        ),
      ];
    },
  ],
  [2, (r, c) => [step('ip', `link set ${bridgeName(r, c)} type bridge fdb_flush`)]],
  [2, (r, c) => [step('ip', `link set ${bridgeName(r, c)} type bridge ageing_time ${r.pick([0, 30000])}`)]],
  [1, (r, c) => [step('ip', `link set ${bridgeName(r, c)} type bridge group_fwd_mask 0xfff8`)]],
  [
    3,
    (r, c) => [step('ip', `link set ${bridgeName(r, c)} type bridge nf_call_${r.pick(['ip', 'ip6', 'arp'])}tables 1`)],
  ],
  [2, (r) => [step('sysctl', `net/bridge/bridge-nf-call-${r.pick(['iptables', 'ip6tables', 'arptables'])} 1`)]],
  [3, (r, c) => [step('ip', `link set ${bridgeName(r, c)} promisc on`)]],
  [2, (r, c) => [step('ip', `link set ${bridgeName(r, c)} down`)]],
  [1, (r, c) => [step('ip', `link set ${bridgeName(r, c)} up`)]],
  [1, (r, c) => [step('ip', `link set ${bridgeName(r, c)} address 02:00:5e:40:00:10`)]],
  [
    3,
    () => [step('nft', 'table bridge late { chain c { type filter hook forward priority 0; ether type ip drop; }; }')],
  ],
  [
    2,
    (r, c) => [
      step(
        'nft',
        `table netdev late { chain c { type filter hook ${r.pick(['ingress', 'egress'])} device ${portName(r, c)} priority 0; drop; }; }`,
      ),
    ],
  ],
  [3, (r, c) => [step('capture', r.chance(0.3) ? 'any' : portName(r, c))]],
  [2, (r, c) => [step('agent', `tcx ${portName(r, c)} ${r.pick(['ingress', 'egress'])}`)]],
  [1, (r, c) => [step('agent', `tapfilter ${r.below(c.ports.length)}`)]],
  [1, (r, c) => [step('far', `generic h${r.between(1, c.ports.length)}`)]],
  [1, (r, c) => [step('tc', `qdisc add dev ${portName(r, c)} root handle 7: pfifo limit 900`)]],
  // Not `add`: on kernels without TCX an accelerated port has a clsact qdisc of TNA's already.
  [1, (r, c) => [step('tc', `qdisc replace dev ${portName(r, c)} clsact`)]],
];

/** Changes of VLANs, of which a bridge that filters them has one or two in half of the cases. */
function vlanChanges(random: Random, configuration: Configuration, frames: number): Change[] {
  const { vlans } = configuration;
  if (vlans === undefined || !random.chance(0.5)) return [];
  return Array.from({ length: random.between(1, 2) }, () => ({
    before: random.between(Math.floor(frames / 4), frames - 10),
    steps: [drawVlanChange(random, vlans, bridgeName(random, configuration), portName(random, configuration))],
  }));
}

/** Draws all changes, in order; most configurations have few, or none. */
export function generateChanges(
  random: Random,
  vlanRandom: Random,
  configuration: Configuration,
  frames: number,
): Change[] {
  const changes = [...otherChanges(random, configuration, frames), ...vlanChanges(vlanRandom, configuration, frames)];
  return changes.sort((a, b) => a.before - b.before);
}

/** Draws at most three changes; most configurations have none. */
function otherChanges(random: Random, configuration: Configuration, frames: number): Change[] {
  const apart = configuration.ports.find((port) => port.apart);
  if (apart === undefined && !random.chance(0.35)) {
    return [];
  }
  const joining = step('ip', `link set ${apart?.name} master br${apart?.bridge}`);
  const join = apart === undefined ? [] : [{ before: Math.floor(frames / 3), steps: [joining] }];
  const changes = Array.from({ length: random.between(1, 3) }, () => ({
    before: random.between(Math.floor(frames / 4), frames - 10),
    steps: random.weighted(draws)(random, configuration),
  }));
  return [...join, ...changes];
}
