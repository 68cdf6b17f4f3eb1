// SPDX-License-Identifier: Apache-2.0
// Directed cases of a gateway on a bridge that filters VLANs. br1 has the ports p1 (an access port of VLAN 10 that has 30 with tags), p3 (an
// access port of 20) and p4 (a trunk), and leads to three networks: br1.10 to 10.1.0.0/24, br1.20 to 10.3.0.0/24, and br1 itself, in VLAN
// 30, to 10.4.0.0/24. p2, which is no port, leads to 10.2.0.0/24. Each network has two known stations.

import type { Send } from '../../support/lab/agent.js';
import {
  ethernet,
  type Ipv4,
  ipv4,
  ipv6,
  ipv6Address,
  little,
  sized,
  tagged,
  tcp,
  udp,
} from '../../support/lab/frame.js';
import type { Configuration, Hook, PortKind, Step } from '../configuration.js';
import { type Directed, directed, scriptChanges } from '../directed-case.js';
import { nft, step } from '../oddity.js';
import { mingled } from './directed.js';
import { type Family as RouterFamily, four as router4, six as router6 } from './family.js';
import { neighbourTimers } from './generate.js';
import { type RouterOddity, station, stationMac } from './oddities.js';
import { station6 } from './oddities6.js';
import { addressOf, portMac, quietRouter } from './plan.js';

/** By network. */
const devices = ['br1.10', 'p2', 'br1.20', 'br1'] as const;
const networks = [0, 1, 2, 3] as const;
const bridged = (network: number): boolean => network !== 1;
/** The MAC address of the bridge is that of the VLAN devices on it. */
const gatewayMac = (network: number): string => portMac(bridged(network) ? 0 : 1);
export const bridgePortMac = (port: number): string => `02:00:5e:1f:00:0${port + 1}`;

/** The port behind which a station is, and the tag that it speaks with; 0: none. */
const places: readonly (readonly (readonly [port: number, vid: number])[])[] = [
  [
    [0, 0],
    [3, 10],
  ],
  [
    [1, 0],
    [1, 0],
  ],
  [
    [2, 0],
    [3, 20],
  ],
  [
    [3, 30],
    [0, 30],
  ],
];
const place = (network: number, n: number): readonly [port: number, vid: number] => places[network]?.[n] ?? [0, 0];

/** A device goes to a namespace of its own that forwards as well, and is up there. The namespace lasts a minute. */
function elsewhere(device: string): Step {
  const inside = 'nsenter -t $n -n';
  const shell = [
    'unshare -n sleep 60 >/dev/null 2>&1 & n=$!',
    'while kill -0 $n && [ /proc/$n/ns/net -ef /proc/self/ns/net ]; do sleep 0.1; done',
    `ip link set ${device} netns $n`,
    `${inside} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`,
    `${inside} ip link set ${device} up`,
  ].join(';');
  return step('agent', `exec python3 -c __import__('os').system('${shell.replaceAll(' ', '\\x20')}')`);
}

/** What differs between the families, of a router whose networks are on bridges. */
interface Family extends Pick<RouterFamily, 'namespace' | 'own' | 'station' | 'length'> {
  readonly packet: (network: number, n: number, destination: string, fields: Partial<Ipv4>) => string;
}

const four: Family = {
  ...router4,
  packet: (network, n, destination, fields) => {
    const defaults = { source: station(network, n), destination, protocol: 17, payload: udp(1024, 9, '5a'.repeat(30)) };
    return ethernet(gatewayMac(network), stationMac(network, n), 0x0800, ipv4({ ...defaults, ...fields }));
  },
};

const six: Family = {
  ...router6,
  packet: (network, n, destination, { payload = udp(1024, 9, '5a'.repeat(30)) }) => {
    const whole = ipv6(ipv6Address(station6(network, n)), ipv6Address(destination), 17, payload);
    return ethernet(gatewayMac(network), stationMac(network, n), 0x86dd, whole);
  },
};

