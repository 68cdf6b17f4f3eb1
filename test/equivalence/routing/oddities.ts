// SPDX-License-Identifier: Apache-2.0
// Directed cases of routing: one oddity each, on an otherwise plain router that is accelerated. Ports p1, p2, p3 have the
// networks 10.1.0.0/24 to 10.3.0.0/24, each with two known stations; 172.16.0.0/16 is behind the first of p2.

import type { Send } from '../../support/lab/agent.js';
import {
  checksum,
  ethernet,
  hex,
  type Ipv4,
  ipv4,
  little,
  mac,
  sized,
  tagged,
  tcp,
  udp,
} from '../../support/lab/frame.js';
import type { Step } from '../configuration.js';
import { nft, type Oddity, step } from '../oddity.js';
import { addressOf, icmpAbout, portMac } from './plan.js';

export type RouterOddity = Pick<
  Oddity,
  | 'name'
  | 'setup'
  | 'change'
  | 'frames'
  | 'script'
  | 'kinds'
  | 'hooks'
  | 'gro'
  | 'activity'
  | 'aims'
  | 'fast'
  | 'fastFrames'
>;

/** Station `n` behind a port, both counted from 0. */
export const stationMac = (port: number, n = 0): string => `02:00:5e:4${port + 1}:00:${10 + n}`;
export const station = (port: number, n = 0): string => addressOf(port, 10 + n);

/** A packet from the first station behind a port, as it sends it to the router. */
export function packet(port: number, destination: string, fields: Partial<Ipv4> = {}): string {
  const defaults = { source: station(port), destination, protocol: 17, payload: udp(1024, 9, '5a'.repeat(30)) };
  return ethernet(portMac(port), stationMac(port), 0x0800, ipv4({ ...defaults, ...fields }));
}

const send = (port: number, bytes: string): Send => ({ port, bytes });
const from = (port: number, destination: string, fields: Partial<Ipv4> = {}): Send =>
  send(port, packet(port, destination, fields));
const times = (count: number, one: Send): Send[] => Array.from({ length: count }, () => one);

/** Everybody is sent something by somebody behind another port, so that all neighbours are in use. */
export const hello: readonly Send[] = [0, 1, 2].flatMap((port) =>
  [0, 1].flatMap((n) => times(2, from((port + 1) % 3, station(port, n)))),
);

const beyond = '172.16.0.9';
const ip = (text: string): Step => step('ip', text);
const sysctl = (text: string): Step => step('sysctl', `net/ipv4/${text}`);
const defaultRoute = ip(`route add default via ${station(2)} dev p3`);
const overB = `via ${station(1)} dev p2`;
const overC = `via ${station(2)} dev p3`;
const datagram = (length: number): string => udp(1024, 9, '5a'.repeat(length - 28));

/** A header with another first byte and a checksum that is right for it. */
function withFirstByte(frame: string, byte: string): string {
  const header = `${byte}${frame.slice(30, 48)}0000${frame.slice(52, 68)}`;
  return `${frame.slice(0, 28)}${header.slice(0, 20)}${hex(checksum(header), 2)}${header.slice(24)}${frame.slice(68)}`;
}

/** "Fragmentation needed" about an answer of the router to a ping from beyond. */
const tooBig = (mtu: number): Send =>
  send(
    1,
    packet(1, addressOf(1, 1), { protocol: 1, payload: icmpAbout(addressOf(1, 1), beyond, '0304', hex(mtu, 4)) }),
  );

/** A redirect by the gateway, about the same: the other station behind p2 knows a better way. */
const redirect: Send = from(1, addressOf(1, 1), {
  protocol: 1,
  payload: icmpAbout(addressOf(1, 1), beyond, '0501', '0a02000b'),
});

/** A datagram to be cut by UDP segmentation offload: struct virtio_net_hdr with NEEDS_CSUM and VIRTIO_NET_HDR_GSO_UDP_L4. */
function segmented(size: number): Send {
  const header = `0105${little(42)}${little(size)}${little(34)}${little(6)}`;
  const bytes = header + packet(0, station(1), { payload: datagram(28 + size * 2), fragment: 0x4000 });
  return { port: 0, bytes, virtio: true };
}

/** Python: what was done so far lasts for half a minute, and whoever waits for this program goes on now. */
export const goesOn = "o=__import__('os');o.fork()and(o._exit(0));o.setsid();o.close(2);__import__('time').sleep(30)";

/**
 * A socket of the router that outlives its address: bound to 10.1.9.1, connected to the first station behind p2, and then
 * that address is somebody else's.
 */
