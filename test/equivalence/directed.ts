// SPDX-License-Identifier: Apache-2.0
// Cases with one oddity each, on an otherwise plain bridge that is accelerated: what chance rarely brings together.

import type { Send } from '../support/lab/agent.js';
import type { Configuration, Hook, PortKind } from './configuration.js';
import { type Directed, directed, scriptChanges } from './directed-case.js';
import { vlanFiltering } from './features.js';
import { addressOddities } from './oddities-addresses.js';
import { portOddities } from './oddities-ports.js';
import { surroundingOddities } from './oddities-surroundings.js';
import { vlanOddities } from './oddities-vlans.js';
import { flow, hello, hosts, type Oddity, ownBridge, ownPort, step } from './oddity.js';
import { Random } from './random.js';
import { generateTraffic } from './traffic.js';
import { filterOptions, membershipSteps } from './vlans.js';

export const oddities: readonly Oddity[] = [
  ...portOddities,
  ...addressOddities,
  ...surroundingOddities,
  ...vlanOddities,
];

function configure(oddity: Oddity, kind: PortKind, hook: Hook, count: number): Configuration {
  const ports = [1, 2, 3].map((n) => ({
    name: `p${n}`,
    mac: ownPort(n - 1),
    bridge: 0,
    mtu: 1500,
    up: true,
    virtio: oddity.virtio === true,
    apart: false,
  }));
  const timers = ['retrans_time_ms 60000', 'delay_first_probe_time 60', 'locktime 0'];
  return {
    seed: 0,
    kind,
    bridges: [{ name: 'br0', mac: ownBridge, address: undefined }],
    ports,
    hosts,
    fdb: [],
    vlans: oddity.vlans,
    namespace: [
      'net/ipv6/conf/all/disable_ipv6 1',
      'net/ipv6/conf/default/disable_ipv6 1',
      'net/ipv4/icmp_ratemask 0',
      'net/ipv4/igmp_link_local_mcast_reports 0',
      ...['iptables', 'ip6tables', 'arptables'].map((family) => `net/bridge/bridge-nf-call-${family} 0`),
    ].map((text) => step('sysctl', text)),
    links: [
      step('ip', `link add br0 address ${ownBridge} type bridge mcast_snooping 0${filterOptions(oddity.vlans)}`),
      ...timers.map((timer) => step('sysctl', `net/ipv4/neigh/br0/${timer}`)),
      ...ports.map((port) => step('ip', `link set ${port.name} address ${port.mac} mtu 1500 master br0`)),
      step('ip', 'link set br0 up'),
      ...ports.map((port) => step('ip', `link set ${port.name} up`)),
    ],
    setup: [...membershipSteps(oddity.vlans), ...(oddity.setup ?? [])],
    changes: scriptChanges(oddity, count),
    activity: oddity.activity === true,
    gro: kind === 'veth' && oddity.gro !== false,
    segmentation: hook === 'tc',
  };
}

/** Random traffic with the oddity's own frames, twice each, strewn in. */
function sendAll(oddity: Oddity, configuration: Configuration, count: number): Send[] {
  const traffic = generateTraffic(new Random(oddity.name.length * 977), configuration, count);
  if (oddity.script !== undefined) {
    return oddity.script.filter((one): one is Send => !Array.isArray(one));
  }
  const own = oddity.frames ?? [...flow(0, 1), ...flow(1, 0)];
  return traffic.flatMap((send, i) => {
    const one = own[Math.floor(i / 4) % own.length];
    return i >= 8 && i % 4 === 0 && one !== undefined ? [...(i % 40 === 0 ? hello : []), one, one, send] : [send];
  });
}

/** All directed cases of bridges. */
export function directedCases(count = 200, vlans = vlanFiltering): Directed[] {
  return oddities
    .filter((oddity) => oddity.needsVlans !== true || vlans)
    .flatMap((oddity) =>
      directed(oddity, (kind, hook) => {
        const configuration = configure(oddity, kind, hook, count);
        return { seed: 0, kind, hook, configuration, frames: sendAll(oddity, configuration, count) };
      }),
    );
}