/** From a station to the router, as it sends it: with its tag, of this priority. */
function from(
  family: Family,
  network: number,
  destination: string,
  { n = 0, fields = {}, priority = 0 }: { n?: number; fields?: Partial<Ipv4>; priority?: number } = {},
): Send {
  const [port, vid] = place(network, n);
  const bytes = family.packet(network, n, destination, fields);
  return { port, bytes: vid === 0 ? bytes : tagged(bytes, vid | (priority << 13)) };
}
const times = (count: number, one: Send): Send[] => Array.from({ length: count }, () => one);
const send4 = (network: number, to: number, more: Parameters<typeof from>[3] = {}): Send =>
  from(four, network, station(to, more?.n === undefined ? 0 : more.n), more);

/** Everybody sends and is sent something, so that all stations are known and all neighbours in use. */
function greetings(family: Family): readonly Send[] {
  return networks.flatMap((network) =>
    [0, 1].flatMap((n) => times(2, from(family, (network + 1) % 4, family.station(network, n), { n }))),
  );
}

/** Between all networks, from and to both stations. */
function flows(family: Family): readonly Send[] {
  return networks.flatMap((network) =>
    [0, 1].flatMap((n) =>
      [1, 2, 3].map((step) => from(family, network, family.station((network + step) % 4, (n + step) % 2), { n })),
    ),
  );
}

const ip = (text: string): Step => step('ip', text);
const bridge = (text: string): Step => step('bridge', text);

/** A TCP segment whose checksum is left to a device, from behind p2 (virtio_net_hdr: NEEDS_CSUM, and where it goes; GSO of this size). */
function unfinished(size: number, network: number): Send {
  const payload = tcp(station(1), station(network), [1024, 80], 0x10, '5a'.repeat(size === 0 ? 200 : size * 2));
  const bytes = four.packet(1, 0, station(network), { protocol: 6, payload, fragment: 0x4000 });
  const header = `01${size === 0 ? '00' : '01'}${little(54)}${little(size)}${little(34)}${little(16)}`;
  return { port: 1, bytes: header + bytes, virtio: true };
}

/** Something that is dropped, diverted or seen from now on. */
function change(name: string, aims: readonly string[], ...steps: readonly Step[]): RouterOddity {
  return { name: `VLAN gateway: ${name}`, change: steps, aims, fast: ['p2'] };
}

