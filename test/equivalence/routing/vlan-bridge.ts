// SPDX-License-Identifier: Apache-2.0
// Puts some networks of a random router on a bridge that filters VLANs: each in a VLAN of its own, the router's addresses on VLAN devices on
// the bridge, one of them perhaps on the bridge itself. The port of such a network is an access port of its VLAN; others are trunks.

import type { Change, PortPlan, Step } from '../configuration.js';
import type { Random } from '../random.js';
import { neighbourTimers } from './generate.js';
import { configured, leastMtu6, type Neighbour, portMac, quiet6, type RouterPlan } from './plan.js';
import type { Way } from './way.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });
const ip = (text: string): Step => step('ip', text);
const bridge = (text: string): Step => step('bridge', text);
const bridgePortMac = (port: number): string => `02:00:5e:1f:00:0${port + 1}`;
const vidOf = (network: number): number => 10 + network;

interface Drawn {
  /** By network; undefined: its device is its port. */
  readonly devices: readonly (string | undefined)[];
  /** By port: its VLANs, with the flags of `bridge vlan add`; undefined: not a port of the bridge. */
  readonly members: readonly (ReadonlyMap<number, string> | undefined)[];
}

type Draw = (random: Random, drawn: Drawn, plan: RouterPlan) => Step[];

const network = (random: Random, { devices }: Drawn): number =>
  random.pick(devices.flatMap((device, index) => (device === undefined ? [] : [index])));
const device = (random: Random, drawn: Drawn): string => drawn.devices[network(random, drawn)] ?? 'br1';
const port = (random: Random, { members }: Drawn): string =>
  `p${1 + random.pick(members.flatMap((vlans, index) => (vlans === undefined ? [] : [index])))}`;
const vid = (random: Random, drawn: Drawn): number => vidOf(network(random, drawn));
const flags = ['', ' untagged', ' pvid untagged', ' pvid'] as const;

/** Changes that concern the bridge, its VLANs and the devices on it. */
const draws: readonly (readonly [number, Draw])[] = [
  [3, (r, d) => [bridge(`vlan del dev br1 vid ${vid(r, d)} self`)]],
  [3, (r, d) => [bridge(`vlan del dev ${port(r, d)} vid ${vid(r, d)}`)]],
  [3, (r, d) => [bridge(`vlan add dev ${port(r, d)} vid ${vid(r, d)}${r.pick(flags)}`)]],
  [3, (r, d) => [bridge(`vlan add dev br1 vid ${vid(r, d)}${r.pick(flags)} self`)]],
  [2, (r, d) => [bridge(`vlan set dev ${r.pick([port(r, d), 'br1'])} vid ${vid(r, d)} state ${r.below(5)}`)]],
  [1, () => [ip('link set br1 type bridge vlan_filtering 0')]],
  [1, () => [ip('link set br1 type bridge vlan_protocol 802.1ad')]],
  [1, () => [ip('link set br1 type bridge vlan_stats_enabled 1')]],
  [3, (r, d) => [ip(`link set ${device(r, d)} down`)]],
  [1, (r, d) => [ip(`link del ${device(r, d)}`)]],
  [2, (r, d) => [ip(`link set ${device(r, d)} type vlan reorder_hdr off`)]],
  [2, (r, d) => [ip(`link set ${device(r, d)} type vlan egress-qos-map 0:${r.below(8)} 2:${r.below(8)}`)]],
  [2, (r, d) => [ip(`link set ${device(r, d)} mtu ${r.pick([600, 1280, 1400])}`)]],
  [2, (r, d) => [ip(`link set ${device(r, d)} address 02:00:5e:99:00:05`)]],
  [
    2,
    (r, d, p) => [bridge(`fdb replace ${r.pick(p.neighbours).mac} dev ${port(r, d)} vlan ${vid(r, d)} master static`)],
  ],
  [2, (r, d, p) => [bridge(`fdb del ${r.pick(p.neighbours).mac} dev ${port(r, d)} vlan ${vid(r, d)} master`)]],
  [2, (r, d) => [bridge(`link set dev ${port(r, d)} ${r.pick(['isolated', 'hairpin', 'locked', 'vlan_tunnel'])} on`)]],
  [1, (r, d) => [bridge(`link set dev ${port(r, d)} state ${r.pick([0, 1, 2, 4])}`)]],
  [1, (r, d) => [ip(`link set ${port(r, d)} nomaster`)]],
  [2, (r, d) => [step('capture', `${r.pick([device(r, d), 'br1'])}${r.pick(['', ' out', ' ip'])}`)]],
  [1, (r, d) => [step('agent', `tcx ${r.pick([device(r, d), 'br1'])} ${r.pick(['ingress', 'egress'])}`)]],
  [1, (r, d) => [step('tc', `qdisc add dev ${device(r, d)} root handle 7: pfifo limit 900`)]],
  [
    2,
    (r) => [
      step(
        'nft',
        `table bridge late { chain c { type filter hook ${r.pick(['input', 'forward', 'output'])} priority 0; drop; }; }`,
      ),
    ],
  ],
];

