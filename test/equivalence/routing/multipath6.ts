// SPDX-License-Identifier: Apache-2.0
// As multipath.ts, for IPv6, on the router of oddities6.ts.

import type { Send } from '../../support/lab/agent.js';
import { hex, ipv4, ipv6, ipv6Address, tcp, udp } from '../../support/lab/frame.js';
import type { Step } from '../configuration.js';
import { step } from '../oddity.js';
import { dissector, hashFields, resilientOddities, rps } from './multipath.js';
import { type RouterOddity, stationMac } from './oddities.js';
import { hello6, packet6, station6 } from './oddities6.js';

const ip = (text: string): Step => step('ip', text);
const sysctl = (text: string): Step => step('sysctl', `net/ipv6/${text}`);

const gateways = [
  ...[0, 1].map((n) => `via ${station6(1, n)} dev p2`),
  ...[0, 1, 2].map((n) => `via ${station6(2, n)} dev p3`),
];
const several = (weights: readonly number[]): string =>
  weights.map((weight, i) => `nexthop ${gateways[i]} weight ${weight}`).join(' ');
const fifth = ip(`neigh add ${station6(2, 2)} lladdr ${stationMac(2, 2)} dev p3 nud permanent`);
const greetings: readonly Send[] = [
  ...hello6,
  ...[0, 1].map((port): Send => ({ port, bytes: packet6(port, station6(2, 2)) })),
];

/** Routes to fd00:20::/32 and the following ones, with 2 to 5 next hops. */
const weights: readonly (readonly number[])[] = [
  [1, 3],
  [20, 1, 5],
  [1, 2, 3, 4],
  [7, 1, 200, 3, 30],
];
const routes = weights.map((some, i) => ip(`route add fd00:2${i}::/32 ${several(some)}`));
const objects = gateways.map((gateway, i) => ip(`nexthop add id ${i + 1} ${gateway}`));
const group = (some: readonly number[]): string => some.map((weight, i) => `${i + 1},${weight}`).join('/');
const groups = weights.flatMap((some, i) => [
  ip(`nexthop add id ${11 + i} group ${group(some)}`),
  ip(`route add fd00:2${i}::/32 nhid ${11 + i}`),
]);

type Fields = NonNullable<Parameters<typeof packet6>[2]>;

/** Packets of that many flows from p1 to each of the networks, with and without a flow label. */
function flows(count: number, fields: (n: number) => Fields = () => ({}), networks = weights.length): Send[] {
  return Array.from({ length: count }, (_, n) => {
    // Either address may be the greater one, by its first or by its last bytes.
    const source = `${n % 3 === 0 ? 'fd00:1' : n % 3 === 1 ? 'fd00:ff' : `fd00:2${n % networks}`}::${hex(n * 7 + 2, 2)}`;
    const destination = `fd00:2${n % networks}::${hex((n * 31) % 65536, 2)}`;
    const label = n % 2 === 0 ? '00000' : hex((n * 40503) % 0x100000, 4).slice(3);
    const bytes = packet6(0, destination, { source, ...fields(n) });
    return { port: 0, bytes: `${bytes.slice(0, 28)}60${(n % 4).toString(16)}${label}${bytes.slice(36)}` };
  });
}

/** ICMPv6: errors about other packets, whole and cut, and what is none. */
function icmp(n: number): Fields {
  const type = [1, 2, 3, 4, 128, 129, 0, 5][n % 8] ?? 0;
  const inside = ipv6(ipv6Address(`fd00:20::${n + 1}`), ipv6Address('fd00:1::10'), 17, udp(1024, 9, ''));
  return { next: 58, payload: `${hex(type, 1)}00000000000000${n % 5 === 0 ? inside.slice(0, 40) : inside}` };
}

function anything(n: number): Fields {
  const [source, destination] = ['10.1.0.10', '172.20.0.1'];
  switch (n % 4) {
    case 0:
      return { payload: udp(1024 + n, 9, '5a'.repeat(20)) };
    case 1:
      return { next: 6, payload: tcp(source, destination, [1024 + n, 80], 16, '5a') };
    case 2:
      return { next: [43, 44, 50, 51, 59, 60, 41, 47][n % 7] ?? 59, payload: `3b00${'00'.repeat(30)}` };
    default:
      return { next: 58, payload: '80000000000100015a5a' };
  }
}

