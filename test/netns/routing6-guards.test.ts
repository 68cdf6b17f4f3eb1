// SPDX-License-Identifier: Apache-2.0
// As routing-guards.test.ts, for IPv6 on a router of both families: with the controller killed, or never there, every change
// that forbids, diverts or alters routed packets of IPv6 acts on the very next one. What both families share is looked at there.

import t, { type Test } from 'tap';
import type { Hook } from '../../src/model/ruleset.js';
import { mac } from '../support/lab/frame.js';
import { holds, leaksWithout } from '../support/lab/guard-proofs.js';
import { neighbourMac, RouterBed, transit6, transitNeighbour6, transitRoute6 } from '../support/lab/router-bed.js';
import { type Guard, Unwatched, type UnwatchedOptions } from '../support/lab/unwatched.js';

t.setTimeout(1_500_000);

const trials = 10;
const everywhere: readonly (readonly [Hook, 'tap' | 'veth'])[] = [
  ['xdp', 'tap'],
  ['tc', 'veth'],
];
const elsewhere = '02:00:5e:50:03:01';
const again = [transitRoute6, transitNeighbour6];

function routes(): readonly Guard[] {
  const route = (
    name: string,
    fate: Guard['fate'],
    change: string,
    undo: readonly string[] = [transitRoute6],
  ): Guard => ({
    ...{ name, fate, change, undo },
  });
  return [
    route('ip -6 route del', 'dropped', 'ip -6 route del fd00:9::/32'),
    route('ip -6 route replace, other next hop', 'moved', 'ip -6 route replace fd00:9::/32 via fd00:3::2'),
    route('ip -6 route replace blackhole', 'dropped', 'ip -6 route replace blackhole fd00:9::/32', [
      'ip -6 route del blackhole fd00:9::/32',
      transitRoute6,
    ]),
    route('ip -6 route replace … mtu', 'dropped', 'ip -6 route replace fd00:9::/32 via fd00:2::2 mtu 1280'),
    // where the frames are numbered, their destinations differ: behind the first 32 bits
    route('ip -6 route add, a longer prefix', 'moved', 'ip -6 route add fd00:9::/33 via fd00:3::2', [
      'ip -6 route del fd00:9::/33',
    ]),
    route(
      'ip -6 route add local: the destination is the host itself',
      'dropped',
      'ip -6 route add local fd00:9::/33 dev p3',
      ['ip -6 route del local fd00:9::/33'],
    ),
    route('ip -6 route add from, by source', 'dropped', 'ip -6 route add blackhole fd00:9::/32 from 2001:db8::/32', [
      'ip -6 route del blackhole fd00:9::/32 from 2001:db8::/32',
    ]),
    route('ip -6 route add, in the local table', 'moved', 'ip -6 route add fd00:9::/32 via fd00:3::2 table local', [
      'ip -6 route del fd00:9::/32 table local',
    ]),
    route('ip -6 route add, a lower metric', 'moved', 'ip -6 route add fd00:9::/32 via fd00:3::2 metric 1', [
      'ip -6 route del fd00:9::/32 metric 1',
    ]),
    {
      name: 'ip nexthop replace, other next hop',
      fate: 'moved',
      before: ['ip nexthop add id 7 via fd00:2::2 dev p2', 'ip -6 route replace fd00:9::/32 nhid 7'],
      change: 'ip nexthop replace id 7 via fd00:3::2 dev p3',
      undo: ['ip nexthop replace id 7 via fd00:2::2 dev p2'],
      after: ['ip nexthop del id 7', transitRoute6],
    },
    {
      name: 'ip -6 route add',
      fate: 'forwarded',
      first: ['ip -6 route del fd00:9::/32'],
      change: 'ip -6 route add fd00:9::/32 via fd00:2::2',
    },
  ];
}

/** The frames are flows of their own, since their numbers are in their destinations: to which next hops they are spread is for all of them. */
function severalNextHops(): readonly Guard[] {
  const over = (n: number): string =>
    `ip -6 route replace fd00:9::/32 nexthop via fd00:${n}::2 dev p${n} nexthop via fd00:${n}::3 dev p${n} weight 3`;
  const neighbours = [2, 3].map(
    (n) => `ip neigh replace fd00:${n}::3 lladdr ${neighbourMac(n)} dev p${n} nud permanent`,
  );
  return [
    {
      name: 'several next hops: ip -6 route replace',
      fate: 'moved',
      before: [...neighbours, over(2)],
      change: over(3),
      undo: [over(2)],
      after: ['ip -6 route del fd00:9::/32', transitRoute6],
    },
    ...(
      [
        ['group replaced', 'ip nexthop replace id 9 group 8'],
        ['member replaced', 'ip nexthop replace id 7 via fd00:3::2 dev p3'],
      ] as const
    ).map(
      ([name, change]): Guard => ({
        name: `a group of next hops: ${name}`,
        fate: 'moved',
        before: [
          'ip nexthop add id 7 via fd00:2::2 dev p2',
          'ip nexthop add id 8 via fd00:3::2 dev p3',
          'ip nexthop add id 9 group 7',
          'ip -6 route replace fd00:9::/32 nhid 9',
        ],
        change,
        undo: ['ip nexthop replace id 7 via fd00:2::2 dev p2', 'ip nexthop replace id 9 group 7'],
        after: [...[9, 8, 7].map((id) => `ip nexthop del id ${id}`), transitRoute6],
      }),
    ),
  ];
}

