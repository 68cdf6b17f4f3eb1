// SPDX-License-Identifier: Apache-2.0
// Draws a random router of IPv6, some of them of both families. Most let TNA accelerate; the rest hold what it must leave to Linux.

import type { Hook, PortKind, PortPlan, Step } from '../configuration.js';
import { Random } from '../random.js';
import { drawRouter6Changes } from './changes6.js';
import { generateRouter, neighbours, neighbourTimers } from './generate.js';
import { address6Of, leastMtu6, type Neighbour, portMac, quiet6, type RouterPlan } from './plan.js';
import { drawPolicy } from './policy.js';
import { policy6 } from './policy6.js';
import { drawRoutes6, gateway6, ip6, linkLocalGateway } from './routes6.js';
import { drawSpread, type SpreadFamily } from './spread.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });

function namespaceSteps(random: Random): Step[] {
  const odd = (chance: number) => (random.chance(chance) ? 1 : 0);
  return [
    'net/ipv4/igmp_link_local_mcast_reports 0',
    ...quiet6,
    ...(random.chance(0.97) ? [] : ['net/ipv6/conf/all/forwarding 0']),
    // Switching forwarding on has switched these off.
    ...(random.chance(0.3) ? ['net/ipv6/conf/all/accept_redirects 1', 'net/ipv6/conf/default/accept_redirects 1'] : []),
    `net/ipv6/conf/default/accept_ra ${random.pick([0, 1, 1, 2])}`,
    `net/ipv6/conf/all/accept_source_route ${odd(0.2)}`,
    `net/ipv6/conf/default/accept_source_route ${odd(0.2)}`,
    `net/ipv6/fib_multipath_hash_policy ${random.between(0, 3)}`,
    `net/ipv6/icmp/error_anycast_as_unicast ${odd(0.2)}`,
    `net/ipv4/ip_early_demux ${1 - odd(0.1)}`,
  ].map((text) => step('sysctl', text));
}

function deviceSteps(random: Random, port: PortPlan): Step[] {
  if (port.mtu < leastMtu6) return [];
  const steps: Step[] = [];
  const set = (chance: number, name: string, value: number) => {
    if (random.chance(chance)) steps.push(step('sysctl', `net/ipv6/conf/${port.name}/${name} ${value}`));
  };
  // Of these only mtu and disable_ipv6 have a say in what is forwarded; of `forwarding` and `proxy_ndp` those of all.
  set(0.08, 'forwarding', 0);
  set(0.05, 'proxy_ndp', 1);
  set(0.08, 'mtu', random.pick([1280, 1300, 1400].filter((mtu) => mtu <= port.mtu)));
  set(0.02, 'disable_ipv6', 1);
  set(0.05, 'drop_unicast_in_l2_multicast', 1);
  set(0.05, 'seg6_enabled', 1);
  set(0.05, 'ignore_routes_with_linkdown', 1);
  set(0.1, 'hop_limit', 33);
  return steps;
}

/** What is behind a port, and what the router knows of it. */
function neighbours6(random: Random, port: number): { readonly known: Neighbour[]; readonly steps: Step[] } {
  const { known, steps } = neighbours(random, port, address6Of);
  if (random.chance(0.8))
    steps.push(step('ip', `neigh add ${linkLocalGateway} lladdr 02:00:5e:4${port + 1}:00:10 dev p${port + 1}`));
  return { known, steps };
}

/** Things that make Linux look at packets in more ways than one. */
function extras(random: Random, ports: number): { readonly steps: Step[]; readonly allSlow: boolean } {
  const name = `p${random.between(1, ports)}`;
  const network = `${address6Of(random.below(ports), 0)}/64`;
  const steps: Step[] = [];
  let allSlow = false;
  const draw = (chance: number, one: readonly Step[], slow = true) => {
    if (!random.chance(chance)) return;
    steps.push(...one);
    allSlow ||= slow;
  };
  const rule = random.pick([
    `from ${network}`,
    `to ${random.pick(['fd10::/16', network])}`,
    `iif ${name}`,
    `fwmark ${random.below(2)}`,
    'tos 0x10',
  ]);
  draw(0.03, [
    step('ip', `route add fd10::/16 ${gateway6(random, ports)} table 100`),
    step('ip', `route add ${random.pick(['blackhole default', `default ${gateway6(random, ports)}`])} table 100`),
    ip6(`rule add ${rule} lookup 100 priority 100`),
  ]);
  draw(0.02, [ip6(`rule add iif ${name} prohibit priority 200`)]);
  draw(0.03, [step('ip', `xfrm policy add src ${network} dst ::/0 dir fwd action ${random.pick(['block', 'allow'])}`)]);
  draw(0.03, [step('nft', 'table ip6 f { chain c { type filter hook forward priority 0; ip6 hoplimit 60 drop; }; }')]);
  draw(0.02, [
    step('sysctl', 'net/ipv6/conf/all/proxy_ndp 1'),
    step('ip', `neigh add proxy ${address6Of(0, 10)} dev p${ports}`),
  ]);
  draw(0.03, [step('tc', `qdisc add dev ${name} root handle 7: pfifo limit 900`)], false);
  draw(0.03, [step('capture', name)], false);
  return { steps, allSlow };
}

