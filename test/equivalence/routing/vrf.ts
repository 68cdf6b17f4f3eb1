// SPDX-License-Identifier: Apache-2.0
// Directed cases of VRFs, the same for both families: one oddity each on the router of oddities.ts and oddities6.ts.

import type { Send } from '../../support/lab/agent.js';
import { tagged, tcp, udp } from '../../support/lab/frame.js';
import type { Step } from '../configuration.js';
import { nft, step } from '../oddity.js';
import { type Family, type Fields, four, ip, route, six } from './family.js';
import { type RouterOddity, stationMac } from './oddities.js';
import { portMac } from './plan.js';

/** The table of a VRF, by its name. */
const tables: Readonly<Record<string, number>> = { red: 100, blue: 200 };

/** What a port loses when it joins or leaves a VRF, for which the kernel takes it down. */
function again(f: Family, port: number, dev = `p${port + 1}`): Step[] {
  return [
    ...(f.four ? [] : [ip(`addr replace ${f.own(port)}/${f.length} dev ${dev} nodad`)]),
    ...[0, 1].map((n) =>
      ip(`neigh replace ${f.station(port, n)} lladdr ${stationMac(port, n)} dev ${dev} nud permanent`),
    ),
  ];
}

/** Its address is not the kernel's choice, since neighbours of the VRF device itself have it. */
const create = (name: string): Step[] => [
  ip(`link add ${name} address 02:00:5e:70:00:${tables[name] === 100 ? '01' : '02'} type vrf table ${tables[name]}`),
  ip(`link set ${name} up`),
];
const join = (f: Family, name: string, port: number): Step[] => [
  ip(`link set p${port + 1} master ${name}`),
  ...again(f, port),
];
const vrf = (f: Family, name: string, ...ports: number[]): Step[] => [
  ...create(name),
  ...ports.flatMap((port) => join(f, name, port)),
];
const leave = (f: Family, port: number): Step[] => [ip(`link set p${port + 1} nomaster`), ...again(f, port)];

/** p1 and p2 in one VRF, with the route to what is beyond; p3 is in none. */
const red = (f: Family): Step[] => [...vrf(f, 'red', 0, 1), route(`${f.beyond} via ${f.station(1)} dev p2 table 100`)];

/** Another device takes over the network of a port. */
const instead = (f: Family, port: number, dev: string): Step[] => [
  ip(`addr del ${f.own(port)}/${f.length} dev p${port + 1}`),
  step('wait', '200'),
  ip(`addr add ${f.own(port)}/${f.length} dev ${dev}${f.four ? '' : ' nodad'}`),
  ...again(f, port, dev),
];

/** A bridge with p3 as its port. */
const bridge = (f: Family, ...more: Step[]): Step[] => [
  ip(`link add br0 address ${portMac(2)} type bridge mcast_snooping 0`),
  ip('link set p3 master br0'),
  ...more,
  ip('link set br0 up'),
  ...instead(f, 2, 'br0'),
  ...[0, 1].map((n) => step('bridge', `fdb replace ${stationMac(2, n)} dev p3 master static`)),
];
/** While it is taken down and up, its ports are, too; by a work queue. */
const bridgeMoves = (f: Family, where: string): Step[] => [
  ip(`link set br0 ${where}`),
  step('wait', '1200'),
  ...again(f, 2, 'br0'),
];

/** p1 has the network of VLAN 10 alone; the device is in the VRF, with p2. */
const vlan = (f: Family): Step[] => [
  ip('link add link p1 name v1 type vlan id 10'),
  ...create('red'),
  ip('link set v1 master red'),
  ip('link set v1 up'),
  ...instead(f, 0, 'v1'),
  ...join(f, 'red', 1),
  route(`${f.beyond} via ${f.station(1)} dev p2 table 100`),
];

/** Routes from one table to the networks of others. */
const leak = (f: Family, table: number | string, ...ports: number[]): Step[] =>
  ports.map((port) => route(`${f.network(port)} dev p${port + 1} table ${table}`));

