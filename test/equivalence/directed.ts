// SPDX-License-Identifier: Apache-2.0
// Cases with one oddity each, on an otherwise plain bridge that is accelerated: what chance rarely brings together.

import type { Send } from '../support/lab/agent.js';
import { colons, ethernet, sized } from '../support/lab/frame.js';
import type { Configuration, Hook, PortKind, Step } from './configuration.js';
import { linkLocal } from './payload.js';
import { Random } from './random.js';
import type { Case } from './runner.js';
import { generateTraffic } from './traffic.js';

interface Oddity {
  readonly name: string;
  /** Present before TNA starts. */
  readonly setup?: readonly Step[];
  /** Made behind TNA's back after a third of the frames. */
  readonly change?: readonly Step[];
  /** Frames that are sent several times between the others, before and after the change. */
  readonly frames?: readonly Send[];
  readonly kinds?: readonly PortKind[];
  readonly hooks?: readonly Hook[];
  readonly virtio?: boolean;
  readonly gro?: boolean;
}

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });
const portFlag = (port: string, flag: string): Step => step('bridge', `link set dev ${port} ${flag}`);

const hosts = [0, 1, 2].flatMap((port) =>
  [0, 1].map((n) => ({ mac: `02:00:5e:40:00:${port + 1}${n}`, ip: `10.1.0.${port * 16 + 16 + n}`, port })),
);
const mac = (port: number, n = 0): string => `02:00:5e:40:00:${port + 1}${n}`;
const frame = (to: string, from: string, type = 0x88b5, length = 60): string => sized(ethernet(to, from, type), length);

/** Neighbours that a bridge which suppresses ARP and ND may answer for. */
const neighbours = [
  step('ip', 'addr add 10.1.0.1/24 dev br0'),
  ...hosts.map((host) => step('ip', `neigh replace ${host.ip} lladdr ${host.mac} dev br0 nud permanent`)),
  ...hosts.map((host) => {
    const address = linkLocal(host.mac).match(/..../g)?.join(':');
    return step('ip', `-6 neigh replace ${address} lladdr ${host.mac} dev br0 nud permanent`);
  }),
];

/** With this, a bridge that passes frames to iptables drops all IP. */
const dropAllIp = step('nft', 'table inet d { chain c { type filter hook forward priority 0; policy drop; }; }');
const dropArp = step('nft', 'table arp d { chain c { type filter hook forward priority 0; policy drop; }; }');

const group = '01:00:5e:01:02:03';
const lldp = '01:80:c2:00:00:0e';
const everybody = 'ff:ff:ff:ff:ff:ff';
const stranger = '02:00:5e:70:00:01';

