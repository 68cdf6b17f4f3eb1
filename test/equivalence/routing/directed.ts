// SPDX-License-Identifier: Apache-2.0
// The directed cases of routing (oddities.ts) on every kind of port and hook where they have a meaning.

import type { Send } from '../../support/lab/agent.js';
import type { Configuration, Hook, PortKind } from '../configuration.js';
import { type Directed, directed, scriptChanges } from '../directed-case.js';
import { vlanDevices } from '../features.js';
import { step } from '../oddity.js';
import { type Family, four, six } from './family.js';
import { neighbourTimers } from './generate.js';
import { multipathOddities } from './multipath.js';
import { multipath6Oddities } from './multipath6.js';
import { type RouterOddity, routerOddities, stationMac } from './oddities.js';
import { router6Oddities } from './oddities6.js';
import { portMac, quietRouter } from './plan.js';
import { rule6Oddities, ruleOddities } from './rules.js';
import { vrf6Oddities, vrf6VlanOddities, vrfOddities, vrfVlanOddities } from './vrf.js';

function configure(family: Family, oddity: RouterOddity, kind: PortKind, hook: Hook, count: number): Configuration {
  const ports = [0, 1, 2].map((index) => ({
    name: `p${index + 1}`,
    mac: portMac(index),
    bridge: 0,
    mtu: 1500,
    up: true,
    virtio: false,
    apart: false,
  }));
  const hosts = ports.flatMap((_, port) =>
    [0, 1].map((n) => ({ mac: stationMac(port, n), ip: family.station(port, n), port })),
  );
  return {
    seed: 0,
    kind,
    bridges: [],
    ports,
    hosts,
    fdb: [],
    vlans: undefined,
    namespace: [...quietRouter, ...family.namespace].map((text) => step('sysctl', text)),
    links: [
      step('ip', 'link set lo up'),
      ...ports.flatMap(({ name, mac }) => [
        step('ip', `link set ${name} address ${mac} mtu 1500`),
        ...neighbourTimers(name, ['ipv4', 'ipv6']),
        step('ip', `link set ${name} up`),
      ]),
    ],
    setup: [
      ...ports.map(({ name }, index) => step('ip', `addr add ${family.own(index)}/${family.length} dev ${name}`)),
      ...hosts.map(({ mac, ip, port }) => step('ip', `neigh add ${ip} lladdr ${mac} dev p${port + 1} nud permanent`)),
      step('ip', `route add ${family.beyond} via ${family.station(1)} dev p2`),
      ...(oddity.setup ?? []),
    ],
    changes: scriptChanges(oddity, count),
    own: ports.map((_, index) => family.own(index)),
    activity: oddity.activity === true,
    gro: kind === 'veth' && hook === 'xdp' && oddity.gro !== false,
    segmentation: hook === 'tc',
  };
}

/** A script's frames; without one greetings, then flows, the oddity's own packets twice each in between. */
export function mingled(
  oddity: RouterOddity,
  greetings: readonly Send[],
  flows: readonly Send[],
  count: number,
): Send[] {
  if (oddity.script !== undefined) return oddity.script.filter((one): one is Send => !Array.isArray(one));
  const own = oddity.frames ?? [];
  const sends: Send[] = [...greetings];
  for (let i = 0; sends.length < count; i += 1) {
    const [flow, one] = [flows[i % flows.length], own[i % own.length]];
    if (flow !== undefined) sends.push(flow);
    if (one !== undefined) sends.push(one, one);
  }
  return sends;
}

/** Between all networks. */
function flows({ station, packet, behind }: Family): readonly Send[] {
  return [0, 1, 2].flatMap((from) =>
    [station((from + 1) % 3), station((from + 2) % 3, 1), behind].map((to) => ({
      port: from,
      bytes: packet(from, to),
    })),
  );
}

function cases(family: Family, oddities: readonly RouterOddity[], count: number): Directed[] {
  return oddities.flatMap((oddity) =>
    directed(oddity, (kind, hook) => {
      const configuration = configure(family, oddity, kind, hook, count);
      return { seed: 0, kind, hook, configuration, frames: mingled(oddity, family.hello, flows(family), count) };
    }),
  );
}

export function routerCases(count = 60): Directed[] {
  return [
    ...cases(four, [...routerOddities, ...multipathOddities, ...ruleOddities], count),
    ...cases(six, [...router6Oddities, ...multipath6Oddities, ...rule6Oddities], count),
  ];
}

/** Only for kernels that have VRF devices. */
export function vrfCases(count = 60): Directed[] {
  return [
    ...cases(four, [...vrfOddities, ...(vlanDevices ? vrfVlanOddities : [])], count),
    ...cases(six, [...vrf6Oddities, ...(vlanDevices ? vrf6VlanOddities : [])], count),
  ];
}
