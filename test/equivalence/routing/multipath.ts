// SPDX-License-Identifier: Apache-2.0
// Directed cases of routes with several next hops: hundreds of flows each, every one of which has to leave by the same device to the
// same station as with Linux alone. On the router of oddities.ts.

import type { Send } from '../../support/lab/agent.js';
import { dissectsFlows } from '../../support/lab/flow-dissector.js';
import { type Ipv4, ipv4, ipv6, ipv6Address, tcp, udp } from '../../support/lab/frame.js';
import type { Step } from '../configuration.js';
import { step } from '../oddity.js';
import { goesOn, hello, packet, type RouterOddity, station, stationMac } from './oddities.js';

const ip = (text: string): Step => step('ip', text);
const sysctl = (text: string): Step => step('sysctl', `net/ipv4/${text}`);

/** The stations behind p2 and p3 as next hops. */
const gateways = [
  ...[0, 1].map((n) => `via ${station(1, n)} dev p2`),
  ...[0, 1, 2].map((n) => `via ${station(2, n)} dev p3`),
];
const several = (weights: readonly number[]): string =>
  weights.map((weight, i) => `nexthop ${gateways[i]} weight ${weight}`).join(' ');

/** Receive packet steering for a device, in the namespace's own sysfs. */
export function rps(device: string): Step {
  const mount = "o=__import__('os').system;o('mount -t sysfs s /sys')";
  const text = `${mount};o('echo 1 >/sys/class/net/${device}/queues/rx-0/rps_cpus')`;
  return step('agent', `exec unshare -m python3 -c ${text.replaceAll(' ', '\\x20')}`);
}

/** The ports of all flows are found by a program, which finds none. */
export const dissector = `exec(${JSON.stringify(dissectsFlows).replaceAll(' ', '\\x20')});${goesOn}`;

/** A fifth station, which has been sent something before its turn comes. */
const fifth = ip(`neigh add ${station(2, 2)} lladdr ${stationMac(2, 2)} dev p3 nud permanent`);
const greetings: readonly Send[] = [...hello, ...twice({ port: 0, bytes: packet(0, station(2, 2)) })];

/** Routes to 172.20.0.0/16 and the following ones, with 2 to 5 next hops. */
const weights: readonly (readonly number[])[] = [
  [1, 3],
  [20, 1, 5],
  [1, 2, 3, 4],
  [7, 1, 200, 3, 30],
];
const routes = weights.map((some, i) => ip(`route add 172.${20 + i}.0.0/16 ${several(some)}`));

/** The same by next hop objects 1 to 5 in groups 11 to 14. */
const objects = gateways.map((gateway, i) => ip(`nexthop add id ${i + 1} ${gateway}`));
const group = (some: readonly number[]): string => some.map((weight, i) => `${i + 1},${weight}`).join('/');
const groups = weights.flatMap((some, i) => [
  ip(`nexthop add id ${11 + i} group ${group(some)}`),
  ip(`route add 172.${20 + i}.0.0/16 nhid ${11 + i}`),
]);

function twice(one: Send): Send[] {
  return [one, one];
}

/** Packets of that many flows from p1 to each of the networks. */
function flows(count: number, fields: (n: number) => Partial<Ipv4> = () => ({}), networks = weights.length): Send[] {
  return Array.from({ length: count }, (_, n) => {
    const source = `10.1.${(n * 7) % 256}.${((n * 13) % 254) + 1}`;
    const destination = `172.${20 + (n % networks)}.${(n * 31) % 256}.${((n * 5) % 254) + 1}`;
    return { port: 0, bytes: packet(0, destination, { source, ...fields(n) }) };
  });
}

/** A packet that a router or host on the way of the one inside has sent about it, and others of its protocol. */
function icmp(n: number): Partial<Ipv4> {
  const type = [3, 4, 5, 11, 12, 0, 8][n % 7] ?? 0;
  const inside = ipv4({
    ...{ source: `172.20.${n % 256}.9`, destination: `10.1.0.${((n * 3) % 254) + 1}`, protocol: 17 },
    payload: udp(1024, 9, ''),
  });
  const words = n % 5 === 0 ? inside.slice(0, 30) : inside;
  return { protocol: 1, payload: `${type.toString(16).padStart(2, '0')}00000000000000${words}` };
}