function drawPorts(random: Random): PortPlan[] {
  const mixed = random.chance(0.4);
  return Array.from({ length: random.between(2, 6) }, (_, index) => ({
    name: `p${index + 1}`,
    mac: portMac(index),
    bridge: 0,
    mtu: mixed ? random.pick([leastMtu6 - 1, 1280, 1281, 1400, 1500, 1500, 2000, 9000]) : 1500,
    up: random.chance(0.96),
    virtio: false,
    apart: false,
  }));
}

const spread6: SpreadFamily = {
  name: 'ipv6',
  network: (n) => `fd4${n}::/16`,
  address: (n, m) => `fd4${n}:${m.toString(16)}::${(m & 7) + 1}`,
  firstObject: 200,
  gateway: gateway6,
};

export function generateRouter6(seed: number, kind: PortKind, hook: Hook, frames: number): RouterPlan {
  const random = new Random(seed ^ 0x3c6ef372);
  const four = random.chance(0.35) ? generateRouter(seed, kind, hook, frames) : undefined;
  const ports = four?.configuration.ports ?? drawPorts(random);
  const own: string[] = [];
  const known: Neighbour[] = [];
  const setup: Step[] = [];
  const links: Step[] = [
    step('ip', 'link set lo up'),
    ...ports.map((port) => step('ip', `link set ${port.name} address ${port.mac} mtu ${port.mtu}`)),
  ];
  for (const [index, port] of ports.entries()) {
    links.push(...neighbourTimers(port.name, port.mtu < leastMtu6 ? ['ipv4'] : ['ipv4', 'ipv6']));
    if (port.up) links.push(step('ip', `link set ${port.name} up`));
    if (random.chance(0.94)) {
      own.push(address6Of(index, 1));
      setup.push(step('ip', `addr add ${address6Of(index, 1)}/64 dev ${port.name} nodad`));
    } else {
      // No address of its own, as on unnumbered links.
      setup.push(step('ip', `route add ${address6Of(index, 0)}/64 dev ${port.name}`));
    }
    // Without a link-local address a router neither asks for neighbours on behalf of others, nor sends it redirects.
    if (random.chance(0.7)) {
      own.push('fe80::1');
      setup.push(step('ip', `addr add fe80::1/64 dev ${port.name} nodad`));
    }
    if (random.chance(0.15)) {
      const second = `fd20:${index + 1}::1`;
      own.push(second);
      setup.push(step('ip', `addr add ${second}/${random.pick([64, 126, 127, 128])} dev ${port.name} nodad`));
    }
    const behind = neighbours6(random, index);
    known.push(...behind.known);
    setup.push(...behind.steps, ...deviceSteps(random, port));
  }
  const routes = drawRoutes6(random, ports.length);
  const more = extras(random, ports.length);
  // From sources of their own: what the others draw stays what it is.
  const spread = drawSpread(new Random(seed ^ 0x5be0cd19), spread6, ports.length, frames);
  const policy = drawPolicy(new Random(seed ^ 0x3b67ae85), policy6, ports.length, frames);
  setup.push(...routes.steps, ...more.steps, ...spread.steps, ...policy.steps);
  const quiet = ({ text }: Step) => !text.includes('disable_ipv6');
  const configuration = {
    seed,
    kind,
    bridges: [],
    ports,
    hosts: known.map(({ mac, ip, port }) => ({ mac, ip, port })),
    fdb: [],
    namespace: [...(four?.configuration.namespace.filter(quiet) ?? []), ...namespaceSteps(random)],
    links,
    setup: [...(four?.configuration.setup ?? []), ...setup],
    changes: [],
    activity: false,
    vlans: undefined,
    own: [...own, ...(four?.own ?? [])],
    gro: hook === 'xdp' && random.chance(0.9),
    segmentation: hook === 'tc',
  };
  const changes = [
    ...(four?.configuration.changes ?? []),
    ...drawRouter6Changes(random, configuration, frames),
    ...spread.changes,
    ...policy.changes,
  ];
  return {
    configuration: { ...configuration, changes: changes.sort((a, b) => a.before - b.before) },
    neighbours: known,
    own,
    destinations: routes.destinations,
    spread: spread.destinations,
    allSlow: routes.allSlow || more.allSlow || policy.allSlow,
    ...(four === undefined ? {} : { four }),
  };
}
