// SPDX-License-Identifier: Apache-2.0
// The cases of the bridge's FPMs: each a configuration, a frame, and the reason why it is slow, or that it is fast.

import { setTimeout as delay } from 'node:timers/promises';
import { attachClsact, BpfLink, type BpfProgram, detachClsact, loadProgram } from 'bpf-loader-native';
import { Agent, withAgent } from '../support/lab/agent.js';
import { arp, ethernet, ipv6, sized, tagged, udp } from '../support/lab/frame.js';
import { ip } from '../support/lab/netns.js';
import { rtnlRequest } from '../support/lab/rtnl.js';
import { A, B, type Case, ownBridge, UNKNOWN } from './case.js';
import { bridgeModules } from './fast-path.js';
import { vlanCases } from './vlan-cases.js';

/** A tc program that lets every packet go on: `r0 = -1; exit`. */
function noOpinion(): Promise<BpfProgram> {
  const insns = Buffer.from('b7000000ffffffff9500000000000000', 'hex');
  return loadProgram({ name: 'no_opinion', type: 3, license: 'GPL', insns });
}

export const bridgeCases: readonly Case[] = [
  { name: 'known stations', expect: 'fast' },
  { name: 'an inner tag', expect: 'fast', frame: sized(tagged(tagged(ethernet(B, A, 0x88b5), 7), 0x2064), 64) },
  { name: 'the least of a frame', expect: 'fast', frame: ethernet(B, A, 0x88b5), kinds: ['tap'] },
  { name: 'longest frame', expect: 'fast', frame: sized(ethernet(B, A, 0x88b5), 1514) },
  {
    name: 'learning off',
    expect: 'fast',
    set: ['bridge link set dev p1 learning off'],
    unset: ['bridge link set dev p1 learning on'],
    frame: sized(ethernet(B, UNKNOWN, 0x88b5), 60),
  },
  {
    name: 'isolated ingress alone',
    expect: 'fast',
    set: ['bridge link set dev p1 isolated on'],
    unset: ['bridge link set dev p1 isolated off'],
  },
  { name: 'STP forwarding', expect: 'fast', set: ['bridge link set dev p2 state 3'] },
  {
    name: 'empty clsact',
    expect: 'fast',
    needs: 'attach:tcx',
    set: ['tc qdisc add dev p1 clsact', 'tc qdisc add dev p2 clsact'],
    unset: ['tc qdisc del dev p1 clsact', 'tc qdisc del dev p2 clsact'],
  },
  {
    name: 'a tap on the way, which tc serves',
    expect: 'fast',
    hooks: ['tc'],
    prepare: (b) => withAgent(b.netns, (a) => a.packet('any')),
  },

  {
    name: 'a program of another network namespace',
    expect: 'frame:other-namespace',
    hooks: ['xdp'],
    params: { tna_netns: 1 },
  },
  { name: 'a lease that nobody gave', expect: 'lease:lease-expired', modules: ['lease', ...bridgeModules] },
  {
    name: 'a lease in force',
    expect: 'fast',
    modules: ['lease', ...bridgeModules],
    prepare: async (b) => {
      const value = new Uint8Array(24);
      // Far ahead of any jiffies, and not so far that the difference would be negative.
      new DataView(value.buffer).setBigUint64(0, 2n ** 40n, true);
      b.fast.lease(value);
      return async () => b.fast.lease(new Uint8Array(24));
    },
  },

  {
    name: 'tag without protocol',
    expect: 'frame:tagged-runt',
    hooks: ['xdp'],
    kinds: ['tap'],
    frame: `${ethernet(B, A, 0x8100)}0001`,
  },

  {
    name: 'tap on the ingress',
    expect: 'guard_ingress:tapped',
    hooks: ['xdp'],
    prepare: (b) => withAgent(b.netns, (a) => a.packet('p1')),
  },
  {
    name: 'tap on all devices',
    expect: 'guard_ingress:tapped-all',
    hooks: ['xdp'],
    prepare: (b) => withAgent(b.netns, (a) => a.packet('any')),
  },
  {
    name: 'tc program on ingress',
    expect: 'guard_ingress:tc-ingress',
    prepare: (b) => withAgent(b.netns, (a) => a.request('tcx p1 ingress')),
  },
  {
    name: 'clsact filter',
    expect: 'guard_ingress:tc-ingress',
    needs: 'attach:tcx',
    prepare: async (b) => {
      const place = { ifindex: b.ifindex('p1'), direction: 'ingress', handle: 1, priority: 1 } as const;
      await attachClsact(place, await noOpinion());
      return () => detachClsact(place, { removeQdisc: true });
    },
  },
  {
    name: 'tc program before ours',
    expect: 'fast',
    needs: 'attach:tcx',
    hooks: ['tc'],
    prepare: async (b) => {
      const ifindex = b.ifindex('p1');
      const link = await BpfLink.attachTcx({
        ifindex,
        direction: 'ingress',
        program: await noOpinion(),
        anchor: { at: 'first' },
      });
      return async () => link.close();
    },
  },
  {
    name: 'netdev chain',
    expect: 'guard_ingress:nf-ingress',
    set: ['nft table netdev t { chain c { type filter hook ingress device p1 priority 0; }; }'],
    unset: ['nft delete table netdev t'],
  },

  {
    name: 'port disabled',
    expect: 'bridge_port:port-state',
    set: ['bridge link set dev p1 state 0'],
    unset: ['bridge link set dev p1 state 3'],
  },
  {
    name: 'port listens only',
    expect: 'bridge_port:port-state',
    set: ['bridge link set dev p1 state 1'],
    unset: ['bridge link set dev p1 state 3'],
  },
  {
    name: 'VLAN tunnel on ingress',
    expect: 'bridge_port:vlan-tunnel',
    set: ['bridge link set dev p1 vlan_tunnel on'],
    unset: ['bridge link set dev p1 vlan_tunnel off'],
  },
  {
    name: 'locked port, its station',
    expect: 'fast',
    set: ['bridge link set dev p1 locked on'],
    unset: ['bridge link set dev p1 locked off'],
  },
  {
    name: 'locked port that does not learn, its station',
    expect: 'fast',
    set: ['bridge link set dev p1 locked on learning off'],
    unset: ['bridge link set dev p1 locked off learning on'],
    params: { BRIDGE_SOURCE_refresh: 1 },
    prepare: async () => void (await delay(50)),
  },
  {
    name: 'locked port, a stranger',
    expect: 'bridge_source:source-unknown',
    set: ['bridge link set dev p1 locked on'],
    unset: ['bridge link set dev p1 locked off'],
    frame: sized(ethernet(B, UNKNOWN, 0x88b5), 60),
  },
  {
    name: 'locked port that does not learn, a stranger',
    expect: 'bridge_source:source-unknown',
    set: ['bridge link set dev p1 locked on learning off'],
    unset: ['bridge link set dev p1 locked off learning on'],
    frame: sized(ethernet(B, UNKNOWN, 0x88b5), 60),
  },
  {
    name: "locked port that does not learn, another port's station",
    expect: 'bridge_source:source-moved',
    set: ['bridge link set dev p1 locked on learning off'],
    unset: ['bridge link set dev p1 locked off learning on'],
    frame: sized(ethernet(A, B, 0x88b5), 60),
  },
  {
    name: 'MAB, a station not yet let in',
    expect: 'bridge_source:source-locked',
    set: ['bridge link set dev p1 locked on'],
    unset: ['bridge link set dev p1 locked off'],
    frame: sized(ethernet(B, UNKNOWN, 0x88b5), 60),
    prepare: async (b) => {
      await b.agent.request(rtnlRequest('port p1 mab 1'));
      // The first frame makes the locked entry.
      await b.agent.send([{ port: b.in, bytes: sized(ethernet(B, UNKNOWN, 0x88b5), 60) }]);
      await b.agent.collect(b.kind === 'veth' ? 20 : 1);
      return () => b.agent.request(rtnlRequest('port p1 mab 0'));
    },
  },
  {
    name: 'a source whose activity is to be reported',
    expect: 'bridge_source:source-inactive',
    prepare: async (b) => {
      await b.agent.request(rtnlRequest(`fdb p1 ${A} notify`));
      return undefined;
    },
    unset: [`bridge fdb del ${A} dev p1 master`, `bridge fdb add ${A} dev p1 master static`],
  },
  ...[
    ['UDP', 'fast', 17, sized],
    ['ICMPv6', 'bridge_port:nd-suppress', 58, sized],
    ['ICMPv6 behind a tag', 'bridge_port:nd-suppress', 58, (bytes: string) => tagged(bytes, 5)],
    ['UDP behind a tag', 'fast', 17, (bytes: string) => tagged(bytes, 5)],
    ['a header cut off', 'bridge_port:nd-suppress', 17, (bytes: string) => bytes.slice(0, 40)],
  ].map(
    ([what, expect, next, change]): Case => ({
      name: `neighbour suppression, ${what}`,
      expect: expect as string,
      kinds: ['tap'],
      set: ['bridge link set dev p2 neigh_suppress on'],
      unset: ['bridge link set dev p2 neigh_suppress off'],
      frame: (change as (bytes: string, length: number) => string)(
        ethernet(
          B,
          A,
          0x86dd,
          ipv6(
            'fe80000000000000000000000000000a',
            'fe80000000000000000000000000000b',
            next as number,
            udp(1, 2, '00'.repeat(20)),
          ),
        ),
        82,
      ),
    }),
  ),
  {
    name: 'neighbour suppression, other frames',
    expect: 'fast',
    set: ['bridge link set dev p2 neigh_suppress on'],
    unset: ['bridge link set dev p2 neigh_suppress off'],
  },
  {
    name: 'promiscuous bridge',
    expect: 'bridge_port:bridge-promisc',
    set: ['ip link set br0 promisc on'],
    unset: ['ip link set br0 promisc off'],
  },
  {
    name: 'VLAN filtering',
    expect: 'bridge_port:vlan-filtering',
    needs: 'btf:net_bridge_port.vlgrp',
    set: ['ip link set br0 type bridge vlan_filtering 1'],
    unset: ['ip link set br0 type bridge vlan_filtering 0'],
  },
  {
    name: 'VLAN device on the port',
    expect: 'guard_ingress:vlan-device',
    needs: 'btf:vlan_info.grp',
    set: ['ip link add link p1 name p1.9 type vlan id 9'],
    unset: ['ip link del p1.9'],
    frame: sized(tagged(ethernet(B, A, 0x88b5), 9), 64),
  },
  {
    name: 'VLAN device on the port, another tag',
    expect: 'fast',
    needs: 'btf:vlan_info.grp',
    set: ['ip link add link p1 name p1.9 type vlan id 9'],
    unset: ['ip link del p1.9'],
    frame: sized(tagged(ethernet(B, A, 0x88b5), 10), 64),
  },
  {
    name: 'VLAN device on the port, the same number in a tag of 802.1ad',
    expect: 'fast',
    needs: 'btf:vlan_info.grp',
    set: ['ip link add link p1 name p1.9 type vlan id 9'],
    unset: ['ip link del p1.9'],
    frame: sized(tagged(ethernet(B, A, 0x88b5), 9, 0x88a8), 64),
  },
  {
    name: 'VLAN device on the port, untagged frame',
    expect: 'fast',
    needs: 'btf:vlan_info.grp',
    set: ['ip link add link p1 name p1.9 type vlan id 9'],
    unset: ['ip link del p1.9'],
  },
  {
    name: 'left the bridge',
    expect: 'bridge_port:not-a-port',
    set: ['ip link set p1 nomaster'],
    unset: [
      'ip link set p1 master br0',
      `bridge fdb replace ${A} dev p1 master static`,
      'bridge link set dev p1 state 3',
    ],
  },

  {
    name: 'bridge chain',
    expect: 'guard_bridge_nf:bridge-hook',
    set: ['nft table bridge t { chain c { type filter hook forward priority 0; }; }'],
    unset: ['nft delete table bridge t'],
  },
  {
    name: 'bridge chain at prerouting',
    expect: 'guard_bridge_nf:bridge-hook',
    set: ['nft table bridge t { chain c { type filter hook prerouting priority -300; }; }'],
    unset: ['nft delete table bridge t'],
  },
  {
    name: 'bridge chain at postrouting',
    expect: 'guard_bridge_nf:bridge-hook',
    set: ['nft table bridge t { chain c { type filter hook postrouting priority 0; }; }'],
    unset: ['nft delete table bridge t'],
  },
  {
    name: 'bridge chain for the host alone',
    expect: 'fast',
    set: ['nft table bridge t { chain c { type filter hook input priority 0; }; }'],
    unset: ['nft delete table bridge t'],
  },
  ...['iptables', 'ip6tables', 'arptables'].flatMap((tables): Case[] => {
    const doubly = { frame: sized(tagged(tagged(ethernet(B, A, 0x0800), 9), 9), 64) };
    const plainly = tables === 'arptables' ? 'fast' : undefined;
    const sysctl = {
      set: [`sysctl net/bridge/bridge-nf-call-${tables} 1`],
      unset: [`sysctl net/bridge/bridge-nf-call-${tables} 0`],
    };
    const option = {
      set: [`ip link set br0 type bridge nf_call_${tables} 1`],
      unset: [`ip link set br0 type bridge nf_call_${tables} 0`],
    };
    return [
      { name: `sysctl ${tables}`, expect: plainly ?? 'guard_bridge_nf:nf-call-sysctl', ...sysctl },
      { name: `sysctl ${tables}, two tags`, expect: 'guard_bridge_nf:nf-call-sysctl', ...sysctl, ...doubly },
      { name: `bridge option ${tables}`, expect: plainly ?? 'guard_bridge_nf:nf-call-option', ...option },
      { name: `bridge option ${tables}, two tags`, expect: 'guard_bridge_nf:nf-call-option', ...option, ...doubly },
    ];
  }),
  {
    name: 'PPPoE without its header',
    expect: 'guard_bridge_nf:encap-short',
    kinds: ['tap'],
    frame: ethernet(B, A, 0x8864, '11000000'),
  },
  { name: 'PPPoE', expect: 'fast', frame: sized(ethernet(B, A, 0x8864, '1100000100020021'), 60) },

  {
    name: 'source is a group',
    expect: 'l2_control:invalid-source',
    frame: sized(ethernet(B, '03:00:00:00:00:01', 0x88b5), 60),
  },
  {
    name: 'source is zero',
    expect: 'l2_control:invalid-source',
    frame: sized(ethernet(B, '00:00:00:00:00:00', 0x88b5), 60),
  },
  { name: 'broadcast', expect: 'l2_control:broadcast', frame: sized(ethernet('ff:ff:ff:ff:ff:ff', A, 0x88b5), 60) },
  { name: 'STP', expect: 'l2_control:link-local', frame: sized(ethernet('01:80:c2:00:00:00', A, 0x26), 60) },
  { name: 'LLDP', expect: 'l2_control:link-local', frame: sized(ethernet('01:80:c2:00:00:0e', A, 0x88cc), 60) },
  { name: 'multicast', expect: 'l2_control:multicast', frame: sized(ethernet('01:80:c2:00:00:10', A, 0x88b5), 60) },
  {
    name: 'ARP',
    expect: 'l2_control:arp',
    frame: sized(ethernet(B, A, 0x806, arp(1, A, '10.0.0.1', B, '10.0.0.2')), 60),
  },
  { name: 'RARP', expect: 'l2_control:arp', frame: sized(ethernet(B, A, 0x8035), 60) },
  { name: 'ARP behind a tag', expect: 'l2_control:arp', frame: sized(tagged(ethernet(B, A, 0x806), 5), 64) },
  { name: 'CFM', expect: 'l2_control:cfm-mrp', frame: sized(ethernet(B, A, 0x8902), 60) },
  { name: 'MRP', expect: 'l2_control:cfm-mrp', frame: sized(ethernet(B, A, 0x88e3), 60) },

  {
    name: 'unknown source',
    expect: 'bridge_source:source-unknown',
    frame: sized(ethernet(B, '02:00:00:00:01:01', 0x88b5), 60),
    unset: ['bridge fdb del 02:00:00:00:01:01 dev p1 master'],
  },
  {
    name: 'source is the bridge',
    expect: 'bridge_source:source-local',
    frame: sized(ethernet(B, ownBridge, 0x88b5), 60),
  },
  {
    name: 'source from another port',
    expect: 'bridge_source:source-moved',
    frame: sized(ethernet(A, B, 0x88b5), 60),
    unset: [`bridge fdb replace ${B} dev p2 master static`],
  },
  {
    name: 'sticky source from another port',
    expect: 'bridge_source:source-moved',
    set: ['bridge fdb add 02:00:00:00:01:02 dev p2 master static sticky'],
    frame: sized(ethernet(B, '02:00:00:00:01:02', 0x88b5), 60),
    unset: ['bridge fdb del 02:00:00:00:01:02 dev p2 master'],
  },
  {
    name: 'stale source',
    expect: 'bridge_source:source-stale',
    params: { BRIDGE_SOURCE_refresh: 1 },
    prepare: async () => void (await delay(50)),
  },
  {
    name: 'short ageing time',
    expect: 'bridge_source:source-stale',
    set: ['ip link set br0 type bridge ageing_time 10', 'bridge fdb add 02:00:00:00:01:04 dev p1 master static'],
    unset: ['ip link set br0 type bridge ageing_time 1000000', 'bridge fdb del 02:00:00:00:01:04 dev p1 master'],
    frame: sized(ethernet(B, '02:00:00:00:01:04', 0x88b5), 60),
    prepare: async () => void (await delay(120)),
  },

  { name: 'unknown destination', expect: 'bridge_fdb:fdb-miss', frame: sized(ethernet(UNKNOWN, A, 0x88b5), 60) },
  {
    name: 'destination is the bridge',
    expect: 'bridge_fdb:fdb-local',
    frame: sized(ethernet(ownBridge, A, 0x88b5), 60),
  },
  {
    name: 'destination behind the ingress port',
    expect: 'bridge_fdb:same-port',
    frame: sized(ethernet(A, A, 0x88b5), 60),
  },
  {
    name: 'hairpin',
    expect: 'bridge_fdb:same-port',
    set: ['bridge link set dev p1 hairpin on'],
    unset: ['bridge link set dev p1 hairpin off'],
    frame: sized(ethernet(A, A, 0x88b5), 60),
  },
  {
    name: 'hairpin, another port',
    expect: 'fast',
    set: ['bridge link set dev p1 hairpin on', 'bridge link set dev p2 hairpin on'],
    unset: ['bridge link set dev p1 hairpin off', 'bridge link set dev p2 hairpin off'],
  },
  {
    name: 'ARP proxies, which answer ARP only',
    expect: 'fast',
    set: ['ip link set p1 type bridge_slave proxy_arp on proxy_arp_wifi on'],
    unset: ['ip link set p1 type bridge_slave proxy_arp off proxy_arp_wifi off'],
  },
  {
    name: 'backup port while the port runs',
    expect: 'fast',
    set: ['ip link set p2 type bridge_slave backup_port p1'],
    unset: ['ip link set p2 type bridge_slave nobackup_port'],
  },
  {
    name: 'backup port for a port that is down',
    expect: 'bridge_egress:egress-down',
    set: ['ip link set p2 type bridge_slave backup_port p1', 'ip link set p2 down'],
    unset: ['ip link set p2 type bridge_slave nobackup_port', 'ip link set p2 up', 'bridge link set dev p2 state 3'],
  },
  {
    name: 'flags of flooding and multicast',
    expect: 'fast',
    set: [
      'bridge link set dev p2 flood off mcast_flood off bcast_flood off mcast_to_unicast on fastleave on',
      'bridge link set dev p1 guard on root_block on',
    ],
    unset: [
      'bridge link set dev p2 flood on mcast_flood on bcast_flood on mcast_to_unicast off fastleave off',
      'bridge link set dev p1 guard off root_block off',
    ],
  },
  {
    name: 'no learning from link-local frames, and a full table',
    expect: 'fast',
    set: ['ip link set br0 type bridge no_linklocal_learn 1 group_fwd_mask 8'],
    unset: ['ip link set br0 type bridge no_linklocal_learn 0 group_fwd_mask 0'],
    prepare: async (b) => {
      await b.agent.request(rtnlRequest('bridge br0 fdb_max_learned 1'));
      return () => b.agent.request(rtnlRequest('bridge br0 fdb_max_learned 0'));
    },
  },
  {
    name: 'unused destination',
    expect: 'bridge_fdb:fdb-use-stale',
    params: { BRIDGE_FDB_refresh: 1 },
    prepare: async () => void (await delay(50)),
  },

  {
    name: 'egress learning',
    expect: 'bridge_egress:egress-state',
    set: ['bridge link set dev p2 state 2'],
    unset: ['bridge link set dev p2 state 3'],
  },
  {
    name: 'VLAN tunnel on egress, which concerns filtered frames only',
    expect: 'fast',
    set: ['bridge link set dev p2 vlan_tunnel on'],
    unset: ['bridge link set dev p2 vlan_tunnel off'],
  },
  {
    name: 'both isolated',
    expect: 'bridge_egress:isolated',
    set: ['bridge link set dev p1 isolated on', 'bridge link set dev p2 isolated on'],
    unset: ['bridge link set dev p1 isolated off', 'bridge link set dev p2 isolated off'],
  },
  {
    name: 'isolated egress alone',
    expect: 'fast',
    set: ['bridge link set dev p2 isolated on'],
    unset: ['bridge link set dev p2 isolated off'],
  },
  {
    name: 'egress down',
    expect: 'bridge_egress:egress-down',
    set: ['ip link set p2 down'],
    unset: ['ip link set p2 up', 'bridge link set dev p2 state 3'],
  },
  {
    name: 'longer than the egress MTU',
    expect: 'bridge_egress:too-long',
    set: ['ip link set p2 mtu 1000'],
    unset: ['ip link set p2 mtu 1500'],
    frame: sized(ethernet(B, A, 0x88b5), 1019),
  },
  {
    name: 'as long as the egress MTU allows',
    expect: 'fast',
    set: ['ip link set p2 mtu 1000'],
    unset: ['ip link set p2 mtu 1500'],
    frame: sized(ethernet(B, A, 0x88b5), 1018),
    kinds: ['tap'],
  },
  {
    name: 'longer than the MTU of the peer',
    expect: 'bridge_egress:too-long',
    hooks: ['xdp'],
    kinds: ['veth'],
    frame: sized(ethernet(B, A, 0x88b5), 1019),
    prepare: async (b) => {
      await ip(b.peers, 'link set h2 mtu 1000');
      return () => ip(b.peers, 'link set h2 mtu 1500');
    },
  },
  {
    name: 'netfilter egress',
    expect: 'bridge_egress:nf-egress',
    set: ['nft table netdev t { chain c { type filter hook egress device p2 priority 0; }; }'],
    unset: ['nft delete table netdev t'],
  },
  {
    name: 'tc program on egress',
    expect: 'bridge_egress:tc-egress',
    hooks: ['xdp'],
    prepare: (b) => withAgent(b.netns, (a) => a.request('tcx p2 egress')),
  },
  {
    name: 'tap on the egress',
    expect: 'bridge_egress:tapped',
    hooks: ['xdp'],
    prepare: (b) => withAgent(b.netns, (a) => a.packet('p2')),
  },
  {
    name: 'a filter on egress that copies',
    expect: 'bridge_egress:copied',
    hooks: ['tc'],
    set: [
      'tc qdisc replace dev p2 clsact',
      'tc filter add dev p2 egress prio 1 u32 match u32 0 0 action mirred egress mirror dev lo',
    ],
    // On a kernel without TCX the qdisc is the program's as well.
    unset: ['tc filter del dev p2 egress prio 1'],
  },
  {
    name: 'a qdisc with classes, one of whose filters copies',
    expect: 'bridge_egress:copied',
    hooks: ['tc'],
    set: [
      'tc qdisc replace dev p2 root handle 1: htb',
      'tc filter add dev p2 parent 1: protocol all prio 1 u32 match u32 0 0 action mirred egress mirror dev lo',
    ],
    unset: ['tc qdisc del dev p2 root'],
  },
  {
    name: 'shaping',
    expect: 'bridge_egress:qdisc',
    hooks: ['xdp'],
    set: ['tc qdisc replace dev p2 root handle 1: pfifo limit 100'],
    unset: ['tc qdisc del dev p2 root'],
  },
  {
    name: 'shaping, which tc honours',
    expect: 'fast',
    hooks: ['tc'],
    set: ['tc qdisc replace dev p2 root handle 1: pfifo limit 100'],
    unset: ['tc qdisc del dev p2 root'],
  },
  {
    name: 'peer without NAPI',
    expect: 'bridge_egress:egress-no-xdp',
    hooks: ['xdp'],
    kinds: ['veth'],
    prepare: async (b) => {
      const a = await Agent.start();
      await a.enter(b.peers);
      await a.gro('h2', false);
      return async () => {
        await a.gro('h2', true);
        await a.stop();
      };
    },
  },

  ...vlanCases,

  // Nothing takes this filter away again.
  {
    name: 'filter on the tap',
    expect: 'bridge_egress:tap-filter',
    hooks: ['xdp'],
    kinds: ['tap'],
    prepare: async (b) => {
      await b.agent.request(`tapfilter ${b.out}`);
      return undefined;
    },
  },
  {
    name: 'XDP on the peer, and no tag',
    expect: 'fast',
    hooks: ['xdp'],
    kinds: ['veth'],
    prepare: (b) => withAgent(b.peers, (a) => a.request('generic h2')),
  },
  ...['generic', 'native'].map(
    (mode): Case => ({
      name: `${mode} XDP on the peer of a tagged frame`,
      expect: 'bridge_egress:peer-xdp',
      hooks: ['xdp'],
      kinds: ['veth'],
      frame: sized(tagged(ethernet(B, A, 0x88b5), 7), 64),
      prepare: (b) => withAgent(b.peers, (a) => a.request(`${mode} h2`)),
    }),
  ),
  {
    name: 'generic XDP on the peer',
    expect: 'bridge_egress:peer-xdp',
    hooks: ['tc'],
    kinds: ['veth'],
    prepare: (b) => withAgent(b.peers, (a) => a.request('generic h2')),
  },

  { name: 'nothing chose an egress', expect: 'egress:no-egress', modules: ['frame', 'egress'] },
  { name: 'nothing decided', expect: 'end', modules: ['frame'] },
];
