// SPDX-License-Identifier: Apache-2.0
// A bridge with an address: frames for the bridge itself that are routed on, packets that are routed out of its ports. Configuration and
// frame in, reason (or the very frame that Linux would send) out. TNA_FPM_CASES=TEXT: only cases with this in their name.

import { setTimeout as delay } from 'node:timers/promises';
import { enterNetns } from 'netlink-ts';
import t, { type Test } from 'tap';
import { hush } from '../support/lab/agent.js';
import { bridge, inNetns, ip } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import type { Hook, Kind } from './case.js';
import { everyReason, type Unreachable } from './every-reason.js';
import { type Counts, difference, FastPath } from './fast-path.js';
import { forwarded } from './forwarded.js';
import {
  A,
  type Bench,
  C,
  type Case,
  configure,
  D,
  frame,
  frame6,
  gatewayCases,
  gatewayModules,
  own,
  routerModules,
  type Way,
  ways,
} from './gateway-cases.js';
import { addPort, command, forwarding, ifindexOf, makeHosts, makeRouter, ownLibrary } from './lab.js';
import { python } from './routing-case.js';

t.setTimeout(600_000 * patience);
const onlyCases = process.env.TNA_FPM_CASES ?? '';
const library = await ownLibrary(t);

/** Reasons that a test has seen, as `fpm:code`. */
const reached = new Set<string>();

async function makeBench(t: Test, hook: Hook, kind: Kind): Promise<Bench> {
  const hosts = await makeHosts(t);
  const { netns, peers, agent } = hosts;
  await hush(agent, [peers]);
  await makeRouter(hosts);
  for (const tables of ['iptables', 'ip6tables', 'arptables'])
    await agent.sysctl(`net/bridge/bridge-nf-call-${tables}`, '0');
  for (const name of ['br0', 'br1'] as const)
    await ip(
      netns,
      `link add ${name} address ${own[name]} type bridge mcast_snooping 0 ageing_time 1000000`,
      `link set ${name} up`,
    );
  const ports: Record<string, number> = {};
  const addresses: Readonly<Record<string, string>> = own;
  for (const name of ['p1', 'p2', 'p3', 'p4']) {
    ports[name] = await addPort(hosts, kind, name);
    if (addresses[name] !== undefined) await ip(netns, `link set ${name} address ${addresses[name]}`);
    await ip(netns, `link set ${name} up`);
  }
  await agent.settle(kind === 'veth' ? 300 : 0);
  await ip(netns, 'link set p1 master br0', 'link set p3 master br0', 'link set p4 master br1', 'link set lo up');
  await forwarding(netns, 3);
  await bridge(
    netns,
    ...[`${A} dev p1`, `${C} dev p3`, `${D} dev p4`].map((entry) => `fdb add ${entry} master static`),
  );
  await configure(netns);
  await delay(200);
  for (const way of ['up', 'down', 'across'] as const)
    for (const bytes of [frame(way), frame6(way)]) await agent.send([{ port: ports[ways[way].from] as number, bytes }]);
  await agent.collect(20);
  enterNetns(`/run/netns/${netns}`);
  const fast = await FastPath.load(library, hook);
  t.teardown(() => fast.close());
  const ifindex = (name: string) => ifindexOf(netns, name);
  return { hook, kind, netns, peers, agent, fast, ports, ifindex };
}

function modulesFor(way: Way): readonly string[] {
  return way === 'down' ? routerModules : gatewayModules;
}

interface Outcome {
  readonly counts: Counts;
  readonly arrived: readonly { readonly port: number; readonly bytes: string }[];
}