/** Of every kind of packet something. */
function anything(n: number): Partial<Ipv4> {
  const ports = [1024 + ((n * 17) % 5000), 9 + (n % 3)] as const;
  const [source, destination] = ['10.1.0.10', '172.20.0.1'];
  switch (n % 6) {
    case 0:
      return { payload: udp(ports[1], ports[0], '5a'.repeat(20)) };
    case 1:
      return { protocol: 6, payload: tcp(source, destination, [ports[0], ports[1]], 16, '5a') };
    case 2:
      return { fragment: 0x2000, payload: udp(ports[0], ports[1], '5a'.repeat(24)) };
    case 3:
      return { fragment: 0x00b9, payload: udp(ports[0], ports[1], '5a'.repeat(24)) };
    case 4:
      return {
        protocol: [47, 50, 51, 4, 132, 137][(n % 7) % 6] ?? 4,
        payload: udp(ports[0], ports[1], '5a'.repeat(24)),
      };
    default:
      return { protocol: 1, payload: `0800f7ff${(n % 65536).toString(16).padStart(4, '0')}0000` };
  }
}

/** Packets with others in them, by which Linux may choose. */
function tunnelled(n: number): Partial<Ipv4> {
  const words = udp(1024 + ((n * 17) % 5000), 9 + (n % 3), '5a'.repeat(20));
  const [source, destination] = [`10.7.${n % 256}.9`, `10.8.0.${((n * 3) % 254) + 1}`];
  const inner = ipv4({ source, destination, protocol: 17, payload: words });
  const inner6 = ipv6(ipv6Address(`fd00:7::${n + 1}`), ipv6Address('fd00:8::10'), 17, words);
  switch (n % 5) {
    case 0:
      return { protocol: 4, payload: inner };
    case 1:
      return { protocol: 41, payload: inner6 };
    case 2:
      return { protocol: 47, payload: `00000800${inner}` };
    case 3:
      return { protocol: 4, payload: inner, fragment: 0x2000 };
    default:
      return { protocol: [6, 33, 132, 136, 50, 115][n % 6] ?? 6, payload: words };
  }
}

/** Masks for fib_multipath_hash_fields: one field each, several, all of the outer header; 64 and more are inner ones. */
export const hashFields: readonly number[] = [1, 2, 4, 8, 16, 32, 48, 7, 55, 63, 64, 0x37 + 0x240, 0xfff];

/** Back from where the flows went. */
const answers: readonly Send[] = Array.from({ length: 60 }, (_, n) => ({
  port: 1 + (n % 2),
  bytes: packet(1 + (n % 2), `10.1.0.${10 + (n % 2)}`, { source: `172.${20 + (n % 4)}.${(n * 31) % 256}.7` }),
}));

/** The neighbour of one next hop goes, that of another fails. */
const neighboursLost: RouterOddity['script'] = [
  ...greetings,
  [ip(`neigh del ${station(1)} dev p2`), ip(`neigh replace ${station(2)} dev p3 nud failed`)],
  ...flows(240),
];

const withoutGateway: readonly Send[] = [1, 2, 3, 4].flatMap((n) =>
  [1, 2, 3].flatMap((m) => twice({ port: 0, bytes: packet(0, `172.20.0.${n}`, { source: `10.1.0.${m}0` }) })),
);

/** What differs between the families in the cases of resilient groups, which have next hop objects 1 and 2. */
interface Resilient {
  readonly setup: readonly Step[];
  readonly network: string;
  readonly greetings: readonly Send[];
  readonly flows: (count: number) => readonly Send[];
}

/** Resilient groups of either family: buckets that are used, that stay while they are, and that have just changed hands. */
export function resilientOddities(
  router: string,
  fpm: 'ip4_route' | 'ip6_route',
  { setup, network, greetings, flows }: Resilient,
): readonly RouterOddity[] {
  const resilient = (members: string, options = '') =>
    ip(`nexthop replace id 11 group ${members} type resilient buckets 16${options}`);
  const over = (members: string, options?: string) => [
    ...setup,
    resilient(members, options),
    ip(`route add ${network} nhid 11`),
  ];
  const aims = [`${fpm}:bucket-stale`];
  return [
    {
      name: `${router}: a resilient group`,
      setup: over('1/4,3/5'),
      script: [...greetings, ...flows(240)],
      ...{ fastFrames: 200, aims },
    },
    {
      name: `${router}: buckets of a resilient group in use stay where they are`,
      setup: over('1/2', ' idle_timer 2'),
      script: [
        ...greetings,
        ...Array.from(
          { length: 7 },
          (): NonNullable<RouterOddity['script']> => [...flows(48), [step('wait', '400')]],
        ).flat(),
        [resilient('1/2,9')],
        ...flows(48),
        [step('wait', '4000')],
        ...flows(48),
      ],
      ...{ fastFrames: 260, aims },
    },
    {
      name: `${router}: buckets of a resilient group that have just moved`,
      setup: over('1/2'),
      script: [...greetings, ...flows(12), [resilient('1/3,9')], ...flows(48), [resilient('1,9/2')], ...flows(48)],
      ...{ fastFrames: 60, aims },
    },
  ];
}

