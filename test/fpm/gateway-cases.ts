// SPDX-License-Identifier: Apache-2.0
// The cases of a bridge with an address: what its ports bring for the host to route, and what is routed out of its ports.

import { withAgent } from '../support/lab/agent.js';
import { ethernet, type Ipv4, ipv4, ipv6, ipv6Address, mac, sized, tagged, udp } from '../support/lab/frame.js';
import { inNetns, ip } from '../support/lab/netns.js';
import { bridgeModules } from './fast-path.js';
import type { Bench as RouterBench } from './routing-case.js';
import { python, routingModules } from './routing-case.js';

/** Of a device that routes, beside bridges with addresses. */
export const routerModules = [...routingModules, 'bridge_out'];
/** Of a port of such a bridge. */
export const gatewayModules = [...new Set([...bridgeModules, 'bridge_up', ...routerModules])];

/**
 * Stations: A and C behind ports p1 and p3 of br0 (10.1.0.0/24), B behind p2, a device of its own (10.2.0.0/24), D behind port p4
 * of br1 (10.4.0.0/24). The last part of their IPv4 address is that of their MAC address.
 */
export const A = '02:00:00:00:00:0a';
export const B = '02:00:00:00:00:0b';
export const C = '02:00:00:00:00:0c';
export const D = '02:00:00:00:00:0d';
export const own: Readonly<Record<'br0' | 'br1' | 'p2' | 'p1' | 'p3', string>> = {
  br0: '02:00:00:00:01:00',
  br1: '02:00:00:00:01:01',
  p2: '02:00:00:00:01:02',
  p1: '02:00:00:00:01:03',
  p3: '02:00:00:00:01:04',
};

export type Bench = Omit<RouterBench, 'in' | 'out'> & {
  /** Numbers of the ports by name: p1 to p4. */
  readonly ports: Readonly<Record<string, number>>;
};

/** From A to B, B to A, A to D, or from A to C without routing. */
export type Way = 'up' | 'down' | 'across' | 'bridged';

interface Ends {
  readonly from: string;
  readonly to: string;
  readonly packet: Pick<Ipv4, 'source' | 'destination'>;
  /** Addresses of the frame that is sent, and of the one that arrives. */
  readonly sent: readonly [destination: string, source: string];
  readonly arrives: readonly [destination: string, source: string];
}

export const ways: Readonly<Record<Way, Ends>> = {
  up: {
    from: 'p1',
    to: 'p2',
    packet: { source: '10.1.0.10', destination: '10.2.0.11' },
    sent: [own.br0, A],
    arrives: [B, own.p2],
  },
  down: {
    from: 'p2',
    to: 'p1',
    packet: { source: '10.2.0.11', destination: '10.1.0.10' },
    sent: [own.p2, B],
    arrives: [A, own.br0],
  },
  across: {
    from: 'p1',
    to: 'p4',
    packet: { source: '10.1.0.10', destination: '10.4.0.13' },
    sent: [own.br0, A],
    arrives: [D, own.br1],
  },
  bridged: {
    from: 'p1',
    to: 'p3',
    packet: { source: '10.1.0.10', destination: '10.1.0.12' },
    sent: [C, A],
    arrives: [C, A],
  },
};

export function frame(way: Way, fields: Partial<Ipv4> = {}): string {
  const { packet, sent } = ways[way];
  const whole = { protocol: 17, payload: udp(1024, 7, '5a'.repeat(18)), ...packet, ...fields };
  return ethernet(sent[0], sent[1], 0x0800, ipv4(whole));
}

/** The same of IPv6, where a station has the last part of its IPv4 address in fd00:N::/64. */
export function frame6(way: Way, next = 17, payload = udp(1024, 7, '5a'.repeat(18))): string {
  const { packet, sent } = ways[way];
  const [from, to] = [packet.source, packet.destination].map((text) => {
    const [, network, , host] = text.split('.');
    return ipv6Address(`fd00:${network}::${host}`);
  });
  return ethernet(sent[0], sent[1], 0x86dd, ipv6(from ?? '', to ?? '', next, payload));
}

