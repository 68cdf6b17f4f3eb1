// SPDX-License-Identifier: Apache-2.0
// Directed cases of bridges with an address: br1 (ports p1 and p4) has the network 10.1.0.0/24, br3 (port p3) 10.3.0.0/24, and p2, which
// is no port, 10.2.0.0/24. Each has two known stations; the second one of br1 is behind p4.

import type { Send } from '../../support/lab/agent.js';
import {
  ethernet,
  type Ipv4,
  ipv4,
  ipv6,
  ipv6Address,
  little,
  mac,
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
import { rps } from './multipath.js';
import { packet, type RouterOddity, station, stationMac } from './oddities.js';
import { station6 } from './oddities6.js';
import { addressOf, icmp6, portMac, quietRouter } from './plan.js';

/** The device that has the network, by its number; its MAC address is portMac() of that. */
const devices = ['br1', 'p2', 'br3'] as const;
export const bridgePortMac = (port: number): string => `02:00:5e:1f:00:0${port + 1}`;
/** The port behind which a station is. */
const place = (network: number, n = 0): number => (network === 0 && n === 1 ? 3 : network);

const send = (port: number, bytes: string): Send => ({ port, bytes });
const times = (count: number, one: Send): Send[] => Array.from({ length: count }, () => one);

/** From a station to the router. */
function from(network: number, destination: string, fields: Partial<Ipv4> = {}, n = 0): Send {
  const defaults = {
    source: station(network, n),
    destination,
    protocol: 17,
    payload: udp(1024, 9, '5a'.repeat(30)),
  };
  const whole = ipv4({ ...defaults, ...fields });
  return send(place(network, n), ethernet(portMac(network), stationMac(network, n), 0x0800, whole));
}

/** The same of IPv6; a message of ICMPv6, where a type is given. */
function from6(network: number, destination: string, n = 0, type?: string): Send {
  const source = station6(network, n);
  const [sender, target] = [ipv6Address(source), ipv6Address(destination)];
  const packet =
    type === undefined
      ? ipv6(sender, target, 17, udp(1024, 9, '5a'.repeat(30)))
      : icmp6(source, destination, type, `00000000${target}`, 255);
  return send(place(network, n), ethernet(portMac(network), stationMac(network, n), 0x86dd, packet));
}

/** What differs between the families, of a router whose networks are on bridges. */
interface Family extends Pick<RouterFamily, 'namespace' | 'own' | 'station' | 'length'> {
  /** From a station to the router. */
  readonly from: (network: number, destination: string, n?: number) => Send;
}

const four: Family = {
  ...router4,
  from: (network, destination, n = 0) => from(network, destination, {}, n),
};

const six: Family = {
  ...router6,
  from: from6,
};

/** Everybody sends and is sent something, so that all stations are known and all neighbours in use. */
const greetings = (family: Family): readonly Send[] =>
  [0, 1, 2].flatMap((network) =>
    [0, 1].flatMap((n) => times(2, family.from((network + 1) % 3, family.station(network, n), n))),
  );
const [hello, hello6] = [greetings(four), greetings(six)];

/** A next hop behind br1 that has this MAC address, and a packet to it. */
function nextHop(address: string): Pick<RouterOddity, 'setup' | 'frames'> {
  return {
    setup: [step('ip', `neigh add ${addressOf(0, 40)} lladdr ${address} dev br1 nud permanent`)],
    frames: [from(1, addressOf(0, 40)), from(2, addressOf(0, 40))],
  };
}

/** A TCP segment whose checksum is left to a device, from behind p2 (virtio_net_hdr: NEEDS_CSUM, and where it goes; GSO of this size). */
function unfinished(size: number): Send {
  const payload = tcp(station(1), station(0), [1024, 80], 0x10, '5a'.repeat(size === 0 ? 200 : size * 2));
  const bytes = packet(1, station(0), { protocol: 6, payload, fragment: 0x4000 });
  const header = `01${size === 0 ? '00' : '01'}${little(54)}${little(size)}${little(34)}${little(16)}`;
  return { port: 1, bytes: header + bytes, virtio: true };
}

const bridgeCommand = (text: string): Step => step('bridge', text);

export const gatewayOddities: readonly RouterOddity[] = [
  { name: 'a gateway on bridges', fast: ['p1', 'p2', 'p3', 'p4'] },
  {
    name: 'gateway: stations of one bridge among themselves',
    frames: [
      send(0, sized(ethernet(stationMac(0, 1), stationMac(0), 0x88b5), 60)),
      send(
        3,
        packet(0, station(0)).replace(mac(portMac(0)) + mac(stationMac(0)), mac(stationMac(0)) + mac(stationMac(0, 1))),
      ),
    ],
    fast: ['p1', 'p4'],
  },
  {
    name: 'gateway: other addresses of the host',
    setup: [bridgeCommand('fdb add 02:00:5e:66:00:02 dev br1 self local')],
    frames: [bridgePortMac(0), bridgePortMac(3), '02:00:5e:66:00:02'].map((to) => {
      const one = from(0, station(1));
      return { ...one, bytes: one.bytes.replace(mac(portMac(0)), mac(to)) };
    }),
    aims: ['bridge_up:other-address'],
  },
  {
    name: 'gateway: VLAN tags',
    frames: [0, 1, 10].map((tci) => send(0, tagged(from(0, station(1)).bytes, tci))),
  },
  {
    name: 'gateway: a station moves to another port',
    script: [
      ...hello,
      ...times(3, from(1, station(0))),
      ...times(2, { ...from(0, station(1)), port: 3 }),
      ...times(4, from(1, station(0))),
      ...times(3, { ...from(0, station(1)), port: 3 }),
    ],
    fast: ['p2', 'p4'],
  },
  {
    name: 'gateway: isolated ports',
    setup: [bridgeCommand('link set dev p1 isolated on'), bridgeCommand('link set dev p4 isolated on')],
    fast: ['p1', 'p2', 'p4'],
  },
  {
    name: 'gateway: a port leaves',
    change: [step('ip', 'link set p1 nomaster')],
  },
  { name: 'gateway: a port goes down', change: [step('ip', 'link set p1 down')] },
  { name: 'gateway: the bridge goes down', change: [step('ip', 'link set br1 down')] },
  { name: 'gateway: another address', change: [step('ip', 'link set br1 address 02:00:5e:66:00:03')] },
  { name: 'gateway: forwarding off', change: [step('sysctl', 'net/ipv4/conf/br1/forwarding 0')] },
  {
    name: 'gateway: source checks',
    setup: [step('sysctl', 'net/ipv4/conf/p1/rp_filter 1'), step('sysctl', 'net/ipv4/conf/br1/rp_filter 1')],
    frames: [from(0, station(1), { source: '10.3.0.99' }), from(0, station(1), { source: '10.1.0.99' })],
  },
  {
    name: 'gateway: back into the bridge',
    frames: [from(0, station(0, 1)), from(0, addressOf(0, 1)), from(0, addressOf(1, 1))],
  },
  { name: 'gateway: nft bridge input', change: [nft('bridge', 'input', 'drop')], aims: ['bridge_up:bridge-hook'] },
  {
    name: 'gateway: generic XDP on the bridge',
    change: [step('agent', 'generic br1')],
    aims: ['bridge_up:generic-xdp'],
  },
  {
    name: 'gateway: capture on the bridge',
    change: [step('capture', 'br1')],
    aims: ['bridge_up:tapped'],
  },
  {
    name: 'gateway: capture of what leaves the bridge',
    change: [step('capture', 'br1 out')],
    aims: ['bridge_out:tapped'],
  },
  {
    name: 'gateway: capture on all devices',
    change: [step('capture', 'any')],
    hooks: ['tc'],
    aims: ['bridge_up:tapped', 'bridge_out:tapped'],
  },
  {
    name: 'gateway: tc program on the bridge',
    change: [step('agent', 'tcx br1 ingress')],
    aims: ['bridge_up:tc-ingress'],
  },
  {
    // Behind the port Linux finds a hash by a secret of its own, which is the one of ports from then on.
    name: 'gateway: several next hops by ports, behind RPS of the bridge',
    setup: [
      step('ip', `route add 172.20.0.0/16 nexthop via ${station(1)} dev p2 nexthop via ${station(2)} dev br3`),
      step('sysctl', 'net/ipv4/fib_multipath_hash_policy 1'),
      rps('br1'),
    ],
    script: [
      ...hello,
      ...Array.from({ length: 60 }, (_, n) => from(0, '172.20.0.9', { payload: udp(1024 + n, 9, '5a'.repeat(30)) })),
    ],
    hooks: ['tc'],
    // See multipath.ts.
    kinds: ['veth'],
    aims: ['bridge_up:rps'],
  },
  {
    name: 'gateway: nft ingress',
    change: [nft('netdev', 'ingress device br1', 'drop')],
    aims: ['bridge_up:nf-ingress'],
  },
  ...(['output', 'postrouting'] as const).map((hook) => ({
    name: `gateway: nft bridge ${hook}`,
    change: [nft('bridge', hook, 'drop')],
    aims: ['bridge_out:bridge-hook'],
  })),
  { name: 'gateway: nft egress', change: [nft('netdev', 'egress device br1', 'drop')], aims: ['bridge_out:nf-egress'] },
  {
    name: 'gateway: tc program on egress of the bridge',
    change: [step('agent', 'tcx br1 egress')],
    aims: ['bridge_out:tc-egress'],
  },
  {
    name: 'gateway: qdisc of the bridge',
    change: [step('tc', 'qdisc replace dev br1 root handle 7: pfifo limit 0')],
    aims: ['bridge_out:qdisc'],
  },
  {
    name: 'gateway: a next hop with a group address',
    ...nextHop('01:00:5e:00:00:40'),
    change: [bridgeCommand('fdb add 01:00:5e:00:00:40 dev p1 master static')],
    aims: ['bridge_out:group-address'],
  },
  {
    name: 'gateway: a next hop that no port is known of',
    ...nextHop('02:00:5e:66:00:04'),
    change: [bridgeCommand(`fdb del ${stationMac(0)} dev p1 master`)],
    aims: ['bridge_out:fdb-miss'],
  },
  { name: 'gateway: a next hop that is the bridge', ...nextHop(portMac(0)), aims: ['bridge_out:fdb-no-port'] },
  { name: 'gateway: a next hop that is a port', ...nextHop(bridgePortMac(3)) },
  {
    name: 'gateway: a port that listens only',
    change: [bridgeCommand('link set dev p1 state 1')],
    aims: ['bridge_out:port-state'],
  },
  {
    name: 'gateway: checksums and segments',
    frames: [unfinished(0), unfinished(1000)],
    kinds: ['veth'],
    hooks: ['tc'],
    fast: ['p2'],
  },
  {
    name: 'gateway: a bridge without offloads',
    setup: [step('agent', 'exec ethtool -K br1 tx off')],
    frames: [unfinished(0), unfinished(1000)],
    kinds: ['veth'],
    hooks: ['tc'],
    aims: ['bridge_out:segments'],
  },
  {
    name: 'gateway: a port with a smaller MTU',
    setup: [step('ip', 'link set p1 mtu 700'), step('ip', 'link set br1 mtu 1500')],
    frames: [700, 701, 900].map((length) => from(1, station(0), { payload: udp(1024, 9, '5a'.repeat(length - 28)) })),
  },
];

export const gateway6Oddities: readonly RouterOddity[] = [
  { name: 'a gateway of IPv6 on bridges', fast: ['p1', 'p2', 'p3', 'p4'] },
  {
    name: 'gateway6: a station moves to another port',
    script: [
      ...hello6,
      ...times(3, from6(1, station6(0))),
      ...times(2, { ...from6(0, station6(1)), port: 3 }),
      ...times(4, from6(1, station6(0))),
      ...times(3, { ...from6(0, station6(1)), port: 3 }),
    ],
    fast: ['p2', 'p4'],
  },
  {
    name: 'gateway6: neighbour discovery through a bridge that answers for neighbours',
    setup: [bridgeCommand('link set dev p4 neigh_suppress on')],
    frames: ['8700', '8800', '8000'].map((type) => from6(1, station6(0), 0, type)),
    aims: ['bridge_out:nd-suppress'],
    fast: ['p2'],
  },
  {
    name: 'gateway6: IPv4 beside it',
    setup: [step('sysctl', 'net/ipv4/ip_forward 1')],
    frames: [from(0, station(1))],
  },
  { name: 'gateway6: nft bridge output', change: [nft('bridge', 'output', 'drop')] },
  { name: 'gateway6: capture on the bridge', change: [step('capture', 'br1')] },
  { name: 'gateway6: forwarding off', change: [step('sysctl', 'net/ipv6/conf/all/forwarding 0')] },
  { name: 'gateway6: a port leaves', change: [step('ip', 'link set p1 nomaster')] },
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
  const hosts = [0, 1, 2].flatMap((network) =>
    [0, 1].map((n) => ({ mac: stationMac(network, n), ip: family.station(network, n), port: place(network, n) })),
  );
  const masters: Readonly<Record<string, string>> = { p1: 'br1', p3: 'br3', p4: 'br1' };
  const bridges = [0, 2].map((network) => ({
    name: devices[network] as string,
    mac: portMac(network),
    address: addressOf(network, 1),
  }));
  return {
    seed: 0,
    kind,
    bridges,
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
      step('ip', 'link set lo up'),
      ...bridges.map(({ name, mac: address }) =>
        step('ip', `link add ${name} address ${address} type bridge mcast_snooping 0`),
      ),
      ...devices.flatMap((name) => neighbourTimers(name, ['ipv4', 'ipv6'])),
      ...ports.map(({ name, mac: address }) => {
        const master = masters[name] === undefined ? '' : ` master ${masters[name]}`;
        return step('ip', `link set ${name} address ${address} mtu 1500${master}`);
      }),
      ...[...devices.filter((name) => name !== 'p2'), ...ports.map(({ name }) => name)].map((name) =>
        step('ip', `link set ${name} up`),
      ),
    ],
    setup: [
      // A bridge gets its carrier from its ports by way of a work queue.
      step('wait', '200'),
      ...devices.map((name, network) => step('ip', `addr add ${family.own(network)}/${family.length} dev ${name}`)),
      ...[0, 1, 2].flatMap((network) =>
        [0, 1].map((n) =>
          step(
            'ip',
            `neigh add ${family.station(network, n)} lladdr ${stationMac(network, n)} dev ${devices[network]} nud permanent`,
          ),
        ),
      ),
      ...(oddity.setup ?? []),
    ],
    changes: scriptChanges(oddity, count),
    own: [0, 1, 2].map(family.own),
    activity: oddity.activity === true,
    gro: kind === 'veth' && hook === 'xdp' && oddity.gro !== false,
    segmentation: hook === 'tc',
  };
}

/** Between all networks. */
function flows(family: Family): readonly Send[] {
  return [0, 1, 2].flatMap((network) =>
    [0, 1].flatMap((n) => [1, 2].map((step) => family.from(network, family.station((network + step) % 3, n), n))),
  );
}

function cases(family: Family, oddities: readonly RouterOddity[], count: number): Directed[] {
  return oddities.flatMap((oddity) =>
    directed(oddity, (kind, hook) => {
      const configuration = configure(family, oddity, kind, hook, count);
      return { seed: 0, kind, hook, configuration, frames: mingled(oddity, greetings(family), flows(family), count) };
    }),
  );
}

export function gatewayCases(count = 72): Directed[] {
  return [...cases(four, gatewayOddities, count), ...cases(six, gateway6Oddities, count)];
}
