// SPDX-License-Identifier: Apache-2.0
// Directed cases about flags and states of bridge ports, and options of the bridge: who must be fast all the same, and who not.

import type { Step } from './configuration.js';
import {
  address,
  arpRequest,
  bridgeOption,
  everybody,
  flow,
  frame,
  hello,
  hosts,
  ipv6Flow,
  mac,
  type Oddity,
  ownPort,
  portFlag,
  slaveFlag,
  solicitation,
  staticEntry,
  step,
  stranger,
} from './oddity.js';
import { linkLocal } from './payload.js';

/** Neighbours that a bridge which answers or suppresses ARP and ND knows. */
const neighbours: readonly Step[] = [
  // IPv6 without an address of its own, about which the host would have to talk.
  step('sysctl', 'net/ipv6/conf/br0/addr_gen_mode 1'),
  step('sysctl', 'net/ipv6/conf/br0/router_solicitations 0'),
  step('sysctl', 'net/ipv6/conf/br0/disable_ipv6 0'),
  step('ip', 'addr add 10.1.0.1/24 dev br0'),
  ...hosts.map((host) => step('ip', `neigh replace ${host.ip} lladdr ${host.mac} dev br0 nud permanent`)),
  ...hosts.map((host) => {
    const target = linkLocal(host.mac).match(/..../g)?.join(':');
    return step('ip', `neigh replace ${target} lladdr ${host.mac} dev br0 nud permanent`);
  }),
];
const discovery = [
  arpRequest(0, 1),
  arpRequest(1, 0),
  arpRequest(0, 2),
  solicitation(0, 1),
  solicitation(1, 0),
  solicitation(2, 1),
  ipv6Flow(0, 1),
  ipv6Flow(2, 1),
];
const all = ['p1', 'p2', 'p3'];
const fromStranger = [
  { port: 0, bytes: frame(mac(1), stranger) },
  { port: 1, bytes: frame(stranger, mac(1)) },
];
const own = (port: number, n: number) => ({ port, bytes: frame(mac(port, n), mac(port, 1 - n)) });