async function runCase(bench: Bench, one: Case): Promise<Outcome> {
  const bytes = one.frame ?? frame(one.way, one.packet);
  const port = bench.ports[ways[one.way].from] as number;
  let undo: (() => Promise<void>) | undefined;
  try {
    for (const text of one.set ?? []) await command(bench.netns, text);
    undo = await one.prepare?.(bench);
    if (one.first === true) await bench.agent.send([{ port, bytes }]);
    await bench.agent.collect(bench.kind === 'veth' ? 20 : 1);
    const before = bench.fast.counts();
    const [result] = await bench.agent.send([{ port, bytes }]);
    const late = await bench.agent.collect(bench.kind === 'veth' ? 20 : 1);
    // What the host itself tells groups is not the frame.
    const arrived = [...(result?.received ?? []), ...late].filter(({ bytes }) => !bytes.startsWith('3333'));
    return { counts: difference(before, bench.fast.counts()), arrived };
  } finally {
    await undo?.();
    for (const text of one.unset ?? []) await command(bench.netns, text);
    if (one.unset?.some((text) => /\b(mtu|state)\b/.test(text))) await forwarding(bench.netns, 3);
  }
}

/** The frame as it should arrive, and where: one that is bridged as it was sent. */
function expected(bench: Bench, { way, frame: given, packet, set }: Case): Outcome['arrived'] {
  const bytes = given ?? frame(way, packet);
  const { to, arrives } = ways[way];
  const moved = set?.some((text) => text.includes('fdb replace')) === true;
  const port = bench.ports[moved ? 'p3' : to] as number;
  return [{ port, bytes: way === 'bridged' ? bytes : forwarded(bytes, ...arrives) }];
}

/** All cases run on one kind of device per hook; on the other only the ways and what differs there. */
function applies(one: Case, hook: Hook, kind: Kind): boolean {
  const main = hook === 'xdp' ? 'tap' : 'veth';
  if (!(one.hooks ?? [hook]).includes(hook) || !one.name.includes(onlyCases)) return false;
  return one.kinds === undefined ? kind === main || gatewayCases.indexOf(one) < 8 : one.kinds.includes(kind);
}

for (const [hook, kind] of [
  ['xdp', 'tap'],
  ['xdp', 'veth'],
  ['tc', 'tap'],
  ['tc', 'veth'],
] as const) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const bench = await makeBench(t, hook, kind);
    for (const name of ['p1', 'p2', 'p3', 'p4']) bench.fast.allow(await bench.ifindex(name));
    await bench.fast.use(gatewayModules);
    for (const name of ['p1', 'p2']) await bench.fast.attach(await bench.ifindex(name));
    let used: readonly string[] = gatewayModules;
    for (const one of gatewayCases) {
      if (!applies(one, hook, kind)) continue;
      if (used !== modulesFor(one.way)) await bench.fast.use(modulesFor(one.way));
      used = modulesFor(one.way);
      const outcome = await runCase(bench, one).catch((error: unknown) => new Error(`${one.name}: ${String(error)}`));
      if (outcome instanceof Error) {
        t.fail(outcome.message);
        continue;
      }
      t.strictSame(outcome.counts, { [one.expect]: 1 }, `${one.name}: ${one.expect}`);
      if (one.expect === 'fast')
        t.strictSame(
          outcome.arrived.map(({ port, bytes }) => ({ port, bytes })),
          expected(bench, one),
          `${one.name}: arrives as Linux would send it`,
        );
      for (const seen of Object.keys(outcome.counts)) reached.add(seen);
    }
    if (hook === 'tc' && kind === 'veth') {
      await localSender(t, bench);
      await severalQueues(t, bench);
    }
  });
}

/** A datagram of a socket behind the veth, whose checksum is left to the last device. */
async function localSender(t: Test, bench: Bench): Promise<void> {
  const { netns, peers } = bench;
  await bench.fast.use(routerModules);
  await ip(peers, 'addr add 10.2.0.11/24 dev h2', 'route add 10.1.0.0/24 via 10.2.0.1');
  await ip(peers, `neigh add 10.2.0.1 lladdr ${own.p2} dev h2 nud permanent`);
  for (const [name, offload, ofPort, expect] of [
    ['a checksum that the bridge leaves to its port', 'on', 'on', 'fast'],
    ['a checksum that the bridge fills in', 'off', 'on', 'bridge_out:segments'],
    // What the port's qdisc and programs see differs all the same.
    ['a checksum that the bridge fills in, and its port would', 'off', 'off', 'bridge_out:segments'],
  ] as const) {
    await inNetns(netns, ['ethtool', '-K', 'p1', 'tx', ofPort]);
    await inNetns(netns, ['ethtool', '-K', 'br0', 'tx', offload]);
    const before = bench.fast.counts();
    const send = "s=socket.socket(2,2); s.sendto(b'x'*30,('10.1.0.10',7))";
    await (await python(peers, `import socket; ${send}; print(1,flush=True)`))();
    await delay(30);
    const counts = difference(before, bench.fast.counts());
    t.strictSame(counts, { [expect]: 1 }, `${name}: ${expect}`);
    for (const seen of Object.keys(counts)) reached.add(seen);
  }
  for (const name of ['p1', 'br0']) await inNetns(netns, ['ethtool', '-K', name, 'tx', 'on']);
  await tunnelledSender(t, bench);
}

