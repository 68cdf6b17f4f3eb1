// SPDX-License-Identifier: Apache-2.0
// Draws a random router. Most let TNA accelerate; the rest hold what it must leave to Linux.

import type { Hook, PortKind, PortPlan, Step } from '../configuration.js';
import { Random } from '../random.js';
import { drawRouterChanges } from './changes.js';
import { addressOf, type Neighbour, portMac, type RouterPlan } from './plan.js';
import { drawPolicy, policy4 } from './policy.js';
import { drawRoutes, gateway } from './routes.js';
import { drawSpread, type SpreadFamily } from './spread.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });

/** Neighbours of a device change their state by packets only, not by time. A device with a small MTU has no IPv6, nor settings for it. */
export function neighbourTimers(device: string, families: readonly string[] = ['ipv4']): Step[] {
  const timers = [
    'retrans_time_ms 600000',
    'delay_first_probe_time 600',
    'base_reachable_time_ms 6000000',
    'locktime 0',
    // All namespaces share one table, whose collector removes what has not been used for so long when there are many.
    'gc_stale_time 6000',
  ];
  return families.flatMap((family) => timers.map((timer) => step('sysctl', `net/${family}/neigh/${device}/${timer}`)));
}

/** Quiet namespace: nothing is sent by timers or limited by time. */
function namespaceSteps(random: Random): Step[] {
  const filter = random.weighted([
    [6, 0],
    [2, 1],
    [2, 2],
  ] as const);
  const odd = (chance: number) => (random.chance(chance) ? 1 : 0);
  return [
    'net/ipv6/conf/all/disable_ipv6 1',
    'net/ipv6/conf/default/disable_ipv6 1',
    'net/ipv4/icmp_ratemask 0',
    'net/ipv4/igmp_link_local_mcast_reports 0',
    // How many redirects are sent depends on the time between packets.
    'net/ipv4/conf/all/send_redirects 0',
    'net/ipv4/conf/default/send_redirects 0',
    `net/ipv4/ip_forward ${random.chance(0.97) ? 1 : 0}`,
    // Switching forwarding on has switched these off.
    ...(random.chance(0.4) ? ['net/ipv4/conf/all/accept_redirects 1', 'net/ipv4/conf/default/accept_redirects 1'] : []),
    `net/ipv4/conf/all/rp_filter ${filter}`,
    `net/ipv4/conf/default/rp_filter ${random.pick([0, 0, 0, 1, 2])}`,
    `net/ipv4/conf/all/accept_local ${odd(0.05)}`,
    `net/ipv4/conf/all/route_localnet ${odd(0.05)}`,
    `net/ipv4/ip_forward_update_priority ${1 - odd(0.05)}`,
    `net/ipv4/ip_early_demux ${1 - odd(0.1)}`,
    `net/ipv4/ip_forward_use_pmtu ${odd(0.4)}`,
  ].map((text) => step('sysctl', text));
}

function deviceSteps(random: Random, port: PortPlan): Step[] {
  const steps: Step[] = [];
  const set = (name: string, value: number) =>
    steps.push(step('sysctl', `net/ipv4/conf/${port.name}/${name} ${value}`));
  if (random.chance(0.05)) set('forwarding', 0);
  if (random.chance(0.15)) set('rp_filter', random.between(0, 2));
  if (random.chance(0.04)) set('accept_local', 1);
  if (random.chance(0.03)) set('bc_forwarding', 1);
  if (random.chance(0.03)) set('ignore_routes_with_linkdown', 1);
  return steps;
}

/**
 * What is behind a port, and what the router knows of it. Nobody begins as failed: the kernel may remove such an entry at any
 * time (see state.ts), and then an ARP reply of the neighbour is nothing to it, which otherwise would make it reachable.
 */
export function neighbours(
  random: Random,
  port: number,
  address: (port: number, station: number) => string = addressOf,
): { readonly known: Neighbour[]; readonly steps: Step[] } {
  const known: Neighbour[] = [];
  const steps: Step[] = [];
  for (const n of [10, 11, 12, 13, 20]) {
    const mac = `02:00:5e:4${port + 1}:00:${n}`;
    const state =
      n < 12 ? 'permanent' : random.pick(['permanent', 'reachable', 'stale', 'noarp', 'stale', 'none', 'none', 'none']);
    known.push({ mac, ip: address(port, n), port, permanent: state === 'permanent' });
    if (state !== 'none')
      steps.push(step('ip', `neigh add ${address(port, n)} lladdr ${mac} dev p${port + 1} nud ${state}`));
  }
  return { known, steps };
}

