// SPDX-License-Identifier: Apache-2.0
// As guards.test.ts, for routing: with the controller killed, under load, every change of the configuration that
// forbids, diverts, alters or observes routed packets acts on the very next one.

import t, { type Test } from 'tap';
import type { Hook } from '../../src/model/ruleset.js';
import { mac } from '../support/lab/frame.js';
import { holds, leaksWithout } from '../support/lab/guard-proofs.js';
import { RouterBed, transit, transitNeighbour, transitRoute } from '../support/lab/router-bed.js';
import { tcpdumpSees, tcpdumps } from '../support/lab/tcpdump.js';
import { tna } from '../support/lab/tna.js';
import { type Guard, pinPrograms, Unwatched, type UnwatchedOptions } from '../support/lab/unwatched.js';

t.setTimeout(1_500_000);

/** What CI has time for; docs/routing.md tells of 50. */
const trials = Number(process.env.TNA_TEST_TRIALS ?? 15);
const everywhere: readonly (readonly [Hook, 'tap' | 'veth'])[] = [
  ['xdp', 'tap'],
  ['tc', 'veth'],
];
const onVeth: readonly (readonly [Hook, 'tap' | 'veth'])[] = [
  ['xdp', 'veth'],
  ['tc', 'veth'],
];
const elsewhere = '02:00:5e:50:03:01';
const again = [transitRoute, transitNeighbour];

const programs = await pinPrograms(t);

function routes(): readonly Guard[] {
  const route = (name: string, fate: Guard['fate'], change: string, undo = transitRoute): Guard => ({
    ...{ name, fate, change, undo: [undo] },
  });
  return [
    route('ip route del', 'dropped', 'ip route del 10.9.0.0/16'),
    route('ip route replace, other next hop', 'moved', 'ip route replace 10.9.0.0/16 via 10.0.3.2'),
    route('ip route replace blackhole', 'dropped', 'ip route replace blackhole 10.9.0.0/16'),
    route('ip route replace prohibit', 'dropped', 'ip route replace prohibit 10.9.0.0/16'),
    route('ip route replace … mtu', 'dropped', 'ip route replace 10.9.0.0/16 via 10.0.2.2 mtu 150'),
    route(
      'ip route add, a longer prefix',
      'moved',
      'ip route add 10.9.0.0/24 via 10.0.3.2',
      'ip route del 10.9.0.0/24 via 10.0.3.2',
    ),
    route(
      'ip route add throw, a longer prefix',
      'dropped',
      'ip route add throw 10.9.0.1/32',
      'ip route del throw 10.9.0.1/32',
    ),
    {
      name: 'ip nexthop replace, other next hop',
      fate: 'moved',
      before: ['ip nexthop add id 7 via 10.0.2.2 dev p2', 'ip route replace 10.9.0.0/16 nhid 7'],
      change: 'ip nexthop replace id 7 via 10.0.3.2 dev p3',
      undo: ['ip nexthop replace id 7 via 10.0.2.2 dev p2'],
      after: [transitRoute, 'ip nexthop del id 7'],
    },
    {
      name: 'ip nexthop replace blackhole',
      fate: 'dropped',
      // a blackhole is a next hop by the loopback device
      before: ['ip link set lo up', 'ip nexthop add id 7 via 10.0.2.2 dev p2', 'ip route replace 10.9.0.0/16 nhid 7'],
      change: 'ip nexthop replace id 7 blackhole',
      undo: ['ip nexthop replace id 7 via 10.0.2.2 dev p2'],
      after: [transitRoute, 'ip nexthop del id 7'],
    },
    route(
      'ip addr add: the destination is the host itself',
      'dropped',
      'ip addr add 10.9.0.1/32 dev p3',
      'ip addr del 10.9.0.1/32 dev p3',
    ),
    {
      name: 'ip addr del: the destination is the host no longer',
      fate: 'forwarded',
      first: ['ip addr add 10.9.0.1/32 dev p3'],
      change: 'ip addr del 10.9.0.1/32 dev p3',
    },
    {
      name: 'ip route add',
      fate: 'forwarded',
      first: ['ip route del 10.9.0.0/16'],
      change: 'ip route add 10.9.0.0/16 via 10.0.2.2',
    },
    route(
      'ip addr add: the source is the host itself',
      'dropped',
      'ip addr add 192.0.2.1/32 dev p3',
      'ip addr del 192.0.2.1/32 dev p3',
    ),
    {
      name: 'ip addr del: the last one of the egress',
      fate: 'dropped',
      change: 'ip addr del 10.0.2.1/24 dev p2',
      undo: ['ip addr add 10.0.2.1/24 dev p2', ...again],
    },
  ];
}

