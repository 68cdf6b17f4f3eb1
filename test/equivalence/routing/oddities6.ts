// SPDX-License-Identifier: Apache-2.0
// Directed cases of routing for IPv6, as oddities.ts has them for IPv4. Ports p1, p2, p3 have the networks fd00:1::/64 to
// fd00:3::/64, each with two known stations; fd00:b::/32 is behind the first of p2.

import type { Send } from '../../support/lab/agent.js';
import { ethernet, hex, ipv6, ipv6Address, little, mac, sized, tcp, udp } from '../../support/lab/frame.js';
import type { Step } from '../configuration.js';
import { nft, step } from '../oddity.js';
import { Random } from '../random.js';
import { drawNestedRoutes } from './nested6.js';
import { goesOn, packet, type RouterOddity, station, stationMac } from './oddities.js';
import { address6Of, addressOf, icmp6, portMac } from './plan.js';

export const station6 = (port: number, n = 0): string => address6Of(port, 10 + n);

interface Fields {
  readonly source: string;
  readonly next: number;
  readonly payload: string;
  readonly hops: number;
}

/** A packet from the first station behind a port, as it sends it to the router. */
export function packet6(port: number, destination: string, fields: Partial<Fields> = {}): string {
  const { source, next, payload, hops } = {
    source: station6(port),
    next: 17,
    payload: udp(1024, 9, '5a'.repeat(30)),
    hops: 64,
    ...fields,
  };
  const body = ipv6(ipv6Address(source), ipv6Address(destination), next, payload, hops);
  return ethernet(portMac(port), stationMac(port), 0x86dd, body);
}

const send = (port: number, bytes: string): Send => ({ port, bytes });
const from = (port: number, destination: string, fields: Partial<Fields> = {}): Send =>
  send(port, packet6(port, destination, fields));
const times = (count: number, one: Send): Send[] => Array.from({ length: count }, () => one);
const message = (port: number, body: string): Send =>
  send(port, ethernet(portMac(port), stationMac(port), 0x86dd, body));

/** Everybody is sent something by somebody behind another port, so that all neighbours are in use. */
export const hello6: readonly Send[] = [0, 1, 2].flatMap((port) =>
  [0, 1].flatMap((n) => times(2, from((port + 1) % 3, station6(port, n)))),
);

export const beyond6 = 'fd00:b::9';
const ip = (text: string): Step => step('ip', text);
/** What `ip -b` takes for IPv4. */
const ip6 = (text: string): Step => step('agent', `exec ip -6 ${text}`);
const sysctl = (text: string): Step => step('sysctl', `net/ipv6/${text}`);
/** Without a link-local address a router cannot ask for neighbours on behalf of others. */
const asking = ip('addr add fe80::2/64 dev p2 nodad');
const defaultRoute = ip(`route add default via ${station6(2)} dev p3`);
const overB = `via ${station6(1)} dev p2`;
const overC = `via ${station6(2)} dev p3`;
const datagram = (length: number): string => udp(1024, 9, '5a'.repeat(length - 48));

/** "Packet too big" about an answer of the router to a ping from beyond. */
function tooBig(mtu: number): Send {
  const own = address6Of(1, 1);
  return message(1, icmp6(station6(1), own, '0200', hex(mtu, 4) + icmp6(own, beyond6, '8100', '00010001')));
}

/** A datagram to be cut by UDP segmentation offload: struct virtio_net_hdr with NEEDS_CSUM and VIRTIO_NET_HDR_GSO_UDP_L4. */
function segmented(size: number): Send {
  const header = `0105${little(62)}${little(size)}${little(54)}${little(6)}`;
  return { port: 0, bytes: header + packet6(0, station6(1), { payload: datagram(48 + size * 2) }), virtio: true };
}

/** A socket of the router that outlives its address: see oddities.ts. */
function outlived(type: number, option: string): Step[] {
  const python = `s=__import__('socket').socket(10,${type});${option}s.bind(('fd00:1::99',7));s.connect(('${station6(1)}',1024));${goesOn}`;
  return [
    ip('addr add fd00:1::99/128 dev p1 nodad'),
    step('agent', `exec python3 -c ${python}`),
    ip('addr del fd00:1::99/128 dev p1'),
    ip(`route add fd00:1::99/128 ${overC}`),
  ];
}

