// SPDX-License-Identifier: Apache-2.0
// Makes bridges of some networks of a random router: the bridge takes the place of the port, with its MAC address, and the port becomes one of
// its ports, which other ports join.

import type { BridgePlan, Change, PortPlan, Step } from '../configuration.js';
import type { Random } from '../random.js';
import { neighbourTimers } from './generate.js';
import { leastMtu6, type Neighbour, placeOf, portMac, quiet6, type RouterPlan } from './plan.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });
const bridgePortMac = (port: number): string => `02:00:5e:1f:00:0${port + 1}`;

type Draw = (random: Random, plan: RouterPlan) => Step[];

const bridgeOf = (random: Random, plan: RouterPlan): string => random.pick(plan.configuration.bridges).name;
const port = (random: Random, plan: RouterPlan): string => random.pick(plan.configuration.ports).name;

/** Changes that concern a bridge below the router. */
const draws: readonly (readonly [number, Draw])[] = [
  [3, (r, p) => [step('bridge', `fdb replace ${r.pick(p.neighbours).mac} dev ${port(r, p)} master static`)]],
  [2, (r, p) => [step('bridge', `fdb del ${r.pick(p.neighbours).mac} dev ${port(r, p)} master`)]],
  [2, (r, p) => [step('bridge', `link set dev ${port(r, p)} state ${r.pick([0, 1, 2, 4])}`)]],
  [2, (r, p) => [step('bridge', `link set dev ${port(r, p)} ${r.pick(['isolated', 'hairpin', 'locked'])} on`)]],
  [2, (r, p) => [step('bridge', `link set dev ${port(r, p)} ${r.pick(['learning', 'flood'])} off`)]],
  [2, (r, p) => [step('ip', `link set ${port(r, p)} nomaster`)]],
  [
    2,
    (r, p) => [step('ip', `link set ${bridgeOf(r, p)} ${r.pick(['down', 'promisc on', 'address 02:00:5e:99:00:02'])}`)],
  ],
  [2, (r, p) => [step('bridge', `fdb add 02:00:5e:99:00:03 dev ${bridgeOf(r, p)} self local`)]],
  [2, (r, p) => [step('ip', `link set ${bridgeOf(r, p)} mtu ${r.pick([576, 1000, 1400])}`)]],
  [
    3,
    (r) => [
      step(
        'nft',
        `table bridge late { chain c { type filter hook ${r.pick(['prerouting', 'input', 'forward', 'output', 'postrouting'])} priority 0; ether type ip drop; }; }`,
      ),
    ],
  ],
  [2, (r, p) => [step('capture', `${bridgeOf(r, p)}${r.pick(['', ' out', ' ip'])}`)]],
  [2, (r, p) => [step('agent', `tcx ${bridgeOf(r, p)} ${r.pick(['ingress', 'egress'])}`)]],
  [1, (r, p) => [step('agent', `generic ${bridgeOf(r, p)}`)]],
  [1, (r, p) => [step('tc', `qdisc add dev ${bridgeOf(r, p)} root handle 7: pfifo limit 900`)]],
  [1, (r, p) => [step('sysctl', `net/ipv4/conf/${bridgeOf(r, p)}/rp_filter ${r.between(1, 2)}`)]],
];

/** Ports of bridges by their flags; most have none. */
function portFlags(random: Random, ports: readonly PortPlan[]): Step[] {
  return ports.flatMap(({ name }) => {
    if (!random.chance(0.25)) return [];
    const flag = random.pick([
      'isolated on',
      'hairpin on',
      'learning off',
      'locked on',
      'flood off',
      'neigh_suppress on',
    ]);
    return [step('bridge', `link set dev ${name} ${flag}`)];
  });
}