function vrfs(f: Family): RouterOddity[] {
  const from = (port: number, destination: string, fields?: Fields): Send => ({
    port,
    bytes: f.packet(port, destination, fields),
  });
  const filter = (value: number) => (f.four ? [step('sysctl', `net/ipv4/conf/all/rp_filter ${value}`)] : []);
  const route4 = (code: string) => (f.four ? [`ip4_route:${code}`] : [`ip6_route:${code}`]);
  const refuses = route4('route-type');
  const sources = f.four ? ['ip4_route:source-invalid'] : [];
  /** Of everybody: strangers, the router itself, and stations of other ports. */
  const suspects = [f.own(0), f.own(1), f.own(2), f.station(1, 1), f.station(2, 1), f.behind].flatMap((source) =>
    [0, 2].flatMap((port) => [0, 1].map((to) => from(port, f.station(to), { source }))),
  );
  const fast = ['p1', 'p2'];
  const all: RouterOddity[] = [
    { name: 'two ports of one', setup: red(f), fast },
    {
      name: 'an unreachable default',
      setup: [...red(f), route(`unreachable ${f.everything} metric 4278198272 table 100`)],
      frames: [from(0, f.behind), from(0, f.station(2))],
      aims: refuses,
      fast,
    },
    {
      name: 'what its table lacks, the main one has',
      setup: [...vrf(f, 'red', 0), route(`${f.beyond} via ${f.station(2)} dev p3`), ...leak(f, 100, 1)],
      fast: ['p1', 'p3'],
    },
    {
      name: 'the same addresses in two',
      setup: [
        ...red(f),
        ...vrf(f, 'blue', 2),
        ip(`addr add ${f.own(1)}/${f.length} dev p3${f.four ? '' : ' nodad'}`),
        ip(`neigh add ${f.station(1)} lladdr ${stationMac(2)} dev p3 nud permanent`),
        ...leak(f, 200, 0),
      ],
      frames: [from(2, f.station(0), { source: f.station(1) }), from(0, f.station(1)), from(2, f.own(1))],
      aims: refuses,
      fast: ['p1', 'p2', 'p3'],
    },
    {
      name: 'leaks between two',
      setup: [...vrf(f, 'red', 0), ...vrf(f, 'blue', 1), ...leak(f, 100, 1), ...leak(f, 200, 0)],
      frames: suspects,
      aims: sources,
      fast,
    },
    {
      name: 'leaks from and to the main table',
      setup: [...vrf(f, 'red', 0), ...leak(f, 'main', 0), ...leak(f, 100, 2)],
      frames: suspects,
      aims: sources,
      fast: ['p1', 'p3'],
    },
    ...[1, 2].map(
      (value): RouterOddity => ({
        name: `leaks and rp_filter ${value}`,
        setup: [
          ...filter(value),
          ...vrf(f, 'red', 0),
          ...vrf(f, 'blue', 1),
          ...leak(f, 'main', 0, 1),
          ...leak(f, 100, 1, 2),
          ...leak(f, 200, 0, 2),
        ],
        frames: suspects,
        aims: f.four ? ['ip4_route:source-vrf', ...(value === 1 ? ['ip4_route:source-elsewhere'] : [])] : [],
        fast: f.four ? ['p1', 'p2'] : ['p1', 'p2', 'p3'],
      }),
    ),
    {
      name: 'a route to the other VRF itself',
      setup: [...vrf(f, 'red', 0), ...vrf(f, 'blue', 1), route(`${f.network(1)} dev blue table 100`)],
      aims: [f.four ? 'ip4_neighbour:no-neighbour' : 'ip6_neighbour:no-neighbour'],
    },
    {
      name: 'a bridge that belongs to it',
      setup: [...red(f), ...bridge(f, ip('link set br0 master red'))],
      fast: ['p1', 'p2', 'p3'],
    },
    {
      name: 'a bridge that belongs to another one, with leaks',
      setup: [
        ...red(f),
        ...create('blue'),
        ...bridge(f, ip('link set br0 master blue')),
        ...[0, 1].map((port) => route(`${f.network(port)} dev p${port + 1} table 200`)),
        route(`${f.network(2)} dev br0 table 100`),
      ],
      frames: suspects,
      fast: ['p1', 'p2', 'p3'],
    },
    { name: 'a bridge joins', setup: [...red(f), ...bridge(f)], change: bridgeMoves(f, 'master red'), fast },
    {
      name: 'a bridge leaves',
      setup: [...red(f), ...bridge(f, ip('link set br0 master red'))],
      change: bridgeMoves(f, 'nomaster'),
      fast: ['p1', 'p2', 'p3'],
    },
    {
      name: 'somebody listens on it',
      setup: red(f),
      change: [step('capture', 'red')],
      aims: ['vrf:tapped'],
      fast,
    },
    { name: 'somebody listens to IP alone on it', setup: red(f), change: [step('capture', 'red ip')], fast },
    { name: 'it goes down', setup: red(f), change: [ip('link set red down')], fast },
    { name: 'it goes away', setup: red(f), change: [ip('link del red'), ...again(f, 0), ...again(f, 1)], fast },
    { name: 'a port leaves', setup: red(f), change: leave(f, 0), fast },
    { name: 'a port joins', setup: red(f), change: join(f, 'red', 2), fast },
    {
      name: 'a port goes to another one',
      setup: [...red(f), ...create('blue'), ...leak(f, 200, 1)],
      change: join(f, 'blue', 0),
      fast,
    },
    {
      name: 'the first one appears',
      change: [...red(f), ...leak(f, 100, 2)],
      aims: ['ip_receive:vrf'],
      fast,
    },
    {
      name: 'a chain for what comes through it',
      setup: red(f),
      change: [nft('inet', 'prerouting', 'iifname red drop')],
      aims: [f.four ? 'guard_ip4:netfilter' : 'guard_ip6:netfilter'],
      fast,
    },
    {
      name: 'a netdev chain on it',
      setup: red(f),
      change: [step('nft', 'table netdev late { chain c { type filter hook ingress device red priority 0; drop; }; }')],
      fast,
    },
    { name: 'a tc program on it', setup: red(f), change: [step('agent', 'tcx red ingress')], fast },
    {
      name: 'a qdisc on it',
      setup: red(f),
      change: [step('tc', 'qdisc add dev red root handle 7: pfifo limit 9')],
      fast,
    },
    {
      name: 'a qdisc on a port',
      setup: red(f),
      change: [step('tc', 'qdisc add dev p2 root handle 7: pfifo limit 900')],
      aims: ['ip_egress:qdisc@xdp', 'ip_egress:ingress-device@tc'],
      fast,
    },
    {
      name: 'a longer prefix',
      setup: [...red(f), ...leak(f, 100, 2)],
      change: [route(`${f.station(1)} via ${f.station(2)} dev p3 table 100`)],
      fast,
    },
    ...['blackhole', 'prohibit', 'unreachable', 'throw'].map(
      (type): RouterOddity => ({
        name: `a ${type} route`,
        setup: red(f),
        change: [route(`${type} ${f.station(1)} table 100`)],
        aims: refuses,
        fast,
      }),
    ),
    {
      name: 'an address of its own',
      setup: [...red(f), ip(`addr add ${f.four ? '10.9.9.9/32' : 'fd00:9::9/128 nodad'} dev red`)],
      frames: [from(0, f.four ? '10.9.9.9' : 'fd00:9::9')],
      aims: refuses,
      fast,
    },
    {
      name: 'errors and answers',
      setup: [...red(f), ip('link set p2 mtu 1400')],
      frames: [
        from(0, f.station(1), { hops: 1 }),
        from(0, f.own(0), { protocol: 1, payload: '0800f7ff00000000' }),
        from(0, f.own(1)),
        from(0, f.station(1), { payload: udp(1024, 9, '5a'.repeat(1440)) }),
        from(0, f.own(1), { protocol: 6, payload: tcp('10.1.0.10', '10.2.0.1', [1024, 80], 2, '') }),
      ],
      aims: route4('too-long'),
      fast,
    },
    {
      name: 'local addresses are looked for last',
      setup: [...red(f), f.rule('add pref 32765 table local'), f.rule('del pref 0')],
      frames: [from(0, f.own(0)), from(0, f.own(1))],
      fast,
    },
    {
      name: 'a rule about some packets',
      setup: red(f),
      change: [f.rule(`add from ${f.station(0)} prohibit pref 50`)],
      aims: ['ip_rules:selective'],
      fast,
    },
    {
      name: 'another table before it',
      setup: [
        ...red(f),
        f.rule('add pref 900 table 7'),
        route(`${f.station(1, 1)} via ${f.station(2)} dev p3 table 7`),
        ...leak(f, 100, 2),
      ],
      change: [f.rule('del pref 900')],
      fast: ['p1', 'p2'],
    },
    {
      name: 'several next hops',
      setup: [
        ...red(f),
        route(`${f.everything} table 100 nexthop via ${f.station(1)} dev p2 nexthop via ${f.station(2)} dev p3 onlink`),
      ],
      frames: Array.from({ length: 16 }, (_, n) => from(0, f.four ? `192.0.2.${n}` : `2001:db8::${n}`)),
      fast,
    },
    {
      name: 'a table with a great number',
      setup: [
        ip('link add red type vrf table 70000'),
        ip('link set red up'),
        ...[0, 1].flatMap((port) => join(f, 'red', port)),
      ],
      fast,
    },
  ];
  return all.map((one) => ({ ...one, name: `vrf${f.name}: ${one.name}` }));
}

