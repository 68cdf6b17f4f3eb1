// SPDX-License-Identifier: Apache-2.0
// The cases of the FPMs of routing IPv4: each a configuration, a packet, and the reason why it is slow, or that it is fast.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { Agent, withAgent } from '../support/lab/agent.js';
import { ethernet, mac, sized, tagged, tcp, udp } from '../support/lab/frame.js';
import { multipathCases } from './multipath-cases.js';
import {
  A,
  B,
  type Bench,
  type Case,
  own1,
  packet,
  python,
  route,
  routed,
  routingModules,
  thirdPort,
  viaB,
} from './routing-case.js';

/** Rules of the namespace's own, which ip_rules follows. */
const ruled = [...routingModules, 'ip_rules'];
const rule = (text: string) => ({ set: [`ip rule add ${text}`], unset: [`ip rule del ${text}`] });
const ruleCases: readonly Case[] = [
  { name: 'no rules but the first ones', expect: 'fast', modules: ruled },
  { name: 'a rule that leads to a table', expect: 'fast', modules: ruled, ...rule('pref 100 table 100') },
  {
    name: 'a route in the table of a rule',
    expect: 'fast',
    modules: ruled,
    packet: routed,
    set: ['ip rule add pref 100 table 100', `ip route add 10.60.0.0/16 ${viaB} table 100`],
    unset: ['ip rule del pref 100', 'ip route flush table 100'],
  },
  {
    name: 'a source that is local in the table of a rule',
    expect: 'ip4_route:source-invalid',
    modules: ruled,
    set: ['ip rule add pref 100 table 100', 'ip route add local 10.1.0.10 dev lo table 100'],
    unset: ['ip rule del pref 100', 'ip route flush table 100'],
  },
  { name: 'a rule of VRFs without one', expect: 'fast', modules: ruled, ...rule('pref 1000 l3mdev') },
  ...[
    'fwmark 1 table 100',
    'from 192.0.2.0/24 table 100',
    'iif p2 table 100',
    'prohibit',
    'suppress_prefixlength 0 table main',
  ].map(
    (text): Case => ({
      name: `a rule: ${text}`,
      expect: 'ip_rules:selective',
      modules: ruled,
      ...rule(`pref 100 ${text}`),
    }),
  ),
  {
    name: 'many rules',
    expect: 'ip_rules:too-many',
    modules: ruled,
    set: [1, 2, 3, 4, 5].map((n) => `ip rule add pref ${n} table main`),
    unset: [1, 2, 3, 4, 5].map((n) => `ip rule del pref ${n}`),
  },
  {
    name: 'many tables of one hash',
    expect: 'ip_rules:tables',
    modules: ruled,
    set: [
      ...Array.from({ length: 10 }, (_, n) => `ip route add 10.60.0.0/16 ${viaB} table ${1000 + 256 * n}`),
      'ip rule add pref 100 table 1000',
    ],
    unset: ['ip rule del pref 100', ...Array.from({ length: 10 }, (_, n) => `ip route flush table ${1000 + 256 * n}`)],
  },
];

