// SPDX-License-Identifier: Apache-2.0
// Draws a random bridge configuration. Most let TNA accelerate; the rest hold what it must leave to Linux.

import { generateChanges } from './changes.js';
import type { BridgePlan, Configuration, FdbPlan, Hook, Host, PortKind, PortPlan, Step } from './configuration.js';
import { drawPortSetting } from './port-settings.js';
import { Random } from './random.js';
import { bridgeOptions, drawVlans, vlanSteps } from './vlans.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });

function two(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function drawMtus(random: Random, kind: PortKind, hook: Hook, count: number): number[] {
  // The kernel refuses native XDP on a veth whose frames may be larger than about a page.
  const large = kind === 'tap' || (hook === 'tc' && random.chance(0.1));
  const mixed = [576, 1280, 1400, 1500, 1500, 1501, 2000, 3400, ...(large ? [3600, 9000] : [])];
  const uniform = random.weighted([
    [6, 1500],
    [1, 576],
    [1, large ? 9000 : 1400],
  ] as const);
  const isMixed = random.chance(0.4);
  return Array.from({ length: count }, () => (isMixed ? random.pick(mixed) : uniform));
}

function drawPorts(random: Random, kind: PortKind, hook: Hook): PortPlan[] {
  const count = random.weighted([
    [2, 2],
    [3, 3],
    [5, 4],
    [2, 5],
    [2, 6],
    [1, 8],
  ] as const);
  const bridges = count >= 4 && random.chance(0.12) ? 2 : 1;
  const mtus = drawMtus(random, kind, hook, count);
  const virtio = kind === 'tap' && random.chance(0.15);
  return mtus.map((mtu, index) => ({
    name: `p${index + 1}`,
    mac: `02:00:5e:10:00:${two(index + 1)}`,
    bridge: index % bridges,
    mtu,
    up: random.chance(0.94),
    virtio: virtio && random.chance(0.5),
    apart: count > 2 && index === count - 1 && random.chance(0.08),
  }));
}

/** Quiet namespace: nothing is sent by timers, replies hold nothing random that is not masked. */
function namespaceSteps(random: Random): Step[] {
  const filter = random.chance(0.06);
  const steps = [
    'net/ipv6/conf/all/disable_ipv6 1',
    'net/ipv6/conf/default/disable_ipv6 1',
    'net/ipv4/icmp_ratemask 0',
    'net/ipv4/igmp_link_local_mcast_reports 0',
  ];
  for (const family of ['iptables', 'ip6tables', 'arptables']) {
    steps.push(`net/bridge/bridge-nf-call-${family} ${filter && random.chance(0.7) ? 1 : 0}`);
  }
  return steps.map((text) => step('sysctl', text));
}

function bridgeSteps(random: Random, bridge: BridgePlan, more: string): Step[] {
  const options = [
    `ageing_time ${random.weighted([
      [8, 30000],
      [2, 6000],
      [1, 100000],
      [1, 0],
    ] as const)}`,
    `mcast_snooping ${random.chance(0.5) ? 1 : 0}`,
    'hello_time 1000 forward_delay 3000',
  ];
  if (random.chance(0.2)) {
    // Bits 0–2 (STP, pause, LACP) are refused by the kernel.
    options.push(`group_fwd_mask ${random.pick([0x4000, 0xfff8, 8])}`);
  }
  if (random.chance(0.03)) {
    options.push(random.pick(['nf_call_iptables 1', 'nf_call_ip6tables 1', 'nf_call_arptables 1']));
  }
  if (random.chance(0.15)) {
    options.push(random.pick(['no_linklocal_learn 1', 'mcast_router 2', 'mcast_router 0', 'vlan_default_pvid 5']));
  }
  const steps = [step('ip', `link add ${bridge.name} address ${bridge.mac} type bridge ${options.join(' ')}${more}`)];
  if (random.chance(0.06)) {
    steps.push(step('rtnl', `bridge ${bridge.name} fdb_max_learned ${random.between(1, 12)}`));
  }
  if (bridge.address !== undefined) {
    // No repeated or delayed questions while a case runs.
    const timers = ['retrans_time_ms 60000', 'delay_first_probe_time 60', 'locktime 0'];
    steps.push(...timers.map((timer) => step('sysctl', `net/ipv4/neigh/${bridge.name}/${timer}`)));
    steps.push(step('ip', `addr add ${bridge.address}/24 dev ${bridge.name}`));
  }
  return steps;
}

function portSteps(random: Random, ports: readonly PortPlan[]): Step[] {
  const steps: Step[] = [];
  const odd = random.chance(0.45);
  const states = random.chance(0.22);
  for (const port of ports) {
    if (states && port.up && random.chance(0.4)) {
      steps.push(step('bridge', `link set dev ${port.name} state ${random.between(0, 4)}`));
    }
    for (let more = odd ? random.below(3) : 0; more > 0; more -= 1) {
      steps.push(...drawPortSetting(random, ports, port));
    }
  }
  return steps;
}

function fdbSteps(
  random: Random,
  bridges: readonly BridgePlan[],
  ports: readonly PortPlan[],
  hosts: readonly Host[],
  dynamic: boolean,
) {
  const steps: Step[] = [];
  const fdb: FdbPlan[] = [];
  const add = (mac: string, port: number | undefined, kind: string) => {
    const device = port === undefined ? bridges[0]?.name : ports[port]?.name;
    steps.push(step('bridge', `fdb replace ${mac} dev ${device} ${kind}`));
    fdb.push({ mac, port });
  };
  const kinds = [
    'static',
    'static',
    'static sticky',
    'permanent',
    ...(dynamic ? ['dynamic', 'dynamic extern_learn'] : []),
  ];
  const count = random.chance(0.5) ? random.between(1, 5) : 0;
  for (let i = 0; i < count; i += 1) {
    add(`02:00:5e:30:00:${two(i)}`, random.below(ports.length), `master ${random.pick(kinds)}`);
  }
  if (random.chance(0.15)) {
    const host = random.pick(hosts);
    // On its own port or on another: static entries of stations that really speak.
    add(host.mac, random.chance(0.6) ? host.port : random.below(ports.length), `master ${random.pick(kinds)}`);
  }
  if (random.chance(0.1)) {
    add('02:00:5e:30:00:f0', undefined, 'self permanent');
  }
  if (random.chance(0.1)) {
    add('02:00:5e:30:00:f1', random.below(ports.length), 'self permanent');
  }
  if (random.chance(0.1)) {
    const host = random.pick(hosts);
    steps.push(step('rtnl', `fdb ${ports[host.port]?.name} ${host.mac} notify`));
  }
  return { steps, fdb };
}

/** Programs and filters of others on a port, or on the device at its far end. */
function foreign(ports: readonly PortPlan[], port: string): Step[] {
  const number = ports.findIndex((one) => one.name === port);
  return [
    step('agent', `tcx ${port} ingress`),
    step('agent', `tcx ${port} egress`),
    step('agent', `generic ${port}`),
    step('agent', `tapfilter ${number}`),
    step('far', `generic h${number + 1}`),
  ];
}

function filterSteps(random: Random, ports: readonly PortPlan[]): Step[] {
  const port = random.pick(ports).name;
  const steps: Step[] = [];
  if (random.chance(0.04)) {
    const rule = random.pick([
      'ether type ip drop',
      `iifname ${port} drop`,
      'ether saddr 02:00:5e:40:00:10 drop',
      'counter',
    ]);
    const hook = random.pick(['prerouting', 'forward', 'postrouting']);
    steps.push(
      step(
        'nft',
        `table bridge f { chain c { type filter hook ${hook} priority 0; ${rule.replace('iifname', 'meta iifname')}; }; }`,
      ),
    );
  }
  if (random.chance(0.04)) {
    const hook = random.pick(['ingress', 'egress']);
    steps.push(
      step(
        'nft',
        `table netdev g { chain c { type filter hook ${hook} device ${port} priority 0; ether type ip counter drop; }; }`,
      ),
    );
  }
  if (random.chance(0.04)) {
    steps.push(
      step(
        'tc',
        `qdisc add dev ${port} ${random.pick(['root handle 1: pfifo limit 900', 'clsact', 'root handle 2: pfifo_head_drop limit 800'])}`,
      ),
    );
  }
  if (random.chance(0.04)) {
    steps.push(step('capture', random.chance(0.3) ? 'any' : port));
  }
  if (random.chance(0.1)) {
    const index = random.below(ports.length);
    steps.push(step('far', `mtu h${index + 1} ${Math.max(576, (ports[index]?.mtu ?? 1500) - random.pick([1, 100]))}`));
  }
  if (random.chance(0.05)) {
    steps.push(random.pick(foreign(ports, port)));
  }
  return steps;
}

/**
 * Draws the configuration with this seed; equal seeds give equal configurations. With `vlanFiltering` half of the bridges filter VLANs;
 * all the rest is as without.
 */
export function generateConfiguration(
  seed: number,
  kind: PortKind,
  frames: number,
  hook: Hook,
  vlanFiltering: boolean,
): Configuration {
  const random = new Random(seed);
  const vlanRandom = new Random(seed ^ 0x3c6ef372);
  const ports = drawPorts(random, kind, hook);
  const bridgeCount = Math.max(...ports.map((port) => port.bridge)) + 1;
  const bridges = Array.from(
    { length: bridgeCount },
    (_, index): BridgePlan => ({
      name: `br${index}`,
      mac: `02:00:5e:20:00:${two(index + 1)}`,
      address: random.chance(0.4) ? `10.1.${index}.1` : undefined,
    }),
  );
  const hosts = ports.flatMap((port, index) =>
    Array.from(
      { length: random.between(1, 3) },
      (_, n): Host => ({
        mac: `02:00:5e:40:00:${two(index * 16 + 16 + n)}`,
        ip: `10.1.${port.bridge}.${index * 16 + 16 + n}`,
        port: index,
      }),
    ),
  );
  const namespace = namespaceSteps(random);
  const vlans = vlanFiltering && vlanRandom.chance(0.5) ? drawVlans(vlanRandom, ports) : undefined;
  const links: Step[] = [];
  for (const bridge of bridges) {
    const more = vlans === undefined ? '' : bridgeOptions(vlanRandom, vlans);
    links.push(...bridgeSteps(random, bridge, more));
  }
  for (const port of ports) {
    links.push(
      step(
        'ip',
        `link set ${port.name} address ${port.mac} mtu ${port.mtu}${port.apart ? '' : ` master br${port.bridge}`}`,
      ),
    );
  }
  for (const bridge of bridges) {
    if (random.chance(0.1)) {
      const limit = Math.min(...ports.filter((port) => `br${port.bridge}` === bridge.name).map((port) => port.mtu));
      links.push(step('ip', `link set ${bridge.name} mtu ${Math.max(576, limit - random.pick([0, 100]))}`));
    }
    if (random.chance(0.97)) {
      links.push(step('ip', `link set ${bridge.name} up`));
    }
    if (random.chance(0.03)) {
      links.push(step('ip', `link set ${bridge.name} promisc on`));
    }
  }
  links.push(...ports.filter((port) => port.up).map((port) => step('ip', `link set ${port.name} up`)));
  // Without ageing time a dynamic entry lives until some timer comes along: not the same on both sides.
  const lasting = !links.some((one) => one.text.includes('ageing_time 0'));
  const entries = fdbSteps(random, bridges, ports, hosts, lasting);
  const memberships = vlans === undefined ? [] : vlanSteps(vlanRandom, vlans, bridges, ports, hosts);
  const setup = [...memberships, ...portSteps(random, ports), ...entries.steps];
  if (random.chance(0.2)) {
    // Late, so that ports keep the states they have: STP would otherwise start from listening.
    setup.push(step('ip', `link set ${random.pick(bridges).name} type bridge stp_state 1`));
  }
  setup.push(...filterSteps(random, ports));
  const gro = kind === 'veth' && random.chance(0.85);
  const segmentation = hook === 'tc';
  const base: Configuration = {
    seed,
    kind,
    bridges,
    ports,
    hosts,
    fdb: entries.fdb,
    vlans,
    namespace,
    links,
    setup,
    changes: [],
    activity: false,
    gro,
    segmentation,
  };
  return { ...base, changes: generateChanges(random, vlanRandom, base, frames) };
}
