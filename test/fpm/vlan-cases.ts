// SPDX-License-Identifier: Apache-2.0
// Cases of a bridge that filters VLANs: which VLAN a frame belongs to, who is a member, with which tag it leaves.

import { ethernet, sized, tagged } from '../support/lab/frame.js';
import { A, B, type Case, UNKNOWN } from './case.js';
import { vlanModules } from './fast-path.js';

/** What a kernel without VLAN filtering lacks. */
export const needsVlans = 'btf:net_bridge_port.vlgrp';

/** How a port has VLAN 10: as trunk (tagged), as access port, or not at all, without any VLAN for untagged frames. */
type Membership = 'trunk' | 'access' | 'none';

interface Vlans {
  readonly protocol?: '802.1Q' | '802.1ad';
  readonly in?: Membership;
  readonly out?: Membership;
  readonly set?: readonly string[];
  readonly unset?: readonly string[];
}

/** Commands that make p1 and p2 members of VLAN 10, where stations A and B are known, and switch filtering on. */
function configure(vlans: Vlans): { readonly set: readonly string[]; readonly unset: readonly string[] } {
  const set: string[] = [];
  const unset: string[] = [];
  for (const [port, membership, station] of [
    ['p1', vlans.in, A],
    ['p2', vlans.out, B],
  ] as const) {
    if (membership === undefined) continue;
    // Entries are made, and taken away, by members only; a static one stays when the port leaves.
    set.push(
      `bridge vlan add dev ${port} vid 10${membership === 'access' ? ' pvid untagged' : ''}`,
      `bridge fdb replace ${station} dev ${port} master static vlan 10`,
      ...(membership === 'none' ? [1, 10].map((vid) => `bridge vlan del dev ${port} vid ${vid}`) : []),
    );
    unset.push(
      `bridge vlan add dev ${port} vid 10`,
      `bridge fdb del ${station} dev ${port} master vlan 10`,
      `bridge vlan del dev ${port} vid 10`,
      `bridge vlan add dev ${port} vid 1 pvid untagged`,
    );
  }
  return {
    set: [
      ...set,
      `ip link set br0 type bridge vlan_filtering 1 vlan_protocol ${vlans.protocol ?? '802.1Q'}`,
      ...(vlans.set ?? []),
    ],
    unset: [
      ...(vlans.unset ?? []),
      'ip link set br0 type bridge vlan_filtering 0 vlan_protocol 802.1Q vlan_stats_enabled 0',
      ...unset,
    ],
  };
}

function vlanCase(name: string, expect: string, vlans: Vlans, rest: Partial<Case> = {}): Case {
  return { name: `VLANs: ${name}`, expect, needs: needsVlans, modules: vlanModules, ...configure(vlans), ...rest };
}

const payload = ethernet(B, A, 0x88b5, 'a55a'.repeat(25));
const S = 0x88a8;
const in10 = (frame: string) => tagged(frame, 10);
const priority = tagged(payload, 0xb000);
const trunks: Vlans = { in: 'trunk', out: 'trunk' };
const toTrunk: Vlans = { in: 'access', out: 'trunk' };
const toAccess: Vlans = { in: 'trunk', out: 'access' };
const accesses: Vlans = { in: 'access', out: 'access' };

/** Fast by XDP, and by tc left to Linux for a reason. */
function xdpOnly(name: string, reason: string, vlans: Vlans, rest: Partial<Case>): Case[] {
  return [
    vlanCase(`${name}, XDP`, 'fast', vlans, { ...rest, hooks: ['xdp'] }),
    vlanCase(`${name}, tc`, `bridge_vlan_egress:${reason}`, vlans, { ...rest, hooks: ['tc'] }),
  ];
}

