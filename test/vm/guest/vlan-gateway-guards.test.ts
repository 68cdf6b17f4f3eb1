// SPDX-License-Identifier: Apache-2.0
// As netns/gateway-guards.test.ts, for VLAN devices on bridges that filter VLANs: with the controller killed, under load, every change that
// forbids, diverts or observes what is routed from VLAN to VLAN acts on the very next packet. Packets come in by p1, an access port of br1
// (VLAN 10), and leave by p2, one of br2 (VLAN 20), of which p3 is another.

import t from 'tap';
import { change, holds } from '../../support/lab/guard-proofs.js';
import { bridge } from '../../support/lab/netns.js';
import { patience } from '../../support/lab/patience.js';
import { neighbourMac, RouterBed, transit, transitRoute } from '../../support/lab/router-bed.js';
import { tna } from '../../support/lab/tna.js';
import { type Guard, Unwatched } from '../../support/lab/unwatched.js';

t.setTimeout(600_000 * patience);

const trials = 3;
const entry = `bridge fdb replace ${neighbourMac(2)} dev p2 master static vlan 20`;
const again = [transitRoute, `ip neigh replace 10.0.2.2 lladdr ${neighbourMac(2)} dev br2.20 nud permanent`];

function chain(family: string, hook: string, device: string): Guard {
  return {
    name: `nft chain (${family}, ${hook} ${device}, policy drop)`,
    fate: 'dropped',
    change: `nft add table ${family} t ; add chain ${family} t c { type filter hook ${hook} device ${device} priority 0 ; policy drop ; }`,
    undo: [`nft delete table ${family} t`],
  };
}

const guards: readonly Guard[] = [
  change('dropped', 'bridge vlan del dev br1 vid 10 self', 'bridge vlan add dev br1 vid 10 self'),
  change('dropped', 'bridge vlan del dev br2 vid 20 self', 'bridge vlan add dev br2 vid 20 self', ...again),
  change('dropped', 'bridge vlan del dev p1 vid 10', 'bridge vlan add dev p1 vid 10 pvid untagged'),
  change('dropped', 'bridge vlan del dev p2 vid 20', 'bridge vlan add dev p2 vid 20 pvid untagged', entry),
  change('dropped', 'bridge vlan set dev br1 vid 10 state 4', 'bridge vlan set dev br1 vid 10 state 3'),
  change('dropped', 'bridge vlan set dev p2 vid 20 state 4', 'bridge vlan set dev p2 vid 20 state 3'),
  change('moved', `bridge fdb replace ${neighbourMac(2)} dev p3 master static vlan 20`, entry),
  change('dropped', 'ip link set br1.10 down', 'ip link set br1.10 up'),
  change('dropped', 'ip link set br2.20 down', 'ip link set br2.20 up', ...again),
  change(
    'dropped',
    'ip link del br1.10',
    'ip link add link br1 name br1.10 type vlan id 10',
    'ip link set br1.10 up',
    'ip addr add 10.0.1.1/24 dev br1.10',
  ),
  chain('netdev', 'ingress', 'br1.10'),
  chain('netdev', 'egress', 'br2.20'),
  { name: 'packet socket on br1.10', fate: 'tapped', change: 'packet br1.10' },
  { name: 'packet socket for IPv4 alone on br1', fate: 'tapped', change: 'packet4 br1' },
  { name: 'packet socket on br2.20', fate: 'tapped', change: 'packet br2.20' },
  { name: 'tcx program, ingress of br1.10', fate: 'dropped', change: 'tcx br1.10 ingress' },
  { name: 'tcx program, egress of br2.20', fate: 'dropped', change: 'tcx br2.20 egress' },
  change('dropped', 'tc qdisc replace dev br2.20 root handle 1: pfifo limit 0', 'tc qdisc del dev br2.20 root'),
];

for (const [hook, kind] of [
  ['xdp', 'tap'],
  ['tc', 'veth'],
] as const) {
  t.test(`${hook} on ${kind}`, async (t) => {
    const bed = await RouterBed.make(t, { kind, ports: 3, bridges: [[1], [2, 3]], vlans: [10, 20] });
    await bridge(bed.netns, `fdb add ${neighbourMac(2)} dev p2 master static vlan 20`);
    const host = await Unwatched.make(t, bed, { hook, stream: transit() });
    for (const guard of guards) await holds(t, host, guard, trials);
    const { stdout } = await tna('plan', '--netns', host.bed.netns, '--hook', hook, '-o', 'json');
    const { actions } = JSON.parse(stdout) as { readonly actions: readonly { readonly interface?: string }[] };
    // A VLAN device that was made anew has no program; what its predecessor has left goes.
    const made = hook === 'tc' ? ['br1.10'] : [];
    const concerned = new Set(actions.flatMap(({ interface: name }) => name ?? []));
    const present = [...concerned].filter((name) => !name.startsWith('ifindex '));
    t.same(present, made, 'a controller that comes back finds nothing else to do');
  });
}
