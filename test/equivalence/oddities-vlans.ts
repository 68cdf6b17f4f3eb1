// SPDX-License-Identifier: Apache-2.0
// Directed cases of bridges that filter VLANs: every kind of tag in and out, memberships and states that change.

import type { Send } from '../support/lab/agent.js';
import { tagged } from '../support/lab/frame.js';
import type { Step, VlanPlan } from './configuration.js';
import { around, bridgeOption, frame, mac, type Oddity, portFlag, staticEntry, step, stranger } from './oddity.js';

const C = 0x8100;
const S = 0x88a8;

/** p1 is an access port of VLAN 10 and has 20, p2 is a trunk, p3 an access port of 20 that has 10. */
function plan(protocol: number): VlanPlan {
  const [access, trunk] = ['pvid untagged', ''];
  const members = [
    [access, trunk],
    [trunk, trunk],
    [trunk, access],
  ].map(([ten = '', twenty = '']) => [
    { vid: 10, flags: ten },
    { vid: 20, flags: twenty },
  ]);
  return { protocol, vids: [10, 20], defaultPvid: 0, members };
}

const vlan = (text: string): Step => step('bridge', `vlan ${text}`);

/** The same frame untagged, and with every kind of one tag or two. */
function allTags(port: number, bytes: string): Send[] {
  const variants = [10, 20, 0, 0xa000, 0xb00a, 4095].flatMap((tci) =>
    [C, S].flatMap((protocol) =>
      [bytes, tagged(bytes, 20), tagged(bytes, 20, S)].map((inner) => tagged(inner, tci, protocol)),
    ),
  );
  return [bytes, ...variants].map((one) => ({ port, bytes: one }));
}

const fromAccess = allTags(0, frame(mac(1), mac(0)));
const fromTrunk = allTags(1, frame(mac(0), mac(1)));
const untagged: readonly Send[] = [{ port: 0, bytes: frame(mac(1), mac(0)) }];
const fast = ['p1'];

function oddity(name: string, more: Partial<Oddity>): Oddity {
  return { name: `VLANs: ${name}`, vlans: plan(C), ...more };
}

/** VLAN 10 changes on one port, in the middle of untagged frames that belong to it. */
function change(name: string, aim: string, steps: readonly Step[], frames = untagged): Oddity {
  return oddity(name, { change: steps, frames, aims: [aim], fast });
}

const unconditional = [
  oddity('from the access port', { frames: fromAccess, fast }),
  oddity('from the trunk', { frames: fromTrunk, fast: ['p2'] }),
  oddity('S bridge, from the access port', { vlans: plan(S), frames: fromAccess, fast }),
  oddity('S bridge, from the trunk', { vlans: plan(S), frames: fromTrunk, fast: ['p2'] }),
  oddity('two tags, of which the outer goes', {
    frames: fromTrunk,
    hooks: ['tc'],
    aims: ['bridge_vlan_egress:inner-tag'],
  }),
  oddity('the other protocol between access ports', {
    setup: [vlan('add dev p2 vid 10 pvid untagged')],
    frames: [...fromAccess, ...fromTrunk],
    hooks: ['tc'],
    aims: ['bridge_vlan_egress:other-tag'],
  }),
  oddity('access ports', {
    setup: [vlan('add dev p2 vid 10 pvid untagged')],
    frames: [...fromAccess, ...fromTrunk],
    hooks: ['xdp'],
    fast: ['p1', 'p2'],
  }),
  oddity('too short for a tag that a receiver could take out', {
    frames: [14, 15, 16].map((length) => ({ port: 0, bytes: frame(mac(1), mac(0)).slice(0, 2 * length) })),
    hooks: ['xdp'],
    aims: ['bridge_vlan_egress:too-short'],
  }),
  oddity('known in one VLAN elsewhere than in the other', {
    setup: [0, 1].map((port) => step('bridge', `fdb replace ${mac(port)} dev p3 master static vlan 20`)),
    frames: fromAccess,
    fast,
  }),
  oddity('limits of the MTU', {
    frames: around(1500).flatMap(({ bytes }) => [
      { port: 0, bytes },
      { port: 0, bytes: tagged(bytes, 20) },
      { port: 0, bytes: tagged(bytes.slice(0, -8), 20) },
      { port: 1, bytes: tagged(`${frame(mac(0), mac(1)).slice(0, 24)}${bytes.slice(24)}`, 10) },
    ]),
    fast,
  }),
  oddity('many VLANs', {
    change: [vlan('add dev p1 vid 30-900'), vlan('add dev p2 vid 30-900')],
    frames: [30, 77, 500, 900, 901].map((vid) => ({ port: 0, bytes: tagged(frame(mac(1), mac(0)), vid) })),
    aims: ['bridge_vlan:not-member'],
    fast,
  }),
];

