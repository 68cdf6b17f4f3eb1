// SPDX-License-Identifier: Apache-2.0
// Puts some networks of a random router on VLAN devices: the device takes the place of the port, on that port or on another one, with one tag
// or two, so that several networks may share a port.

import type { Change, Step } from '../configuration.js';
import type { Random } from '../random.js';
import { neighbourTimers } from './generate.js';
import { configured, leastMtu6, type Neighbour, portMac, quiet6, type RouterPlan } from './plan.js';
import type { Tag, Way } from './way.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });
const ip = (text: string): Step => step('ip', text);
const protocols = { 33024: '802.1Q', 34984: '802.1ad' } as const;
type Protocol = keyof typeof protocols;

function drawWay(random: Random, network: number, ports: number): { readonly way: Way; readonly outer?: string } {
  const port = random.chance(0.6) ? network : random.below(ports);
  // No two networks have the same tag on one port.
  const tag = (protocol: Protocol): Tag => ({ protocol, vid: protocol === 0x8100 ? 10 + network : 100 + network });
  const device = `v${network + 1}`;
  // A VLAN device has the MAC address of its port.
  const by = (name: string, at: number, tags: readonly Tag[]): Way => ({
    device: name,
    port: at,
    tags,
    mac: portMac(at),
    claim: name,
  });
  return random.weighted<{ readonly way: Way; readonly outer?: string }>([
    [4, { way: by(`p${network + 1}`, network, []) }],
    [6, { way: by(device, port, [tag(0x8100)]) }],
    [2, { way: by(device, port, [tag(0x88a8)]) }],
    [2, { way: by(device, port, [tag(0x88a8), tag(0x8100)]), outer: `o${network + 1}` }],
  ]);
}

function deviceOptions(random: Random): string {
  const some = [
    [0.35, `egress-qos-map ${random.pick(['0:5', '0:1 2:3 4:6 6:7', '4:7'])}`],
    [0.25, `ingress-qos-map ${random.pick(['3:6 5:1', '0:4', '7:2 1:6'])}`],
    [0.08, 'reorder_hdr off'],
    [0.08, 'loose_binding on'],
  ] as const;
  return some.flatMap(([chance, text]) => (random.chance(chance) ? [text] : [])).join(' ');
}

type Draw = (random: Random, ways: readonly Way[]) => Step[];

const tagging = (ways: readonly Way[]): readonly Way[] => ways.filter(({ tags }) => tags.length > 0);
const some = (random: Random, ways: readonly Way[]): string => random.pick(tagging(ways)).device;
const port = (random: Random, ways: readonly Way[]): string => `p${random.between(1, ways.length)}`;

/** Changes that concern the VLAN devices themselves. */
const draws: readonly (readonly [number, Draw])[] = [
  [3, (r, w) => [ip(`link set ${some(r, w)} down`)]],
  [2, (r, w) => [some(r, w)].flatMap((name) => [ip(`link set ${name} down`), ip(`link set ${name} up`)])],
  [2, (r, w) => [port(r, w)].flatMap((name) => [ip(`link set ${name} down`), ip(`link set ${name} up`)])],
  [2, (r, w) => [ip(`link del ${some(r, w)}`)]],
  [2, (r, w) => [ip(`link set ${some(r, w)} type vlan reorder_hdr off`)]],
  [2, (r, w) => [ip(`link set ${some(r, w)} type vlan egress-qos-map 0:${r.below(8)} 2:${r.below(8)}`)]],
  [2, (r, w) => [ip(`link set ${some(r, w)} type vlan ingress-qos-map ${r.below(8)}:${r.pick([0, 2, 4, 6])}`)]],
  [2, (r, w) => [ip(`link set ${some(r, w)} mtu ${r.pick([600, 1280, 1300, 1400])}`)]],
  [2, (r, w) => [ip(`link set ${some(r, w)} address 02:00:5e:99:00:04`)]],
  // On a port where it was nobody's.
  [
    2,
    (r, w) => [ip(`link add link ${port(r, w)} name v9 type vlan id ${10 + r.below(w.length)}`), ip('link set v9 up')],
  ],
  [2, (r, w) => [step('capture', `${some(r, w)}${r.pick(['', ' out', ' ip'])}`)]],
  [1, (r, w) => [step('capture', `${port(r, w)} ip`)]],
  [2, (r, w) => [step('agent', `tcx ${some(r, w)} ${r.pick(['ingress', 'egress'])}`)]],
  [1, (r, w) => [step('agent', `generic ${some(r, w)}`)]],
  [1, (r, w) => [step('tc', `qdisc add dev ${some(r, w)} root handle 7: pfifo limit 900`)]],
  [
    2,
    (r, w) => [
      step(
        'nft',
        `table netdev late { chain c { type filter hook ${r.pick(['ingress', 'egress'])} device ${some(r, w)} priority 0; drop; }; }`,
      ),
    ],
  ],
  [1, (r, w) => [step('agent', `exec ethtool -K ${port(r, w)} tx-vlan-offload off`)]],
];

