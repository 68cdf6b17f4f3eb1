// SPDX-License-Identifier: Apache-2.0
// The cases of IPv4 routes with several next hops.

import { dissectsFlows } from '../support/lab/flow-dissector.js';
import { ip } from '../support/lab/netns.js';
import { type Bench, type Case, countingGroup, python, route, routed, thirdPort, viaB } from './routing-case.js';

const bothViaB = `nexthop ${viaB} nexthop ${viaB} weight 3`;

const byPorts: Pick<Case, 'set' | 'unset' | 'packet'> = {
  ...route(bothViaB, 'sysctl net/ipv4/fib_multipath_hash_policy 1'),
  unset: ['sysctl net/ipv4/fib_multipath_hash_policy 0', 'ip route flush root 10.60.0.0/15'],
};

/** By a policy, and what it takes for 3. */
const by = (policy: number, fields = 55): Pick<Case, 'set' | 'unset' | 'packet'> => ({
  ...byPorts,
  set: [
    ...(byPorts.set ?? []),
    `sysctl net/ipv4/fib_multipath_hash_policy ${policy}`,
    `sysctl net/ipv4/fib_multipath_hash_fields ${fields}`,
  ],
});

export const flowDissector = (b: Bench): Promise<() => Promise<void>> =>
  python(b.netns, `${dissectsFlows}\nimport sys\nprint(1, flush=True)\nsys.stdin.read()`);

/** Of either family. */
export function resilientCases(
  fpm: 'ip4_route' | 'ip6_route',
  via: string,
  over: (how: string, ...before: string[]) => Pick<Case, 'set' | 'unset' | 'packet' | 'frame'>,
): readonly Case[] {
  const group = (options = '', members = '6,3/7') =>
    over(
      'nhid 9',
      `ip nexthop replace id 6 ${via}`,
      `ip nexthop replace id 7 ${via}`,
      `ip nexthop replace id 9 group ${members} type resilient buckets 8 ${options}`,
    );
  const stale = `${fpm}:bucket-stale`;
  const later: Pick<Case, 'expect' | 'kinds' | 'first'> = { expect: stale, kinds: ['veth'], first: true };
  const params = { [`${fpm.toUpperCase()}_refresh`]: 1 };
  return [
    { name: 'a resilient group', expect: 'fast', first: true, ...group() },
    { name: 'a resilient group of one', expect: 'fast', first: true, ...group('', '7') },
    { name: 'a resilient group whose bucket was not used yet', expect: stale, ...group() },
    { name: 'a resilient group whose bucket was used a while ago', ...later, ...group(), params },
    { name: 'a resilient group whose buckets are idle at once', ...later, ...group('idle_timer 0') },
  ];
}

