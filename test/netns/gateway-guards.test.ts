// SPDX-License-Identifier: Apache-2.0
// As routing-guards.test.ts, for bridges with an address: with the controller killed, under load, every change that forbids, diverts or observes
// what is routed from bridge to bridge acts on the very next packet. br1 (port p1) is where packets come from, br2 (p2, p3) where they go.

import t, { type Test } from 'tap';
import type { Hook } from '../../src/model/ruleset.js';
import { change, holds, leaksWithout } from '../support/lab/guard-proofs.js';
import { bridge } from '../support/lab/netns.js';
import { neighbourMac, RouterBed, transit, transitRoute } from '../support/lab/router-bed.js';
import { tna } from '../support/lab/tna.js';
import { type Guard, pinPrograms, Unwatched, type UnwatchedOptions } from '../support/lab/unwatched.js';

t.setTimeout(1_500_000);

const trials = 10;
const elsewhere = '02:00:5e:50:03:01';
const neighbour = `ip neigh replace 10.0.2.2 lladdr ${neighbourMac(2)} dev br2 nud permanent`;
const entry = `bridge fdb replace ${neighbourMac(2)} dev p2 master static`;
const again = [transitRoute, neighbour];

const programs = await pinPrograms(t);

function chain(family: string, hook: string, device = ''): Guard {
  return {
    name: `nft chain (${family}, ${hook}${device === '' ? '' : ` ${device}`}, policy drop)`,
    fate: 'dropped',
    change: `nft add table ${family} t ; add chain ${family} t c { type filter hook ${hook}${device === '' ? '' : ` device ${device}`} priority 0 ; policy drop ; }`,
    undo: [`nft delete table ${family} t`],
  };
}

function filter(direction: string, device: string): Guard {
  return {
    name: `tc filter add, ${direction} of ${device}`,
    fate: 'dropped',
    before: [`tc qdisc add dev ${device} clsact`],
    change: `tc filter add dev ${device} ${direction} bpf direct-action object-pinned ${programs.tc}`,
    undo: [`tc filter del dev ${device} ${direction}`],
    after: [`tc qdisc del dev ${device} clsact`],
  };
}

function setting(path: string, value: number, back: number): Guard {
  return {
    name: `sysctl ${path} ${value}`,
    fate: 'dropped',
    change: `sysctl net/ipv4/${path} ${value}`,
    undo: [`sysctl -qw net/ipv4/${path}=${back}`],
  };
}

const onTheWayUp: readonly Guard[] = [
  chain('bridge', 'prerouting'),
  chain('bridge', 'input'),
  chain('netdev', 'ingress', 'br1'),
  filter('ingress', 'br1'),
  { name: 'tcx program, ingress of br1', fate: 'dropped', change: 'tcx br1 ingress' },
  change('dropped', `ip link set br1 xdpgeneric pinned ${programs.xdp}`, 'ip link set br1 xdpgeneric off'),
  { name: 'packet socket on br1', fate: 'tapped', change: 'packet br1' },
  { name: 'packet socket for IPv4 alone on br1', fate: 'tapped', change: 'packet4 br1' },
  { name: 'packet socket on all devices', fate: 'tapped four times', change: 'packet any' },
  setting('conf/br1/forwarding', 0, 1),
  setting('conf/br1/rp_filter', 1, 0),
  change('dropped', `ip link set br1 address ${elsewhere}`, 'ip link set br1 address 02:00:5e:50:01:01'),
  change('dropped', 'ip link set p1 nomaster', 'ip link set p1 master br1'),
  change('dropped', 'bridge link set dev p1 state 0', 'bridge link set dev p1 state 3'),
  change('dropped', 'ip link set br1 down', 'ip link set br1 up'),
  change('dropped', 'ip addr add 10.9.0.1/32 dev br1', 'ip addr del 10.9.0.1/32 dev br1'),
  chain('ip', 'forward'),
];

const onTheWayDown: readonly Guard[] = [
  change('moved', `bridge fdb replace ${neighbourMac(2)} dev p3 master static`, entry),
  change('flooded', `bridge fdb del ${neighbourMac(2)} dev p2 master`, entry),
  change('moved', 'ip link set p2 nomaster', 'ip link set p2 master br2', entry),
  change('dropped', 'bridge link set dev p2 state 1', 'bridge link set dev p2 state 3'),
  change('dropped', 'ip link set p2 down', 'ip link set p2 up'),
  change('dropped', 'ip link set br2 down', 'ip link set br2 up', ...again),
  chain('bridge', 'output'),
  chain('bridge', 'postrouting'),
  chain('netdev', 'egress', 'br2'),
  filter('egress', 'br2'),
  { name: 'tcx program, egress of br2', fate: 'dropped', change: 'tcx br2 egress' },
  change('dropped', 'tc qdisc replace dev br2 root handle 1: pfifo limit 0', 'tc qdisc del dev br2 root'),
  { name: 'packet socket on br2', fate: 'tapped', change: 'packet br2' },
  change('dropped', 'ip route replace blackhole 10.9.0.0/16', transitRoute),
  change('dropped', 'ip addr del 10.0.2.1/24 dev br2', 'ip addr add 10.0.2.1/24 dev br2', ...again),
  change('dropped', 'ip neigh del 10.0.2.2 dev br2', neighbour),
  change('dropped', 'ip link set br2 mtu 150', 'ip link set br2 mtu 1500'),
  change('dropped', 'ip link set p2 mtu 150', 'ip link set p2 mtu 1500', 'ip link set br2 mtu 1500'),
];

async function unwatched(
  t: Test,
  hook: Hook,
  kind: 'tap' | 'veth',
  options: Partial<UnwatchedOptions> = {},
): Promise<Unwatched<RouterBed>> {
  const bed = await RouterBed.make(t, { kind, ports: 3, bridges: [[1], [2, 3]] });
  await bridge(bed.netns, `fdb add ${neighbourMac(2)} dev p2 master static`);
  return Unwatched.make(t, bed, { hook, stream: transit(), ...options });
}

for (const [hook, kind] of [
  ['xdp', 'tap'],
  ['tc', 'veth'],
] as const) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const host = await unwatched(t, hook, kind);
    for (const guard of [...onTheWayUp, ...onTheWayDown]) {
      await holds(t, host, guard, trials);
    }
    const { code } = await tna('plan', '--netns', host.bed.netns, '--hook', hook, '--detailed-exitcode');
    t.equal(code, 0, 'a controller that comes back finds nothing to do');
  });
}

t.test('without some checks', async (t) => {
  const needed = {
    'bridge_up:bridge-hook': 'nft chain (bridge, input, policy drop)',
    'bridge_up:tapped': 'packet socket on br1',
    'bridge_out:port-state': 'bridge link set dev p2 state 1',
    'bridge_out:qdisc': 'tc qdisc replace dev br2 root handle 1: pfifo limit 0',
  };
  await leaksWithout(t, needed, [...onTheWayUp, ...onTheWayDown], (library) =>
    unwatched(t, 'xdp', 'tap', { arguments: ['--library', library] }),
  );
});