/** The router, and of a network how it is reached. The plan's neighbours stay behind their networks: see vlan-frames.ts. */
export function withVlanDevices(
  random: Random,
  plan: RouterPlan,
  frames: number,
): { readonly plan: RouterPlan; readonly wayOf: (network: number) => Way } {
  const { configuration } = plan;
  const { ports } = configuration;
  const drawn = ports.map((_, network) => drawWay(random, network, ports.length));
  // At least one.
  const first = random.below(ports.length);
  while (drawn[first]?.way.tags.length === 0) drawn[first] = drawWay(random, first, ports.length);
  const ways = drawn.map(({ way }) => way);
  /** Whatever is said of the port of such a network is said of the VLAN device. */
  const raised = (one: Step): Step => ({
    ...one,
    text: one.text.replaceAll(/\bp(\d)\b/g, (name, n) => ways[Number(n) - 1]?.device ?? name),
  });
  const six = quiet6.every((text) => configuration.namespace.some((one) => one.text === text));
  const timers = (name: string, mtu: number) =>
    neighbourTimers(name, six && mtu >= leastMtu6 ? ['ipv4', 'ipv6'] : ['ipv4']);
  const mtus = new Map<string, number>();
  /** The kernel refuses IPv6 an MTU above the device's, which a VLAN device may have less of than the port. */
  const fits = ({ text }: Step): boolean => {
    const [, name, mtu] = /^net\/ipv6\/conf\/(v\d)\/mtu (\d+)$/.exec(text) ?? [];
    return name === undefined || Number(mtu) <= (mtus.get(name) ?? 0);
  };
  const devices = drawn.flatMap(({ way: { device, port, tags }, outer }): Step[] => {
    const inner = tags.at(-1);
    if (inner === undefined) return [];
    const type = ({ protocol, vid }: Tag) => `type vlan id ${vid} protocol ${protocols[protocol as Protocol]}`;
    const least = ports[port]?.mtu ?? 1500;
    const mtu = random.chance(0.25) ? Math.min(least, random.pick([1280, 1300, 1400, 1500])) : least;
    mtus.set(device, mtu);
    const outermost = tags[0] ?? inner;
    return [
      ...(outer === undefined
        ? []
        : [ip(`link add link p${port + 1} name ${outer} ${type(outermost)}`), ip(`link set ${outer} up`)]),
      ip(
        `link add link ${outer ?? `p${port + 1}`} name ${device} mtu ${mtu} ${type(inner)} ${deviceOptions(random)}`.trim(),
      ),
      ...timers(device, mtu),
      ...(random.chance(0.97) ? [ip(`link set ${device} up`)] : []),
    ];
  });
  const links = [
    ip('link set lo up'),
    ...ports.flatMap(({ name, mac, mtu, up }) => [
      ip(`link set ${name} address ${mac} mtu ${mtu}`),
      ...timers(name, mtu),
      ...(up ? [ip(`link set ${name} up`)] : []),
    ]),
    ...devices,
  ];
  const own: Change[] = random.chance(0.5)
    ? [{ before: random.between(Math.floor(frames / 3), frames - 10), steps: random.weighted(draws)(random, ways) }]
    : [];
  const raise = (change: Change): Change => ({
    ...change,
    steps: change.steps.map((one) => (one.tool === 'far' || random.chance(0.25) ? one : raised(one))).filter(fits),
  });
  const changes = [...configuration.changes.map(raise), ...own].sort((a, b) => a.before - b.before);
  const placed = ({ mac, ip: address, port: network }: Neighbour) => ({
    mac,
    ip: address,
    port: ways[network]?.port ?? network,
  });
  const whole = {
    ...configuration,
    hosts: plan.neighbours.map(placed),
    links,
    setup: configuration.setup.map(raised).filter(fits),
    changes,
  };
  return {
    plan: configured(plan, whole),
    wayOf: (network) => ways[network] as Way,
  };
}