/** Packets with others in them, or with headers before their ports, by which Linux may choose. */
function further(n: number): Fields {
  const words = udp(1024 + ((n * 17) % 5000), 9 + (n % 3), '5a'.repeat(20));
  const inner = ipv6(ipv6Address(`fd00:7::${n + 1}`), ipv6Address('fd00:8::10'), 17, words);
  const inner4 = ipv4({ source: `10.7.${n % 256}.9`, destination: '10.8.0.1', protocol: 17, payload: words });
  switch (n % 9) {
    case 0:
      return { next: 41, payload: inner };
    case 1:
      return { next: 4, payload: inner4 };
    case 2:
      return { next: 47, payload: `000086dd${inner}` };
    case 3:
      return { next: 60, payload: `1100010400000000${words}` };
    case 4:
      return { next: 43, payload: `1100040000000000${words}` };
    case 5:
      return { next: 44, payload: `11000001${hex(n, 4)}${words}` };
    default:
      return { next: [6, 33, 132, 136, 50, 115, 59][n % 7] ?? 6, payload: words };
  }
}

const withoutGateway: readonly Send[] = [1, 2, 3, 4].flatMap((n) =>
  [1, 2, 3].flatMap((m) => {
    const one: Send = { port: 0, bytes: packet6(0, `fd00:20::${n}`, { source: `fd00:1::${m}0` }) };
    return [one, one];
  }),
);

