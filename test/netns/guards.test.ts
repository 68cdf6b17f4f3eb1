// SPDX-License-Identifier: Apache-2.0
// Never stale: with the controller killed, under load, every change of the configuration that forbids, diverts or
// observes frames acts on the very next one. Frames are numbered; what is begun after the command has returned counts.

import { probe } from 'bpf-loader-native';
import t, { type Test } from 'tap';
import type { Hook } from '../../src/model/ruleset.js';
import { Bed, frame, station } from '../support/lab/bed.js';
import { ethernet, ipv4, sized, udp } from '../support/lab/frame.js';
import { leaksWithout } from '../support/lab/guard-proofs.js';
import { tcpdumpSees, tcpdumps } from '../support/lab/tcpdump.js';
import { tna } from '../support/lab/tna.js';
import { type Guard, pinPrograms, Unwatched } from '../support/lab/unwatched.js';

t.setTimeout(1_500_000);

const trials = 50;
const A = station(1);
const B = station(2);
/** What the stream consists of: a real IPv4 packet, so that everything that filters IPv4 has something to drop. */
const packet = sized(
  ethernet(
    B,
    A,
    0x800,
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, payload: udp(7, 7, '00'.repeat(18)) }),
  ),
  60,
);

const everywhere: readonly (readonly [Hook, 'tap' | 'veth'])[] = [
  ['xdp', 'tap'],
  ['tc', 'veth'],
];

const programs = await pinPrograms(t);

function guards(): readonly Guard[] {
  const clsact = (port: string) => ({
    before: [`tc qdisc add dev ${port} clsact`],
    after: [`tc qdisc del dev ${port} clsact`],
  });
  return [
    {
      name: 'nft add table, chain (bridge, policy drop)',
      fate: 'dropped',
      change: 'nft add table bridge t ; add chain bridge t c { type filter hook forward priority 0 ; policy drop ; }',
      undo: ['nft delete table bridge t'],
    },
    {
      name: 'nft add rule bridge … drop, with its chain',
      fate: 'dropped',
      change:
        'nft add table bridge t ; add chain bridge t c { type filter hook prerouting priority 0 ; } ; add rule bridge t c ip protocol udp drop',
      undo: ['nft delete table bridge t'],
    },
    {
      name: 'nft add rule bridge … drop, chain exists',
      fate: 'dropped',
      slow: true,
      before: ['nft add table bridge t ; add chain bridge t c { type filter hook forward priority 0 ; }'],
      change: 'nft add rule bridge t c ip protocol udp drop',
      undo: ['nft flush chain bridge t c'],
      after: ['nft delete table bridge t'],
    },
    {
      name: 'nft add chain netdev, ingress',
      fate: 'dropped',
      before: ['nft add table netdev t'],
      change: 'nft add chain netdev t c { type filter hook ingress device p1 priority 0 ; policy drop ; }',
      undo: ['nft delete chain netdev t c'],
      after: ['nft delete table netdev t'],
    },
    {
      name: 'nft add chain netdev, egress',
      fate: 'dropped',
      before: ['nft add table netdev t'],
      change: 'nft add chain netdev t c { type filter hook egress device p2 priority 0 ; policy drop ; }',
      undo: ['nft delete chain netdev t c'],
      after: ['nft delete table netdev t'],
    },
    {
      name: 'tc filter add, ingress',
      fate: 'dropped',
      ...clsact('p1'),
      change: `tc filter add dev p1 ingress bpf direct-action object-pinned ${programs.tc}`,
      undo: ['tc filter del dev p1 ingress'],
    },
    {
      name: 'tc filter add, egress',
      fate: 'dropped',
      ...clsact('p2'),
      change: `tc filter add dev p2 egress bpf direct-action object-pinned ${programs.tc}`,
      undo: ['tc filter del dev p2 egress'],
    },
    { name: 'tcx program, ingress', fate: 'dropped', change: 'tcx p1 ingress' },
    { name: 'tcx program, egress', fate: 'dropped', change: 'tcx p2 egress' },
    {
      name: 'ip link set nomaster, ingress',
      fate: 'dropped',
      change: 'ip link set p1 nomaster',
      undo: ['ip link set p1 master br0'],
    },
    {
      name: 'ip link set nomaster, egress',
      fate: 'moved',
      change: 'ip link set p2 nomaster',
      undo: ['ip link set p2 master br0'],
    },
    {
      name: 'bridge link set state disabled, ingress',
      fate: 'dropped',
      change: 'bridge link set dev p1 state 0',
      undo: ['bridge link set dev p1 state 3'],
    },
    // Not `blocking`: without STP the kernel itself makes it forwarding again at once (br_port_state_selection).
    {
      name: 'bridge link set state listening, egress',
      fate: 'dropped',
      change: 'bridge link set dev p2 state 1',
      undo: ['bridge link set dev p2 state 3'],
    },
    {
      name: 'bridge link set isolated on, both',
      fate: 'dropped',
      before: ['bridge link set dev p1 isolated on'],
      change: 'bridge link set dev p2 isolated on',
      undo: ['bridge link set dev p2 isolated off'],
      after: ['bridge link set dev p1 isolated off'],
    },
    {
      name: 'ip link set down, ingress',
      fate: 'dropped',
      change: 'ip link set p1 down',
      undo: ['ip link set p1 up'],
    },
    {
      name: 'ip link set down, egress',
      fate: 'moved',
      change: 'ip link set p2 down',
      undo: ['ip link set p2 up'],
    },
    {
      name: 'bridge fdb replace: the host moves',
      fate: 'moved',
      change: `bridge fdb replace ${B} dev p3 master dynamic`,
      undo: [`bridge fdb replace ${B} dev p2 master dynamic`],
    },
    {
      name: 'bridge fdb del: nobody knows the host',
      fate: 'flooded',
      change: `bridge fdb del ${B} dev p2 master`,
    },
    { name: 'packet socket, ingress', fate: 'tapped', change: 'packet p1' },
    { name: 'packet socket, egress', fate: 'tapped', change: 'packet p2' },
    { name: 'packet socket, all devices', fate: 'tapped twice', change: 'packet any' },
    {
      name: 'sysctl bridge-nf-call-iptables 1',
      fate: 'dropped',
      before: ['nft add table ip t ; add chain ip t c { type filter hook forward priority 0 ; policy drop ; }'],
      change: 'sysctl net/bridge/bridge-nf-call-iptables 1',
      undo: ['sysctl -qw net.bridge.bridge-nf-call-iptables=0'],
      after: ['nft delete table ip t'],
      needs: 'btf:brnf_net.call_iptables',
    },
    {
      name: 'ip link set br0 type bridge nf_call_iptables 1',
      fate: 'dropped',
      before: ['nft add table ip t ; add chain ip t c { type filter hook forward priority 0 ; policy drop ; }'],
      change: 'ip link set br0 type bridge nf_call_iptables 1',
      undo: ['ip link set br0 type bridge nf_call_iptables 0'],
      after: ['nft delete table ip t'],
      needs: 'btf:brnf_net.call_iptables',
    },
    {
      name: 'tc qdisc replace, egress',
      fate: 'dropped',
      change: 'tc qdisc replace dev p2 root handle 1: pfifo limit 0',
      undo: ['tc qdisc del dev p2 root'],
    },
    {
      name: 'ip link set br0 type bridge vlan_filtering 1, no pvid',
      fate: 'dropped',
      change: 'ip link set br0 type bridge vlan_filtering 1',
      undo: ['ip link set br0 type bridge vlan_filtering 0'],
      needs: 'btf:net_bridge_port.vlgrp',
    },
    {
      name: 'XDP program on the peer of the egress',
      fate: 'dropped',
      on: [
        ['xdp', 'veth'],
        ['tc', 'veth'],
      ],
      far: true,
      change: `ip link set h2 xdpdrv pinned ${programs.xdp}`,
      undo: ['ip link set h2 xdpdrv off'],
    },
    {
      name: 'generic XDP program on the peer of the egress',
      fate: 'dropped',
      on: [
        ['xdp', 'veth'],
        ['tc', 'veth'],
      ],
      far: true,
      change: `ip link set h2 xdpgeneric pinned ${programs.xdp}`,
      undo: ['ip link set h2 xdpgeneric off'],
    },
  ];
}