export const vlanGatewayOddities: readonly RouterOddity[] = [
  { name: 'a VLAN gateway', fast: ['p1', 'p2', 'p3', 'p4'] },
  {
    name: 'VLAN gateway: every kind of tag',
    frames: [
      ...[0, 10, 20, 30, 40, 0xa000, 0xa00a, 0xb014].flatMap((tci) =>
        [0x8100, 0x88a8].map((protocol) => ({
          port: 3,
          bytes: tagged(four.packet(0, 1, station(1), {}), tci, protocol),
        })),
      ),
      { port: 3, bytes: tagged(tagged(four.packet(0, 1, station(1), {}), 20), 10) },
      { port: 0, bytes: tagged(four.packet(0, 0, station(1), {}), 0x8000) },
      { port: 0, bytes: tagged(four.packet(0, 0, station(1), {}), 10, 0x88a8) },
    ],
    aims: ['bridge_vlan_up:other-tag'],
    fast: ['p1', 'p2', 'p3', 'p4'],
  },
  {
    name: 'VLAN gateway: stations of one VLAN among themselves',
    frames: [
      { port: 0, bytes: sized(ethernet(stationMac(0, 1), stationMac(0), 0x88b5), 60) },
      { port: 3, bytes: tagged(sized(ethernet(stationMac(0), stationMac(0, 1), 0x88b5), 60), 10) },
    ],
    fast: ['p1', 'p4'],
  },
  {
    name: 'VLAN gateway: priorities',
    setup: [
      ip('link set br1.10 type vlan ingress-qos-map 3:4 5:6'),
      ip('link set br1.20 type vlan egress-qos-map 0:1 2:5 4:7 6:3 20:2'),
    ],
    frames: [0, 3, 5].flatMap((priority) => [
      send4(0, 2, { n: 1, priority }),
      send4(0, 2, { n: 1, priority, fields: { tos: 0x10 } }),
      send4(3, 2, { priority, n: 0 }),
      from(six, 0, station6(2, 1), { n: 1, priority }),
    ]),
    fast: ['p2', 'p4'],
  },
  {
    name: 'VLAN gateway: priorities that forwarding leaves alone',
    setup: [
      step('sysctl', 'net/ipv4/ip_forward_update_priority 0'),
      ip('link set br1.10 type vlan ingress-qos-map 3:4 5:6'),
      ip('link set br1.20 type vlan egress-qos-map 0:1 2:5 4:7 6:3'),
    ],
    frames: [0, 3, 5].flatMap((priority) => [
      send4(0, 2, { n: 1, priority }),
      from(four, 0, station(2, 1), { n: 1, priority, fields: { tos: 0x10 } }),
    ]),
    hooks: ['tc'],
    fast: ['p4'],
  },
  {
    // Each new one is put before the others of its list.
    name: 'VLAN gateway: a list of priorities too long',
    setup: [
      ip(
        `link set br1.20 type vlan egress-qos-map 0:4 ${[16, 32, 48, 64, 80, 96, 112, 128, 144].map((one) => `${one}:1`).join(' ')}`,
      ),
    ],
    frames: [send4(1, 2, { n: 1 })],
    aims: ['vlan_out:priorities'],
  },
  {
    name: 'VLAN gateway: a VLAN device that keeps the tag',
    change: [ip('link set br1.10 type vlan reorder_hdr off')],
    aims: ['vlan_receive:tag-kept'],
  },
  {
    name: 'VLAN gateway: a VLAN device goes to another network namespace',
    change: [elsewhere('br1.10')],
    aims: ['vlan_receive:other-namespace'],
  },
  {
    name: 'VLAN gateway: a VLAN device with another address',
    change: [ip('link set br1.10 address 02:00:5e:66:00:05')],
  },
  { name: 'VLAN gateway: another address of the bridge', change: [ip('link set br1 address 02:00:5e:66:00:03')] },
  { name: 'VLAN gateway: a VLAN device goes down', change: [ip('link set br1.10 down')] },
  {
    name: 'VLAN gateway: a VLAN device goes',
    change: [ip('link del br1.20')],
    aims: ['vlan_receive:no-device'],
  },
  { name: 'VLAN gateway: the bridge goes down', change: [ip('link set br1 down')] },
  change('the bridge leaves VLAN 20', ['bridge_vlan_out:not-member'], bridge('vlan del dev br1 vid 20 self')),
  change('VLAN 10 blocks on the bridge', ['bridge_vlan_up:vlan-state'], bridge('vlan set dev br1 vid 10 state 4')),
  change('VLAN 20 blocks on the bridge', ['bridge_vlan_out:vlan-state'], bridge('vlan set dev br1 vid 20 state 4')),
  change(
    'the bridge has no VLAN for its own packets',
    ['bridge_vlan_out:no-pvid'],
    bridge('vlan add dev br1 vid 30 untagged self'),
  ),
  change('VLAN 10 untagged on the bridge', [], bridge('vlan add dev br1 vid 10 untagged self')),
  change('VLAN 30 with tags on the bridge', [], bridge('vlan add dev br1 vid 30 pvid self')),
  change('a port leaves VLAN 20', ['bridge_out:fdb-miss'], bridge('vlan del dev p3 vid 20')),
  change('VLAN 20 blocks on a port', ['bridge_out:vlan-state'], bridge('vlan set dev p3 vid 20 state 4')),
  change('VLAN 20 with tags on a port', [], bridge('vlan add dev p3 vid 20')),
  change('VLAN 20 without tags on the trunk', [], bridge('vlan add dev p4 vid 20 untagged')),
  change(
    'tunnel on a port',
    ['bridge_out:vlan-tunnel'],
    bridge('link set dev p3 vlan_tunnel on'),
    bridge('vlan add dev p3 vid 20 tunnel_info id 1000'),
  ),
  change('filtering no more', [], ip('link set br1 type bridge vlan_filtering 0')),
  change(
    'VLANs of the other protocol',
    ['bridge_vlan_out:other-tag'],
    ip('link set br1 type bridge vlan_protocol 802.1ad'),
  ),
  change('statistics', ['bridge_vlan_out:vlan-stats'], ip('link set br1 type bridge vlan_stats_enabled 1')),
  change('forwarding off', [], step('sysctl', 'net/ipv4/conf/br1.10/forwarding 0')),
  change('source checks', [], step('sysctl', 'net/ipv4/conf/br1.10/rp_filter 1')),
  change('generic XDP on a VLAN device', ['vlan_receive:generic-xdp'], step('agent', 'generic br1.10')),
  change('capture on a VLAN device', ['vlan_receive:tapped'], step('capture', 'br1.10')),
  change('capture of what leaves a VLAN device', ['vlan_out:tapped'], step('capture', 'br1.20 out')),
  change('capture of IPv4 on the bridge', ['vlan_receive:tapped'], step('capture', 'br1 ip')),
  change('capture on the bridge', ['bridge_up:tapped'], step('capture', 'br1')),
  {
    ...change('capture on all devices', ['bridge_up:tapped', 'vlan_out:tapped'], step('capture', 'any')),
    hooks: ['tc'],
    fast: [],
  },
  change('tc program on a VLAN device', ['vlan_receive:tc-ingress'], step('agent', 'tcx br1.10 ingress')),
  change('tc program on egress of a VLAN device', ['vlan_out:tc-egress'], step('agent', 'tcx br1.20 egress')),
  change('nft ingress', ['vlan_receive:nf-ingress'], nft('netdev', 'ingress device br1.10', 'drop')),
  change('nft egress', ['vlan_out:nf-egress'], nft('netdev', 'egress device br1.20', 'drop')),
  change('nft bridge input', ['bridge_up:bridge-hook'], nft('bridge', 'input', 'drop')),
  change('nft bridge output', ['bridge_out:bridge-hook'], nft('bridge', 'output', 'drop')),
  change(
    'qdisc of a VLAN device',
    ['vlan_out:qdisc'],
    step('tc', 'qdisc replace dev br1.20 root handle 7: pfifo limit 0'),
  ),
  {
    name: 'VLAN gateway: a bridge that puts tags into packets',
    setup: [step('agent', 'exec ethtool -K br1 tx-vlan-offload off')],
    aims: ['vlan_out:offload@tc'],
  },
  {
    name: 'VLAN gateway: checksums and segments',
    frames: [unfinished(0, 0), unfinished(1000, 0), unfinished(1000, 2)],
    kinds: ['veth'],
    hooks: ['tc'],
    fast: ['p2'],
  },
  {
    name: 'VLAN gateway: a VLAN device without offloads',
    setup: [step('agent', 'exec ethtool -K br1.10 tx off')],
    frames: [unfinished(0, 0), unfinished(1000, 0)],
    kinds: ['veth'],
    hooks: ['tc'],
    aims: ['bridge_out:vlan-segments'],
  },
  {
    name: 'VLAN gateway: limits of the MTU',
    setup: [ip('link set br1.20 mtu 1400')],
    frames: [1376, 1400, 1401, 1500].flatMap((length) =>
      [0, 2, 3].flatMap((to) =>
        [0, 1].map((n) =>
          from(four, 1, station(to, n), {
            fields: { payload: udp(1024, 9, '5a'.repeat(length - 28)), fragment: 0x4000 },
          }),
        ),
      ),
    ),
    fast: ['p2'],
  },
  {
    name: 'VLAN gateway: a station moves to another port',
    script: [
      ...greetings(four),
      ...times(3, send4(1, 0)),
      ...times(2, { port: 3, bytes: tagged(four.packet(0, 0, station(1), {}), 10) }),
      ...times(4, send4(1, 0)),
      ...times(3, { port: 3, bytes: tagged(four.packet(0, 0, station(1), {}), 10) }),
    ],
    fast: ['p2', 'p4'],
  },
];

