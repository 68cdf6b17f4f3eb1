// SPDX-License-Identifier: Apache-2.0
// Directed cases about what stands around a bridge: captures, tc, netfilter, MTUs, devices, and state beside the bytes.

import { tagged } from '../support/lab/frame.js';
import type { Step } from './configuration.js';
import {
  around,
  bridgeOption,
  flow,
  frame,
  hello,
  mac,
  nft,
  type Oddity,
  portFlag,
  staticEntry,
  step,
  stranger,
  unfinished,
} from './oddity.js';

/** With this, a bridge that passes frames to iptables drops all IP. */
const dropAllIp = step('nft', 'table inet d { chain c { type filter hook forward priority 0; policy drop; }; }');
const dropArp = step('nft', 'table arp d { chain c { type filter hook forward priority 0; policy drop; }; }');

/** A filter that sends every frame to a device where nobody takes it: this kernel need not have other actions. */
const dropU32 = (port: string, where: string): string =>
  `filter add dev ${port} ${where} protocol ip prio 1 u32 match u32 0 0 action mirred egress redirect dev lo`;

const ifb: readonly Step[] = [step('ip', 'link add ifb0 type ifb'), step('ip', 'link set ifb0 up')];
const copyU32 = 'u32 match u32 0 0 action mirred egress mirror dev ifb0';

const talk = [...flow(0, 1), ...flow(1, 0)];

/** A tunnel as one more port, over a cable at whose far end generic XDP drops IPv4. */
const tunnel: readonly Step[] = [
  step('ip', 'link add u1 address 02:00:5e:90:00:01 type veth peer name u2 address 02:00:5e:90:00:02'),
  step('ip', 'link set u2 up'),
  step('ip', 'link set u1 up'),
  step('ip', 'addr add 10.9.0.1/24 dev u1'),
  step('ip', 'neigh replace 10.9.0.2 lladdr 02:00:5e:90:00:02 dev u1 nud permanent'),
  step(
    'ip',
    'link add vx0 address 02:00:5e:90:00:03 type vxlan id 7 local 10.9.0.1 remote 10.9.0.2 dev u1 dstport 4789',
  ),
  step('ip', 'link set vx0 master br0'),
  step('ip', 'link set vx0 up'),
  staticEntry(stranger, 'vx0'),
  step('agent', 'generic u2'),
  step('capture', 'u2'),
];

/** Two cables whose other ends are in the same namespace, where a mark survives: in at m2, out at n2. */
const cables: readonly Step[] = [
  ...[
    ['m', '02:00:5e:73:01:0'],
    ['n', '02:00:5e:73:02:0'],
  ].flatMap(([name, cable]) => [
    step('ip', `link add ${name}1 address ${cable}1 type veth peer name ${name}2 address ${cable}2`),
    step('ip', `link set ${name}2 up`),
    step('ip', `link set ${name}1 up`),
    step('ip', `link set ${name}1 master br0`),
    step('agent', `gro ${name}2 1`),
  ]),
  step('wait', '300'),
  staticEntry('02:00:5e:72:00:01', 'm1'),
  staticEntry('02:00:5e:72:00:02', 'n1'),
  step('nft', 'table netdev late { chain c { type filter hook ingress device n2 priority 0; meta mark 7 counter; }; }'),
  step('capture', 'm2'),
];

/** A looped IPv4 header of 24 bytes, 34 bytes in all, id 0x0101, as an Ethernet header's destination. */
const loopedTo = '46:00:00:22:01:01';
/** Marks that entry as used. */
const looped = [{ port: 2, bytes: frame(loopedTo, mac(2)) }];