export interface Case {
  readonly name: string;
  readonly way: Way;
  /** `fast` or `fpm:code`. */
  readonly expect: string;
  readonly hooks?: readonly ('xdp' | 'tc')[];
  readonly kinds?: readonly ('tap' | 'veth')[];
  readonly packet?: Partial<Ipv4>;
  readonly frame?: string;
  readonly set?: readonly string[];
  readonly unset?: readonly string[];
  readonly prepare?: (bench: Bench) => Promise<() => Promise<void>>;
  /** The next hop is new: its first packet is left to Linux, as ever. */
  readonly first?: boolean;
}

function setting(path: string, value: number, before: number): Pick<Case, 'set' | 'unset'> {
  return { set: [`sysctl net/ipv4/conf/${path} ${value}`], unset: [`sysctl net/ipv4/conf/${path} ${before}`] };
}

function chain(family: string, hook: string): Pick<Case, 'set' | 'unset'> {
  return {
    set: [`nft table ${family} t { chain c { type filter hook ${hook} priority 0; }; }`],
    unset: [`nft delete table ${family} t`],
  };
}

function packetSocket(device: string): Pick<Case, 'prepare'> {
  const open = `s=socket.socket(17,3,8); s.bind(('${device}',0x800))`;
  return { prepare: (b) => python(b.netns, `import socket,sys; ${open}; print(1,flush=True); sys.stdin.read()`) };
}

/** A next hop with this MAC address, behind br0. */
function nextHop(hardware: string): Pick<Case, 'way' | 'packet' | 'set' | 'unset' | 'first'> {
  return {
    way: 'down',
    packet: { destination: '10.1.0.50' },
    set: [`ip neigh replace 10.1.0.50 lladdr ${hardware} dev br0 nud permanent`],
    unset: ['ip neigh del 10.1.0.50 dev br0'],
    first: true,
  };
}

const ask = (request: string) => ({ prepare: (b: Bench) => withAgent(b.netns, (a) => a.request(request)) });
const listen = (device: string) => ({ prepare: (b: Bench) => withAgent(b.netns, (a) => a.packet(device)) });

/** Puts another value into a file of the first receive queue of br0, where 0 was; what it returns takes that back. */
async function setReceiveQueue(b: Bench, file: string, value: number): Promise<() => Promise<void>> {
  const set = (to: number) => inNetns(b.netns, ['sh', '-c', `echo ${to} > /sys/class/net/br0/queues/rx-0/${file}`]);
  await set(value);
  return async () => {
    await set(0);
  };
}
const receiveQueue = (file: string, value: number): Pick<Case, 'prepare'> => ({
  prepare: (b) => setReceiveQueue(b, file, value),
});
/** An IPv6 route by a next hop object, whose dst Linux has per CPU. */
const sharedHop: Pick<Case, 'way' | 'frame' | 'set' | 'unset' | 'first'> = {
  way: 'up',
  frame: frame6('up'),
  set: ['ip nexthop add id 7 via fd00:2::11 dev p2', 'ip route add fd00:2::11/128 nhid 7'],
  unset: ['ip nexthop del id 7'],
  first: true,
};
const shaped = (device: string): Pick<Case, 'set' | 'unset'> => ({
  set: [`tc qdisc replace dev ${device} root handle 1: pfifo limit 100`],
  unset: [`tc qdisc del dev ${device} root`],
});