/** By this seed the packets leave by the first of two equal next hops, by 8 by the second; and by 9, if ports count, too. */
const seeded = ['sysctl -qw net/ipv4/fib_multipath_hash_seed=9'];
const seedless = ['sysctl -qw net/ipv4/fib_multipath_hash_seed=0'];

function severalNextHops(): readonly Guard[] {
  const [over2, over3] = ['nexthop via 10.0.2.2', 'nexthop via 10.0.3.2'];
  const both = `ip route replace 10.9.0.0/16 ${over2} ${over3}`;
  const moves = (name: string, change: string, undo: readonly string[] = [both]): Guard => ({
    ...{ name: `several next hops: ${name}`, fate: 'moved', change, undo },
    before: [...seeded, both],
    after: [transitRoute, ...seedless],
  });
  const setting = (path: string, value: number, back: number): Guard =>
    moves(`sysctl ${path} ${value}`, `sysctl net/ipv4/${path} ${value}`, [`sysctl -qw net/ipv4/${path}=${back}`]);
  const neighbour = 'ip neigh replace 10.0.2.2 dev p2 nud failed';
  return [
    moves('ip route replace, other weights', `ip route replace 10.9.0.0/16 ${over2} ${over3} weight 200`),
    moves('ip route replace, other order', `ip route replace 10.9.0.0/16 ${over3} ${over2}`),
    moves('ip link set down, one of the devices', 'ip link set p2 down', ['ip link set p2 up', transitNeighbour, both]),
    {
      ...moves('a neighbour fails and matters', neighbour, [transitNeighbour]),
      before: [...seeded, both, 'sysctl -qw net/ipv4/fib_multipath_use_neigh=1'],
      after: [transitRoute, ...seedless, 'sysctl -qw net/ipv4/fib_multipath_use_neigh=0'],
    },
    setting('fib_multipath_hash_seed', 8, 9),
    setting('fib_multipath_hash_policy', 1, 0),
    ...(
      [
        ['group replaced', 'ip nexthop replace id 9 group 8'],
        ['member replaced', 'ip nexthop replace id 7 via 10.0.3.2 dev p3'],
        ['a neighbour fails', neighbour],
      ] as const
    ).map(
      ([name, change]): Guard => ({
        name: `a group of next hops: ${name}`,
        fate: 'moved',
        before: [
          ...seeded,
          'ip nexthop add id 7 via 10.0.2.2 dev p2',
          'ip nexthop add id 8 via 10.0.3.2 dev p3',
          'ip nexthop add id 9 group 7/8',
          'ip route replace 10.9.0.0/16 nhid 9',
        ],
        change,
        undo: [transitNeighbour, 'ip nexthop replace id 7 via 10.0.2.2 dev p2', 'ip nexthop replace id 9 group 7/8'],
        after: [transitRoute, ...[9, 8, 7].map((id) => `ip nexthop del id ${id}`), ...seedless],
      }),
    ),
  ];
}

