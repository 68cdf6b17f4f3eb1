// SPDX-License-Identifier: Apache-2.0
// The directed cases of routing (oddities.ts) on every kind of port and hook where they have a meaning.

import type { Send } from '../../support/lab/agent.js';
import type { Configuration, Hook, PortKind } from '../configuration.js';
import { type Directed, directed, scriptChanges } from '../directed-case.js';
import { step } from '../oddity.js';
import { neighbourTimers } from './generate.js';
import { hello, packet, type RouterOddity, routerOddities, station, stationMac } from './oddities.js';
import { addressOf, portMac } from './plan.js';

function configure(oddity: RouterOddity, kind: PortKind, hook: Hook, count: number): Configuration {
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
    [0, 1].map((n) => ({ mac: stationMac(port, n), ip: station(port, n), port })),
  );
  return {
    seed: 0,
    kind,
    bridges: [],
    ports,
    hosts,
    fdb: [],
    vlans: undefined,
    namespace: [
      'net/ipv6/conf/all/disable_ipv6 1',
      'net/ipv6/conf/default/disable_ipv6 1',
      'net/ipv4/icmp_ratemask 0',
      'net/ipv4/igmp_link_local_mcast_reports 0',
      'net/ipv4/conf/all/send_redirects 0',
      'net/ipv4/conf/default/send_redirects 0',
      'net/ipv4/conf/all/rp_filter 0',
      'net/ipv4/conf/default/rp_filter 0',
      'net/ipv4/ip_forward 1',
    ].map((text) => step('sysctl', text)),
    links: [
      step('ip', 'link set lo up'),
      ...ports.flatMap(({ name, mac }) => [
        step('ip', `link set ${name} address ${mac} mtu 1500`),
        ...neighbourTimers(name),
        step('ip', `link set ${name} up`),
      ]),
    ],
    setup: [
      ...ports.map(({ name }, index) => step('ip', `addr add ${addressOf(index, 1)}/24 dev ${name}`)),
      ...hosts.map(({ mac, ip, port }) => step('ip', `neigh add ${ip} lladdr ${mac} dev p${port + 1} nud permanent`)),
      step('ip', `route add 172.16.0.0/16 via ${station(1)} dev p2`),
      ...(oddity.setup ?? []),
    ],
    changes: scriptChanges(oddity, count),
    own: ports.map((_, index) => addressOf(index, 1)),
    activity: oddity.activity === true,
    gro: kind === 'veth' && hook === 'xdp' && oddity.gro !== false,
    segmentation: hook === 'tc',
  };
}

/** Flows between all networks, the oddity's own packets twice each in between. */
function sendAll(oddity: RouterOddity, count: number): Send[] {
  if (oddity.script !== undefined) return oddity.script.filter((one): one is Send => !Array.isArray(one));
  const flows = [0, 1, 2].flatMap((from) =>
    [station((from + 1) % 3), station((from + 2) % 3, 1), '172.16.0.9'].map((to) => ({
      port: from,
      bytes: packet(from, to),
    })),
  );
  const own = oddity.frames ?? [];
  const sends: Send[] = [...hello];
  for (let i = 0; sends.length < count; i += 1) {
    const [flow, one] = [flows[i % flows.length], own[i % own.length]];
    if (flow !== undefined) sends.push(flow);
    if (one !== undefined) sends.push(one, one);
  }
  return sends;
}

export function routerCases(count = 60): Directed[] {
  return routerOddities.flatMap((oddity) =>
    directed(oddity, (kind, hook) => {
      const configuration = configure(oddity, kind, hook, count);
      return { seed: 0, kind, hook, configuration, frames: sendAll(oddity, count) };
    }),
  );
}