export const surroundingOddities: readonly Oddity[] = [
  { name: 'capture at the ingress', change: [step('capture', 'p1')], aims: ['guard_ingress:tapped@xdp'] },
  { name: 'capture at the egress', change: [step('capture', 'p2 out')], aims: ['bridge_egress:tapped@xdp'] },
  { name: 'capture of everything', change: [step('capture', 'any out')], aims: ['guard_ingress:tapped-all@xdp'] },
  { name: 'capture from the start', setup: [step('capture', 'any')] },
  { name: 'tc program at the ingress', change: [step('agent', 'tcx p1 ingress')], aims: ['guard_ingress:tc-ingress'] },
  { name: 'tc program at the egress', change: [step('agent', 'tcx p2 egress')], aims: ['bridge_egress:tc-egress@xdp'] },
  { name: 'clsact filter', change: [step('tc', 'qdisc replace dev p1 clsact'), step('tc', dropU32('p1', 'ingress'))] },
  {
    name: 'clsact egress filter',
    change: [step('tc', 'qdisc replace dev p2 clsact'), step('tc', dropU32('p2', 'egress'))],
  },
  {
    // Linux has ifb drop such copies. One that tc redirected is received once more.
    name: 'filter at the egress that copies to an ifb device',
    change: [
      ...ifb,
      step('tc', 'qdisc replace dev p2 clsact'),
      step('tc', `filter add dev p2 egress protocol all prio 1 ${copyU32}`),
    ],
    aims: ['bridge_egress:copied@tc'],
  },
  {
    name: 'filter of a qdisc that copies to an ifb device',
    change: [
      ...ifb,
      step('tc', 'qdisc replace dev p2 root handle 7: htb'),
      step('tc', `filter add dev p2 parent 7: protocol all prio 1 ${copyU32}`),
    ],
    aims: ['bridge_egress:copied@tc'],
  },
  {
    name: 'qdisc',
    change: [step('tc', 'qdisc replace dev p2 root handle 7: pfifo limit 0')],
    aims: ['bridge_egress:qdisc@xdp'],
  },
  {
    name: 'generic XDP at the far end',
    change: [step('far', 'generic h2')],
    kinds: ['veth'],
    aims: ['bridge_egress:peer-xdp@tc'],
  },
  ...['generic', 'native'].map(
    (mode): Oddity => ({
      name: `${mode} XDP at the far end, where tags are in packets`,
      change: [step('far', `${mode} h2`)],
      frames: [{ port: 0, bytes: tagged(frame(mac(1), mac(0), 0x0800), 20) }],
      kinds: ['veth'],
      aims: [mode === 'generic' ? 'bridge_egress:peer-xdp' : 'bridge_egress:peer-xdp@xdp'],
    }),
  ),
  {
    name: 'tap filter',
    change: [step('agent', 'tapfilter 1')],
    kinds: ['tap'],
    hooks: ['xdp'],
    aims: ['bridge_egress:tap-filter'],
  },
  { name: 'nft ingress', change: [nft('netdev', 'ingress device p1', 'drop')], aims: ['guard_ingress:nf-ingress'] },
  { name: 'nft egress', change: [nft('netdev', 'egress device p2', 'drop')], aims: ['bridge_egress:nf-egress'] },
  {
    name: 'nft bridge prerouting',
    change: [nft('bridge', 'prerouting', 'ether type ip drop')],
    aims: ['guard_bridge_nf:bridge-hook'],
  },
  { name: 'nft bridge forward', change: [nft('bridge', 'forward', 'ether type ip counter drop')] },
  { name: 'nft bridge postrouting', change: [nft('bridge', 'postrouting', 'ether type ip6 drop')] },
  {
    name: 'iptables by sysctl',
    setup: [dropAllIp],
    change: [step('sysctl', 'net/bridge/bridge-nf-call-iptables 1')],
    aims: ['guard_bridge_nf:nf-call-sysctl'],
  },
  {
    name: 'iptables by option',
    setup: [dropAllIp],
    change: [bridgeOption('nf_call_iptables 1')],
    aims: ['guard_bridge_nf:nf-call-option'],
  },
  { name: 'ip6tables by option', setup: [dropAllIp], change: [bridgeOption('nf_call_ip6tables 1')] },
  { name: 'arptables by option', setup: [dropArp], change: [bridgeOption('nf_call_arptables 1')], fast: ['p1', 'p2'] },
  {
    name: 'smaller MTU',
    change: [step('ip', 'link set p2 mtu 576')],
    frames: around(576),
    aims: ['bridge_egress:too-long'],
  },
  // A veth's own far end sends nothing longer than the MTU allows.
  { name: 'limits of the MTU', frames: around(1500), kinds: ['tap'], aims: ['bridge_egress:too-long'] },
  { name: 'smaller far end', setup: [step('far', 'mtu h2 1000')], frames: around(1000), kinds: ['veth'] },
  { name: 'far ends without NAPI', kinds: ['veth'], hooks: ['xdp'], gro: false },
  {
    name: 'far end loses NAPI',
    change: [step('far', 'gro h2 0')],
    kinds: ['veth'],
    hooks: ['xdp'],
    aims: ['bridge_egress:egress-no-xdp'],
  },
  { name: 'virtual machines', kinds: ['tap'], virtio: true, frames: [unfinished(0, 1)] },
  {
    name: 'an unfinished checksum behind more tags than Linux looks through',
    kinds: ['tap'],
    virtio: true,
    hooks: ['tc'],
    frames: [2, 8, 9, 12].map((tags) => unfinished(0, 1, tags)),
    aims: ['offload:inner-tag-checksum'],
  },
  {
    name: 'a virtual machine takes the tap',
    kinds: ['tap'],
    hooks: ['xdp'],
    script: [
      ...hello,
      ...talk,
      ...flow(0, 1, 3),
      [step('agent', 'revnet 0 p1'), step('wait', '1400')],
      ...hello,
      ...flow(1, 0, 3),
      ...flow(0, 1),
      unfinished(0, 1),
      unfinished(0, 1),
      unfinished(0, 1),
    ],
    aims: ['offload:vnet-header'],
  },
  {
    name: 'unfinished checksums',
    kinds: ['veth'],
    frames: [unfinished(0, 1)],
    hooks: ['xdp'],
    aims: ['offload:partial-checksum'],
  },
  {
    name: 'tags beside the frame',
    kinds: ['veth'],
    hooks: ['xdp'],
    frames: [{ ...(flow(0, 1)[0] ?? { port: 0, bytes: '' }), mark: 0x81000064 }],
    aims: ['offload:vlan-metadata'],
  },
  {
    name: 'marks',
    setup: cables,
    hooks: ['xdp'],
    frames: [{ port: 3, bytes: frame('02:00:5e:72:00:02', '02:00:5e:72:00:01'), mark: 7 }],
    aims: ['offload:mark'],
  },
  {
    name: 'a tunnel as port',
    setup: tunnel,
    hooks: ['tc'],
    frames: [{ port: 0, bytes: frame(stranger, mac(0)) }],
    aims: ['bridge_egress:egress-kind'],
  },
  {
    // The first bytes of such a packet, read as an Ethernet header, are addresses that the bridge knows.
    name: "the host's own multicast",
    setup: [step('ip', 'addr add 10.1.0.3/24 dev p1'), portFlag('p1', 'learning off'), staticEntry(loopedTo, 'p2')],
    hooks: ['tc'],
    script: [...hello, ...[1, 2, 3].flatMap(() => [...talk, ...looped, [step('agent', 'loop 10.1.0.3')]]), ...talk],
    aims: ['offload:loopback'],
  },
];