export const multipathCases: readonly Case[] = [
  { name: 'several next hops', expect: 'fast', ...route(bothViaB) },
  {
    name: 'several next hops, a ping',
    expect: 'fast',
    ...route(bothViaB),
    packet: { ...routed, protocol: 1, payload: '0800f7ff00000000' },
  },
  { name: 'several next hops, chosen by ports, too', expect: 'ip4_route:hash-policy', hooks: ['xdp'], ...byPorts },
  { name: 'several next hops, chosen by ports, too', expect: 'fast', hooks: ['tc'], ...byPorts },
  { name: 'several next hops, chosen by inner headers', expect: 'fast', ...by(2) },
  { name: 'several next hops, chosen by fields', expect: 'fast', ...by(3) },
  ...['03', '04', '05', '0b', '0c'].map(
    (type): Case => ({
      name: `several next hops, chosen by inner headers, ICMP error ${type}`,
      expect: 'fast',
      ...by(2),
      packet: { ...routed, protocol: 1, payload: `${type}00000000000000` },
    }),
  ),
  ...[4, 41, 47, 51, 137].flatMap((protocol): Case[] => {
    const packet = { ...routed, protocol, payload: '0000080045000000' };
    const expect = 'ip4_route:hash-protocol';
    return [
      { name: `several next hops, chosen by inner headers, protocol ${protocol}`, expect, ...by(2), packet },
      {
        name: `several next hops, chosen by fields of the outer header, protocol ${protocol}`,
        expect: protocol === 4 || protocol === 41 ? 'fast' : expect,
        ...by(3, 63),
        packet,
      },
      {
        name: `several next hops, chosen by fields of either header, protocol ${protocol}`,
        ...{ expect, ...by(3, 65), packet },
      },
    ];
  }),
  ...[2, 3].map(
    (policy): Case => ({
      name: `several next hops, policy ${policy} and a flow dissector`,
      expect: 'ip4_route:flow-dissector',
      ...by(policy),
      prepare: flowDissector,
    }),
  ),
  {
    name: 'several next hops, ports and a tunnel',
    expect: 'ip4_route:hash-protocol',
    hooks: ['tc'],
    ...byPorts,
    packet: { ...routed, protocol: 47, payload: '0000080045000000' },
  },
  {
    name: 'several next hops, ports and a fragment of a tunnel',
    expect: 'fast',
    hooks: ['tc'],
    ...byPorts,
    packet: { ...routed, protocol: 47, fragment: 0x2000, payload: '0000080045000000' },
  },
  {
    name: 'several next hops, nothing behind the header',
    expect: 'ip4_route:hash-short',
    ...by(2),
    packet: { ...routed, payload: '' },
  },
  {
    name: 'several next hops, ports and a flow dissector',
    expect: 'ip4_route:flow-dissector',
    hooks: ['tc'],
    ...byPorts,
    prepare: flowDissector,
  },
  {
    name: 'several next hops, addresses and a flow dissector',
    expect: 'fast',
    hooks: ['tc'],
    ...route(bothViaB),
    prepare: flowDissector,
  },
  ...['03', '04', '05', '0b', '0c'].map(
    (type): Case => ({
      name: `several next hops, ICMP error ${type}`,
      expect: 'ip4_route:icmp-error',
      ...route(bothViaB),
      packet: { ...routed, protocol: 1, payload: `${type}00000000000000` },
    }),
  ),
  {
    name: 'none of the first 16 next hops',
    expect: 'ip4_route:no-hop',
    packet: routed,
    prepare: async (b) => {
      const undo = await thirdPort(b);
      await ip(b.netns, `route add 10.60.0.0/16 ${'nexthop via 10.4.0.10 dev p4 '.repeat(16)} nexthop ${viaB}`);
      // dead ones count
      await ip(b.netns, 'link set p4 down');
      return async () => {
        await ip(b.netns, 'route flush root 10.60.0.0/15');
        await undo();
      };
    },
  },
  {
    name: 'past next hops that are dead',
    expect: 'fast',
    packet: routed,
    prepare: async (b) => {
      const undo = await thirdPort(b);
      await ip(b.netns, `route add 10.60.0.0/16 ${'nexthop via 10.4.0.10 dev p4 '.repeat(15)} nexthop ${viaB}`);
      await ip(b.netns, 'link set p4 down');
      return async () => {
        await ip(b.netns, 'route flush root 10.60.0.0/15');
        await undo();
      };
    },
  },
  {
    name: 'a group of next hop objects',
    expect: 'fast',
    first: true,
    ...route(
      'nhid 9',
      `ip nexthop replace id 6 ${viaB}`,
      `ip nexthop replace id 7 ${viaB}`,
      'ip nexthop replace id 9 group 6,3/7',
    ),
  },
  ...resilientCases('ip4_route', viaB, route),
  {
    name: 'a group that counts',
    expect: 'ip4_route:statistics',
    ...route('nhid 9', `ip nexthop replace id 7 ${viaB}`, 'ip nexthop replace id 9 group 7'),
    prepare: countingGroup,
  },
  {
    name: 'a group without a gateway',
    expect: 'ip4_route:no-gateway',
    ...route('nhid 9', 'ip nexthop replace id 7 dev p2', 'ip nexthop replace id 9 group 7'),
  },
];
