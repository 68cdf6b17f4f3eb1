// SPDX-License-Identifier: Apache-2.0
// Draws VLAN-aware bridges: which VLANs a port has and how, what changes about them later, and the tags of the frames.

import { tagged } from '../support/lab/frame.js';
import type { BridgePlan, Host, PortPlan, Step, VlanPlan } from './configuration.js';
import type { Random } from './random.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });

const pool = [1, 1, 2, 10, 20, 100, 4094] as const;

/** Few VLANs, so that ports have some in common; how each port has them. */
export function drawVlans(random: Random, ports: readonly PortPlan[]): VlanPlan {
  const vids = [...new Set(Array.from({ length: random.between(2, 4) }, () => random.pick(pool)))];
  const defaultPvid = random.weighted([
    [6, 1],
    [1, 0],
    [2, random.pick(vids)],
  ] as const);
  return {
    protocol: random.weighted([
      [3, 0x8100],
      [1, 0x88a8],
    ] as const),
    vids,
    defaultPvid,
    members: ports.map(() => {
      const trunk = random.chance(0.6);
      const members = new Map<number, string>();
      if (defaultPvid !== 0 && !random.chance(0.12)) members.set(defaultPvid, 'pvid untagged');
      for (const vid of trunk ? vids : [random.pick(vids)]) {
        if (trunk && random.chance(0.15)) continue;
        const flags = random.weighted([
          [trunk ? 10 : 1, ''],
          [trunk ? 1 : 10, 'pvid untagged'],
          [1, 'untagged'],
          [1, 'pvid'],
        ] as const);
        members.set(vid, flags);
      }
      return [...members].map(([vid, flags]) => ({ vid, flags }));
    }),
  };
}

/** Options of `ip link add … type bridge` that make it filter; none without a plan. */
export function filterOptions(plan: VlanPlan | undefined): string {
  if (plan === undefined) return '';
  const protocol = plan.protocol === 0x8100 ? '802.1Q' : '802.1ad';
  return ` vlan_filtering 1 vlan_protocol ${protocol} vlan_default_pvid ${plan.defaultPvid}`;
}

/** The plan's memberships of ports p1, p2, …, none of which has any yet. */
export function membershipSteps(plan: VlanPlan | undefined): Step[] {
  return (plan?.members ?? []).flatMap((members, port) =>
    members.map(({ vid, flags }) => step('bridge', `vlan add dev p${port + 1} vid ${vid} ${flags}`)),
  );
}

/** The same, and what else may be set about VLANs. */
export function bridgeOptions(random: Random, plan: VlanPlan): string {
  const options = [filterOptions(plan)];
  if (random.chance(0.04)) options.push('vlan_stats_enabled 1');
  if (random.chance(0.1)) options.push('vlan_stats_per_port 1');
  if (random.chance(0.06)) options.push('mcast_snooping 1 mcast_vlan_snooping 1');
  return options.join(' ');
}