export function withBridges(random: Random, plan: RouterPlan, frames: number): RouterPlan {
  const { configuration } = plan;
  const networks = configuration.ports.length;
  const first = random.below(networks);
  const bridged = Array.from({ length: networks }, (_, network) => network === first || random.chance(0.5));
  const joining = Array.from({ length: random.between(1, 3) }, () =>
    random.pick(bridged.flatMap((is, network) => (is ? [network] : []))),
  );
  const ports = [
    ...configuration.ports.map((one, network) => (bridged[network] ? { ...one, mac: bridgePortMac(network) } : one)),
    ...joining.map((network, index): PortPlan => {
      const like = configuration.ports[network] as PortPlan;
      return { ...like, name: `p${networks + index + 1}`, mac: bridgePortMac(networks + index), up: true };
    }),
  ];
  const bridges = bridged.flatMap((is, network): BridgePlan[] =>
    is ? [{ name: `br${network + 1}`, mac: portMac(network), address: undefined }] : [],
  );
  /** Whatever is said of the port of a bridged network is said of the bridge. */
  const raised = (one: Step): Step => ({
    ...one,
    text: one.text.replaceAll(/\bp(\d)\b/g, (name, n) => (bridged[Number(n) - 1] === true ? `br${n}` : name)),
  });
  const masterOf = (index: number): string => {
    const network = joining[index - networks] ?? index;
    return bridged[network] === true ? `br${network + 1}` : '';
  };
  const members = ports.filter((_, index) => masterOf(index) !== '');
  const neighbours = plan.neighbours.map((one): Neighbour => {
    const others = joining.flatMap((network, index) => (network === one.port ? [networks + index] : []));
    return others.length > 0 && random.chance(0.5) ? { ...one, at: random.pick(others) } : one;
  });
  const six = quiet6.every((text) => plan.configuration.namespace.some((one) => one.text === text));
  const links = [
    step('ip', 'link set lo up'),
    ...bridges.flatMap(({ name, mac }) => [
      step('ip', `link add ${name} address ${mac} type bridge mcast_snooping 0`),
      ...neighbourTimers(name, six ? ['ipv4', 'ipv6'] : ['ipv4']),
    ]),
    ...ports.flatMap(({ name, mac, mtu, up }, index) => {
      const master = masterOf(index);
      const timers = master === '' ? neighbourTimers(name, six && mtu >= leastMtu6 ? ['ipv4', 'ipv6'] : ['ipv4']) : [];
      const set = step('ip', `link set ${name} address ${mac} mtu ${mtu}${master === '' ? '' : ` master ${master}`}`);
      return [set, ...timers, ...(up ? [step('ip', `link set ${name} up`)] : [])];
    }),
    ...bridges.map(({ name }) => step('ip', `link set ${name} up`)),
  ];
  const known = neighbours
    .filter(() => random.chance(0.2))
    .map((one) => step('bridge', `fdb add ${one.mac} dev ${ports[placeOf(one)]?.name} master static`));
  const result: RouterPlan = {
    ...plan,
    neighbours,
    configuration: {
      ...configuration,
      bridges,
      ports,
      hosts: neighbours.map((one) => ({ mac: one.mac, ip: one.ip, port: placeOf(one) })),
      namespace: [
        ...configuration.namespace,
        ...['iptables', 'ip6tables', 'arptables'].map((family) =>
          step('sysctl', `net/bridge/bridge-nf-call-${family} 0`),
        ),
      ],
      links,
      // A bridge gets its carrier from its ports by way of a work queue.
      setup: [
        step('wait', '200'),
        ...configuration.setup.map(raised),
        ...portFlags(random, members),
        ...known,
        ...(random.chance(0.3)
          ? [step('ip', `link set ${random.pick(bridges).name} mtu ${random.pick([six ? leastMtu6 : 1000, 1500])}`)]
          : []),
      ],
      changes: [],
    },
  };
  const raise = (change: Change): Change => ({
    ...change,
    steps: change.steps.map((one) => (one.tool === 'far' || random.chance(0.3) ? one : raised(one))),
  });
  // When its last port is gone, a bridge is without carrier, and its neighbours are forgotten: by a work queue, up to a second later.
  const settled = (change: Change): Change =>
    change.steps.some(({ text }) => /state|nomaster|down/.test(text))
      ? { ...change, steps: [...change.steps, step('wait', '1200')] }
      : change;
  const own = random.chance(0.5)
    ? [{ before: random.between(Math.floor(frames / 3), frames - 10), steps: random.weighted(draws)(random, result) }]
    : [];
  const changes = [...configuration.changes.map(raise), ...own].map(settled).sort((a, b) => a.before - b.before);
  const whole = { ...result, configuration: { ...result.configuration, changes } };
  if (plan.four === undefined) return whole;
  // The same stations, known by addresses of the other family.
  const places = new Map(neighbours.map((one) => [one.mac, one.at]));
  const known4 = plan.four.neighbours.map((one): Neighbour => {
    const at = places.get(one.mac);
    return at === undefined ? one : { ...one, at };
  });
  return { ...whole, four: { ...plan.four, neighbours: known4, configuration: whole.configuration } };
}
