// SPDX-License-Identifier: Apache-2.0
// The cases of the FPMs that route IPv6, on the same bench as those of IPv4: fd00:1::/64 behind p1, fd00:2::/64 behind p2.

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { withAgent } from '../support/lab/agent.js';
import { ethernet, hex, ipv6, ipv6Address, sized, tcp, udp } from '../support/lab/frame.js';
import { inNetns, ip } from '../support/lab/netns.js';
import { flowDissector, resilientCases } from './multipath-cases.js';
import { A, B, type Bench, type Case, countingGroup, own1, packet, python, routingModules } from './routing-case.js';

export interface Ipv6 {
  readonly source: string;
  readonly destination: string;
  readonly next: number;
  readonly payload: string;
  readonly hops: number;
}

export function packet6(fields: Partial<Ipv6> = {}): string {
  const all = {
    source: 'fd00:1::10',
    destination: 'fd00:2::10',
    next: 17,
    payload: udp(1024, 7, '5a'.repeat(18)),
    hops: 64,
    ...fields,
  };
  const body = ipv6(ipv6Address(all.source), ipv6Address(all.destination), all.next, all.payload, all.hops);
  return ethernet(own1, A, 0x86dd, body);
}

/** What the router speaks and knows of IPv6. */
export async function speakIp6(netns: string): Promise<void> {
  await ip(
    netns,
    'addr add fd00:1::1/64 dev p1 nodad',
    'addr add fd00:2::1/64 dev p2 nodad',
    `neigh add fd00:1::10 lladdr ${A} dev p1 nud permanent`,
    `neigh add fd00:2::10 lladdr ${B} dev p2 nud permanent`,
  );
}

/** Receive packet steering of the ingress port, by a mask of CPUs. */
const steer = async (b: Bench, mask: string): Promise<void> => {
  await inNetns(b.netns, ['sh', '-c', `echo ${mask} >/sys/class/net/p1/queues/rx-0/rps_cpus`]);
};

export const routed6 = { destination: 'fd00:60::1' };
const viaB6 = 'via fd00:2::10 dev p2';
const permanent = `ip neigh replace fd00:2::10 lladdr ${B} dev p2 nud permanent`;
const onlyIp4 = routingModules.filter((name) => !name.includes('ip6'));
const onlyIp6 = routingModules.filter((name) => !name.includes('ip4'));

/** A route to fd00:60::/32 that is gone afterwards. */
function route(text: string, ...more: string[]): Pick<Case, 'set' | 'unset' | 'frame'> {
  return {
    frame: packet6(routed6),
    set: [...more, `ip route add ${text.includes('fd00:60') ? text : `fd00:60::/32 ${text}`}`],
    unset: [...(text.includes('nhid') ? ['ip nexthop flush'] : []), 'ip -6 route flush root fd00:60::/31'],
  };
}

async function thirdPort(b: Bench): Promise<() => Promise<void>> {
  const undo = await withAgent(b.netns, (a) => a.tap('p4'));
  await ip(
    b.netns,
    'link set p4 up',
    'addr add fd00:4::1/64 dev p4 nodad',
    `neigh add fd00:4::10 lladdr ${B} dev p4 nud permanent`,
  );
  return async () => {
    await ip(b.netns, 'link del p4');
    await undo();
  };
}

/** A UDP socket of the router at the port that the packets are for. */
async function udpSocket(): Promise<() => Promise<void>> {
  const socket = createSocket('udp6');
  await new Promise<void>((resolve) => socket.bind(7, 'fd00:1::1', () => resolve()));
  return () => new Promise<void>((resolve) => socket.close(() => resolve()));
}

const packetSocket = (proto: string, device: string) => (b: Bench) =>
  python(
    b.netns,
    `import socket,sys; s=socket.socket(17,3,socket.htons(${proto})); ${device === '' ? '0' : `s.bind(('${device}',${proto}))`}; print(1,flush=True); sys.stdin.read()`,
  );

const options = `${hex(17, 1)}000104000000${hex(0, 1)}`; // next header UDP, no more words, padding
const datagram = udp(1024, 7, '5a'.repeat(18));