/** Memberships, states of VLANs, entries of single VLANs, and devices for the host in a VLAN. */
export function vlanSteps(
  random: Random,
  plan: VlanPlan,
  bridges: readonly BridgePlan[],
  ports: readonly PortPlan[],
  hosts: readonly Host[],
): Step[] {
  const steps: Step[] = [];
  for (const [index, port] of ports.entries()) {
    const members = plan.members[index] ?? [];
    if (plan.defaultPvid !== 0 && !members.some(({ vid }) => vid === plan.defaultPvid))
      steps.push(step('bridge', `vlan del dev ${port.name} vid ${plan.defaultPvid}`));
    for (const { vid, flags } of members) {
      if (vid !== plan.defaultPvid || flags !== 'pvid untagged')
        steps.push(step('bridge', `vlan add dev ${port.name} vid ${vid} ${flags}`));
      if (random.chance(0.03))
        steps.push(step('bridge', `vlan set dev ${port.name} vid ${vid} state ${random.between(0, 4)}`));
    }
    if (random.chance(0.02)) steps.push(step('bridge', `link set dev ${port.name} vlan_tunnel on`));
  }
  for (let i = random.below(4); i > 0; i -= 1) {
    const host = random.pick(hosts);
    const port = ports[random.chance(0.7) ? host.port : random.below(ports.length)]?.name;
    steps.push(step('bridge', `fdb replace ${host.mac} dev ${port} master static vlan ${random.pick(plan.vids)}`));
  }
  if (random.chance(0.2)) {
    const bridge = random.pick(bridges).name;
    const vid = random.pick(plan.vids);
    const binding = random.chance(0.5) ? 'on' : 'off';
    steps.push(
      step('bridge', `vlan add dev ${bridge} vid ${vid} self`),
      step('ip', `link add link ${bridge} name ${bridge}.${vid} type vlan id ${vid} bridge_binding ${binding}`),
      step('ip', `link set ${bridge}.${vid} up`),
    );
  }
  if (random.chance(0.04)) {
    const port = random.pick(ports).name;
    steps.push(
      step('ip', `link add link ${port} name ${port}.${plan.vids[0]} type vlan id ${plan.vids[0]}`),
      step('ip', `link set ${port}.${plan.vids[0]} up`),
    );
  }
  return steps;
}

/** One change of a VLAN-aware bridge behind TNA's back. */
export function drawVlanChange(random: Random, plan: VlanPlan, bridge: string, port: string): Step {
  const vid = random.pick(plan.vids);
  return random.weighted([
    [4, step('bridge', `vlan del dev ${port} vid ${vid}`)],
    [4, step('bridge', `vlan add dev ${port} vid ${vid}`)],
    [3, step('bridge', `vlan add dev ${port} vid ${vid} pvid untagged`)],
    [2, step('bridge', `vlan add dev ${port} vid ${vid} untagged`)],
    [1, step('bridge', `vlan add dev ${port} vid ${vid} pvid`)],
    [2, step('bridge', `vlan add dev ${port} vid 2-300`)],
    [4, step('bridge', `vlan set dev ${port} vid ${vid} state ${random.between(0, 4)}`)],
    [2, step('ip', `link set ${bridge} type bridge vlan_filtering 0`)],
    [2, step('ip', `link set ${bridge} type bridge vlan_protocol ${random.pick(['802.1Q', '802.1ad'])}`)],
    [2, step('ip', `link set ${bridge} type bridge vlan_default_pvid ${random.pick([0, 1, ...plan.vids])}`)],
    [1, step('ip', `link set ${bridge} type bridge vlan_stats_enabled 1`)],
    [1, step('ip', `link set ${bridge} type bridge mcast_vlan_snooping 1`)],
    [1, step('bridge', `link set dev ${port} vlan_tunnel on`)],
  ] as const);
}

/** Puts a frame into a VLAN that both ports have, as a station behind the first port would send it. */
export function intoCommonVlan(random: Random, plan: VlanPlan, from: number, to: number, frame: string): string {
  const members = plan.members[from] ?? [];
  const there = plan.members[to] ?? [];
  const common = members.filter(({ vid }) => there.some((other) => other.vid === vid));
  const member = random.pick(common.length > 0 && random.chance(0.9) ? common : [...members, { vid: 0, flags: '' }]);
  const priority = random.chance(0.3) ? random.pick([0x2000, 0xa000, 0x1000, 0xe000]) : 0;
  // Who belongs to the PVID speaks untagged, or with a priority tag, and is sometimes tagged all the same.
  if (member.flags.includes('pvid') && random.chance(0.8))
    return priority === 0 ? frame : tagged(frame, priority, plan.protocol);
  return tagged(frame, priority | member.vid, random.chance(0.97) ? plan.protocol : 0x8100);
}

/** The frame once in each VLAN of a port, so that the bridge learns its sender in all of them. */
export function inEachVlan(plan: VlanPlan, port: number, frame: string): string[] {
  return (plan.members[port] ?? []).map(({ vid, flags }) =>
    flags.includes('pvid') ? frame : tagged(frame, vid, plan.protocol),
  );
}