/** A bridge of three ports that a daemon has accelerated, and that nobody watches any more. */
async function unwatched(
  t: Test,
  hook: Hook,
  kind: 'tap' | 'veth',
  options: readonly string[] = [],
): Promise<Unwatched<Bed>> {
  const filters = (await probe('btf:net_bridge_port.vlgrp')).answer === 'yes';
  const bed = await Bed.make(t, { kind, ports: 3, bridge: filters ? 'vlan_default_pvid 0' : '' });
  return Unwatched.make(t, bed, {
    hook,
    stream: packet,
    arguments: options,
    // Both stations make themselves known.
    prepare: async () => {
      await bed.agent.send([0, 1].map((port) => ({ port, bytes: frame(0, port + 1) })));
    },
  });
}

for (const [hook, kind] of [...everywhere, ['xdp', 'veth']] as const) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const host = await unwatched(t, hook, kind);
    for (const guard of guards()) {
      if (!(guard.on ?? everywhere).some(([h, k]) => h === hook && k === kind)) continue;
      if (guard.needs !== undefined && (await probe(guard.needs)).answer !== 'yes') continue;
      const started = performance.now();
      const figures = await host.run(guard, trials);
      const took = ((performance.now() - started) / 1000).toFixed(1);
      t.equal(
        figures.leaked,
        0,
        `${guard.name}: ${figures.leaked} of ${figures.frames} leaked, ${figures.trials} trials, ${took} s`,
      );
    }
    const { code } = await tna('plan', '--netns', host.bed.netns, '--hook', hook, '--detailed-exitcode');
    t.equal(code, 0, 'a controller that comes back finds nothing to do');
  });
}

// The packet socket above, as users open it.
for (const [hook, kind] of everywhere) {
  await t.test(`tcpdump, ${hook} on ${kind}`, async (t) => {
    const host = await unwatched(t, hook, kind);
    for (const [device, times] of tcpdumps) {
      await host.flows();
      await tcpdumpSees(t, host.bed, device, times);
    }
  });
}

// The proof proves something only if it fails without the guard.
for (const [id, hook, kind, name] of [
  ['guard_bridge_nf:bridge-hook#2', 'xdp', 'tap', 'nft add table, chain (bridge, policy drop)'],
  ['bridge_egress:egress-state', 'xdp', 'tap', 'bridge link set state listening, egress'],
] as const) {
  await t.test(`without ${id}`, async (t) => {
    await leaksWithout(t, { [id]: name }, guards(), (library) => unwatched(t, hook, kind, ['--library', library]));
  });
}