/** A VLAN device as one more port, over a cable at whose far end generic XDP drops IPv4. */
const stacked: readonly Step[] = [
  step('ip', 'link add d1 address 02:00:5e:91:00:01 type veth peer name d2 address 02:00:5e:91:00:02'),
  step('ip', 'link set d2 up'),
  step('ip', 'link set d1 up'),
  step('ip', 'link add link d1 name d1.9 type vlan id 9'),
  step('ip', 'link set d1.9 master br0'),
  step('ip', 'link set d1.9 up'),
  staticEntry(stranger, 'd1.9'),
  step('agent', 'generic d2'),
  step('capture', 'd2'),
];

const all: readonly Oddity[] = [
  ...unconditional,
  change('ingress leaves', 'bridge_vlan:not-member', [vlan('del dev p1 vid 10')], fromAccess),
  change('egress leaves', 'bridge_vlan_egress:egress-not-member', [vlan('del dev p2 vid 10')]),
  change('no PVID any more', 'bridge_vlan:no-pvid', [vlan('add dev p1 vid 10 untagged')], fromAccess),
  change('blocking', 'bridge_vlan:vlan-state', [vlan('set dev p1 vid 10 state 4')]),
  change('learning only', 'bridge_vlan:vlan-state', [vlan('set dev p1 vid 10 state 2')]),
  change('blocking on egress', 'bridge_vlan_egress:egress-vlan-state', [vlan('set dev p2 vid 10 state 4')]),
  change('learning on egress', 'bridge_vlan_egress:egress-vlan-state', [vlan('set dev p2 vid 10 state 2')]),
  change('not filtering any more', 'bridge_vlan:not-filtering', [bridgeOption('vlan_filtering 0')], fromAccess),
  change('statistics', 'bridge_port:vlan-stats', [bridgeOption('vlan_stats_enabled 1')]),
  change('tunnel on egress', 'bridge_vlan_egress:egress-tunnel', [
    portFlag('p2', 'vlan_tunnel on'),
    vlan('add dev p2 vid 10 tunnel_info id 1000'),
  ]),
  oddity('another PVID', { change: [vlan('add dev p1 vid 20 pvid untagged')], frames: fromAccess, fast }),
  oddity('untagged on the trunk', { change: [vlan('add dev p2 vid 10 untagged')], frames: fromAccess, fast }),
  oddity('the other protocol from now on', {
    change: [bridgeOption('vlan_protocol 802.1ad')],
    frames: fromAccess,
    fast,
  }),
  {
    name: 'VLANs: filtering from now on',
    change: [bridgeOption('vlan_filtering 1')],
    frames: fromAccess,
    aims: ['bridge_port:vlan-filtering'],
    fast,
  },
  change('tunnel on ingress', 'bridge_port:vlan-tunnel', [portFlag('p1', 'vlan_tunnel on')]),
  {
    name: 'VLANs: a VLAN device as port, generic XDP below',
    setup: stacked,
    hooks: ['tc'],
    frames: [{ port: 0, bytes: frame(stranger, mac(0), 0x0800) }],
    aims: ['bridge_egress:egress-below'],
    fast,
  },
  {
    name: 'VLANs: multiple spanning trees from now on',
    setup: [
      ...['p1', 'p2', 'p3'].map((port) => vlan(`del dev ${port} vid 1`)),
      vlan('del dev br0 vid 1 self'),
      bridgeOption('vlan_filtering 1'),
    ],
    change: [
      step('rtnl', 'bridge br0 mst 1'),
      ...['p1', 'p2', 'p3'].map((port) => vlan(`add dev ${port} vid 1 pvid untagged`)),
    ],
    frames: untagged,
    aims: ['bridge_port:mst'],
  },
  oddity('a device on the port takes frames', {
    change: [step('ip', 'link add link p1 name p1.20 type vlan id 20'), step('ip', 'link set p1.20 up')],
    frames: fromAccess,
    aims: ['guard_ingress:vlan-device'],
    fast,
  }),
];

export const vlanOddities = all.map((one): Oddity => ({ ...one, needsVlans: true }));