/** By B, of whom the router knows two addresses; IPv6 has no route twice by one. */
const bothViaB: Pick<Case, 'set' | 'unset' | 'frame'> = {
  ...route(
    `nexthop ${viaB6} nexthop via fd00:2::12 dev p2 weight 3`,
    `ip neigh replace fd00:2::12 lladdr ${B} dev p2 nud permanent`,
  ),
  unset: ['ip -6 route flush root fd00:60::/31', 'ip neigh del fd00:2::12 dev p2'],
};

/** Chosen by a policy, and what it takes for 3. */
const by = (policy: number, fields = 55): Pick<Case, 'set' | 'unset' | 'frame' | 'first'> => ({
  ...bothViaB,
  first: true,
  set: [
    ...(bothViaB.set ?? []),
    `sysctl net/ipv6/fib_multipath_hash_policy ${policy}`,
    `sysctl net/ipv6/fib_multipath_hash_fields ${fields}`,
  ],
  unset: [...(bothViaB.unset ?? []), 'sysctl net/ipv6/fib_multipath_hash_policy 0'],
});

export const routing6Cases: readonly Case[] = [
  { name: 'neighbour to neighbour', expect: 'fast', frame: packet6() },
  { name: 'padding is cut off', expect: 'fast', frame: sized(packet6({ payload: udp(1, 7, '') }), 75) },
  {
    name: 'TCP',
    expect: 'fast',
    frame: packet6({ next: 6, payload: tcp('10.1.0.10', '10.2.0.10', [1024, 80], 16, '00') }),
  },
  { name: 'ICMPv6', expect: 'fast', frame: packet6({ next: 58, payload: '8000000000010001' }) },
  {
    name: 'a neighbour solicitation to another network',
    expect: 'fast',
    frame: packet6({ next: 58, payload: `8700000000000000${ipv6Address('fd00:2::10')}` }),
  },
  ...(
    [
      ['a fragment', 44],
      ['options for the destination', 60],
      ['a routing header', 43],
      ['IPsec', 50],
      ['another IPv6 header', 41],
      ['no next header', 59],
    ] as const
  ).map(([name, next]): Case => ({ name, expect: 'fast', frame: packet6({ next, payload: options + datagram }) })),
  { name: 'the least hop limit', expect: 'fast', frame: packet6({ hops: 2 }) },
  { name: 'longest packet', expect: 'fast', frame: packet6({ payload: udp(1, 7, '00'.repeat(1452)) }) },
  { name: 'by a gateway', expect: 'fast', ...route(viaB6) },
  {
    name: 'by a link-local gateway',
    expect: 'fast',
    ...route('via fe80::b dev p2', `ip neigh add fe80::b lladdr ${B} dev p2 nud permanent`),
    unset: ['ip -6 route flush root fd00:60::/31', 'ip neigh del fe80::b dev p2'],
    first: true,
  },
  {
    name: 'by the default route',
    expect: 'fast',
    frame: packet6({ destination: '2001:db8::1' }),
    set: [`ip route add default ${viaB6}`],
    unset: ['ip -6 route del default'],
  },
  {
    name: 'by the longest prefix',
    expect: 'fast',
    ...route(
      viaB6,
      'ip route add blackhole fd00:60::/31',
      'ip route add blackhole fd00:60:8000::/33',
      'ip route add blackhole fd00:40::/26',
    ),
    unset: ['ip -6 route flush root fd00:40::/26'],
  },
  {
    name: 'after longer prefixes that do not match',
    expect: 'fast',
    ...route(
      viaB6,
      'ip route add blackhole fd00:60::/127',
      'ip route add blackhole fd00:60::8/125',
      'ip route add blackhole fd00:60::1:0:0:0/80',
      'ip route add blackhole fd00:60:1::/48',
      'ip route add blackhole fd00:60::2:0/112',
    ),
    frame: packet6({ destination: 'fd00:60::3' }),
  },
  {
    name: 'a route for a host',
    expect: 'fast',
    ...route(`fd00:60::1/128 ${viaB6}`, 'ip route add blackhole fd00:60::/127', 'ip route add blackhole fd00:60::/64'),
  },
  {
    name: 'a route for each length of prefix',
    expect: 'fast',
    frame: packet6({ destination: '4000::1' }),
    set: Array.from({ length: 126 }, (_, i) => `ip route add 4000::/${i + 2} ${viaB6}`),
    unset: ['ip -6 route flush root 4000::/2'],
  },
  {
    name: 'to the last of all addresses that are no group',
    expect: 'fast',
    frame: packet6({ destination: 'feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' }),
    set: [`ip route add feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ${viaB6}`],
    unset: ['ip route del feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  { name: 'a next hop object', expect: 'fast', first: true, ...route('nhid 7', `ip nexthop replace id 7 ${viaB6}`) },
  {
    name: 'a next hop object that Linux has no dst for',
    expect: 'ip6_route:shared-hop',
    ...route('nhid 7', `ip nexthop replace id 7 ${viaB6}`),
  },
  {
    name: 'a next hop object that another route with an MTU of its own was the first to use',
    expect: 'ip6_route:shared-hop',
    ...route('nhid 7', `ip nexthop replace id 7 ${viaB6}`, 'ip route add fd00:61::/32 nhid 7 mtu 1300'),
    prepare: async (b) => {
      await b.agent.send([{ port: b.in, bytes: packet6({ destination: 'fd00:61::1' }) }]);
      await b.agent.collect(30);
      return undefined;
    },
  },
  {
    name: 'a next hop object that a route to nowhere was the first to use',
    expect: 'ip6_route:shared-hop',
    ...route('nhid 7', `ip nexthop replace id 7 ${viaB6}`, 'ip route add blackhole fd00:61::/32 nhid 7'),
    prepare: async (b) => {
      await b.agent.send([{ port: b.in, bytes: packet6({ destination: 'fd00:61::1' }) }]);
      await b.agent.collect(30);
      return undefined;
    },
  },
  {
    name: 'a next hop object, and another CPU that Linux would take the packet to',
    expect: 'ip6_route:shared-hop',
    hooks: ['xdp'],
    first: true,
    ...route('nhid 7', `ip nexthop replace id 7 ${viaB6}`),
    prepare: async (b) => {
      await steer(b, '1');
      return () => steer(b, '0');
    },
  },
  {
    name: 'the lower metric',
    expect: 'fast',
    ...route(`${viaB6} metric 5`, 'ip route add blackhole fd00:60::/32 metric 9'),
  },
  { name: 'of low preference, but alone', expect: 'fast', ...route(`${viaB6} pref low`) },
  {
    name: 'a route in the local table',
    expect: 'fast',
    ...route(`${viaB6} table local`, 'ip route add blackhole fd00:60::/33'),
    unset: ['ip -6 route flush root fd00:60::/31', 'ip -6 route flush table local root fd00:60::/31'],
  },
  {
    name: 'routes that depend on the source, of others',
    expect: 'fast',
    frame: packet6(),
    set: [`ip route add fd00:3::/64 from fd00:1::/64 ${viaB6}`],
    unset: [`ip route del fd00:3::/64 from fd00:1::/64 ${viaB6}`],
  },
  { name: 'the FPMs of IPv6 alone', expect: 'fast', frame: packet6(), modules: onlyIp6 },
  { name: 'IPv6 where only IPv4 is routed', expect: 'ip_egress:no-egress', frame: packet6(), modules: onlyIp4 },
  { name: 'IPv4 where only IPv6 is routed', expect: 'ip_egress:no-egress', frame: packet(), modules: onlyIp6 },

  {
    name: 'a packet socket for IPv6',
    expect: 'ip_receive:packet-socket',
    frame: packet6(),
    prepare: packetSocket('0x86dd', 'p1'),
  },
  {
    name: 'a packet socket for IPv6 on all devices',
    expect: 'ip_receive:packet-socket',
    frame: packet6(),
    prepare: packetSocket('0x86dd', ''),
  },
  { name: 'a packet socket for IPv4', expect: 'fast', frame: packet6(), prepare: packetSocket('0x800', 'p1') },

  { name: 'cut header', expect: 'ip6_header:short', kinds: ['tap'], frame: packet6().slice(0, 104) },
  { name: 'version 4', expect: 'ip6_header:invalid', frame: packet6().replace(/^(.{28})6/, '$14') },
  {
    name: 'options for each router',
    expect: 'ip6_header:options',
    frame: packet6({ next: 0, payload: `11${options.slice(2)}${datagram}` }),
  },
  { name: 'longer than the frame', expect: 'ip6_header:length', frame: packet6().slice(0, 130) },
  { name: 'no payload', expect: 'ip6_header:length', frame: sized(packet6({ next: 59, payload: '' }), 60) },
  { name: 'used up', expect: 'ip6_header:hop-limit', frame: packet6({ hops: 1 }) },
  { name: 'to a group', expect: 'ip6_header:group', frame: packet6({ destination: 'ff0e::1' }) },
  { name: 'from a group', expect: 'ip6_header:martian', frame: packet6({ source: 'ff0e::1' }) },
  { name: 'from the loopback address', expect: 'ip6_header:martian', frame: packet6({ source: '::1' }) },
  { name: 'to the loopback address', expect: 'ip6_header:martian', frame: packet6({ destination: '::1' }) },
  { name: 'from nobody', expect: 'ip6_header:martian', frame: packet6({ source: '::' }) },
  { name: 'from an IPv4-mapped address', expect: 'ip6_header:martian', frame: packet6({ source: '::ffff:a01:a' }) },
  { name: 'from a link-local address', expect: 'ip6_header:link-local', frame: packet6({ source: 'fe80::a' }) },
  { name: 'to a link-local address', expect: 'ip6_header:link-local', frame: packet6({ destination: 'febf::b' }) },

  ...(['ip6', 'inet'] as const).flatMap((family) =>
    (['prerouting', 'forward', 'postrouting'] as const).map(
      (hook): Case => ({
        name: `nftables (${family}) at ${hook}`,
        expect: 'guard_ip6:netfilter',
        frame: packet6(),
        set: [`nft table ${family} t { chain c { type filter hook ${hook} priority 0; }; }`],
        unset: [`nft delete table ${family} t`],
      }),
    ),
  ),
  {
    name: 'nftables for the host itself',
    expect: 'fast',
    frame: packet6(),
    set: ['nft table ip6 t { chain c { type filter hook input priority 0; }; }'],
    unset: ['nft delete table ip6 t'],
  },
  {
    name: 'nftables for IPv4',
    expect: 'fast',
    frame: packet6(),
    set: ['nft table ip t { chain c { type filter hook forward priority 0; }; }'],
    unset: ['nft delete table ip t'],
  },
  {
    name: 'nftables for IPv6, and an IPv4 packet',
    expect: 'fast',
    frame: packet(),
    set: ['nft table ip6 t { chain c { type filter hook forward priority 0; }; }'],
    unset: ['nft delete table ip6 t'],
  },
  ...(['fwd', 'out'] as const).map(
    (dir): Case => ({
      name: `an IPsec policy (${dir})`,
      expect: 'guard_ip6:xfrm',
      frame: packet6(),
      set: [`ip xfrm policy add dir ${dir} src fd00:9::/64 dst fd00:9::/64 action block`],
      unset: ['ip xfrm policy flush'],
    }),
  ),
  {
    name: 'answers for others',
    expect: 'guard_ip6:proxy-ndp',
    frame: packet6(),
    set: ['sysctl net/ipv6/conf/all/proxy_ndp 1'],
    unset: ['sysctl net/ipv6/conf/all/proxy_ndp 0'],
  },

  {
    name: 'a TCP port of the host',
    expect: 'ip6_demux:tcp-port',
    frame: packet6({ next: 6, payload: tcp('10.1.0.10', '10.2.0.10', [1024, 8080], 16, '00') }),
    prepare: async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(8080, 'fd00:1::1', () => resolve()));
      return () => new Promise<void>((resolve) => server.close(() => resolve()));
    },
  },
  { name: 'a UDP port of the host', expect: 'ip6_demux:udp-port', frame: packet6(), prepare: udpSocket },
  {
    name: 'a UDP port of the host, behind options',
    expect: 'fast',
    frame: packet6({ next: 60, payload: options + datagram }),
    prepare: udpSocket,
  },
  {
    name: 'a UDP port of the host, not looked for',
    expect: 'fast',
    frame: packet6(),
    set: ['sysctl net/ipv4/udp_early_demux 0'],
    unset: ['sysctl net/ipv4/udp_early_demux 1'],
    prepare: udpSocket,
  },

  {
    name: 'IPv6 gone for want of MTU',
    expect: 'ip6_route:no-ip',
    frame: packet6(),
    set: ['ip link set p1 mtu 1279'],
    unset: ['ip link set p1 mtu 1500', 'ip addr add fd00:1::1/64 dev p1 nodad'],
  },
  {
    name: 'IPv6 disabled',
    expect: 'ip6_route:disabled',
    frame: packet6(),
    set: ['sysctl net/ipv6/conf/p1/disable_ipv6 1'],
    unset: ['sysctl net/ipv6/conf/p1/disable_ipv6 0', 'ip addr add fd00:1::1/64 dev p1 nodad'],
  },
  {
    name: 'forwarding off',
    expect: 'ip6_route:not-forwarding',
    frame: packet6(),
    set: ['sysctl net/ipv6/conf/all/forwarding 0'],
    unset: ['sysctl net/ipv6/conf/all/forwarding 1'],
  },
  {
    name: 'forwarding off on the device, which has no say',
    expect: 'fast',
    frame: packet6(),
    set: ['sysctl net/ipv6/conf/p1/forwarding 0'],
    unset: ['sysctl net/ipv6/conf/p1/forwarding 1'],
  },
  { name: 'no route', expect: 'ip6_route:no-route', frame: packet6({ destination: '2001:db8::1' }) },
  {
    name: 'a route that depends on the source',
    expect: 'ip6_route:source-routes',
    ...route(`fd00:60::/32 from fd00:1::/64 ${viaB6}`, `ip route add fd00:60::/31 ${viaB6}`),
  },
  { name: 'to the router', expect: 'ip6_route:route-type', frame: packet6({ destination: 'fd00:2::1' }) },
  { name: "to the network's routers", expect: 'ip6_route:route-type', frame: packet6({ destination: 'fd00:2::' }) },
  ...(['blackhole', 'unreachable', 'prohibit', 'throw'] as const).map(
    (type): Case => ({
      name: `into a route of type ${type}`,
      expect: 'ip6_route:route-type',
      ...route(`${type} fd00:60::/32`),
    }),
  ),
  { name: 'a route that expires', expect: 'ip6_route:learned', ...route(`${viaB6} expires 300`) },
  {
    name: 'a next hop object that refuses',
    expect: 'ip6_route:dead',
    ...route('nhid 8', 'ip -6 nexthop replace id 8 blackhole'),
  },
  { name: 'several next hops', expect: 'fast', first: true, ...bothViaB },
  { name: 'several next hops, chosen by ports, too', expect: 'ip6_route:hash-policy', hooks: ['xdp'], ...by(1) },
  { name: 'several next hops, chosen by ports, too', expect: 'fast', hooks: ['tc'], ...by(1) },
  { name: 'several next hops, chosen by inner headers', expect: 'fast', ...by(2) },
  { name: 'several next hops, chosen by fields', expect: 'fast', ...by(3) },
  ...[4, 41, 43, 44, 47, 51, 60, 137].flatMap((next): Case[] => {
    const frame = packet6({ ...routed6, next, payload: '3b00000000000000' });
    const expect = 'ip6_route:hash-protocol';
    const outer = next === 4 || next === 41 ? 'fast' : expect;
    return [
      { name: `several next hops by ports, header ${next}`, expect: outer, hooks: ['tc'], ...by(1), frame },
      { name: `several next hops by inner headers, header ${next}`, expect, ...by(2), frame },
      { name: `several next hops by outer fields, header ${next}`, expect: outer, ...by(3, 63), frame },
      { name: `several next hops by fields of either, header ${next}`, expect, ...by(3, 65), frame },
    ];
  }),
  ...[1, 2, 3].map(
    (policy): Case => ({
      name: `several next hops, policy ${policy} and a flow dissector`,
      expect: 'ip6_route:flow-dissector',
      hooks: policy === 1 ? ['tc'] : ['xdp', 'tc'],
      ...by(policy),
      prepare: flowDissector,
    }),
  ),
  ...['01', '02', '03', '04'].map(
    (type): Case => ({
      name: `several next hops, chosen by inner headers, ICMPv6 error ${type}`,
      expect: 'fast',
      ...by(2),
      frame: packet6({ ...routed6, next: 58, payload: `${type}00000000000000` }),
    }),
  ),
  ...['01', '02', '03', '04'].map(
    (type): Case => ({
      name: `several next hops, ICMPv6 error ${type}`,
      expect: 'ip6_route:icmp-error',
      ...bothViaB,
      frame: packet6({ ...routed6, next: 58, payload: `${type}00000000000000` }),
    }),
  ),
  {
    name: 'several next hops, a ping',
    expect: 'fast',
    first: true,
    ...bothViaB,
    frame: packet6({ ...routed6, next: 58, payload: '8000000000000000' }),
  },
  {
    name: 'several next hops, one of which leads back',
    expect: 'ip6_route:unequal',
    ...route(`nexthop ${viaB6} nexthop via fd00:1::10 dev p1`),
  },
  {
    name: 'several next hops and a route beside them',
    expect: 'ip6_route:unequal',
    ...bothViaB,
    set: [...(bothViaB.set ?? []), 'ip route append fd00:60::/32 dev p2'],
  },
  {
    name: 'more than 16 next hops',
    expect: 'ip6_route:no-hop',
    ...route(Array.from({ length: 17 }, (_, n) => `nexthop via fd00:2::${n + 10} dev p2`).join(' ')),
  },
  {
    name: 'a group of next hop objects',
    expect: 'fast',
    first: true,
    ...route(
      'nhid 9',
      `ip nexthop replace id 6 ${viaB6}`,
      `ip nexthop replace id 7 ${viaB6}`,
      'ip nexthop replace id 9 group 6,3/7',
    ),
  },
  ...resilientCases('ip6_route', viaB6, route),
  {
    name: 'a group that counts',
    expect: 'ip6_route:statistics',
    ...route('nhid 9', `ip nexthop replace id 7 ${viaB6}`, 'ip nexthop replace id 9 group 7'),
    prepare: countingGroup,
  },
  {
    name: 'a group without a gateway',
    expect: 'ip6_route:no-gateway',
    ...route('nhid 9', 'ip -6 nexthop replace id 7 dev p2', 'ip nexthop replace id 9 group 7'),
  },
  {
    name: 'two routes of one metric',
    expect: 'ip6_route:alternatives',
    ...route('dev p2 metric 7'),
    set: ['ip route add fd00:60::/32 dev p2 metric 7', 'ip route append fd00:60::/32 dev p1 metric 7'],
  },
  {
    name: 'encapsulation',
    expect: 'ip6_route:encapsulation',
    ...route('encap seg6 mode encap segs fd00:2::10 dev p2'),
  },
  {
    name: 'back to where it came from',
    expect: 'ip6_route:same-device',
    frame: packet6({ destination: 'fd00:1::11' }),
  },
  {
    name: "beyond the route's MTU",
    expect: 'ip6_route:too-long',
    ...route(`${viaB6} mtu 1300`),
    frame: packet6({ ...routed6, payload: udp(1, 7, '00'.repeat(1253)) }),
  },
  {
    name: "just the route's MTU",
    expect: 'fast',
    ...route(`${viaB6} mtu 1300`),
    frame: packet6({ ...routed6, payload: udp(1, 7, '00'.repeat(1252)) }),
  },
  {
    name: "beyond the device's MTU, not the route's",
    expect: 'ip6_route:too-long',
    ...route(`${viaB6} mtu lock 1500`, 'sysctl net/ipv6/conf/p2/mtu 1400'),
    unset: ['sysctl net/ipv6/conf/p2/mtu 1500', 'ip -6 route flush root fd00:60::/31'],
    frame: packet6({ ...routed6, payload: udp(1, 7, '00'.repeat(1353)) }),
  },
  {
    name: "beyond the device's MTU for IPv6",
    expect: 'ip6_route:too-long',
    set: ['sysctl net/ipv6/conf/p2/mtu 1300'],
    unset: ['sysctl net/ipv6/conf/p2/mtu 1500'],
    frame: packet6({ payload: udp(1, 7, '00'.repeat(1253)) }),
  },

  {
    name: 'to a device without neighbours',
    expect: 'ip6_neighbour:egress-type',
    frame: packet6(routed6),
    prepare: async (b) => {
      // TUNSETIFF with IFF_TUN and IFF_NO_PI
      const undo = await python(
        b.netns,
        "import fcntl,struct,sys; f=open('/dev/net/tun','r+b',buffering=0); fcntl.ioctl(f,0x400454ca,struct.pack('16sH',b't9',0x1001)); print(1,flush=True); sys.stdin.read()",
      );
      await ip(b.netns, 'link set t9 up', 'route add fd00:60::/32 dev t9');
      return undo;
    },
  },
  { name: 'unknown neighbour', expect: 'ip6_neighbour:no-neighbour', frame: packet6({ destination: 'fd00:2::77' }) },
  {
    name: 'a neighbour of another device',
    expect: 'ip6_neighbour:no-neighbour',
    frame: packet6({ destination: 'fd00:2::78' }),
    set: [`ip neigh add fd00:2::78 lladdr ${B} dev p1 nud permanent`],
    unset: ['ip neigh del fd00:2::78 dev p1'],
  },
  {
    name: 'a neighbour that was never used',
    expect: 'ip6_neighbour:no-header',
    frame: packet6({ destination: 'fd00:2::79' }),
    set: [`ip neigh add fd00:2::79 lladdr ${B} dev p2 nud permanent`],
    unset: ['ip neigh del fd00:2::79 dev p2'],
  },
  {
    name: 'stale',
    expect: 'ip6_neighbour:unconfirmed',
    frame: packet6(),
    set: [`ip neigh replace fd00:2::10 lladdr ${B} dev p2 nud stale`],
    unset: [permanent],
  },
  {
    name: 'reachable',
    expect: 'fast',
    frame: packet6(),
    set: [`ip neigh replace fd00:2::10 lladdr ${B} dev p2 nud reachable`],
    unset: [permanent],
  },
  {
    name: 'failed',
    expect: 'ip6_neighbour:unconfirmed',
    set: ['ip neigh replace fd00:2::13 dev p2 nud failed'],
    frame: packet6({ destination: 'fd00:2::13' }),
  },
  ...([0, 1000000] as const).map(
    (refresh): Case => ({
      name: refresh === 0 ? 'under probe, its use long ago' : 'under probe, in use',
      expect: refresh === 0 ? 'ip6_neighbour:use-stale' : 'fast',
      frame: packet6(),
      params: { IP6_NEIGHBOUR_refresh: refresh },
      set: [`ip neigh replace fd00:2::10 lladdr ${B} dev p2 nud stale`],
      unset: [permanent],
      prepare: async (b) => {
        await b.agent.send([{ port: b.in, bytes: packet6() }]);
        await b.agent.collect(30);
        return undefined;
      },
    }),
  ),

  {
    name: 'a traffic class is no priority',
    expect: 'fast',
    kinds: ['tap', 'veth'],
    frame: packet6().replace(/^(.{28})60/, '$161'),
  },
  {
    name: 'a device that XDP may not use',
    expect: 'ip6_forward:egress-cannot-xdp',
    hooks: ['xdp'],
    kinds: ['tap'],
    frame: packet6({ destination: 'fd00:4::10' }),
    prepare: (b) => thirdPort(b),
    first: true,
  },

  // What a namespace cannot take back comes last.
  {
    name: 'routing policy rules',
    expect: 'guard_ip6:rules',
    frame: packet6(),
    set: ['ip -6 rule add from fd00:9::/64 lookup 99', 'ip -6 rule del from fd00:9::/64 lookup 99'],
  },
];