export const vlanCases: readonly Case[] = [
  vlanCase('untagged frames in the default VLAN', 'fast', {}),
  vlanCase('untagged frames between access ports', 'fast', accesses, { frame: payload }),
  vlanCase('from trunk to trunk', 'fast', trunks, { frame: in10(payload) }),
  vlanCase('priority and DEI stay', 'fast', trunks, { frame: tagged(payload, 0xf00a) }),
  vlanCase('from access port to trunk', 'fast', toTrunk, { frame: payload, arrives: in10(payload) }),
  vlanCase('from trunk to access port', 'fast', toAccess, { frame: tagged(payload, 0x700a), arrives: payload }),
  vlanCase('a tag that the access port would have given itself', 'fast', toTrunk, { frame: in10(payload) }),
  vlanCase('priority tag to trunk', 'fast', toTrunk, { frame: priority, arrives: tagged(payload, 0xb00a) }),
  vlanCase('priority tag with nothing in it', 'fast', toTrunk, { frame: tagged(payload, 0), arrives: in10(payload) }),
  vlanCase('priority tag to access port', 'fast', accesses, { frame: priority, arrives: payload }),
  vlanCase('the shortest tagged frame', 'fast', toAccess, {
    kinds: ['tap'],
    frame: in10(`${ethernet(B, A, 0x88b5)}0000`),
    arrives: `${ethernet(B, A, 0x88b5)}0000`,
  }),
  vlanCase('too short to get a tag in the packet', 'bridge_vlan_egress:too-short', toTrunk, {
    hooks: ['xdp'],
    kinds: ['tap'],
    frame: `${ethernet(B, A, 0x88b5)}00`,
    arrives: in10(`${ethernet(B, A, 0x88b5)}00`),
  }),
  vlanCase('the longest frame that gets a tag', 'fast', toTrunk, {
    frame: sized(payload, 1514),
    arrives: in10(sized(payload, 1514)),
  }),

  vlanCase('two tags between trunks', 'fast', trunks, { frame: in10(tagged(payload, 7)) }),
  vlanCase('S tag inside, between trunks', 'fast', trunks, { frame: in10(tagged(payload, 7, S)) }),
  ...xdpOnly('two tags to an access port', 'inner-tag', toAccess, {
    frame: in10(tagged(payload, 7)),
    arrives: tagged(payload, 7),
  }),
  ...xdpOnly('priority tag before another', 'inner-tag', toTrunk, {
    frame: tagged(tagged(payload, 7), 0xa000),
    arrives: tagged(tagged(payload, 7), 0xa00a),
  }),
  ...xdpOnly('priority tag before another, to an access port', 'inner-tag', accesses, {
    frame: tagged(tagged(payload, 7), 0xa000),
    arrives: tagged(payload, 7),
  }),
  ...xdpOnly('S tag is payload of a C bridge', 'other-tag', toTrunk, {
    frame: tagged(payload, 20, S),
    arrives: in10(tagged(payload, 20, S)),
  }),
  ...xdpOnly('S tag between access ports', 'other-tag', accesses, { frame: tagged(payload, 20, S) }),

  vlanCase('S bridge, trunks', 'fast', { ...trunks, protocol: '802.1ad' }, { frame: tagged(payload, 0x500a, S) }),
  vlanCase(
    'S bridge, untagged to trunk',
    'fast',
    { ...toTrunk, protocol: '802.1ad' },
    {
      frame: payload,
      arrives: tagged(payload, 10, S),
    },
  ),
  ...xdpOnly(
    'S bridge, C tags to trunk',
    'other-tag',
    { ...toTrunk, protocol: '802.1ad' },
    {
      frame: tagged(payload, 10),
      arrives: tagged(tagged(payload, 10), 10, S),
    },
  ),
  ...xdpOnly(
    'S bridge, S and C tag to customer',
    'inner-tag',
    { ...toAccess, protocol: '802.1ad' },
    {
      frame: tagged(tagged(payload, 7), 10, S),
      arrives: tagged(payload, 7),
    },
  ),
  vlanCase(
    'S bridge, S tag to customer',
    'fast',
    { ...toAccess, protocol: '802.1ad' },
    {
      frame: tagged(payload, 10, S),
      arrives: payload,
    },
  ),

  vlanCase('no member', 'bridge_vlan:not-member', trunks, { frame: tagged(payload, 11) }),
  vlanCase('a VLAN that cannot be', 'bridge_vlan:not-member', trunks, { frame: tagged(payload, 4095) }),
  vlanCase('no VLAN for untagged frames', 'bridge_vlan:no-pvid', { in: 'none', out: 'trunk' }, { frame: payload }),
  vlanCase('no VLAN for priority tags', 'bridge_vlan:no-pvid', { in: 'none', out: 'trunk' }, { frame: priority }),
  vlanCase('no VLAN at all', 'bridge_vlan:not-member', { in: 'none', out: 'trunk' }, { frame: in10(payload) }),
  vlanCase(
    'egress no member',
    'bridge_vlan_egress:egress-not-member',
    { in: 'trunk', out: 'none' },
    {
      frame: in10(payload),
    },
  ),
  ...[0, 1, 2, 4].map((state) =>
    vlanCase(
      `state ${state} of the VLAN`,
      'bridge_vlan:vlan-state',
      {
        ...trunks,
        set: [`bridge vlan set dev p1 vid 10 state ${state}`],
      },
      { frame: in10(payload) },
    ),
  ),
  vlanCase(
    'state of the PVID',
    'bridge_vlan:vlan-state',
    {
      ...toTrunk,
      set: ['bridge vlan set dev p1 vid 10 state 4'],
    },
    { frame: payload },
  ),
  vlanCase(
    'state of another VLAN',
    'fast',
    { ...trunks, set: ['bridge vlan set dev p1 vid 1 state 4'], unset: ['bridge vlan set dev p1 vid 1 state 3'] },
    {
      frame: in10(payload),
    },
  ),
  ...[0, 2, 4].map((state) =>
    vlanCase(
      `state ${state} of the VLAN on egress`,
      'bridge_vlan_egress:egress-vlan-state',
      {
        ...trunks,
        set: [`bridge vlan set dev p2 vid 10 state ${state}`],
      },
      { frame: in10(payload) },
    ),
  ),
  vlanCase(
    'tunnel on egress',
    'bridge_vlan_egress:egress-tunnel',
    {
      ...trunks,
      set: ['bridge link set dev p2 vlan_tunnel on'],
      unset: ['bridge link set dev p2 vlan_tunnel off'],
    },
    { frame: in10(payload) },
  ),
  vlanCase(
    'statistics',
    'bridge_port:vlan-stats',
    {
      ...trunks,
      set: ['ip link set br0 type bridge vlan_stats_enabled 1'],
    },
    { frame: in10(payload) },
  ),
  vlanCase('filtering switched off', 'bridge_vlan:not-filtering', {
    set: ['ip link set br0 type bridge vlan_filtering 0'],
  }),
  vlanCase(
    'snooping per VLAN',
    'fast',
    {
      ...toTrunk,
      set: ['ip link set br0 type bridge mcast_snooping 1', 'ip link set br0 type bridge mcast_vlan_snooping 1'],
      unset: ['ip link set br0 type bridge mcast_vlan_snooping 0', 'ip link set br0 type bridge mcast_snooping 0'],
    },
    { frame: payload, arrives: in10(payload) },
  ),

  vlanCase(
    'a station known in another VLAN only',
    'bridge_fdb:fdb-miss',
    {
      ...trunks,
      set: [`bridge fdb add ${UNKNOWN} dev p2 master static vlan 1`],
      unset: [`bridge fdb del ${UNKNOWN} dev p2 master vlan 1`],
    },
    { frame: in10(sized(ethernet(UNKNOWN, A, 0x88b5), 60)) },
  ),
  vlanCase(
    'a sender known in another VLAN only',
    'bridge_source:source-unknown',
    {
      ...trunks,
      set: [`bridge fdb add ${UNKNOWN} dev p1 master static vlan 1`],
      unset: [`bridge fdb del ${UNKNOWN} dev p1 master vlan 1`, `bridge fdb del ${UNKNOWN} dev p1 master vlan 10`],
    },
    { frame: in10(sized(ethernet(B, UNKNOWN, 0x88b5), 60)) },
  ),
  vlanCase(
    'a station behind another port in another VLAN',
    'bridge_fdb:same-port',
    {
      ...trunks,
      set: [`bridge fdb replace ${B} dev p1 master static vlan 10`],
      unset: [`bridge fdb replace ${B} dev p2 master static vlan 10`],
    },
    { frame: in10(payload) },
  ),
  vlanCase('ARP in a VLAN', 'l2_control:arp', trunks, { frame: in10(sized(ethernet(B, A, 0x0806), 60)) }),
  vlanCase(
    'too long with the new tag',
    'bridge_egress:too-long',
    {
      ...toTrunk,
      set: ['ip link set p2 mtu 1000'],
      unset: ['ip link set p2 mtu 1500'],
    },
    { hooks: ['xdp'], frame: sized(payload, 1015) },
  ),
  vlanCase(
    'the new tag beside the frame counts not',
    'fast',
    {
      ...toTrunk,
      set: ['ip link set p2 mtu 1000'],
      unset: ['ip link set p2 mtu 1500'],
    },
    { hooks: ['tc'], kinds: ['tap'], frame: sized(payload, 1018), arrives: in10(sized(payload, 1018)) },
  ),
  vlanCase(
    'not too long without the tag',
    'fast',
    {
      ...toAccess,
      set: ['ip link set p2 mtu 1000'],
      unset: ['ip link set p2 mtu 1500'],
    },
    { kinds: ['tap'], frame: in10(sized(payload, 1018)), arrives: sized(payload, 1018) },
  ),
  vlanCase('multiple spanning trees', 'bridge_port:mst', {
    set: [
      ...['p1', 'p2'].map((port) => `bridge vlan del dev ${port} vid 1`),
      'bridge vlan del dev br0 vid 1 self',
      'rtnl bridge br0 mst 1',
    ],
    unset: [
      'rtnl bridge br0 mst 0',
      ...['p1', 'p2'].map((port) => `bridge vlan add dev ${port} vid 1 pvid untagged`),
      'bridge vlan add dev br0 vid 1 pvid untagged self',
    ],
  }),
];