/** Only for kernels that have VLAN devices, too. */
function vlans(f: Family): RouterOddity[] {
  const frames: Send[] = [
    { port: 0, bytes: tagged(f.packet(0, f.station(1)), 10) },
    { port: 0, bytes: tagged(f.packet(0, f.behind), 10) },
    { port: 1, bytes: f.packet(1, f.station(0)) },
    { port: 0, bytes: tagged(f.packet(0, f.station(2)), 10) },
  ];
  const some = { frames, hooks: ['tc'], fast: ['v1', 'p2'] } as const;
  const all: RouterOddity[] = [
    { name: 'a VLAN device', setup: vlan(f), ...some },
    {
      name: 'a VLAN device leaves',
      setup: vlan(f),
      change: [ip('link set v1 nomaster'), step('wait', '200'), ...again(f, 0, 'v1')],
      ...some,
    },
    {
      name: 'a VLAN device goes to another one',
      setup: [...vlan(f), ...create('blue'), ...leak(f, 200, 1, 2)],
      change: [ip('link set v1 master blue'), step('wait', '200'), ...again(f, 0, 'v1')],
      ...some,
    },
    {
      name: 'the port below a VLAN device joins',
      setup: vlan(f),
      change: [ip('link set p1 master red'), step('wait', '200'), ...again(f, 0, 'v1')],
      ...some,
    },
  ];
  return all.map((one) => ({ ...one, name: `vrf${f.name}: ${one.name}` }));
}

export const vrfOddities = vrfs(four);
export const vrf6Oddities = vrfs(six);
export const vrfVlanOddities = vlans(four);
export const vrf6VlanOddities = vlans(six);