export const multipath6Oddities: readonly RouterOddity[] = [
  {
    name: 'router6: two to five next hops',
    setup: [fifth, ...routes],
    script: [...greetings, ...flows(320)],
    fastFrames: 310,
  },
  {
    name: 'router6: next hops by a seed, and any protocol',
    setup: [fifth, ...routes, step('sysctl', 'net/ipv4/fib_multipath_hash_seed 7')],
    script: [
      ...greetings,
      ...flows(160, anything),
      [step('sysctl', 'net/ipv4/fib_multipath_hash_seed 4294967295')],
      ...flows(160, anything),
    ],
    fastFrames: 310,
  },
  {
    name: 'router6: groups of next hop objects',
    setup: [fifth, ...objects, ...groups],
    script: [
      ...greetings,
      ...flows(200),
      [ip('nexthop replace id 14 group 5,4/1,9'), ip(`nexthop replace id 2 ${gateways[4]}`)],
      ...flows(160),
      [ip('nexthop del id 3')],
      ...flows(160),
    ],
    fastFrames: 500,
  },
  {
    name: 'router6: weights and next hops change',
    setup: [fifth, ...routes],
    script: [
      ...greetings,
      ...flows(100),
      [
        ip(`route replace fd00:20::/32 ${several([9, 1])}`),
        ip(`route replace fd00:21::/32 ${several([1, 1, 1, 1, 1])}`),
      ],
      ...flows(120),
      [ip(`route del fd00:22::/32 ${gateways[0]}`), ip(`route append fd00:20::/32 ${gateways[4]}`)],
      ...flows(120),
    ],
    fastFrames: 330,
  },
  {
    name: 'router6: a device of several next hops goes down',
    setup: [fifth, ...routes],
    script: [...greetings, ...flows(100), [ip('link set p3 down')], ...flows(160)],
    fastFrames: 150,
  },
  ...[0, 1].map(
    (ignored): RouterOddity => ({
      name: `router6: a device of several next hops loses its carrier, ${ignored ? 'ignored' : 'used'} then`,
      setup: [
        fifth,
        sysctl(`conf/all/ignore_routes_with_linkdown ${ignored}`),
        sysctl(`conf/p3/ignore_routes_with_linkdown ${ignored}`),
        ...routes,
      ],
      script: [...greetings, ...flows(100), [ip('link set p3 carrier off'), step('wait', '1200')], ...flows(160)],
      kinds: ['tap'],
      fastFrames: 100,
    }),
  ),
  {
    name: 'router6: neighbours of a group',
    setup: [fifth, ...objects, ...groups],
    // the first flows are for Linux to make its dsts of: it makes none of a next hop that it passes over
    script: [...greetings, ...flows(80), [ip(`neigh replace ${station6(2)} dev p3 nud failed`)], ...flows(160)],
    fastFrames: 100,
    aims: ['ip6_neighbour:unconfirmed'],
  },
  {
    // As with IPv4: the gateway that is none may have failed.
    name: 'router6: a group in which a next hop has no gateway',
    setup: [
      ...[1, 2, 3, 4].map((n) => ip(`neigh add fd00:20::${n} lladdr ${stationMac(1)} dev p2 nud permanent`)),
      step('agent', 'exec ip -6 nexthop add id 1 dev p2'),
      ip(`nexthop add id 2 via ${station6(2)} dev p3`),
      ip('nexthop add id 11 group 1/2'),
      ip('route add fd00:20::/32 nhid 11'),
    ],
    script: [...hello6, ...withoutGateway, [ip('neigh add :: dev p2 nud failed')], ...withoutGateway],
    aims: ['ip6_route:no-gateway'],
  },
  {
    name: 'router6: several next hops and ICMP',
    setup: [fifth, ...routes],
    script: [...greetings, ...flows(240, icmp)],
    fastFrames: 100,
    aims: ['ip6_route:icmp-error'],
  },
  {
    name: 'router6: several next hops by ports, at XDP',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 1'), rps('p1')],
    script: [...greetings, ...flows(120, anything)],
    hooks: ['xdp'],
    // RPS has packets wait for their turn, and on a tap nobody waits for them.
    kinds: ['veth'],
    aims: ['ip6_route:hash-policy'],
  },
  {
    name: 'router6: several next hops by ports',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 1')],
    script: [
      ...greetings,
      ...flows(240, anything),
      ...flows(80, icmp),
      [step('sysctl', 'net/ipv4/fib_multipath_hash_seed 77')],
      ...flows(240, further),
      [sysctl('fib_multipath_hash_policy 0')],
      ...flows(120, anything),
      [sysctl('fib_multipath_hash_policy 1')],
    ],
    hooks: ['tc'],
    fastFrames: 480,
    aims: ['ip6_route:hash-protocol'],
  },
  {
    name: 'router6: several next hops by ports, behind RPS',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 1'), rps('p1')],
    script: [...greetings, ...flows(240, anything)],
    hooks: ['tc'],
    kinds: ['veth'],
    fastFrames: 180,
  },
  ...[1, 2, 3].map(
    (policy): RouterOddity => ({
      name: `router6: several next hops by hash policy ${policy}, as a BPF program dissects`,
      setup: [fifth, ...routes, sysctl(`fib_multipath_hash_policy ${policy}`)],
      script: [...greetings, ...flows(60), [step('agent', `exec python3 -c ${dissector}`)], ...flows(60)],
      hooks: policy === 1 ? ['tc'] : ['xdp', 'tc'],
      fastFrames: 50,
      aims: ['ip6_route:flow-dissector'],
    }),
  ),
  {
    name: 'router6: several next hops by what is inside tunnels',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 2')],
    script: [
      ...greetings,
      ...flows(200, anything),
      ...flows(120, icmp),
      [step('sysctl', 'net/ipv4/fib_multipath_hash_seed 77')],
      ...flows(240, further),
    ],
    fastFrames: 320,
    aims: ['ip6_route:hash-protocol'],
  },
  {
    name: 'router6: several next hops by fields',
    setup: [fifth, ...routes, sysctl('fib_multipath_hash_policy 3')],
    script: [
      ...greetings,
      ...flows(120, anything),
      ...hashFields.flatMap(
        (fields): NonNullable<RouterOddity['script']> => [
          [sysctl(`fib_multipath_hash_fields ${fields}`)],
          ...flows(40, anything),
          ...flows(27, further),
          ...flows(16, icmp),
        ],
      ),
    ],
    fastFrames: 700,
    aims: ['ip6_route:hash-protocol'],
  },
  ...resilientOddities('router6', 'ip6_route', {
    setup: [fifth, ...objects],
    network: 'fd00:20::/32',
    greetings,
    flows: (count) => flows(count, undefined, 1),
  }),
  {
    name: 'router6: several next hops, one of which leads back',
    setup: [fifth, ip(`route add fd00:20::/32 ${several([1, 2])} nexthop via ${station6(0, 1)} dev p1`)],
    script: [...greetings, ...flows(120, undefined, 1)],
    aims: ['ip6_route:unequal'],
  },
];