/** The same of IPv6: what is the family's own, and a change of each device on the way. */
function change6(name: string, aims: readonly string[], ...steps: readonly Step[]): RouterOddity {
  return { name: `VLAN gateway6: ${name}`, change: steps, aims, fast: ['p2'] };
}

export const vlanGateway6Oddities: readonly RouterOddity[] = [
  { name: 'a VLAN gateway of IPv6', fast: ['p1', 'p2', 'p3', 'p4'] },
  {
    name: 'VLAN gateway6: every kind of tag',
    frames: [0, 10, 20, 30, 40, 0xa000, 0xa00a, 0xb014].flatMap((tci) =>
      [0x8100, 0x88a8].map((protocol) => ({
        port: 3,
        bytes: tagged(six.packet(0, 1, station6(1), {}), tci, protocol),
      })),
    ),
    fast: ['p1', 'p2', 'p3', 'p4'],
  },
  {
    name: 'VLAN gateway6: priorities',
    setup: [
      ip('link set br1.10 type vlan ingress-qos-map 3:4 5:6'),
      ip('link set br1.20 type vlan egress-qos-map 0:1 4:7 6:3'),
    ],
    frames: [0, 3, 5].map((priority) => from(six, 0, station6(2, 1), { n: 1, priority })),
    fast: ['p2', 'p4'],
  },
  {
    name: 'VLAN gateway6: limits of the MTU',
    setup: [ip('link set br1.20 mtu 1400')],
    frames: [1399, 1400, 1401, 1500].flatMap((length) =>
      [0, 2, 3].map((to) =>
        from(six, 1, station6(to, 1), { fields: { payload: udp(1024, 9, '5a'.repeat(length - 48)) } }),
      ),
    ),
    aims: ['ip6_route:too-long'],
    fast: ['p2'],
  },
  {
    name: 'VLAN gateway6: IPv4 beside it',
    setup: [step('sysctl', 'net/ipv4/ip_forward 1')],
    fast: ['p1', 'p2', 'p3', 'p4'],
  },
  {
    name: 'VLAN gateway6: a station moves to another port',
    script: [
      ...greetings(six),
      ...times(3, from(six, 1, station6(0))),
      ...times(2, { port: 3, bytes: tagged(six.packet(0, 0, station6(1), {}), 10) }),
      ...times(4, from(six, 1, station6(0))),
      ...times(3, { port: 3, bytes: tagged(six.packet(0, 0, station6(1), {}), 10) }),
    ],
    fast: ['p2', 'p4'],
  },
  change6('the bridge leaves VLAN 20', ['bridge_vlan_out:not-member'], bridge('vlan del dev br1 vid 20 self')),
  change6('VLAN 10 blocks on the bridge', ['bridge_vlan_up:vlan-state'], bridge('vlan set dev br1 vid 10 state 4')),
  change6('VLAN 20 blocks on a port', ['bridge_out:vlan-state'], bridge('vlan set dev p3 vid 20 state 4')),
  change6('a VLAN device goes down', [], ip('link set br1.10 down')),
  change6(
    'a VLAN device that keeps the tag',
    ['vlan_receive:tag-kept'],
    ip('link set br1.10 type vlan reorder_hdr off'),
  ),
  change6('capture on a VLAN device', ['vlan_receive:tapped'], step('capture', 'br1.10')),
  change6('nft egress', ['vlan_out:nf-egress'], nft('netdev', 'egress device br1.20', 'drop')),
  change6('no IPv6 on a VLAN device', ['ip6_route:disabled'], step('sysctl', 'net/ipv6/conf/br1.10/disable_ipv6 1')),
  change6('forwarding off', ['ip6_route:not-forwarding'], step('sysctl', 'net/ipv6/conf/all/forwarding 0')),
];