export const portOddities: readonly Oddity[] = [
  { name: 'nothing', fast: all },
  {
    name: 'two isolated ports',
    setup: [portFlag('p1', 'isolated on'), portFlag('p2', 'isolated on')],
    frames: [...flow(0, 1), ...flow(0, 2), ...flow(1, 0), ...flow(2, 0)],
    aims: ['bridge_egress:isolated'],
    fast: all,
  },
  { name: 'isolated meanwhile', change: [portFlag('p1', 'isolated on'), portFlag('p2', 'isolated on')], fast: ['p3'] },
  { name: 'one isolated port', setup: [portFlag('p1', 'isolated on')], fast: all },
  { name: 'egress listening', change: [portFlag('p2', 'state 1')], aims: ['bridge_egress:egress-state'] },
  { name: 'ingress listening', change: [portFlag('p1', 'state 1')], aims: ['bridge_port:port-state'] },
  { name: 'ingress learning', change: [portFlag('p1', 'state 2')], aims: ['bridge_port:port-state'] },
  { name: 'port down', change: [step('ip', 'link set p2 down')] },
  { name: 'port leaves', change: [step('ip', 'link set p1 nomaster')], aims: ['bridge_port:not-a-port'] },
  {
    name: 'port leaves for a macvlan',
    change: [step('ip', 'link set p1 nomaster'), step('ip', 'link add link p1 name m1 type macvlan mode passthru')],
    aims: ['bridge_port:not-a-port'],
  },
  {
    name: 'locked and not learning',
    setup: [
      ...hosts.filter((host) => host.port === 0).map((host) => staticEntry(host.mac, 'p1')),
      portFlag('p1', 'learning off'),
      portFlag('p1', 'locked on'),
    ],
    frames: [
      ...fromStranger,
      { port: 0, bytes: frame(mac(1), ownPort(0)) },
      { port: 0, bytes: frame(mac(1), mac(2)) },
      ...flow(0, 1),
    ],
    aims: ['bridge_source:source-unknown', 'bridge_source:source-moved', 'bridge_source:source-local'],
    fast: all,
  },
  {
    name: 'locked and learning',
    setup: hosts.filter((host) => host.port === 0).map((host) => staticEntry(host.mac, 'p1')),
    change: [portFlag('p1', 'locked on')],
    frames: [...fromStranger, { port: 0, bytes: frame(mac(1), mac(2)) }, ...flow(0, 1)],
    aims: ['bridge_source:source-unknown', 'bridge_source:source-moved'],
    fast: all,
  },
  {
    name: 'MAC authentication bypass',
    setup: [staticEntry(mac(0), 'p1'), portFlag('p1', 'locked on'), step('rtnl', 'port p1 mab 1')],
    frames: [...fromStranger, ...flow(0, 1), ...flow(1, 0)],
    aims: ['bridge_source:source-locked'],
    fast: all,
  },
  {
    name: 'not learning',
    setup: [portFlag('p1', 'learning off')],
    frames: fromStranger,
    fast: ['p1'],
  },
  {
    name: 'odd sources into a port that does not learn',
    setup: [portFlag('p1', 'learning off')],
    frames: ['00:00:00:00:00:00', '01:00:5e:01:02:03', everybody].map((source) => ({
      port: 0,
      bytes: frame(mac(1), source),
    })),
    aims: ['l2_control:invalid-source'],
    fast: ['p1'],
  },
  { name: 'learning again', setup: [portFlag('p1', 'learning off')], change: [portFlag('p1', 'learning on')] },
  {
    name: 'hairpin',
    setup: [portFlag('p1', 'hairpin on')],
    frames: [own(0, 0), own(1, 0), ...flow(0, 1)],
    aims: ['bridge_fdb:same-port'],
    fast: all,
  },
  { name: 'hairpin meanwhile', change: [portFlag('p1', 'hairpin on')], frames: [own(0, 0), own(0, 1)] },
  {
    name: 'ports that are not flooded',
    setup: [portFlag('p2', 'flood off mcast_flood off bcast_flood off')],
    frames: [{ port: 0, bytes: frame(stranger, mac(0)) }, ...flow(0, 1)],
    fast: all,
  },
  {
    name: 'flags about multicast and STP',
    setup: [
      portFlag('p2', 'mcast_to_unicast on fastleave on mcast_router 2 guard on root_block on'),
      portFlag('p1', 'cost 7 priority 3'),
      slaveFlag('p1', 'group_fwd_mask 16392'),
      bridgeOption('mcast_snooping 1 mcast_querier 0 mcast_router 2 group_fwd_mask 16392 no_linklocal_learn 1'),
    ],
    frames: ['01:80:c2:00:00:0e', '01:80:c2:00:00:03', '01:80:c2:00:00:00'].map((to) => ({
      port: 0,
      bytes: frame(to, mac(0)),
    })),
    aims: ['l2_control:link-local'],
    fast: all,
  },
  {
    name: 'no learning from link-local frames',
    setup: [bridgeOption('no_linklocal_learn 1')],
    frames: [
      { port: 0, bytes: frame('01:80:c2:00:00:0e', stranger) },
      { port: 1, bytes: frame(stranger, mac(1)) },
    ],
    fast: all,
  },
  {
    name: 'a full table',
    setup: [step('rtnl', 'bridge br0 fdb_max_learned 4')],
    frames: [...fromStranger, ...flow(0, 1)],
    aims: ['bridge_source:source-unknown'],
  },
  {
    name: 'proxy ARP',
    setup: [...neighbours, slaveFlag('p1', 'proxy_arp on')],
    frames: discovery,
    aims: ['l2_control:arp'],
    fast: all,
  },
  {
    name: 'proxy ARP for Wi-Fi',
    setup: [...neighbours, slaveFlag('p2', 'proxy_arp_wifi on')],
    frames: discovery,
    aims: ['l2_control:arp'],
    fast: all,
  },
  {
    name: 'suppressed neighbours',
    setup: [...neighbours, portFlag('p2', 'neigh_suppress on')],
    frames: discovery,
    aims: ['l2_control:arp', 'bridge_port:nd-suppress'],
    fast: all,
  },
  {
    name: 'neighbours suppressed meanwhile',
    setup: neighbours,
    change: [portFlag('p2', 'neigh_suppress on')],
    frames: discovery,
    aims: ['bridge_port:nd-suppress'],
    fast: all,
  },
  {
    name: 'neighbours suppressed per VLAN',
    setup: [...neighbours, step('rtnl', 'port p2 neigh_vlan_suppress 1')],
    frames: discovery,
    fast: all,
  },
  {
    name: 'backup port',
    setup: [slaveFlag('p2', 'backup_port p3'), step('rtnl', 'port p2 backup_nhid 0')],
    frames: flow(0, 1),
    fast: all,
  },
  { name: 'backup port needed', setup: [slaveFlag('p2', 'backup_port p3')], change: [step('ip', 'link set p2 down')] },
  {
    // The bridge learns of a lost carrier from a work queue, up to a second after the last such event. It looks at the
    // carrier itself when there is a backup port.
    name: 'backup port of a port that has just lost its carrier',
    setup: [slaveFlag('p2', 'backup_port p3')],
    kinds: ['tap'],
    script: [
      ...hello,
      ...flow(0, 1, 3),
      ...flow(1, 0, 3),
      ...flow(0, 1, 3),
      [step('agent', 'carrier 2 0'), step('wait', '1300'), step('agent', 'carrier 2 1')],
      [step('wait', '150'), step('agent', 'carrier 1 0')],
      ...flow(0, 1, 10),
      [step('wait', '1300')],
    ],
    aims: ['bridge_egress:egress-down'],
  },
  { name: 'promiscuous bridge', change: [step('ip', 'link set br0 promisc on')], aims: ['bridge_port:bridge-promisc'] },
  { name: 'bridge that hears all groups', change: [step('ip', 'link set br0 allmulticast on')], fast: all },
  { name: 'bridge down', change: [step('ip', 'link set br0 down')] },
  { name: 'hub', change: [bridgeOption('ageing_time 0')] },
  { name: 'port that maps tunnels to VLANs', setup: [portFlag('p1', 'vlan_tunnel on')], fast: ['p2', 'p3'] },
  { name: 'port begins to map tunnels to VLANs', change: [portFlag('p1', 'vlan_tunnel on')] },
  {
    name: `an address of the bridge's own subnet`,
    setup: [step('ip', `addr add ${address(0, 9)}/24 dev br0`)],
    fast: all,
  },
];