function outlived(type: number, option: string): Step[] {
  const python = `s=__import__('socket').socket(2,${type});${option}s.bind(('10.1.9.1',7));s.connect(('${station(1)}',1024));${goesOn}`;
  return [
    ip('addr add 10.1.9.1/32 dev p1'),
    step('agent', `exec python3 -c ${python}`),
    ip('addr del 10.1.9.1/32 dev p1'),
    ip(`route add 10.1.9.1/32 ${overC}`),
  ];
}

export const routerOddities: readonly RouterOddity[] = [
  { name: 'a plain router' },

  {
    name: 'router: VLAN tags',
    frames: [0, 1, 10].map((tci) => send(0, tagged(packet(0, station(1)), tci))),
    aims: ['ip_receive:tagged'],
  },
  {
    name: 'router: frames to others',
    frames: ['02:00:5e:66:00:01', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'].map((to) =>
      send(0, packet(0, station(1)).replace(mac(portMac(0)), mac(to))),
    ),
    aims: ['ip_receive:not-ours'],
  },
  {
    name: 'router: a port joins a bridge',
    change: [ip('link add br9 type bridge'), ip('link set p1 master br9')],
    aims: ['ip_receive:rx-handler'],
  },
  {
    name: 'router: a port goes down',
    change: [ip('link set p1 down')],
    kinds: ['tap'],
    hooks: ['xdp'],
    aims: ['ip_receive:down'],
  },
  {
    name: 'router: somebody listens to IPv4',
    change: [step('capture', 'p1 ip')],
    aims: ['ip_receive:packet-socket'],
  },

  {
    name: 'router: invalid headers',
    frames: ['65', '44', '55'].map((byte) => send(0, withFirstByte(packet(0, station(1)), byte))),
    aims: ['ip4_header:invalid'],
  },
  {
    name: 'router: options',
    frames: [from(0, station(1), { options: '0707040000000000' })],
    aims: ['ip4_header:options'],
  },
  {
    name: 'router: wrong lengths',
    frames: [
      send(0, packet(0, station(1)).slice(0, 140)),
      send(0, packet(0, station(1)).replace(/^(.{32})..../, '$10013')),
    ],
    aims: ['ip4_header:length'],
  },
  {
    name: 'router: wrong checksums',
    frames: [from(0, station(1), { badChecksum: true })],
    aims: ['ip4_header:checksum'],
  },
  {
    name: 'router: time to live',
    frames: [0, 1, 2].map((ttl) => from(0, station(1), { ttl })),
    aims: ['ip4_header:ttl'],
  },
  {
    name: 'router: groups',
    setup: [defaultRoute],
    frames: ['239.1.2.3', '224.0.0.9', '255.255.255.255'].map((group) => from(0, group)),
    aims: ['ip4_header:group'],
  },
  {
    name: 'router: martians',
    setup: [defaultRoute],
    frames: [
      ...['127.0.0.1', '0.1.2.3', '224.0.0.1', '255.255.255.255'].map((source) => from(0, station(1), { source })),
      ...['127.0.0.1', '0.1.2.3'].map((to) => from(0, to)),
    ],
    aims: ['ip4_header:martian'],
  },

  ...(['prerouting', 'forward', 'postrouting'] as const).map((hook) => ({
    name: `router: nft ${hook}`,
    change: [nft('inet', hook, 'ip protocol udp drop')],
    aims: ['guard_ip4:netfilter'],
  })),
  ...(['fwd', 'out'] as const).map((direction) => ({
    name: `router: IPsec policy (${direction})`,
    change: [ip(`xfrm policy add src 10.1.0.0/24 dst 0.0.0.0/0 dir ${direction} action block`)],
    aims: ['guard_ip4:xfrm'],
  })),
  {
    name: 'router: policy rule',
    change: [ip(`rule add from ${station(0)} prohibit priority 50`)],
    aims: ['guard_ip4:rules'],
  },
  {
    name: 'router: realms',
    // While there are realms, Linux looks up the route to each source.
    change: [ip(`route add 172.31.0.0/16 ${overB} realms 5`)],
    frames: [from(0, station(1), { source: '10.1.0.255' })],
    aims: ['guard_ip4:realms'],
  },

  {
    name: 'router: TCP socket without its address',
    change: outlived(1, 's.setsockopt(6,19,1);'),
    frames: [from(1, '10.1.9.1', { protocol: 6, payload: tcp(station(1), '10.1.9.1', [1024, 7], 16, '00') })],
    aims: ['ip4_demux:tcp-port'],
  },
  {
    name: 'router: UDP socket without its address',
    change: outlived(2, ''),
    frames: [from(1, '10.1.9.1', { payload: udp(1024, 7, '00') })],
    aims: ['ip4_demux:udp-port'],
  },

  { name: 'router: forwarding off', change: [sysctl('conf/p1/forwarding 0')], aims: ['ip4_route:not-forwarding'] },
  {
    name: 'router: no route',
    frames: [from(0, '192.0.2.1'), from(0, '172.17.0.1')],
    aims: ['ip4_route:no-route'],
  },
  {
    name: 'router: too many routes of one key',
    setup: Array.from({ length: 31 }, (_, i) => ip(`route add 64.0.0.0/${i + 2} ${overB}`)),
    frames: [from(0, '100.0.0.1')],
    aims: ['ip4_route:undecided'],
  },
  {
    name: 'router: a route for a DSCP',
    setup: [ip(`route add 172.20.0.0/16 tos 0x10 ${overB}`), ip(`route add 172.20.0.0/16 ${overC}`)],
    frames: [from(0, '172.20.0.1'), from(0, '172.20.0.1', { tos: 0x10 })],
    aims: ['ip4_route:dscp'],
  },
  {
    name: 'router: kinds of routes',
    setup: [ip('route add blackhole 172.16.1.0/24'), ip('route add unreachable 172.16.2.0/24')],
    change: [ip('route add prohibit 172.16.0.9/32')],
    frames: [addressOf(1, 1), addressOf(1, 255), '172.16.1.1', '172.16.2.1', beyond].map((to) => from(0, to)),
    aims: ['ip4_route:route-type'],
  },
  {
    // Its neighbour is known, and was used: the kind of the route alone says that the packet is the host's.
    name: 'router: a network that becomes one of broadcasts',
    setup: [
      ip('route add 172.16.3.0/24 dev p2'),
      ip(`neigh add 172.16.3.9 lladdr ${stationMac(1)} dev p2 nud permanent`),
    ],
    script: [
      ...hello,
      ...times(2, from(0, '172.16.3.9')),
      [ip('route del 172.16.3.0/24'), ip('route add broadcast 172.16.3.0/24 dev p2')],
      from(0, '172.16.3.9'),
    ],
    aims: ['ip4_route:route-type'],
  },
  {
    name: 'router: a next hop object that refuses',
    setup: [ip('nexthop add id 1 blackhole'), ip('route add 172.20.0.0/16 nhid 1')],
    frames: [from(0, '172.20.0.1')],
    aims: ['ip4_route:dead'],
  },
  {
    name: 'router: encapsulation',
    setup: [ip(`route add 172.20.0.0/16 encap ip id 5 dst 192.0.2.1 ${overB}`)],
    frames: [from(0, '172.20.0.1')],
    aims: ['ip4_route:encapsulation'],
  },
  {
    name: 'router: path MTU',
    setup: [sysctl('ip_forward_use_pmtu 1')],
    script: [
      ...hello,
      ...times(3, from(0, beyond, { payload: datagram(1000), fragment: 0x4000 })),
      tooBig(600),
      ...times(3, from(0, beyond, { payload: datagram(1000), fragment: 0x4000 })),
      ...times(3, from(0, beyond, { payload: datagram(1000) })),
    ],
    aims: ['ip4_route:exception'],
  },
  {
    name: 'router: redirected',
    setup: [sysctl('conf/all/accept_redirects 1'), sysctl('conf/p2/accept_redirects 1')],
    script: [...hello, ...times(3, from(0, beyond)), redirect, ...times(4, from(0, beyond))],
    aims: ['ip4_route:exception'],
  },
  {
    name: 'router: an IPv6 gateway',
    setup: [
      ...['addr_gen_mode 1', 'accept_dad 0', 'disable_ipv6 0'].map((text) =>
        step('sysctl', `net/ipv6/conf/p2/${text}`),
      ),
      // Its first four bytes are the IPv4 address of the other station behind p2, whose neighbour is in use.
      ip(`neigh add a02:b::b lladdr ${stationMac(1)} dev p2 nud permanent`),
      ip('route add 172.20.0.0/16 via inet6 a02:b::b dev p2 onlink'),
    ],
    frames: [from(0, '172.20.0.1')],
    aims: ['ip4_route:ip6-gateway'],
  },
  {
    name: 'router: redirects',
    setup: [sysctl('conf/all/send_redirects 1'), sysctl('conf/p1/send_redirects 1')],
    // Only one, since the next ones are limited by time.
    script: [...hello, from(0, station(0, 1))],
    aims: ['ip4_route:same-device'],
  },
  {
    // One that is locked and not told is 576 by way of a gateway.
    name: 'router: a locked MTU',
    setup: [ip(`route add 172.20.0.0/16 ${overB} mtu lock 600`), ip(`route add 172.21.0.0/16 ${overB} mtu lock 0`)],
    frames: [500, 600, 700].flatMap((length) =>
      [0, 0x4000].flatMap((fragment) =>
        ['172.20.0.1', '172.21.0.1'].map((to) => from(0, to, { payload: datagram(length), fragment })),
      ),
    ),
    aims: ['ip4_route:mtu-locked'],
  },
  {
    name: 'router: UDP segmentation',
    setup: [ip('link set p2 mtu 700')],
    frames: [segmented(400), segmented(1000)],
    kinds: ['veth'],
    hooks: ['tc'],
    aims: ['ip4_route:segments'],
  },
  {
    name: 'router: a route with a smaller MTU',
    setup: [ip(`route add 172.20.0.0/16 ${overB} mtu 600`)],
    change: [ip(`route replace 172.16.0.0/16 ${overB} mtu 800`)],
    frames: [600, 601, 800, 801].flatMap((length) =>
      [0, 0x4000].flatMap((fragment) =>
        ['172.20.0.1', beyond].map((to) => from(0, to, { payload: datagram(length), fragment })),
      ),
    ),
    aims: ['ip4_route:too-long'],
  },
  {
    // Linux goes by the MTU of the one that it used first. (Of one protocol, it would take the second for the first.)
    name: 'router: routes that share a next hop object',
    setup: [
      ip(`nexthop add id 1 ${overB}`),
      ip('route add 172.20.0.0/16 nhid 1 mtu 600 proto 99'),
      ip('route add 172.21.0.0/16 nhid 1'),
    ],
    frames: [
      ...times(2, from(0, '172.20.0.1')),
      ...[600, 601, 1000].map((length) => from(0, '172.21.0.1', { payload: datagram(length), fragment: 0x4000 })),
    ],
    aims: ['ip4_route:shared-hop'],
  },
  {
    name: 'router: a next hop object that a route to the host itself was the first to use',
    setup: [
      sysctl('conf/all/accept_local 1'), // otherwise such routes are reason enough
      ip('nexthop add id 1 dev p2'),
      ip('route add local 172.20.0.0/16 nhid 1 table main'),
      ip('route add 172.21.0.0/16 nhid 1'),
    ],
    frames: [...times(2, from(0, '172.20.0.1')), ...times(2, from(0, '172.21.0.1'))],
    aims: ['ip4_route:shared-hop'],
  },
  {
    name: 'router: loose source check',
    setup: [sysctl('conf/all/rp_filter 2')],
    frames: [from(0, station(1), { source: '192.0.2.9' }), from(0, station(1), { source: '10.2.0.99' })],
    aims: ['ip4_route:source-invalid'],
  },
  {
    name: 'router: loose source check, and a group that refuses',
    setup: [
      sysctl('conf/all/rp_filter 2'),
      ip('nexthop add id 1 blackhole'),
      ip('nexthop add id 2 group 1'),
      ip('route add 172.20.0.0/16 nhid 2'),
    ],
    frames: [from(0, station(1), { source: '172.20.0.1' })],
    aims: ['ip4_route:source-multipath'],
  },
  {
    name: 'router: strict source check',
    change: [sysctl('conf/p1/rp_filter 1')],
    frames: [from(0, station(1), { source: '10.3.0.99' }), from(0, station(1), { source: '10.1.0.99' })],
    aims: ['ip4_route:source-elsewhere'],
  },
  {
    name: 'router: local routes made by hand',
    setup: [ip('route add local 172.30.0.0/24 dev lo')],
    frames: [from(0, station(1), { source: '172.30.0.9' })],
    aims: ['ip4_route:local-routes'],
  },
  {
    name: 'router: own sources',
    change: [ip('addr add 192.168.7.1/24 dev p3')],
    frames: [addressOf(0, 1), addressOf(1, 1), '192.168.7.1'].map((source) => from(0, station(1), { source })),
    aims: ['ip4_route:source-local'],
  },

  {
    name: 'router: a next hop on the loopback device',
    setup: [ip('route add 172.20.0.0/16 dev lo')],
    frames: [from(0, '172.20.0.1')],
    aims: ['ip4_neighbour:egress-type'],
  },
  {
    name: 'router: an unknown neighbour',
    frames: [from(0, addressOf(1, 77))],
    aims: ['ip4_neighbour:no-neighbour', 'ip4_neighbour:unconfirmed'],
  },
  {
    name: 'router: stale neighbours',
    change: [
      ip(`neigh add ${addressOf(1, 30)} lladdr ${stationMac(1)} dev p2 nud stale`),
      ip(`neigh replace ${station(1)} lladdr ${stationMac(1)} dev p2 nud stale`),
    ],
    frames: [from(0, addressOf(1, 30))],
    aims: ['ip4_neighbour:unconfirmed'],
  },
  {
    name: 'router: a neighbour under probe, used again after a while',
    script: [
      [ip(`neigh add ${addressOf(1, 30)} lladdr ${stationMac(1)} dev p2 nud stale`)],
      ...hello,
      ...times(3, from(0, addressOf(1, 30))),
      [step('wait', '4500')],
      from(0, addressOf(1, 30)),
    ],
    activity: true,
    aims: ['ip4_neighbour:use-stale'],
  },
  {
    name: 'router: the first packet to a neighbour',
    script: [
      [ip(`neigh add ${addressOf(1, 30)} lladdr ${stationMac(1)} dev p2 nud permanent`)],
      ...hello,
      [step('wait', '4500')],
      from(0, addressOf(1, 30)),
    ],
    activity: true,
    aims: ['ip4_neighbour:no-header'],
  },

  { name: 'router: nft egress', change: [nft('netdev', 'egress device p2', 'drop')], aims: ['ip_egress:nf-egress'] },
  {
    name: 'router: nft ingress',
    change: [nft('netdev', 'ingress device p1', 'drop')],
    aims: ['guard_ingress:nf-ingress'],
  },
  { name: 'router: capture at the egress', change: [step('capture', 'p2 out')], aims: ['ip_egress:tapped@xdp'] },
  {
    name: 'router: tc program at the egress',
    change: [step('agent', 'tcx p2 egress')],
    aims: ['ip_egress:tc-egress@xdp'],
  },
  {
    // What is routed belongs to nobody any more.
    name: 'router: tc program at the egress that asks for sockets',
    change: [step('agent', 'ofsockets p2')],
    hooks: ['tc'],
    aims: ['ip_egress:socket-qdisc'],
  },
  {
    name: 'router: filter at the egress that copies to an ifb device',
    change: [
      ip('link add ifb0 type ifb'),
      ip('link set ifb0 up'),
      step('tc', 'qdisc replace dev p2 clsact'),
      step('tc', 'filter add dev p2 egress protocol all prio 1 u32 match u32 0 0 action mirred egress mirror dev ifb0'),
    ],
    aims: ['ip_egress:copied@tc'],
  },
  {
    name: 'router: qdisc',
    change: [step('tc', 'qdisc replace dev p2 root handle 7: pfifo limit 0')],
    aims: ['ip_egress:qdisc@xdp'],
  },
  {
    name: 'router: generic XDP at the far end',
    change: [step('far', 'generic h2')],
    kinds: ['veth'],
    aims: ['ip_egress:peer-xdp@tc'],
  },
  {
    name: 'router: tap filter',
    change: [step('agent', 'tapfilter 1')],
    kinds: ['tap'],
    hooks: ['xdp'],
    aims: ['ip_egress:tap-filter'],
  },
  {
    name: 'router: far end loses NAPI',
    change: [step('far', 'gro h2 0')],
    kinds: ['veth'],
    hooks: ['xdp'],
    aims: ['ip_egress:egress-no-xdp'],
  },
  {
    name: 'router: a route with a greater MTU than its device',
    setup: [ip(`route add 172.20.0.0/16 ${overB} mtu 1500`), ip('link set p2 mtu 700')],
    frames: [700, 701, 800].map((length) => from(0, '172.20.0.1', { payload: datagram(length) })),
    aims: ['ip_egress:too-long'],
  },
  {
    name: 'router: priorities',
    frames: [0x08, 0x10, 0x18, 0xb8].map((tos) => from(0, station(1), { tos })),
    fastFrames: 48,
  },
  {
    name: 'router: padding',
    frames: [send(0, sized(packet(0, station(1), { payload: udp(1, 9, '') }), 60))],
  },
  {
    name: 'router: neighbours and routes change',
    script: [
      ...hello,
      ...times(3, from(0, station(1))),
      [ip(`neigh replace ${station(1)} lladdr ${stationMac(1, 1)} dev p2 nud permanent`)],
      ...times(3, from(0, station(1))),
      [ip(`neigh del ${station(1)} dev p2`)],
      ...times(3, from(0, station(1))),
      [ip(`route add ${station(1, 1)}/32 ${overC}`)],
      ...times(3, from(0, station(1, 1))),
      [ip('route del 10.2.0.0/24')],
      ...times(3, from(0, station(1))),
    ],
  },
];