function neighboursAndDevices(): readonly Guard[] {
  const setting = (path: string, value: number, back: number, fate: Guard['fate'] = 'dropped'): Guard => ({
    ...{ name: `sysctl ${path} ${value}`, fate, change: `sysctl net/ipv4/${path} ${value}` },
    undo: [`sysctl -qw net/ipv4/${path}=${back}`],
  });
  return [
    {
      name: 'ip neigh replace, other address',
      fate: 'forwarded',
      match: [0, mac(elsewhere)],
      change: `ip neigh replace 10.0.2.2 lladdr ${elsewhere} dev p2 nud permanent`,
      undo: [transitNeighbour],
    },
    { name: 'ip neigh del', fate: 'dropped', change: 'ip neigh del 10.0.2.2 dev p2', undo: [transitNeighbour] },
    setting('ip_forward', 0, 1),
    setting('conf/p1/forwarding', 0, 1),
    setting('conf/all/rp_filter', 1, 0),
    setting('conf/p1/rp_filter', 1, 0),
    setting('conf/p1/rp_filter', 2, 0),
    {
      name: 'ip link set down, ingress',
      fate: 'dropped',
      change: 'ip link set p1 down',
      undo: ['ip link set p1 up'],
    },
    {
      name: 'ip link set down, egress',
      fate: 'dropped',
      change: 'ip link set p2 down',
      undo: ['ip link set p2 up', ...again],
    },
    {
      name: 'ip link set mtu, egress',
      fate: 'dropped',
      change: 'ip link set p2 mtu 150',
      undo: ['ip link set p2 mtu 1500'],
    },
    {
      name: 'ip link set address, ingress: not ours any more',
      fate: 'dropped',
      change: `ip link set p1 address ${elsewhere}`,
      undo: ['ip link set p1 address 02:00:5e:50:01:01'],
    },
    {
      // which takes its neighbours with it
      name: 'ip link set address, egress',
      fate: 'dropped',
      change: `ip link set p2 address ${elsewhere}`,
      undo: ['ip link set p2 address 02:00:5e:50:01:02', ...again],
    },
    {
      name: 'ip link set master, ingress: a bridge that does not route',
      fate: 'dropped',
      before: ['ip link add br0 up type bridge', 'sysctl -qw net/ipv4/conf/br0/forwarding=0'],
      change: 'ip link set p1 master br0',
      undo: ['ip link set p1 nomaster'],
      after: ['ip link del br0'],
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
  const device = (direction: string, port: string): Guard => ({
    name: `nft add chain netdev, ${direction}`,
    fate: 'dropped',
    before: ['nft add table netdev t'],
    change: `nft add chain netdev t c { type filter hook ${direction} device ${port} priority 0 ; policy drop ; }`,
    undo: ['nft delete chain netdev t c'],
    after: ['nft delete table netdev t'],
  });
  const policy = (direction: string): Guard => ({
    name: `ip xfrm policy add dir ${direction} action block`,
    fate: 'dropped',
    change: `ip xfrm policy add src 0.0.0.0/0 dst 10.9.0.0/16 dir ${direction} action block`,
    undo: [`ip xfrm policy delete src 0.0.0.0/0 dst 10.9.0.0/16 dir ${direction}`],
  });
  return [
    table('ip', 'forward'),
    table('ip', 'prerouting'),
    table('ip', 'postrouting'),
    table('inet', 'forward'),
    table('inet', 'prerouting'),
    {
      name: 'nft add rule ip … drop, chain exists',
      fate: 'dropped',
      slow: true,
      before: ['nft add table ip t ; add chain ip t c { type filter hook forward priority 0 ; }'],
      change: 'nft add rule ip t c ip daddr 10.9.0.1 drop',
      undo: ['nft flush chain ip t c'],
      after: ['nft delete table ip t'],
    },
    device('ingress', 'p1'),
    device('egress', 'p2'),
    policy('fwd'),
    policy('out'),
    {
      name: 'ip xfrm policy setdefault fwd block',
      fate: 'dropped',
      change: 'ip xfrm policy setdefault fwd block',
      undo: ['ip xfrm policy setdefault fwd accept'],
    },
  ];
}

function programsAndSockets(): readonly Guard[] {
  const filter = (direction: string, port: string): Guard => ({
    name: `tc filter add, ${direction}`,
    fate: 'dropped',
    before: [`tc qdisc add dev ${port} clsact`],
    change: `tc filter add dev ${port} ${direction} bpf direct-action object-pinned ${programs.tc}`,
    undo: [`tc filter del dev ${port} ${direction}`],
    after: [`tc qdisc del dev ${port} clsact`],
  });
  const peer = (mode: string): Guard => ({
    name: `XDP program on the peer of the egress, ${mode}`,
    fate: 'dropped',
    on: onVeth,
    far: true,
    change: `ip link set h2 ${mode} pinned ${programs.xdp}`,
    undo: [`ip link set h2 ${mode} off`],
  });
  return [
    filter('ingress', 'p1'),
    filter('egress', 'p2'),
    { name: 'tcx program, ingress', fate: 'dropped', change: 'tcx p1 ingress' },
    { name: 'tcx program, egress', fate: 'dropped', change: 'tcx p2 egress' },
    {
      name: 'tc qdisc replace, egress',
      fate: 'dropped',
      change: 'tc qdisc replace dev p2 root handle 1: pfifo limit 0',
      undo: ['tc qdisc del dev p2 root'],
    },
    { name: 'packet socket, ingress', fate: 'tapped', change: 'packet p1' },
    { name: 'packet socket for IPv4 alone, ingress', fate: 'tapped', change: 'packet4 p1' },
    { name: 'packet socket, egress', fate: 'tapped', change: 'packet p2' },
    { name: 'packet socket, all devices', fate: 'tapped twice', change: 'packet any' },
    peer('xdpdrv'),
    peer('xdpgeneric'),
  ];
}

const guards = [...routes(), ...severalNextHops(), ...neighboursAndDevices(), ...firewalls(), ...programsAndSockets()];

async function unwatched(
  t: Test,
  hook: Hook,
  kind: 'tap' | 'veth',
  options: Partial<UnwatchedOptions> = {},
): Promise<Unwatched<RouterBed>> {
  const bed = await RouterBed.make(t, { kind, ports: 3 });
  return Unwatched.make(t, bed, { hook, stream: transit(), ...options });
}

for (const [hook, kind] of [...everywhere, ['xdp', 'veth']] as const) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const host = await unwatched(t, hook, kind);
    for (const guard of guards) {
      if (!(guard.on ?? everywhere).some(([h, k]) => h === hook && k === kind)) continue;
      await holds(t, host, guard, trials);
    }
    const { code } = await tna('plan', '--netns', host.bed.netns, '--hook', hook, '--detailed-exitcode');
    t.equal(code, 0, 'a controller that comes back finds nothing to do');
  });
}