const oddities: readonly Oddity[] = [
  { name: 'nothing' },
  { name: 'isolated', change: [portFlag('p1', 'isolated on'), portFlag('p2', 'isolated on')] },
  { name: 'blocking', change: [portFlag('p2', 'state 4')] },
  { name: 'listening', change: [portFlag('p1', 'state 1')] },
  { name: 'port down', change: [step('ip', 'link set p2 down')] },
  { name: 'port leaves', change: [step('ip', 'link set p1 nomaster')] },
  {
    name: 'locked and not learning',
    change: [portFlag('p1', 'learning off'), portFlag('p1', 'locked on')],
    frames: [{ port: 0, bytes: frame(mac(1), stranger) }],
  },
  {
    name: 'not learning',
    change: [portFlag('p1', 'learning off')],
    frames: [{ port: 0, bytes: frame(mac(1), stranger) }],
  },
  { name: 'hairpin', change: [portFlag('p1', 'hairpin on')], frames: [{ port: 0, bytes: frame(mac(0, 1), mac(0)) }] },
  { name: 'promiscuous bridge', change: [step('ip', 'link set br0 promisc on')] },
  { name: 'suppressed neighbours', setup: neighbours, change: [portFlag('p2', 'neigh_suppress on')] },
  { name: 'hub', change: [step('ip', 'link set br0 type bridge ageing_time 0')] },
  {
    name: 'static group addresses',
    setup: [group, lldp, everybody].map((address) => step('bridge', `fdb replace ${address} dev p2 master static`)),
    frames: [group, lldp, everybody].map((address) => ({ port: 0, bytes: frame(address, mac(0)) })),
  },
  {
    name: 'static odd sources',
    setup: [group, '00:00:00:00:00:00'].map((address) => step('bridge', `fdb replace ${address} dev p1 master static`)),
    frames: [group, '00:00:00:00:00:00'].map((address) => ({ port: 0, bytes: frame(mac(1), address) })),
  },
  { name: 'sticky elsewhere', setup: [step('bridge', `fdb replace ${mac(0)} dev p3 master static sticky`)] },
  { name: 'permanent elsewhere', change: [step('bridge', `fdb replace ${mac(1)} dev p3 master permanent`)] },
  {
    name: 'addresses of the bridge and its ports',
    frames: ['02:00:5e:20:00:01', '02:00:5e:10:00:01', '02:00:5e:10:00:02'].flatMap((address) => [
      { port: 0, bytes: frame(address, mac(0)) },
      { port: 0, bytes: frame(mac(1), address) },
    ]),
  },
  { name: 'capture at the ingress', change: [step('capture', 'p1')] },
  { name: 'capture at the egress', change: [step('capture', 'p2')] },
  { name: 'capture of everything', change: [step('capture', 'any')] },
  { name: 'capture from the start', setup: [step('capture', 'any')] },
  { name: 'tc program at the ingress', change: [step('agent', 'tcx p1 ingress')] },
  { name: 'tc program at the egress', change: [step('agent', 'tcx p2 egress')] },
  { name: 'clsact filter', change: [step('tc', 'qdisc add dev p1 clsact'), step('tc', dropU32('p1', 'ingress'))] },
  {
    name: 'clsact egress filter',
    change: [step('tc', 'qdisc add dev p2 clsact'), step('tc', dropU32('p2', 'egress'))],
  },
  { name: 'qdisc', change: [step('tc', 'qdisc replace dev p2 root handle 7: pfifo limit 0')] },
  { name: 'generic XDP at the far end', change: [step('far', 'generic h2')], kinds: ['veth'] },
  { name: 'tap filter', change: [step('agent', 'tapfilter 1')], kinds: ['tap'], hooks: ['xdp'] },
  { name: 'nft ingress', change: [nft('netdev', 'ingress device p1', 'drop')] },
  { name: 'nft egress', change: [nft('netdev', 'egress device p2', 'drop')] },
  { name: 'nft bridge prerouting', change: [nft('bridge', 'prerouting', 'ether type ip drop')] },
  { name: 'nft bridge forward', change: [nft('bridge', 'forward', 'ether type ip drop')] },
  { name: 'nft bridge postrouting', change: [nft('bridge', 'postrouting', 'ether type ip6 drop')] },
  {
    name: 'iptables by sysctl',
    setup: [dropAllIp],
    change: [step('sysctl', 'net/bridge/bridge-nf-call-iptables 1')],
  },
  { name: 'iptables by option', setup: [dropAllIp], change: [bridgeOption('nf_call_iptables 1')] },
  { name: 'ip6tables by option', setup: [dropAllIp], change: [bridgeOption('nf_call_ip6tables 1')] },
  { name: 'arptables by option', setup: [dropArp], change: [bridgeOption('nf_call_arptables 1')] },
  { name: 'smaller MTU', change: [step('ip', 'link set p2 mtu 576')], frames: around(576) },
  { name: 'limits of the MTU', frames: around(1500) },
  { name: 'smaller far end', setup: [step('far', 'mtu h2 1000')], frames: around(1000), kinds: ['veth'] },
  { name: 'far ends without NAPI', kinds: ['veth'], hooks: ['xdp'], gro: false },
  { name: 'virtual machines', kinds: ['tap'], virtio: true },
  {
    name: 'short tagged frames',
    frames: [18, 19, 20, 22].map((length) => ({
      port: 0,
      bytes: `${frame(mac(1), mac(0), 0x8100, 14)}${'00'.repeat(length - 14)}`,
    })),
  },
];

function bridgeOption(option: string): Step {
  return step('ip', `link set br0 type bridge ${option}`);
}