function draw(random: Random, networks: number, ports: number): Drawn {
  const bridged = Array.from({ length: networks }, () => random.chance(0.65));
  // Two at least.
  for (let n = random.below(networks); bridged.filter(Boolean).length < 2; n = (n + 1) % networks) bridged[n] = true;
  const itself = random.chance(0.4) ? random.below(networks) : -1;
  const devices = bridged.map((is, n) => (is ? (n === itself ? 'br1' : `br1.${vidOf(n)}`) : undefined));
  const vids = bridged.flatMap((is, n) => (is ? [vidOf(n)] : []));
  const trunk = (but?: number) =>
    new Map(vids.filter((one) => one !== but && random.chance(0.85)).map((one) => [one, ''] as const));
  const members = Array.from({ length: ports }, (_, n): ReadonlyMap<number, string> | undefined => {
    if (bridged[n] === false) return undefined;
    const access = n < networks ? vidOf(n) : random.chance(0.2) ? random.pick(vids) : undefined;
    const others = n >= networks || random.chance(0.25) ? trunk(access) : new Map<number, string>();
    return access === undefined ? others : new Map([[access, ' pvid untagged'], ...others]);
  });
  return { devices, members };
}

/** The router, and of a frame from a station, by the network that it is sent in and the station's MAC address, how it comes in. */
export function withVlanBridge(
  random: Random,
  plan: RouterPlan,
  frames: number,
): { readonly plan: RouterPlan; readonly wayOf: (network: number, mac: string) => Way } {
  const { configuration } = plan;
  const networks = configuration.ports.length;
  const trunks = random.between(1, 2);
  const drawn = draw(random, networks, networks + trunks);
  const { devices, members } = drawn;
  const gatewayMac = portMac(devices.findIndex((one) => one !== undefined));
  const ports: readonly PortPlan[] = [
    ...configuration.ports.map((one, n) =>
      devices[n] === undefined ? one : { ...one, mac: bridgePortMac(n), mtu: 1500 },
    ),
    ...Array.from({ length: trunks }, (_, n): PortPlan => {
      const like = configuration.ports[0] as PortPlan;
      const index = networks + n;
      return { ...like, name: `p${index + 1}`, mac: bridgePortMac(index), mtu: 1500, up: true };
    }),
  ];
  const wayBy = (n: number, at: number): Way => {
    const name = devices[n];
    const vlans = members[at];
    const claim = `p${at + 1}`;
    if (name === undefined || vlans === undefined)
      return {
        port: at,
        tags: [],
        device: name ?? `p${n + 1}`,
        mac: name === undefined ? portMac(n) : gatewayMac,
        claim,
      };
    const untagged = vlans.get(vidOf(n))?.includes('pvid') === true;
    const tags = untagged ? [] : [{ protocol: 0x8100, vid: vidOf(n) }];
    return { port: at, tags, device: name, mac: gatewayMac, claim };
  };
  // A station is behind its network's own port, or behind another one that has its VLAN.
  const places = new Map(
    plan.neighbours.map(({ mac, port: n }) => {
      const others = members.flatMap((vlans, at) => (at !== n && vlans?.has(vidOf(n)) === true ? [at] : []));
      return [
        mac,
        {
          network: n,
          at: devices[n] !== undefined && others.length > 0 && random.chance(0.5) ? random.pick(others) : n,
        },
      ];
    }),
  );
  const wayOf = (n: number, mac: string): Way => {
    const place = places.get(mac);
    // Somebody who has moved speaks as those do who are there.
    return place === undefined || place.network !== n ? wayBy(n, n) : wayBy(n, place.at);
  };
  const raised = (one: Step): Step => ({
    ...one,
    text: one.text.replaceAll(/\bp(\d)\b/g, (name, n) => devices[Number(n) - 1] ?? name),
  });
  const six = quiet6.every((text) => configuration.namespace.some((one) => one.text === text));
  const timers = (name: string, mtu: number) =>
    neighbourTimers(name, six && mtu >= leastMtu6 ? ['ipv4', 'ipv6'] : ['ipv4']);
  const onBridge = devices.filter((one) => one !== undefined);
  const self = devices.flatMap((name, n) =>
    name === undefined
      ? []
      : [bridge(`vlan add dev br1 vid ${vidOf(n)}${name === 'br1' ? ' pvid untagged' : ''} self`)],
  );
  const links: Step[] = [
    ip('link set lo up'),
    ip(`link add br1 address ${gatewayMac} type bridge mcast_snooping 0 vlan_filtering 1 vlan_default_pvid 0`),
    ...timers('br1', 1500),
    ...onBridge
      .filter((name) => name !== 'br1')
      .flatMap((name) => {
        const map = random.chance(0.3) ? ` egress-qos-map ${random.pick(['0:5', '0:1 2:3 4:6'])}` : '';
        const more = map + (random.chance(0.2) ? ' ingress-qos-map 3:6 5:1' : '');
        return [ip(`link add link br1 name ${name} type vlan id ${name.slice(4)}${more}`), ...timers(name, 1500)];
      }),
    ...ports.flatMap(({ name, mac, mtu }, n) => {
      const member = members[n] !== undefined;
      return [
        ip(`link set ${name} address ${mac} mtu ${mtu}${member ? ' master br1' : ''}`),
        ...(member ? [] : timers(name, mtu)),
      ];
    }),
    ...self,
    ...members.flatMap((vlans, n) =>
      [...(vlans ?? [])].map(([one, how]) => bridge(`vlan add dev p${n + 1} vid ${one}${how}`)),
    ),
    ...ports.flatMap(({ name, up }) => (up ? [ip(`link set ${name} up`)] : [])),
    ip('link set br1 up'),
    ...onBridge.filter((name) => name !== 'br1').map((name) => ip(`link set ${name} up`)),
  ];
  const raise = (change: Change): Change => ({
    ...change,
    steps: change.steps.map((one) => (one.tool === 'far' || random.chance(0.25) ? one : raised(one))),
  });
  const own: Change[] = random.chance(0.6)
    ? [
        {
          before: random.between(Math.floor(frames / 3), frames - 10),
          steps: random.weighted(draws)(random, drawn, plan),
        },
      ]
    : [];
  // When its last port is gone, a bridge is without carrier, and its neighbours are forgotten: by a work queue, up to a second later.
  const settled = (change: Change): Change =>
    change.steps.some(({ text }) => /state|nomaster|down/.test(text))
      ? { ...change, steps: [...change.steps, step('wait', '1200')] }
      : change;
  const changes = [...configuration.changes.map(raise), ...own].map(settled).sort((a, b) => a.before - b.before);
  const whole = {
    ...configuration,
    bridges: [{ name: 'br1', mac: gatewayMac, address: undefined }],
    ports,
    hosts: plan.neighbours.map(({ mac, ip, port }: Neighbour) => ({ mac, ip, port: wayOf(port, mac).port })),
    namespace: [
      ...configuration.namespace,
      ...['iptables', 'ip6tables', 'arptables'].map((family) =>
        step('sysctl', `net/bridge/bridge-nf-call-${family} 0`),
      ),
    ],
    links,
    // A bridge gets its carrier from its ports by way of a work queue.
    setup: [step('wait', '200'), ...configuration.setup.map(raised)],
    changes,
  };
  return {
    plan: configured(plan, whole),
    wayOf,
  };
}