function neighboursAndDevices(): readonly Guard[] {
  const setting = (path: string, value: number, back: number, more: readonly string[] = []): Guard => ({
    ...{ name: `sysctl ${path} ${value}`, fate: 'dropped', change: `sysctl net/ipv6/conf/${path} ${value}` },
    undo: [`sysctl -qw net/ipv6/conf/${path}=${back}`, ...more],
  });
  return [
    {
      name: 'ip neigh replace, other address',
      fate: 'forwarded',
      match: [0, mac(elsewhere)],
      change: `ip neigh replace fd00:2::2 lladdr ${elsewhere} dev p2 nud permanent`,
      undo: [transitNeighbour6],
    },
    { name: 'ip neigh del', fate: 'dropped', change: 'ip neigh del fd00:2::2 dev p2', undo: [transitNeighbour6] },
    setting('all/forwarding', 0, 1),
    setting('p1/disable_ipv6', 1, 0, ['ip addr add fd00:1::1/64 dev p1 nodad']),
    setting('p2/disable_ipv6', 1, 0, ['ip addr add fd00:2::1/64 dev p2 nodad', ...again]),
    setting('p2/mtu', 1280, 1500),
    { name: 'ip link set down, ingress', fate: 'dropped', change: 'ip link set p1 down', undo: ['ip link set p1 up'] },
    {
      name: 'ip link set down, egress',
      fate: 'dropped',
      change: 'ip link set p2 down',
      undo: ['ip link set p2 up', ...again],
    },
    {
      name: 'ip link set mtu, egress',
      fate: 'dropped',
      change: 'ip link set p2 mtu 1280',
      undo: ['ip link set p2 mtu 1500'],
    },
  ];
}

function firewalls(): readonly Guard[] {
  const table = (family: string, hook: string): Guard => ({
    name: `nft add table, chain (${family}, ${hook}, policy drop)`,
    fate: 'dropped',
    change: `nft add table ${family} t ; add chain ${family} t c { type filter hook ${hook} priority 0 ; policy drop ; }`,
    undo: [`nft delete table ${family} t`],
  });
  const policy = (direction: string): Guard => ({
    name: `ip xfrm policy add dir ${direction} action block`,
    fate: 'dropped',
    change: `ip xfrm policy add src ::/0 dst fd00:9::/32 dir ${direction} action block`,
    undo: [`ip xfrm policy delete src ::/0 dst fd00:9::/32 dir ${direction}`],
  });
  return [
    table('ip6', 'forward'),
    table('ip6', 'prerouting'),
    table('ip6', 'postrouting'),
    table('inet', 'forward'),
    {
      name: 'nft add table, chain (ip, forward, policy drop), which is not about IPv6',
      fate: 'forwarded',
      change: 'nft add table ip t ; add chain ip t c { type filter hook forward priority 0 ; policy drop ; }',
      undo: ['nft delete table ip t'],
    },
    policy('fwd'),
    policy('out'),
  ];
}

const guards = [...routes(), ...severalNextHops(), ...neighboursAndDevices(), ...firewalls()];

async function unwatched(
  t: Test,
  hook: Hook,
  kind: 'tap' | 'veth',
  options: Partial<UnwatchedOptions> = {},
): Promise<Unwatched<RouterBed>> {
  const bed = await RouterBed.make(t, { kind, ports: 3, ip6: true });
  return Unwatched.make(t, bed, { hook, stream: transit6(), ...options });
}

for (const [hook, kind] of everywhere) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const host = await unwatched(t, hook, kind);
    for (const guard of guards) await holds(t, host, guard, trials);
  });
}

// A namespace never forgets that it had a rule, and its packets stay slow: only the first one finds them fast.
for (const [hook, kind] of everywhere) {
  await t.test(`ip -6 rule, no controller, ${hook} on ${kind}`, async (t) => {
    const host = await unwatched(t, hook, kind, { once: true });
    const rule: Guard = {
      name: 'ip -6 rule add … blackhole',
      fate: 'dropped',
      change: 'ip -6 rule add to fd00:9::/32 blackhole',
      undo: ['ip -6 rule del to fd00:9::/32 blackhole'],
    };
    await holds(t, host, rule, 1);
    await holds(t, host, { ...rule, slow: true }, trials);
  });
}

t.test('without some checks', async (t) => {
  const needed = {
    'guard_ip6:netfilter': 'nft add table, chain (ip6, forward, policy drop)',
    'guard_ip6:xfrm': 'ip xfrm policy add dir fwd action block',
    'ip6_route:not-forwarding': 'sysctl all/forwarding 0',
    'ip6_route:too-long': 'ip -6 route replace … mtu',
    'ip6_route:disabled': 'sysctl p1/disable_ipv6 1',
  };
  await leaksWithout(t, needed, guards, (library) => unwatched(t, 'xdp', 'tap', { arguments: ['--library', library] }));
});