export const gatewayCases: readonly Case[] = [
  { name: 'from a bridge', way: 'up', expect: 'fast' },
  { name: 'into a bridge', way: 'down', expect: 'fast' },
  { name: 'from bridge to bridge', way: 'across', expect: 'fast' },
  { name: 'from port to port', way: 'bridged', expect: 'fast' },
  { name: 'IPv6 from a bridge', way: 'up', expect: 'fast', frame: frame6('up') },
  { name: 'IPv6 into a bridge', way: 'down', expect: 'fast', frame: frame6('down') },
  { name: 'IPv6 from bridge to bridge', way: 'across', expect: 'fast', frame: frame6('across') },
  { name: 'IPv6 from port to port', way: 'bridged', expect: 'fast', frame: frame6('bridged') },
  { name: 'padding', way: 'up', expect: 'fast', frame: sized(frame('up', { payload: udp(1, 7, '') }), 60) },
  { name: 'from port to port, not IP', way: 'bridged', expect: 'fast', frame: sized(ethernet(C, A, 0x88b5), 60) },
  {
    name: 'from port to port while nftables filters what is routed',
    way: 'bridged',
    expect: 'fast',
    ...chain('ip', 'forward'),
  },
  {
    name: 'from an isolated port',
    way: 'up',
    expect: 'fast',
    set: ['bridge link set dev p1 isolated on'],
    unset: ['bridge link set dev p1 isolated off'],
  },
  {
    name: 'to an isolated port',
    way: 'down',
    expect: 'fast',
    set: ['bridge link set dev p1 isolated on'],
    unset: ['bridge link set dev p1 isolated off'],
  },
  {
    name: 'hairpin',
    way: 'down',
    expect: 'fast',
    set: ['bridge link set dev p1 hairpin on'],
    unset: ['bridge link set dev p1 hairpin off'],
  },
  { name: 'forwarding off on the port', way: 'up', expect: 'fast', ...setting('p1/forwarding', 0, 1) },
  { name: 'a source check on the port', way: 'up', expect: 'fast', ...setting('p1/rp_filter', 1, 0) },
  { name: 'a source check on the bridge', way: 'up', expect: 'fast', ...setting('br0/rp_filter', 1, 0) },
  { name: 'a packet socket for IPv4 on the port', way: 'up', expect: 'fast', ...packetSocket('p1') },
  { name: 'what the host sends is filtered', way: 'up', expect: 'fast', ...chain('bridge', 'output') },
  { name: 'what the host receives is filtered', way: 'down', expect: 'fast', ...chain('bridge', 'input') },
  {
    name: 'a station that moved to the other port',
    way: 'down',
    expect: 'fast',
    set: [`bridge fdb replace ${A} dev p3 master static`],
    unset: [`bridge fdb replace ${A} dev p1 master static`],
  },

  {
    name: 'to the address of its port',
    way: 'up',
    expect: 'bridge_up:other-address',
    frame: frame('up').replace(mac(own.br0), mac(own.p1)),
  },
  {
    name: 'to the address of another port',
    way: 'up',
    expect: 'bridge_up:other-address',
    frame: frame('up').replace(mac(own.br0), mac(own.p3)),
  },
  {
    name: 'to a second address of the bridge',
    way: 'up',
    expect: 'bridge_up:other-address',
    frame: frame('up').replace(mac(own.br0), '020000000177'),
    set: ['bridge fdb add 02:00:00:00:01:77 dev br0 self local'],
    unset: ['bridge fdb del 02:00:00:00:01:77 dev br0 self'],
  },
  { name: 'nftables on what goes up', way: 'up', expect: 'bridge_up:bridge-hook', ...chain('bridge', 'input') },
  {
    name: 'nftables on what comes in',
    way: 'up',
    expect: 'guard_bridge_nf:bridge-hook',
    ...chain('bridge', 'prerouting'),
  },
  { name: 'generic XDP on the bridge', way: 'up', expect: 'bridge_up:generic-xdp', ...ask('generic br0') },
  { name: 'tcpdump on the bridge', way: 'up', expect: 'bridge_up:tapped', ...listen('br0') },
  { name: 'tcpdump on all devices', way: 'up', hooks: ['tc'], expect: 'bridge_up:tapped', ...listen('any') },
  { name: 'tc program on the bridge', way: 'up', expect: 'bridge_up:tc-ingress', ...ask('tcx br0 ingress') },
  {
    name: 'netdev chain of the bridge',
    way: 'up',
    expect: 'bridge_up:nf-ingress',
    ...chain('netdev', 'ingress device br0'),
  },
  { name: 'RPS on the bridge', way: 'up', hooks: ['tc'], expect: 'bridge_up:rps', ...receiveQueue('rps_cpus', 1) },
  { name: 'RFS on the bridge', way: 'up', hooks: ['tc'], expect: 'bridge_up:rps', ...receiveQueue('rps_flow_cnt', 64) },
  { name: 'RPS on the bridge, at XDP', way: 'up', hooks: ['xdp'], expect: 'fast', ...receiveQueue('rps_cpus', 1) },
  { name: 'a next hop object', hooks: ['xdp'], expect: 'fast', ...sharedHop },
  {
    name: 'a next hop object, and RPS on the bridge',
    hooks: ['xdp'],
    expect: 'ip6_route:shared-hop',
    ...sharedHop,
    first: false,
    prepare: async (b) => {
      // Linux has a dst on this CPU before anything takes packets elsewhere.
      await b.agent.send([{ port: b.ports.p1 as number, bytes: frame6('up') }]);
      await b.agent.collect(30);
      return setReceiveQueue(b, 'rps_cpus', 1);
    },
  },
  { name: 'RPS on the bridge, from above', way: 'down', expect: 'fast', ...receiveQueue('rps_cpus', 1) },
  {
    name: 'not IP',
    way: 'up',
    expect: 'ip_receive:not-ip',
    frame: sized(ethernet(own.br0, A, 0x88b5), 60),
  },
  { name: 'tagged', way: 'up', expect: 'ip_receive:tagged', frame: tagged(frame('up'), 5) },
  {
    name: 'a packet socket for IPv4 on the bridge',
    way: 'up',
    expect: 'ip_receive:packet-socket',
    ...packetSocket('br0'),
  },
  { name: 'nftables on what is routed', way: 'up', expect: 'guard_ip4:netfilter', ...chain('ip', 'forward') },
  { name: 'forwarding off', way: 'up', expect: 'ip4_route:not-forwarding', ...setting('br0/forwarding', 0, 1) },
  {
    name: 'the source of another network',
    way: 'up',
    expect: 'ip4_route:source-elsewhere',
    packet: { source: '10.2.0.99' },
    ...setting('br0/rp_filter', 1, 0),
  },
  { name: 'for the host', way: 'up', expect: 'ip4_route:route-type', packet: { destination: '10.2.0.1' } },
  { name: 'back into the bridge', way: 'up', expect: 'ip4_route:same-device', packet: { destination: '10.1.0.12' } },
  {
    name: 'a station not learnt yet',
    way: 'up',
    expect: 'bridge_source:source-unknown',
    frame: frame('up').replace(mac(A), '020000000155'),
  },
  { name: 'a qdisc on the egress', way: 'up', hooks: ['tc'], expect: 'ip_egress:ingress-device', ...shaped('p2') },
  {
    name: 'a tc program on the egress',
    way: 'up',
    hooks: ['tc'],
    expect: 'ip_egress:ingress-device',
    ...ask('tcx p2 egress'),
  },

  ...(['output', 'postrouting'] as const).map(
    (hook): Case => ({
      name: `nftables on what goes down (${hook})`,
      way: 'down',
      expect: 'bridge_out:bridge-hook',
      ...chain('bridge', hook),
    }),
  ),
  { name: 'tcpdump on the bridge, seen from above', way: 'down', expect: 'bridge_out:tapped', ...listen('br0') },
  {
    name: 'tcpdump on all devices, seen from above',
    way: 'down',
    hooks: ['tc'],
    expect: 'bridge_out:tapped',
    ...listen('any'),
  },
  {
    name: 'netfilter egress hook of the bridge',
    way: 'down',
    expect: 'bridge_out:nf-egress',
    ...chain('netdev', 'egress device br0'),
  },
  { name: 'tc program on egress of the bridge', way: 'down', expect: 'bridge_out:tc-egress', ...ask('tcx br0 egress') },
  {
    name: 'ICMPv6 into a bridge that answers for neighbours',
    way: 'down',
    expect: 'bridge_out:nd-suppress',
    frame: frame6('down', 58, `8000000000000000${'5a'.repeat(16)}`),
    set: ['bridge link set dev p3 neigh_suppress on'],
    unset: ['bridge link set dev p3 neigh_suppress off'],
  },
  {
    name: 'other IPv6 into a bridge that answers for neighbours',
    way: 'down',
    expect: 'fast',
    frame: frame6('down'),
    set: ['bridge link set dev p3 neigh_suppress on'],
    unset: ['bridge link set dev p3 neigh_suppress off'],
  },
  {
    name: 'IPv6 to a port that does not forward',
    way: 'down',
    expect: 'bridge_out:port-state',
    frame: frame6('down'),
    set: ['bridge link set dev p1 state 1'],
    unset: ['bridge link set dev p1 state 3'],
  },
  { name: 'a qdisc of the bridge', way: 'down', expect: 'bridge_out:qdisc', ...shaped('br0') },
  { name: 'a qdisc of the other bridge', way: 'across', expect: 'bridge_out:qdisc', ...shaped('br1') },
  { name: 'a next hop with a group address', expect: 'bridge_out:group-address', ...nextHop('03:00:00:00:00:50') },
  { name: 'a next hop that the bridge does not know', expect: 'bridge_out:fdb-miss', ...nextHop('02:00:00:00:00:50') },
  { name: 'a next hop that is the bridge', expect: 'bridge_out:fdb-no-port', ...nextHop(own.br0) },
  {
    name: 'a port that does not forward',
    way: 'down',
    expect: 'bridge_out:port-state',
    set: ['bridge link set dev p1 state 1'],
    unset: ['bridge link set dev p1 state 3'],
  },
  {
    name: 'a port with a smaller MTU',
    way: 'down',
    expect: 'ip_egress:too-long',
    packet: { payload: udp(1, 7, '00'.repeat(800)) },
    set: ['ip link set br0 mtu 1500', 'ip link set p1 mtu 700', 'ip link set br0 mtu 1500'],
    unset: ['ip link set p1 mtu 1500', 'ip link set br0 mtu 1500'],
  },
  {
    name: 'a port with a qdisc, and a packet that belongs to a socket',
    way: 'down',
    hooks: ['tc'],
    expect: 'ip_egress:socket-qdisc',
    ...shaped('p1'),
  },
];

/** A bridge that nothing but its address makes one of these. */
export async function configure(netns: string): Promise<void> {
  await ip(
    netns,
    'addr add fd00:1::1/64 dev br0 nodad',
    'addr add fd00:2::1/64 dev p2 nodad',
    'addr add fd00:4::1/64 dev br1 nodad',
    `neigh add fd00:1::10 lladdr ${A} dev br0 nud permanent`,
    `neigh add fd00:2::11 lladdr ${B} dev p2 nud permanent`,
    `neigh add fd00:4::13 lladdr ${D} dev br1 nud permanent`,
    'addr add 10.1.0.1/24 dev br0',
    'addr add 10.2.0.1/24 dev p2',
    'addr add 10.4.0.1/24 dev br1',
    `neigh add 10.1.0.10 lladdr ${A} dev br0 nud permanent`,
    `neigh add 10.1.0.12 lladdr ${C} dev br0 nud permanent`,
    `neigh add 10.2.0.11 lladdr ${B} dev p2 nud permanent`,
    `neigh add 10.4.0.13 lladdr ${D} dev br1 nud permanent`,
  );
}