function nft(family: string, hook: string, rule: string): Step {
  return step('nft', `table ${family} late { chain c { type filter hook ${hook} priority 0; ${rule}; }; }`);
}

/** A filter that sends every frame to a device where nobody takes it: this kernel need not have other actions. */
function dropU32(port: string, where: string): string {
  return `filter add dev ${port} ${where} protocol ip prio 1 u32 match u32 0 0 action mirred egress redirect dev lo`;
}

function around(mtu: number): Send[] {
  return [13, 14, 15, 17, 18, 19, 22, 23].flatMap((more) => [
    { port: 0, bytes: frame(mac(1), mac(0), 0x88b5, mtu + more) },
    { port: 0, bytes: frame(mac(1), mac(0), 0x8100, mtu + more) },
  ]);
}

function configure(oddity: Oddity, kind: PortKind, hook: Hook, count: number): Configuration {
  const ports = [1, 2, 3].map((n) => ({
    name: `p${n}`,
    mac: `02:00:5e:10:00:0${n}`,
    bridge: 0,
    mtu: 1500,
    up: true,
    virtio: oddity.virtio === true,
    apart: false,
  }));
  const timers = ['retrans_time_ms 60000', 'delay_first_probe_time 60', 'locktime 0'];
  return {
    seed: 0,
    kind,
    bridges: [{ name: 'br0', mac: '02:00:5e:20:00:01', address: undefined }],
    ports,
    hosts,
    fdb: [],
    namespace: [
      'net/ipv6/conf/all/disable_ipv6 1',
      'net/ipv6/conf/default/disable_ipv6 1',
      'net/ipv4/icmp_ratemask 0',
      'net/ipv4/igmp_link_local_mcast_reports 0',
      ...['iptables', 'ip6tables', 'arptables'].map((family) => `net/bridge/bridge-nf-call-${family} 0`),
    ].map((text) => step('sysctl', text)),
    links: [
      step('ip', 'link add br0 address 02:00:5e:20:00:01 type bridge mcast_snooping 0'),
      ...timers.map((timer) => step('sysctl', `net/ipv4/neigh/br0/${timer}`)),
      ...ports.map((port) => step('ip', `link set ${port.name} address ${port.mac} mtu 1500 master br0`)),
      step('ip', 'link set br0 up'),
      ...ports.map((port) => step('ip', `link set ${port.name} up`)),
    ],
    setup: oddity.setup ?? [],
    changes: oddity.change === undefined ? [] : [{ before: Math.floor(count / 3), steps: oddity.change }],
    gro: kind === 'veth' && oddity.gro !== false,
    segmentation: hook === 'tc',
  };
}

/** Random traffic with the oddity's own frames, twice each, strewn in. */
function sendAll(oddity: Oddity, configuration: Configuration, count: number): Send[] {
  const traffic = generateTraffic(new Random(oddity.name.length * 977), configuration, count);
  const own = oddity.frames ?? [];
  if (own.length === 0) {
    return traffic;
  }
  const known = hosts.map((host) => ({
    port: host.port,
    bytes: frame(everybody, colons(host.mac.replaceAll(':', ''))),
  }));
  return traffic.flatMap((send, i) => {
    const one = own[Math.floor(i / 4) % own.length];
    return i >= 8 && i % 4 === 0 && one !== undefined ? [...(i % 40 === 0 ? known : []), one, one, send] : [send];
  });
}

export interface Directed {
  readonly name: string;
  readonly make: () => Case;
}

/** All directed cases: each oddity on every kind of port and hook where it has a meaning. */
export function directedCases(count = 200): Directed[] {
  const cases: Directed[] = [];
  for (const oddity of oddities) {
    for (const kind of oddity.kinds ?? (['tap', 'veth'] as const)) {
      for (const hook of oddity.hooks ?? (['xdp', 'tc'] as const)) {
        const make = () => {
          const configuration = configure(oddity, kind, hook, count);
          return { seed: 0, kind, hook, configuration, frames: sendAll(oddity, configuration, count) };
        };
        cases.push({ name: `${oddity.name} (${kind}, ${hook})`, make });
      }
    }
  }
  return cases;
}