function configure(family: Family, oddity: RouterOddity, kind: PortKind, hook: Hook, count: number): Configuration {
  const ports = [0, 1, 2, 3].map((index) => ({
    name: `p${index + 1}`,
    mac: index === 1 ? portMac(1) : bridgePortMac(index),
    bridge: 0,
    mtu: 1500,
    up: true,
    virtio: false,
    apart: false,
  }));
  const hosts = networks.flatMap((network) =>
    [0, 1].map((n) => ({ mac: stationMac(network, n), ip: family.station(network, n), port: place(network, n)[0] })),
  );
  return {
    seed: 0,
    kind,
    bridges: [{ name: 'br1', mac: portMac(0), address: addressOf(3, 1) }],
    ports,
    hosts,
    fdb: [],
    vlans: undefined,
    namespace: [
      ...quietRouter,
      ...family.namespace,
      ...['iptables', 'ip6tables', 'arptables'].map((family) => `net/bridge/bridge-nf-call-${family} 0`),
    ].map((text) => step('sysctl', text)),
    links: [
      ip('link set lo up'),
      ip(`link add br1 address ${portMac(0)} type bridge mcast_snooping 0 vlan_filtering 1 vlan_default_pvid 0`),
      ...[10, 20].map((vid) => ip(`link add link br1 name br1.${vid} type vlan id ${vid}`)),
      ...devices.flatMap((name) => neighbourTimers(name, ['ipv4', 'ipv6'])),
      ...ports.map(({ name, mac: address }) =>
        ip(`link set ${name} address ${address} mtu 1500${name === 'p2' ? '' : ' master br1'}`),
      ),
      ...[
        'br1 vid 10 self',
        'br1 vid 20 self',
        'br1 vid 30 pvid untagged self',
        'p1 vid 10 pvid untagged',
        'p1 vid 30',
        'p3 vid 20 pvid untagged',
        'p4 vid 10',
        'p4 vid 20',
        'p4 vid 30',
      ].map((text) => bridge(`vlan add dev ${text}`)),
      ...[...devices.filter((name) => name !== 'p2'), ...ports.map(({ name }) => name)].map((name) =>
        ip(`link set ${name} up`),
      ),
    ],
    setup: [
      // A bridge gets its carrier from its ports by way of a work queue.
      step('wait', '200'),
      ...devices.map((name, network) => ip(`addr add ${family.own(network)}/${family.length} dev ${name}`)),
      ...networks.flatMap((network) =>
        [0, 1].map((n) =>
          ip(
            `neigh add ${family.station(network, n)} lladdr ${stationMac(network, n)} dev ${devices[network]} nud permanent`,
          ),
        ),
      ),
      ...(oddity.setup ?? []),
    ],
    changes: scriptChanges(oddity, count),
    own: networks.map(family.own),
    activity: oddity.activity === true,
    gro: kind === 'veth' && hook === 'xdp' && oddity.gro !== false,
    segmentation: hook === 'tc',
  };
}

function cases(family: Family, oddities: readonly RouterOddity[], count: number): Directed[] {
  return oddities.flatMap((oddity) =>
    directed(oddity, (kind, hook) => {
      const configuration = configure(family, oddity, kind, hook, count);
      return { seed: 0, kind, hook, configuration, frames: mingled(oddity, greetings(family), flows(family), count) };
    }),
  );
}

export function vlanGatewayCases(count = 96): Directed[] {
  return [...cases(four, vlanGatewayOddities, count), ...cases(six, vlanGateway6Oddities, count)];
}