/** Things that make Linux look at packets in more ways than one. */
function extras(random: Random, ports: number): { readonly steps: Step[]; readonly allSlow: boolean } {
  const name = `p${random.between(1, ports)}`;
  const steps: Step[] = [];
  let allSlow = false;
  const draw = (chance: number, one: Step, slow = true) => {
    if (!random.chance(chance)) return;
    steps.push(one);
    allSlow ||= slow;
  };
  draw(0.03, step('ip', `rule add from ${addressOf(0, 10)} lookup 100 priority 100`));
  draw(0.02, step('ip', `rule add iif ${name} prohibit priority 200`));
  draw(
    0.03,
    step(
      'ip',
      `xfrm policy add src ${addressOf(0, 0)}/24 dst 0.0.0.0/0 dir fwd action ${random.pick(['block', 'allow'])}`,
    ),
  );
  draw(0.03, step('nft', 'table ip f { chain c { type filter hook forward priority 0; ip ttl 60 drop; }; }'));
  draw(0.03, step('tc', `qdisc add dev ${name} root handle 7: pfifo limit 900`), false);
  draw(0.03, step('capture', name), false);
  return { steps, allSlow };
}

const spread4: SpreadFamily = {
  name: 'ipv4',
  network: (n) => `198.${18 + n}.0.0/16`,
  address: (n, m) => `198.${18 + n}.${m >> 8}.${m & 255}`,
  firstObject: 100,
  gateway,
};

export function generateRouter(seed: number, kind: PortKind, hook: Hook, frames: number): RouterPlan {
  const random = new Random(seed ^ 0x2545f491);
  const count = random.between(2, 5);
  const mixed = random.chance(0.4);
  const ports: PortPlan[] = Array.from({ length: count }, (_, index) => ({
    name: `p${index + 1}`,
    mac: portMac(index),
    bridge: 0,
    mtu: mixed ? random.pick([576, 1000, 1400, 1500, 2000]) : 1500,
    up: random.chance(0.96),
    virtio: false,
    apart: false,
  }));
  const namespace = namespaceSteps(random);
  const own: string[] = [];
  const known: Neighbour[] = [];
  const setup: Step[] = [];
  // Next hop objects that refuse packets need the loopback device.
  const links: Step[] = [
    step('ip', 'link set lo up'),
    ...ports.map((port) => step('ip', `link set ${port.name} address ${port.mac} mtu ${port.mtu}`)),
  ];
  for (const [index, port] of ports.entries()) {
    links.push(...neighbourTimers(port.name));
    if (port.up) links.push(step('ip', `link set ${port.name} up`));
    if (random.chance(0.96)) {
      own.push(addressOf(index, 1));
      setup.push(step('ip', `addr add ${addressOf(index, 1)}/24 dev ${port.name}`));
    } else {
      // No address of its own, as on unnumbered links.
      setup.push(step('ip', `route add ${addressOf(index, 0)}/24 dev ${port.name}`));
    }
    if (random.chance(0.15)) {
      const second = `192.168.${index + 1}.1`;
      own.push(second);
      setup.push(step('ip', `addr add ${second}/${random.pick([24, 30, 32])} dev ${port.name}`));
    }
    const behind = neighbours(random, index);
    known.push(...behind.known);
    setup.push(...behind.steps, ...deviceSteps(random, port));
  }
  const routes = drawRoutes(random, count);
  const more = extras(random, count);
  // From sources of their own: what the others draw stays what it is.
  const spread = drawSpread(new Random(seed ^ 0x7f4a7c15), spread4, count, frames);
  const policy = drawPolicy(new Random(seed ^ 0x6a09e667), policy4, count, frames);
  setup.push(...routes.steps, ...more.steps, ...spread.steps, ...policy.steps);
  const hosts = known.map(({ mac, ip, port }) => ({ mac, ip, port }));
  const configuration = {
    seed,
    kind,
    bridges: [],
    ports,
    hosts,
    fdb: [],
    namespace,
    links,
    setup,
    changes: [],
    activity: false,
    vlans: undefined,
    own,
    gro: hook === 'xdp' && random.chance(0.9),
    segmentation: hook === 'tc',
  };
  const changes = [...drawRouterChanges(random, configuration, frames), ...spread.changes, ...policy.changes];
  return {
    configuration: { ...configuration, changes: changes.sort((a, b) => a.before - b.before) },
    neighbours: known,
    own,
    destinations: routes.destinations,
    spread: spread.destinations,
    allSlow: routes.allSlow || more.allSlow || policy.allSlow,
  };
}