// A namespace never forgets that it had a rule, and its packets stay slow: only the first one finds them fast.
for (const [hook, kind] of everywhere) {
  await t.test(`ip rule, no controller, ${hook} on ${kind}`, async (t) => {
    const rule: Guard = {
      name: 'ip rule add … blackhole',
      fate: 'dropped',
      change: 'ip rule add to 10.9.0.0/16 blackhole',
      undo: ['ip rule del to 10.9.0.0/16 blackhole'],
    };
    for (let time = 0; time < 2; time += 1) {
      const host = await unwatched(t, hook, kind, { once: true });
      await holds(t, host, rule, 1);
      await holds(t, host, { ...rule, slow: true }, trials);
    }
  });
}

for (const [hook, kind] of everywhere) {
  await t.test(`tcpdump, ${hook} on ${kind}`, async (t) => {
    const host = await unwatched(t, hook, kind);
    for (const [device, times] of tcpdumps) {
      await host.flows();
      await tcpdumpSees(t, host.bed, device, times);
    }
  });
}

t.test('without some checks', async (t) => {
  const needed = {
    'guard_ip4:netfilter': 'nft add table, chain (ip, forward, policy drop)',
    'guard_ip4:xfrm': 'ip xfrm policy add dir fwd action block',
    'ip4_route:not-forwarding': 'sysctl conf/p1/forwarding 0',
    'ip4_route:too-long': 'ip route replace … mtu',
    'ip_egress:tapped': 'packet socket, egress',
  };
  await leaksWithout(t, needed, guards, (library) => unwatched(t, 'xdp', 'tap', { arguments: ['--library', library] }));
});