/** The same in a tunnel, which does not concern the checksum further in: bridges fill that in, veths leave it. */
async function tunnelledSender(t: Test, bench: Bench): Promise<void> {
  const { peers } = bench;
  await ip(
    peers,
    'link add vx0 type vxlan id 7 local 10.2.0.11 remote 10.1.0.10 dstport 4789 noudpcsum',
    'link set vx0 up',
    'addr add 10.9.0.1/24 dev vx0',
    'neigh add 10.9.0.2 lladdr 02:00:00:00:00:99 dev vx0 nud permanent',
  );
  const send = async (): Promise<Counts> => {
    const before = bench.fast.counts();
    const text = "s=socket.socket(2,2); s.sendto(b'x'*30,('10.9.0.2',7))";
    await (await python(peers, `import socket; ${text}; print(1,flush=True)`))();
    await delay(30);
    return difference(before, bench.fast.counts());
  };
  t.strictSame(await send(), { 'bridge_out:segments': 1 }, "a tunnel's inner checksum that the bridge fills in");
  await inNetns(peers, ['ethtool', '-K', 'vx0', 'tx', 'off']);
  t.strictSame(await send(), { fast: 1 }, "a tunnel's inner checksum that is filled in");
  await ip(peers, 'link del vx0');
}

/** A bridge that was made with several queues, and what would be its port's one queue. */
async function severalQueues(t: Test, bench: Bench): Promise<void> {
  const { agent, netns, ports } = bench;
  await bench.fast.use(gatewayModules);
  for (const [queues, expect] of [
    [2, 'bridge_out:qdisc'],
    [1, 'fast'],
  ] as const) {
    await ip(
      netns,
      'link set p4 nomaster',
      'link del br1',
      `link add br1 address ${own.br1} numtxqueues ${queues} type bridge mcast_snooping 0`,
      'link set br1 up',
      'link set p4 master br1',
      'addr add 10.4.0.1/24 dev br1',
      `neigh add 10.4.0.13 lladdr ${D} dev br1 nud permanent`,
    );
    await bridge(netns, `fdb add ${D} dev p4 master static`);
    await forwarding(netns, 3);
    await delay(200);
    const send = () => agent.send([{ port: ports.p1 as number, bytes: frame('across') }]);
    await send();
    await agent.collect(20);
    const before = bench.fast.counts();
    await send();
    await agent.collect(20);
    t.strictSame(difference(before, bench.fast.counts()), { [expect]: 1 }, `a bridge with ${queues} queues: ${expect}`);
  }
}

const unreachable: Unreachable = {
  'bridge_out:down': { because: 'routes of a device that is down are gone or dead, which is seen first' },
  'bridge_out:vlan-filtering': { because: 'no VLAN filtering here', without: 'btf:net_bridge_port.vlgrp' },
  // These have directed cases in test/equivalence/routing/gateway-vlans.ts, for machines that have VLANs.
  ...Object.fromEntries(
    ['port-not-member', 'vlan-state', 'vlan-tunnel', 'vlan-segments'].map((code) => [
      `bridge_out:${code}`,
      { because: 'the pipeline is that of a bridge without VLANs' },
    ]),
  ),
  'bridge_out:switchdev': { because: 'takes switch hardware' },
};

if (onlyCases === '')
  await t.test('every declared reason is reached, or has an excuse', (t) =>
    everyReason(t, 'gateway', library, reached, unreachable, ['ip_egress:ingress-device']),
  );