/** Routes that nest at any bit, and packets that go by one or the other, twice each. */
export function nested(seed: number): RouterOddity {
  const ways = [overB, overC, `via ${station6(1, 1)} dev p2`, `${overC} metric 9`, `${overB} mtu 1400`, 'blackhole'];
  const { routes, destinations } = drawNestedRoutes(new Random(seed), 150, ways);
  return {
    name: `router6: nested routes ${seed}`,
    setup: routes.map((route) => ip(`route add ${route}`)),
    script: [...hello6, ...destinations.flatMap((to) => times(2, from(0, to)))],
  };
}

export const router6Oddities: readonly RouterOddity[] = [
  { name: 'a plain router of IPv6' },
  nested(1),
  nested(2),
  {
    name: 'router6: other next headers',
    frames: [43, 44, 50, 51, 58, 59, 60, 135].map((next) =>
      from(0, station6(1), { next, payload: `110000010400000000000000${udp(1024, 9, '00')}` }),
    ),
  },

  {
    name: 'router6: invalid headers',
    frames: ['4', '5', '0'].map((version) => send(0, packet6(0, station6(1)).replace(/^(.{28})6/, `$1${version}`))),
    aims: ['ip6_header:invalid'],
  },
  {
    // One that is passed over, one that is not known and must be answered.
    name: 'router6: options for each router',
    frames: ['010400000000', '830400000000'].map((option) =>
      from(0, station6(1), { next: 0, payload: `1100${option}${udp(1024, 9, '00')}` }),
    ),
    aims: ['ip6_header:options'],
  },
  {
    name: 'router6: wrong lengths',
    frames: [
      send(0, packet6(0, station6(1)).slice(0, 150)),
      send(0, packet6(0, station6(1)).replace(/^(.{36}).../, '$1fff')),
      from(0, station6(1), { next: 59, payload: '' }),
    ],
    aims: ['ip6_header:length'],
  },
  {
    name: 'router6: hop limit',
    frames: [0, 1, 2].map((hops) => from(0, station6(1), { hops })),
    aims: ['ip6_header:hop-limit'],
  },
  {
    name: 'router6: groups',
    setup: [defaultRoute],
    frames: ['ff0e::1', 'ff02::9', 'ff01::1', 'ff00::1'].map((group) => from(0, group)),
    aims: ['ip6_header:group'],
  },
  {
    name: 'router6: martians',
    setup: [defaultRoute],
    frames: [
      ...['::1', '::', 'ff0e::1', '::ffff:a01:a', '::a01:a'].map((source) => from(0, station6(1), { source })),
      ...['::1', '::', '::ffff:a01:a'].map((to) => from(0, to)),
    ],
    aims: ['ip6_header:martian'],
  },
  {
    name: 'router6: link-local addresses',
    setup: [defaultRoute],
    frames: [
      ...['fe80::a', 'febf::a', 'fec0::a'].map((source) => from(0, station6(1), { source })),
      ...['fe80::b', 'febf::b', 'fec0::b'].map((to) => from(0, to)),
    ],
    aims: ['ip6_header:link-local'],
  },

  ...(['prerouting', 'forward', 'postrouting'] as const).map((hook) => ({
    name: `router6: nft ${hook}`,
    change: [nft('inet', hook, 'meta l4proto udp drop')],
    aims: ['guard_ip6:netfilter'],
  })),
  ...(['fwd', 'out'] as const).map((direction) => ({
    name: `router6: IPsec policy (${direction})`,
    change: [ip(`xfrm policy add src fd00:1::/64 dst ::/0 dir ${direction} action block`)],
    aims: ['guard_ip6:xfrm'],
  })),
  {
    name: 'router6: policy rule',
    change: [ip6(`rule add from ${station6(0)} prohibit priority 50`)],
    aims: ['guard_ip6:rules'],
  },
  {
    name: 'router6: answers for others',
    change: [sysctl('conf/all/proxy_ndp 1'), ip(`neigh add proxy ${station6(1)} dev p1`)],
    frames: [message(0, icmp6(station6(0), station6(1), '8700', `00000000${ipv6Address(station6(1))}`, 255))],
    aims: ['guard_ip6:proxy-ndp'],
  },

  {
    name: 'router6: TCP socket without its address',
    change: outlived(1, 's.setsockopt(6,19,1);'),
    frames: [from(1, 'fd00:1::99', { next: 6, payload: tcp('10.2.0.10', '10.1.0.9', [1024, 7], 16, '00') })],
    aims: ['ip6_demux:tcp-port'],
  },
  {
    name: 'router6: UDP socket without its address',
    change: outlived(2, ''),
    frames: [from(1, 'fd00:1::99', { payload: udp(1024, 7, '00') })],
    aims: ['ip6_demux:udp-port'],
  },

  {
    name: 'router6: IPv6 gone for want of MTU',
    change: [ip('link set p1 mtu 1279')],
    kinds: ['tap'],
    aims: ['ip6_route:no-ip'],
  },
  {
    name: 'router6: IPv6 disabled',
    change: [sysctl('conf/p1/disable_ipv6 1')],
    aims: ['ip6_route:disabled'],
  },
  { name: 'router6: forwarding off', change: [sysctl('conf/all/forwarding 0')], aims: ['ip6_route:not-forwarding'] },
  { name: 'router6: forwarding off on one device', change: [sysctl('conf/p1/forwarding 0')] },
  {
    name: 'router6: no route',
    frames: [from(0, '2001:db8::1'), from(0, 'fd00:f::1')],
    aims: ['ip6_route:no-route'],
  },
  {
    name: 'router6: routes that depend on the source',
    setup: [ip(`route add fd00:c::/32 from fd00:1::/64 ${overB}`), ip(`route add fd00:c::/31 ${overC}`)],
    frames: [from(0, 'fd00:c::1'), from(1, 'fd00:c::1')],
    aims: ['ip6_route:source-routes'],
  },
  {
    name: 'router6: kinds of routes',
    setup: [ip('route add blackhole fd00:b:1::/48'), ip('route add unreachable fd00:b:2::/48')],
    change: [ip(`route add prohibit ${beyond6}/128`)],
    frames: [address6Of(1, 1), 'fd00:2::', 'fd00:b:1::1', 'fd00:b:2::1', beyond6].map((to) => from(0, to)),
    aims: ['ip6_route:route-type'],
  },
  {
    // As when a router takes over another one's address: the neighbour is still known, and in use.
    name: "router6: a neighbour's address becomes one of the router",
    script: [
      ...hello6,
      ...times(2, from(0, station6(1, 1))),
      [ip(`addr add ${station6(1, 1)}/128 dev p2 nodad`)],
      ...times(2, from(0, station6(1, 1))),
    ],
    aims: ['ip6_route:route-type'],
  },
  {
    name: 'router6: a route that expires',
    script: [
      ...hello6,
      [ip(`route add fd00:c::/32 ${overC} expires 2`)],
      ...times(3, from(0, 'fd00:c::1')),
      [step('wait', '3200')],
      ...times(3, from(0, 'fd00:c::1')),
    ],
    aims: ['ip6_route:learned'],
  },
  {
    name: 'router6: a next hop object that refuses',
    setup: [ip6('nexthop add id 1 blackhole'), ip('route add fd00:c::/32 nhid 1')],
    frames: [from(0, 'fd00:c::1')],
    aims: ['ip6_route:dead'],
  },
  {
    // Linux prefers the one that leads back.
    name: 'router6: two routes of one metric',
    setup: [
      ip('route add fd00:c::/32 dev p2 metric 7'),
      ...['p1', 'p2'].map((dev) => ip(`neigh add fd00:c::1 lladdr ${stationMac(1)} dev ${dev} nud permanent`)),
    ],
    script: [
      ...hello6,
      ...times(3, from(0, 'fd00:c::1')),
      [ip('route append fd00:c::/32 dev p1 metric 7')],
      ...times(2, from(0, 'fd00:c::1')),
    ],
    aims: ['ip6_route:alternatives'],
  },
  {
    // By a neighbour that is in use, as below.
    name: 'router6: encapsulation',
    setup: [ip(`route add fd00:c::/32 encap seg6 mode encap segs ${station6(1)} via ${station6(1)} dev p2`)],
    script: [...hello6, ...times(3, from(0, 'fd00:c::1'))],
    aims: ['ip6_route:encapsulation'],
  },
  {
    // Whoever had it forwarded as it is would send it to a neighbour that is in use.
    name: 'router6: IPv4 into segments of IPv6',
    setup: [
      step('sysctl', 'net/ipv4/ip_forward 1'),
      ...[0, 1].map((port) => ip(`addr add ${addressOf(port, 1)}/24 dev p${port + 1}`)),
      ip(`neigh add ${station(1)} lladdr ${stationMac(1)} dev p2 nud permanent`),
      ip(`route add 172.20.0.0/16 encap seg6 mode encap segs ${station6(1)} via ${station(1)} dev p2`),
    ],
    script: [...hello6, ...[station(1), '172.20.0.1'].flatMap((to) => times(3, send(0, packet(0, to))))],
    aims: ['ip4_route:encapsulation'],
  },
  {
    name: 'router6: path MTU',
    script: [
      ...hello6,
      ...times(3, from(0, beyond6, { payload: datagram(1400) })),
      tooBig(1300),
      ...times(3, from(0, beyond6, { payload: datagram(1400) })),
    ],
    aims: ['ip6_route:exception'],
  },
  {
    name: 'router6: redirects',
    setup: [ip('addr add fe80::1/64 dev p1 nodad')],
    // Only one, since the next ones are limited by time.
    script: [...hello6, from(0, station6(0, 1))],
    aims: ['ip6_route:same-device'],
  },
  {
    name: 'router6: UDP segmentation',
    setup: [ip('link set p2 mtu 1300')],
    frames: [segmented(400), segmented(1400)],
    kinds: ['veth'],
    hooks: ['tc'],
    aims: ['ip6_route:segments'],
  },
  {
    name: 'router6: smaller MTUs',
    setup: [ip(`route add fd00:c::/32 ${overB} mtu 1300`), ip(`route add fd00:d::/32 ${overB} mtu lock 1400`)],
    change: [sysctl('conf/p2/mtu 1350')],
    frames: [1300, 1301, 1350, 1351, 1400, 1401].flatMap((length) =>
      ['fd00:c::1', 'fd00:d::1', beyond6].map((to) => from(0, to, { payload: datagram(length) })),
    ),
    aims: ['ip6_route:too-long'],
  },

  {
    name: 'router6: an unknown neighbour',
    setup: [asking],
    frames: [from(0, address6Of(1, 77))],
    aims: ['ip6_neighbour:no-neighbour', 'ip6_neighbour:unconfirmed'],
  },
  {
    name: 'router6: stale neighbours',
    setup: [asking],
    change: [
      ip(`neigh add ${address6Of(1, 30)} lladdr ${stationMac(1)} dev p2 nud stale`),
      ip(`neigh replace ${station6(1)} lladdr ${stationMac(1)} dev p2 nud stale`),
    ],
    frames: [from(0, address6Of(1, 30))],
    aims: ['ip6_neighbour:unconfirmed'],
  },
  {
    name: 'router6: a neighbour under probe, used again after a while',
    script: [
      [ip(`neigh add ${address6Of(1, 30)} lladdr ${stationMac(1)} dev p2 nud stale`)],
      ...hello6,
      ...times(3, from(0, address6Of(1, 30))),
      [step('wait', '4500')],
      from(0, address6Of(1, 30)),
    ],
    activity: true,
    aims: ['ip6_neighbour:use-stale'],
  },
  {
    name: 'router6: the first packet to a neighbour',
    script: [
      [ip(`neigh add ${address6Of(1, 30)} lladdr ${stationMac(1)} dev p2 nud permanent`)],
      ...hello6,
      [step('wait', '4500')],
      from(0, address6Of(1, 30)),
    ],
    activity: true,
    aims: ['ip6_neighbour:no-header'],
  },
  {
    name: 'router6: padding',
    frames: [send(0, sized(packet6(0, station6(1), { payload: udp(1, 9, '') }), 80))],
  },
  {
    name: 'router6: frames to others',
    frames: ['02:00:5e:66:00:01', 'ff:ff:ff:ff:ff:ff', '33:33:00:00:00:01'].map((to) =>
      send(0, packet6(0, station6(1)).replace(mac(portMac(0)), mac(to))),
    ),
    aims: ['ip_receive:not-ours'],
  },
  {
    name: 'router6: neighbours and routes change',
    script: [
      ...hello6,
      ...times(3, from(0, station6(1))),
      [ip(`neigh replace ${station6(1)} lladdr ${stationMac(1, 1)} dev p2 nud permanent`)],
      ...times(3, from(0, station6(1))),
      [ip(`neigh del ${station6(1)} dev p2`)],
      ...times(3, from(0, station6(1))),
      [ip(`route add ${station6(1, 1)}/128 ${overC}`)],
      ...times(3, from(0, station6(1, 1))),
      [ip('route del fd00:2::/64')],
      ...times(3, from(0, station6(1))),
    ],
  },
];
