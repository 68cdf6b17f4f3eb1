// SPDX-License-Identifier: Apache-2.0
// As netns/routing-guards.test.ts, for a VRF: with the controller killed, under load, every change that forbids, diverts or observes what is routed
// in the VRF acts on the very next packet. Packets come in by p1 and leave by p2; p3 belongs to the same VRF.

import type { Test } from 'tap';
import type { Hook } from '../../../src/model/ruleset.js';
import { change, holds } from './guard-proofs.js';
import { neighbourMac, RouterBed, transit, transitNeighbour } from './router-bed.js';
import { tna } from './tna.js';
import { type Guard, Unwatched } from './unwatched.js';

const trials = 3;
const route = 'ip route replace 10.9.0.0/16 via 10.0.2.2 dev p2 table 100';
const overC = '10.9.0.0/16 via 10.0.3.2 dev p3';
const neighbourOf3 = `ip neigh replace 10.0.3.2 lladdr ${neighbourMac(3)} dev p3 nud permanent`;

const guards: readonly Guard[] = [
  change('dropped', 'ip link set p1 nomaster', 'ip link set p1 master red'),
  change('dropped', 'ip link set p2 nomaster', 'ip link set p2 master red', route, transitNeighbour),
  {
    ...change('moved', 'ip link set p1 master blue', 'ip link set p1 master red'),
    before: ['ip link add blue type vrf table 200', 'ip link set blue up', `ip route add ${overC} onlink table 200`],
    after: ['ip link del blue'],
  },
  change(
    'dropped',
    'ip link del red',
    'ip link add red type vrf table 100',
    'ip link set red up',
    ...[1, 2, 3].map((n) => `ip link set p${n} master red`),
    route,
    transitNeighbour,
    neighbourOf3,
  ),
  change('moved', `ip route replace ${overC} table 100`, route),
  change('dropped', 'ip route add unreachable 10.9.0.1/32 table 100', 'ip route del 10.9.0.1/32 table 100'),
  change('dropped', 'ip rule del pref 1000', 'ip rule add pref 1000 l3mdev'),
  change('dropped', 'ip rule add pref 10 to 10.9.0.0/16 blackhole', 'ip rule del pref 10'),
  {
    ...change('moved', 'ip rule add pref 10 table 7', 'ip rule del pref 10'),
    before: [`ip route add ${overC} onlink table 7`],
    after: ['ip route flush table 7'],
  },
  change('dropped', 'sysctl net/ipv4/conf/p1/rp_filter 1', 'sysctl -qw net/ipv4/conf/p1/rp_filter=0'),
  change('dropped', 'sysctl net/ipv4/conf/p1/forwarding 0', 'sysctl -qw net/ipv4/conf/p1/forwarding=1'),
  change(
    'dropped',
    'nft add table ip t ; add chain ip t c { type filter hook prerouting priority 0 ; } ; add rule ip t c iifname red drop',
    'nft delete table ip t',
  ),
  { name: 'packet socket on red', fate: 'tapped', change: 'packet red' },
  change('dropped', 'tc qdisc replace dev p2 root handle 1: pfifo limit 0', 'tc qdisc del dev p2 root'),
];

export async function vrfGuardsHold(t: Test, kind: 'tap' | 'veth', hook: Hook): Promise<void> {
  const bed = await RouterBed.make(t, { kind, ports: 3, vrf: true });
  const host = await Unwatched.make(t, bed, { hook, stream: transit() });
  for (const guard of guards) await holds(t, host, guard, trials);
  const { code } = await tna('plan', '--netns', host.bed.netns, '--hook', hook, '--detailed-exitcode');
  t.equal(code, 0, 'a controller that comes back finds nothing to do');
}