export const routingCases: readonly Case[] = [
  { name: 'neighbour to neighbour', expect: 'fast' },
  { name: 'padding is cut off', expect: 'fast', frame: sized(packet({ payload: udp(1, 7, '') }), 60) },
  {
    name: 'TCP',
    expect: 'fast',
    packet: { protocol: 6, payload: tcp('10.1.0.10', '10.2.0.10', [1024, 80], 16, '00') },
  },
  { name: 'a fragment', expect: 'fast', packet: { fragment: 0x20b9 } },
  { name: 'a checksum that wraps', expect: 'fast', packet: { ttl: 2, source: '10.1.0.11', destination: '10.2.0.10' } },
  { name: 'the least time to live', expect: 'fast', packet: { ttl: 2 } },
  { name: 'longest packet', expect: 'fast', packet: { payload: udp(1, 7, '00'.repeat(1472)) } },
  { name: 'by a gateway', expect: 'fast', ...route(viaB) },
  {
    name: 'by the longest prefix',
    expect: 'fast',
    ...route(viaB, 'ip route add blackhole 10.60.0.0/15', 'ip route add blackhole 10.60.128.0/17'),
  },
  {
    name: 'after a longer prefix that does not match',
    expect: 'fast',
    ...route(
      viaB,
      'ip route add blackhole 10.60.0.0/31',
      'ip route add blackhole 10.60.0.128/25',
      'ip route add blackhole 10.60.64.0/18',
    ),
    packet: { destination: '10.60.0.3' },
  },
  { name: 'a next hop object', expect: 'fast', first: true, ...route('nhid 7', `ip nexthop replace id 7 ${viaB}`) },
  {
    name: 'a next hop object that Linux has no dst for',
    expect: 'ip4_route:shared-hop',
    ...route('nhid 7', `ip nexthop replace id 7 ${viaB}`),
  },
  {
    name: 'a next hop object that another route with an MTU of its own was the first to use',
    expect: 'ip4_route:shared-hop',
    ...route(
      'nhid 7',
      `ip nexthop replace id 7 ${viaB}`, // of another protocol: otherwise Linux would take the one for the other
      'ip route add 10.61.0.0/16 nhid 7 mtu 600 proto 99',
    ),
    prepare: async (b) => {
      await b.agent.send([{ port: b.in, bytes: packet({ destination: '10.61.0.1' }) }]);
      await b.agent.collect(30);
      return undefined;
    },
  },
  {
    name: 'the lower metric',
    expect: 'fast',
    ...route(`${viaB} metric 5`, 'ip route add blackhole 10.60.0.0/16 metric 9'),
  },
  {
    name: 'strict source check',
    expect: 'fast',
    set: ['sysctl net/ipv4/conf/p1/rp_filter 1'],
    unset: ['sysctl net/ipv4/conf/p1/rp_filter 0'],
  },
  {
    name: 'loose source check',
    expect: 'fast',
    packet: { source: '10.2.0.99' },
    set: ['sysctl net/ipv4/conf/all/rp_filter 2'],
    unset: ['sysctl net/ipv4/conf/all/rp_filter 0'],
  },
  {
    name: 'own source allowed',
    expect: 'fast',
    packet: { source: '10.2.0.1' },
    set: ['sysctl net/ipv4/conf/p1/accept_local 1'],
    unset: ['sysctl net/ipv4/conf/p1/accept_local 0'],
  },

  { name: 'another protocol', expect: 'ip_receive:not-ip', frame: sized(ethernet(own1, A, 0x88b5), 60) },
  {
    name: 'a tap that is down',
    expect: 'ip_receive:down',
    hooks: ['xdp'],
    kinds: ['tap'],
    set: ['ip link set p1 down'],
    unset: ['ip link set p1 up', `ip neigh replace 10.1.0.10 lladdr ${A} dev p1 nud permanent`],
  },
  { name: 'tagged', expect: 'ip_receive:tagged', frame: tagged(packet(), 0) },
  {
    name: 'a bridge port',
    expect: 'ip_receive:rx-handler',
    set: ['ip link add brz type bridge', 'ip link set p1 master brz'],
    unset: ['ip link del brz'],
  },
  {
    name: 'to another station',
    expect: 'ip_receive:not-ours',
    frame: packet().replace(mac(own1), mac('02:00:00:00:00:77')),
  },
  {
    name: 'a packet socket for IPv4',
    expect: 'ip_receive:packet-socket',
    prepare: (b) =>
      python(
        b.netns,
        "import socket,sys; s=socket.socket(17,3,8); s.bind(('p1',0x800)); print(1,flush=True); sys.stdin.read()",
      ),
  },
  {
    name: 'a packet socket for IPv4 on all devices',
    expect: 'ip_receive:packet-socket',
    prepare: (b) =>
      python(b.netns, 'import socket,sys; s=socket.socket(17,3,8); print(1,flush=True); sys.stdin.read()'),
  },
  {
    name: 'a packet socket for ARP',
    expect: 'fast',
    prepare: (b) =>
      python(
        b.netns,
        "import socket,sys; s=socket.socket(17,3,0x608); s.bind(('p1',0x806)); print(1,flush=True); sys.stdin.read()",
      ),
  },

  { name: 'cut header', expect: 'ip4_header:short', kinds: ['tap'], frame: packet().slice(0, 60) },
  { name: 'version 6', expect: 'ip4_header:invalid', frame: packet().replace(/^(.{28})45/, '$165') },
  { name: 'header of four words', expect: 'ip4_header:invalid', frame: packet().replace(/^(.{28})45/, '$144') },
  { name: 'options', expect: 'ip4_header:options', packet: { options: '01010101' } },
  { name: 'longer than the frame', expect: 'ip4_header:length', frame: packet().slice(0, 90) },
  { name: 'wrong checksum', expect: 'ip4_header:checksum', packet: { badChecksum: true } },
  { name: 'used up', expect: 'ip4_header:ttl', packet: { ttl: 1 } },
  { name: 'to a group', expect: 'ip4_header:group', packet: { destination: '239.1.1.1' } },
  { name: 'to everybody', expect: 'ip4_header:group', packet: { destination: '255.255.255.255' } },
  { name: 'from a group', expect: 'ip4_header:martian', packet: { source: '224.0.0.1' } },
  { name: 'from the loopback network', expect: 'ip4_header:martian', packet: { source: '127.0.0.1' } },
  { name: 'to the loopback network', expect: 'ip4_header:martian', packet: { destination: '127.0.0.1' } },
  { name: 'from nobody', expect: 'ip4_header:martian', packet: { source: '0.0.0.0' } },

  ...(['prerouting', 'forward', 'postrouting'] as const).map(
    (hook): Case => ({
      name: `nftables at ${hook}`,
      expect: 'guard_ip4:netfilter',
      set: [`nft table ip t { chain c { type filter hook ${hook} priority 0; }; }`],
      unset: ['nft delete table ip t'],
    }),
  ),
  {
    name: 'nftables for the host itself',
    expect: 'fast',
    set: ['nft table ip t { chain c { type filter hook input priority 0; }; }'],
    unset: ['nft delete table ip t'],
  },
  ...(['fwd', 'out'] as const).map(
    (dir): Case => ({
      name: `an IPsec policy (${dir})`,
      expect: 'guard_ip4:xfrm',
      set: [`ip xfrm policy add dir ${dir} src 192.0.2.0/24 dst 192.0.2.0/24 action block`],
      unset: ['ip xfrm policy flush'],
    }),
  ),
  {
    name: 'realms',
    expect: 'guard_ip4:realms',
    set: [`ip route add 10.61.0.0/16 ${viaB} realms 7`],
    // the kernel counts them out only after a while (RCU)
    unset: ['ip route del 10.61.0.0/16', 'sleep 1'],
  },

  {
    name: 'a TCP port of the host',
    expect: 'ip4_demux:tcp-port',
    packet: { protocol: 6, payload: tcp('10.1.0.10', '10.2.0.10', [1024, 8080], 16, '00') },
    prepare: async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(8080, '10.1.0.1', () => resolve()));
      return () => new Promise<void>((resolve) => server.close(() => resolve()));
    },
  },
  {
    name: 'a UDP port of the host',
    expect: 'ip4_demux:udp-port',
    prepare: async () => {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(7, '10.1.0.1', () => resolve()));
      return () => new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  },
  {
    name: 'a UDP port of the host, not looked for',
    expect: 'fast',
    set: ['sysctl net/ipv4/udp_early_demux 0'],
    unset: ['sysctl net/ipv4/udp_early_demux 1'],
    prepare: async () => {
      const socket = createSocket('udp4');
      await new Promise<void>((resolve) => socket.bind(7, '10.1.0.1', () => resolve()));
      return () => new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  },

  {
    name: 'forwarding off',
    expect: 'ip4_route:not-forwarding',
    set: ['sysctl net/ipv4/conf/p1/forwarding 0'],
    unset: ['sysctl net/ipv4/conf/p1/forwarding 1'],
  },
  { name: 'no route', expect: 'ip4_route:no-route', packet: { destination: '192.0.2.1' } },
  {
    name: 'too many routes of one key',
    expect: 'ip4_route:undecided',
    packet: { destination: '100.0.0.1' },
    set: Array.from({ length: 31 }, (_, i) => `ip route add 64.0.0.0/${i + 2} ${viaB}`),
    unset: Array.from({ length: 31 }, (_, i) => `ip route del 64.0.0.0/${i + 2}`),
  },
  {
    name: 'for a DSCP',
    expect: 'ip4_route:dscp',
    ...route(`10.60.0.0/16 tos 0x10 ${viaB}`, `ip route add 10.60.0.0/16 ${viaB}`),
  },
  { name: 'to the router', expect: 'ip4_route:route-type', packet: { destination: '10.2.0.1' } },
  { name: 'to a network', expect: 'ip4_route:route-type', packet: { destination: '10.2.0.255' } },
  { name: 'into a black hole', expect: 'ip4_route:route-type', ...route('blackhole 10.60.0.0/16') },
  {
    name: 'a next hop object that refuses',
    expect: 'ip4_route:dead',
    ...route('nhid 8', 'ip nexthop replace id 8 blackhole'),
  },
  ...multipathCases,
  { name: 'encapsulation', expect: 'ip4_route:encapsulation', ...route('encap ip id 5 dst 192.0.2.1 dev p2') },
  {
    name: 'an IPv6 gateway',
    expect: 'ip4_route:ip6-gateway',
    ...route('via inet6 fe80::b dev p2', 'sysctl net/ipv6/conf/p2/disable_ipv6 0'),
  },
  { name: 'back to where it came from', expect: 'ip4_route:same-device', packet: { destination: '10.1.0.11' } },
  { name: 'a locked MTU', expect: 'ip4_route:mtu-locked', ...route(`${viaB} mtu lock 1400`) },
  {
    name: "beyond the route's MTU",
    expect: 'ip4_route:too-long',
    ...route(`${viaB} mtu 600`),
    packet: { ...routed, payload: udp(1, 7, '00'.repeat(573)) },
  },
  {
    name: "just the route's MTU",
    expect: 'fast',
    ...route(`${viaB} mtu 600`),
    packet: { ...routed, payload: udp(1, 7, '00'.repeat(572)) },
  },
  {
    name: "beyond the device's MTU",
    expect: 'ip4_route:too-long',
    set: ['ip link set p2 mtu 700'],
    unset: ['ip link set p2 mtu 1500'],
    packet: { payload: udp(1, 7, '00'.repeat(673)) },
  },
  {
    name: 'a source that nothing leads to',
    expect: 'ip4_route:source-invalid',
    packet: { source: '192.0.2.9' },
    set: ['sysctl net/ipv4/conf/p1/rp_filter 2'],
    unset: ['sysctl net/ipv4/conf/p1/rp_filter 0'],
  },
  {
    name: 'a source of another network',
    expect: 'ip4_route:source-elsewhere',
    packet: { source: '10.2.0.99' },
    set: ['sysctl net/ipv4/conf/p1/rp_filter 1'],
    unset: ['sysctl net/ipv4/conf/p1/rp_filter 0'],
  },
  {
    name: 'a source behind several next hops, one of them by the ingress device',
    expect: 'fast',
    packet: { source: '10.70.0.9' },
    set: [
      `ip route add 10.70.0.0/16 nexthop ${viaB} nexthop via 10.1.0.10 dev p1`,
      'sysctl net/ipv4/conf/p1/rp_filter 1',
    ],
    unset: ['ip route del 10.70.0.0/16', 'sysctl net/ipv4/conf/p1/rp_filter 0'],
  },
  {
    name: 'a source behind a group of next hops, one of them by the ingress device',
    expect: 'fast',
    packet: { source: '10.70.0.9' },
    set: [
      `ip nexthop replace id 7 ${viaB}`,
      'ip nexthop replace id 8 via 10.1.0.10 dev p1',
      'ip nexthop replace id 9 group 7/8',
      'ip route add 10.70.0.0/16 nhid 9',
      'sysctl net/ipv4/conf/p1/rp_filter 1',
    ],
    unset: ['ip nexthop flush', 'sysctl net/ipv4/conf/p1/rp_filter 0'],
  },
  {
    name: 'a source behind a group of next hops, none of which is any good',
    expect: 'ip4_route:source-multipath',
    packet: { source: '10.70.0.9' },
    set: [
      'ip nexthop replace id 8 blackhole',
      'ip nexthop replace id 9 group 8',
      'ip route add 10.70.0.0/16 nhid 9',
      'sysctl net/ipv4/conf/p1/rp_filter 2',
    ],
    unset: ['ip nexthop flush', 'sysctl net/ipv4/conf/p1/rp_filter 0'],
  },
  { name: 'own source', expect: 'ip4_route:source-local', packet: { source: '10.2.0.1' } },

  { name: 'to a device without neighbours', expect: 'ip4_neighbour:egress-type', ...route('dev lo') },
  { name: 'unknown neighbour', expect: 'ip4_neighbour:no-neighbour', packet: { destination: '10.2.0.77' } },
  {
    name: 'a neighbour that was never used',
    expect: 'ip4_neighbour:no-header',
    packet: { destination: '10.2.0.14' },
    set: [`ip neigh add 10.2.0.14 lladdr ${B} dev p2 nud permanent`],
    unset: ['ip neigh del 10.2.0.14 dev p2'],
  },
  {
    name: 'stale',
    expect: 'ip4_neighbour:unconfirmed',
    set: [`ip neigh replace 10.2.0.10 lladdr ${B} dev p2 nud stale`],
    unset: [`ip neigh replace 10.2.0.10 lladdr ${B} dev p2 nud permanent`],
  },
  {
    name: 'reachable',
    expect: 'fast',
    set: [`ip neigh replace 10.2.0.10 lladdr ${B} dev p2 nud reachable`],
    unset: [`ip neigh replace 10.2.0.10 lladdr ${B} dev p2 nud permanent`],
  },
  {
    name: 'failed',
    expect: 'ip4_neighbour:unconfirmed',
    set: ['ip neigh replace 10.2.0.13 dev p2 nud failed'],
    packet: { destination: '10.2.0.13' },
  },
  ...([0, 1000000] as const).map(
    (refresh): Case => ({
      name: refresh === 0 ? 'under probe, its use long ago' : 'under probe, in use',
      expect: refresh === 0 ? 'ip4_neighbour:use-stale' : 'fast',
      params: { IP4_NEIGHBOUR_refresh: refresh },
      set: [`ip neigh replace 10.2.0.10 lladdr ${B} dev p2 nud stale`],
      unset: [`ip neigh replace 10.2.0.10 lladdr ${B} dev p2 nud permanent`],
      prepare: async (b) => {
        await b.agent.send([{ port: b.in, bytes: packet() }]);
        await b.agent.collect(30);
        return undefined;
      },
    }),
  ),

  { name: 'nobody chose an egress', expect: 'ip_egress:no-egress', modules: ['frame', 'ip_receive', 'ip_egress'] },
  {
    name: 'netfilter egress hook',
    expect: 'ip_egress:nf-egress',
    set: ['nft table netdev t { chain c { type filter hook egress device p2 priority 0; }; }'],
    unset: ['nft delete table netdev t'],
  },
  {
    name: 'tc program on egress',
    expect: 'ip_egress:tc-egress',
    hooks: ['xdp'],
    prepare: (b) => withAgent(b.netns, (a) => a.request('tcx p2 egress')),
  },
  {
    name: 'tap on the egress',
    expect: 'ip_egress:tapped',
    hooks: ['xdp'],
    prepare: (b) => withAgent(b.netns, (a) => a.packet('p2')),
  },
  {
    name: 'a filter on egress that copies',
    expect: 'ip_egress:copied',
    hooks: ['tc'],
    set: [
      'tc qdisc replace dev p2 clsact',
      'tc filter add dev p2 egress prio 1 u32 match u32 0 0 action mirred egress mirror dev lo',
    ],
    // On a kernel without TCX the qdisc is the program's as well.
    unset: ['tc filter del dev p2 egress prio 1'],
  },
  {
    name: 'a qdisc with classes, one of whose filters copies',
    expect: 'ip_egress:copied',
    hooks: ['tc'],
    set: [
      'tc qdisc replace dev p2 root handle 1: htb',
      'tc filter add dev p2 parent 1: protocol all prio 1 u32 match u32 0 0 action mirred egress mirror dev lo',
    ],
    unset: ['tc qdisc del dev p2 root'],
  },
  {
    name: 'shaping',
    expect: 'ip_egress:qdisc',
    hooks: ['xdp'],
    set: ['tc qdisc replace dev p2 root handle 1: pfifo limit 100'],
    unset: ['tc qdisc del dev p2 root'],
  },
  {
    name: 'a tc program that could ask for the socket of a packet',
    expect: 'ip_egress:socket-qdisc',
    hooks: ['tc'],
    kinds: ['tap', 'veth'],
    prepare: (b) => withAgent(b.netns, (a) => a.request('ofsockets p2')),
  },
  {
    name: 'shaping, and a packet that belongs to a socket',
    expect: 'ip_egress:socket-qdisc',
    hooks: ['tc'],
    kinds: ['tap', 'veth'],
    set: ['tc qdisc replace dev p2 root handle 1: pfifo limit 100'],
    unset: ['tc qdisc del dev p2 root'],
  },
  ...(['p2', 'any'] as const).map((where): Case => {
    const prepare = (b: Bench) => withAgent(b.netns, (a) => a.packet(where));
    const name = `tcpdump on ${where === 'any' ? 'all devices' : 'the egress'}, and a packet socket's packet`;
    return { name, expect: 'ip_egress:socket-qdisc', hooks: ['tc'], kinds: ['veth'], prepare };
  }),
  {
    name: 'a program on the tap that could ask for the socket of a packet',
    expect: 'ip_egress:socket-qdisc',
    hooks: ['tc'],
    kinds: ['tap'],
    prepare: async (b) => {
      await b.agent.request(`tapsockets ${b.out} on`);
      return () => b.agent.request(`tapsockets ${b.out} off`);
    },
  },
  {
    name: "tcpdump on the egress, and a tap's packet",
    expect: 'fast',
    hooks: ['tc'],
    kinds: ['tap'],
    prepare: (b) => withAgent(b.netns, (a) => a.packet('p2')),
  },
  {
    name: 'a route with a greater MTU than the device',
    expect: 'ip_egress:too-long',
    ...route(`${viaB} mtu 1500`, 'ip link set p2 mtu 700'),
    unset: ['ip route flush root 10.60.0.0/15', 'ip link set p2 mtu 1500'],
    packet: { ...routed, payload: udp(1, 7, '00'.repeat(800)) },
  },
  {
    name: 'a VLAN device on another kind of device as egress',
    expect: 'ip_egress:egress-kind',
    hooks: ['tc'],
    needs: 'btf:vlan_info.grp',
    set: [
      'ip link add f9 type ifb',
      'ip link set f9 up',
      'ip link add link f9 name f9.5 type vlan id 5',
      'ip link set f9.5 up',
      'ip addr add 10.3.0.1/24 dev f9.5',
      `ip neigh add 10.3.0.10 lladdr ${B} dev f9.5 nud permanent`,
    ],
    unset: ['ip link del f9'],
    packet: { destination: '10.3.0.10' },
    first: true,
  },
  {
    name: 'another kind of device as egress',
    expect: 'ip_egress:egress-kind',
    hooks: ['tc'],
    set: [
      'ip link add f9 type ifb',
      'ip link set f9 up',
      'ip addr add 10.3.0.1/24 dev f9',
      `ip neigh add 10.3.0.10 lladdr ${B} dev f9 nud permanent`,
    ],
    unset: ['ip link del f9'],
    packet: { destination: '10.3.0.10' },
    first: true,
  },
  {
    name: 'generic XDP on the peer',
    expect: 'ip_egress:peer-xdp',
    hooks: ['tc'],
    kinds: ['veth'],
    prepare: (b) => withAgent(b.peers, (a) => a.request('generic h2')),
  },
  {
    name: 'peer without NAPI',
    expect: 'ip_egress:egress-no-xdp',
    hooks: ['xdp'],
    kinds: ['veth'],
    prepare: async (b) => {
      const a = await Agent.start();
      await a.enter(b.peers);
      await a.gro('h2', false);
      return async () => {
        await a.gro('h2', true);
        await a.stop();
      };
    },
  },
  { name: 'a TOS that is a priority', expect: 'fast', packet: { tos: 0x10 } },
  {
    name: 'a device that XDP may not use',
    expect: 'ip4_forward:egress-cannot-xdp',
    hooks: ['xdp'],
    kinds: ['tap'],
    packet: { destination: '10.4.0.10' },
    prepare: (b) => thirdPort(b),
    first: true,
  },
  {
    name: 'filter on the tap',
    expect: 'ip_egress:tap-filter',
    hooks: ['xdp'],
    kinds: ['tap'],
    prepare: (b) => withAgent(b.netns, () => b.agent.request(`tapfilter ${b.out}`)),
  },

  // What a namespace cannot take back comes last.
  {
    name: 'local routes made by hand',
    expect: 'ip4_route:local-routes',
    set: ['ip route add local 10.99.0.0/16 dev lo', 'ip route del local 10.99.0.0/16 dev lo'],
  },
  {
    name: 'a next hop object that a route to this host was the first to use',
    expect: 'ip4_route:shared-hop',
    ...route(
      'nhid 7',
      'ip nexthop replace id 7 dev p2',
      'ip route add local 10.61.0.0/16 nhid 7 table main',
      // otherwise local routes made by hand are reason enough
      'sysctl net/ipv4/conf/all/accept_local 1',
    ),
    unset: ['ip nexthop flush', 'sysctl net/ipv4/conf/all/accept_local 0'],
    prepare: async (b) => {
      await b.agent.send([{ port: b.in, bytes: packet({ destination: '10.61.0.1' }) }]);
      await b.agent.collect(30);
      return undefined;
    },
  },
  {
    name: 'routing policy rules',
    expect: 'guard_ip4:rules',
    set: ['ip rule add from 192.0.2.0/24 lookup 99', 'ip rule del from 192.0.2.0/24 lookup 99'],
  },
  ...ruleCases.map((one): Case => ({ ...one, kinds: ['veth'] })),
];