export const multipathOddities: readonly RouterOddity[] = [
  {
    name: 'router: two to five next hops',
    setup: [fifth, ...routes],
    script: [...greetings, ...flows(320)],
    fastFrames: 320,
  },
  {
    name: 'router: next hops by a seed',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_seed 7')],
    script: [
      ...greetings,
      ...flows(160),
      [sysctl('fib_multipath_hash_seed 4294967295')],
      ...flows(160),
      [sysctl('fib_multipath_hash_seed 0')],
      ...flows(160),
    ],
    fastFrames: 480,
  },
  {
    name: 'router: groups of next hop objects',
    setup: [fifth, ...objects, ...groups],
    script: [
      ...greetings,
      ...flows(320),
      [ip('nexthop replace id 14 group 5/4,9/1'), ip(`nexthop replace id 2 ${gateways[4]}`)],
      ...flows(160),
      [ip('nexthop del id 3')],
      ...flows(160),
    ],
    fastFrames: 610,
  },
  {
    name: 'router: weights and next hops change',
    setup: [fifth, ...routes],
    script: [
      ...greetings,
      ...flows(100),
      [
        ip(`route replace 172.20.0.0/16 ${several([9, 1])}`),
        ip(`route replace 172.21.0.0/16 ${several([1, 1, 1, 1, 1])}`),
      ],
      ...flows(160),
      [ip(`route del 172.22.0.0/16`), ip(`route add 172.22.0.0/15 ${several([3, 2])}`)],
      ...flows(160),
    ],
    fastFrames: 420,
  },
  {
    name: 'router: a device of several next hops goes down',
    setup: [fifth, ...routes],
    script: [...greetings, ...flows(100), [ip('link set p3 down')], ...flows(200)],
    fastFrames: 250,
  },
  ...[0, 1].map(
    (ignored): RouterOddity => ({
      name: `router: a device of several next hops loses its carrier, ${ignored ? 'ignored' : 'used'} then`,
      setup: [fifth, sysctl(`conf/all/ignore_routes_with_linkdown ${ignored}`), ...routes],
      script: [...greetings, ...flows(100), [ip('link set p3 carrier off'), step('wait', '1200')], ...flows(200)],
      kinds: ['tap'],
      fastFrames: 150,
      ...(ignored ? {} : { aims: ['ip4_route:dead'] }),
    }),
  ),
  ...[0, 1].map(
    (minded): RouterOddity => ({
      name: `router: neighbours of several next hops ${minded ? 'matter' : 'do not matter'}`,
      setup: [fifth, sysctl(`fib_multipath_use_neigh ${minded}`), ...routes],
      script: neighboursLost,
      fastFrames: 60,
      aims: ['ip4_neighbour:unconfirmed'],
    }),
  ),
  {
    name: 'router: neighbours of a group',
    setup: [fifth, ...objects, ...groups],
    script: neighboursLost,
    fastFrames: 60,
    aims: ['ip4_neighbour:unconfirmed'],
  },
  {
    // Linux looks for the neighbour of a gateway even where there is none, and passes over the next hop if it has failed.
    name: 'router: a group in which a next hop has no gateway',
    setup: [
      ...[1, 2, 3, 4].map((n) => ip(`neigh add 172.20.0.${n} lladdr ${stationMac(1)} dev p2 nud permanent`)),
      ip('nexthop add id 1 dev p2'),
      ip(`nexthop add id 2 via ${station(2)} dev p3`),
      ip('nexthop add id 11 group 1/2'),
      ip('route add 172.20.0.0/16 nhid 11'),
    ],
    script: [...hello, ...withoutGateway, [ip('neigh add 0.0.0.0 dev p2 nud failed')], ...withoutGateway],
    aims: ['ip4_route:no-gateway'],
  },
  {
    name: 'router: several next hops and ICMP',
    setup: [fifth, ...routes],
    script: [...greetings, ...flows(280, icmp)],
    fastFrames: 60,
    aims: ['ip4_route:icmp-error'],
  },
  {
    name: 'router: several next hops and any protocol',
    setup: [fifth, ...routes],
    script: [...greetings, ...flows(240, anything)],
    fastFrames: 240,
  },
  {
    // Behind XDP, RPS finds a hash by a secret of its own.
    name: 'router: several next hops by ports, at XDP',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 1'), rps('p1')],
    script: [...greetings, ...flows(120, anything)],
    hooks: ['xdp'],
    // RPS has packets wait for their turn, and on a tap nobody waits for them.
    kinds: ['veth'],
    aims: ['ip4_route:hash-policy'],
  },
  {
    name: 'router: several next hops by ports',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 1')],
    script: [
      ...greetings,
      ...flows(300, anything),
      [sysctl('fib_multipath_hash_seed 77')],
      ...flows(120, anything),
      [sysctl('fib_multipath_hash_policy 0')],
      ...flows(120, anything),
      [sysctl('fib_multipath_hash_policy 1')],
      ...flows(60, (n) => ({ protocol: 17, payload: udp(n, 9, '').slice(0, 4 * (n % 4)) })),
    ],
    hooks: ['tc'],
    fastFrames: 480,
    aims: ['ip4_route:hash-protocol', 'ip4_route:hash-short'],
  },
  {
    // Linux has found the hash, by a secret of its own, before any program runs.
    name: 'router: several next hops by ports, behind RPS',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 1'), rps('p1')],
    script: [...greetings, ...flows(240, anything)],
    hooks: ['tc'],
    kinds: ['veth'],
    fastFrames: 200,
  },
  ...[1, 2, 3].map(
    (policy): RouterOddity => ({
      name: `router: several next hops by hash policy ${policy}, as a BPF program dissects`,
      setup: [fifth, ...routes, sysctl(`fib_multipath_hash_policy ${policy}`)],
      script: [...greetings, ...flows(60), [step('agent', `exec python3 -c ${dissector}`)], ...flows(60)],
      hooks: policy === 1 ? ['tc'] : ['xdp', 'tc'],
      fastFrames: 60,
      aims: ['ip4_route:flow-dissector'],
    }),
  ),
  {
    name: 'router: several next hops by what is inside tunnels',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 2')],
    script: [
      ...greetings,
      ...flows(160, anything),
      ...flows(160, icmp),
      [sysctl('fib_multipath_hash_seed 77')],
      ...flows(200, tunnelled),
      ...flows(60, (n) => ({ protocol: 17, payload: udp(n, 9, '').slice(0, 4 * (n % 4)) })),
    ],
    fastFrames: 400,
    aims: ['ip4_route:hash-protocol', 'ip4_route:hash-short'],
  },
  {
    name: 'router: several next hops by fields',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 3')],
    script: [
      ...greetings,
      ...flows(120, anything),
      ...hashFields.flatMap(
        (fields): NonNullable<RouterOddity['script']> => [
          [sysctl(`fib_multipath_hash_fields ${fields}`)],
          ...flows(48, anything),
          ...flows(20, tunnelled),
          ...flows(14, icmp),
        ],
      ),
    ],
    fastFrames: 900,
    aims: ['ip4_route:hash-protocol'],
  },
  ...resilientOddities('router', 'ip4_route', {
    setup: [fifth, ...objects],
    network: '172.20.0.0/16',
    greetings,
    flows: (count) => flows(count, undefined, 1),
  }),
  {
    name: 'router: sources behind several next hops',
    setup: [
      fifth,
      sysctl('conf/all/rp_filter 1'),
      ...routes,
      ip(`route add 10.1.0.0/16 nexthop via ${station(0, 1)} dev p1`),
      ip(`route add 172.24.0.0/16 nexthop via ${station(0, 1)} dev p1 nexthop ${gateways[2]}`),
    ],
    script: [...greetings, ...answers, ...flows(120, (n) => ({ source: `172.${n % 3 === 0 ? 24 : 20}.0.${n}` }))],
    fastFrames: 60,
    aims: ['ip4_route:source-multipath'],
  },
];
