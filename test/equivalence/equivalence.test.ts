// SPDX-License-Identifier: Apache-2.0
// CI's sample of the equivalence runs, and proof that the harness can tell a difference when there is one.

import t, { type Test } from 'tap';
import { ethernet, sized } from '../support/lab/frame.js';
import { bridge } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { type Accelerator, type Claim, noAccelerator, tnaAccelerator } from './accelerator.js';
import { eachOddityOnce } from './by-turns.js';
import type { Hook, PortKind, Step } from './configuration.js';
import { directedCases } from './directed.js';
import { equivalents } from './equivalents.js';
import { Judge, workshopIn } from './judge-mutant.js';
import { findMutations } from './mutations.js';
import { Resident } from './resident-accelerator.js';
import { type Case, makeCase, runCase } from './runner.js';
import { runSample } from './sample.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_500_000 * patience);

/** Seeds of CI's sample start here; every run of the script with other seeds widens it. */
const firstSeed = 5000;

/** A plain bridge of three ports, and two stations that talk to each other: there is no doubt what is due. */
function simpleCase(): Case {
  const base = makeCase(1, 'tap', 'xdp', 1);
  const ports = [1, 2, 3].map((n) => ({
    name: `p${n}`,
    mac: `02:00:5e:10:00:0${n}`,
    bridge: 0,
    mtu: 1500,
    up: true,
    virtio: false,
    apart: false,
  }));
  const hosts = ports.map((_, port) => ({ mac: `02:00:5e:40:00:0${port}`, ip: `10.1.0.1${port}`, port }));
  const links: Step[] = [
    { tool: 'ip', text: 'link add br0 address 02:00:5e:20:00:01 type bridge mcast_snooping 0' },
    { tool: 'ip', text: 'link set br0 up' },
    ...ports.map(({ name, mac }): Step => ({ tool: 'ip', text: `link set ${name} address ${mac} master br0 up` })),
  ];
  const namespace: Step[] = base.configuration.namespace.map((step) => ({
    ...step,
    text: step.text.replace(/(bridge-nf-call-\w+) 1/, '$1 0'),
  }));
  const bridges = [{ name: 'br0', mac: '02:00:5e:20:00:01', address: undefined }];
  const frame = (to: string, from: string) => sized(ethernet(to, from, 0x88b5), 60);
  const known = hosts.map(({ mac, port }) => ({ port, bytes: frame('ff:ff:ff:ff:ff:ff', mac) }));
  const [a, b] = hosts.map((host) => host.mac) as [string, string];
  const flow = Array.from({ length: 50 }, (_, i) => ({
    port: i < 25 ? 0 : 1,
    bytes: i < 25 ? frame(b, a) : frame(a, b),
  }));
  return {
    ...base,
    configuration: { ...base.configuration, bridges, ports, hosts, fdb: [], namespace, links, setup: [], changes: [] },
    frames: [...known, ...flow],
  };
}

/** An accelerator that changes what the bridge does, as a wrong fast path would. */
function saboteur(...commands: readonly string[]): Accelerator {
  return { ...noAccelerator, start: (netns) => bridge(netns, ...commands) };
}

t.test('Linux equals Linux', async (t) => {
  for (const kind of ['tap', 'veth'] as const) {
    for (let seed = 1; seed <= 3; seed += 1) {
      const result = await runCase(makeCase(seed, kind, 'tc', 200), noAccelerator);
      t.same(result.differences, [], `${kind}, seed ${seed}`);
    }
  }
});

t.test('a difference is found', async (t) => {
  // What is changed behind the harness's back must show.
  const isolated = await runCase(simpleCase(), saboteur('link set dev p1 isolated on', 'link set dev p2 isolated on'));
  t.ok(isolated.differences.length > 0, 'frames that are not forwarded');
  const entry = await runCase(simpleCase(), saboteur('fdb replace 02:00:5e:77:00:01 dev p1 master static'));
  t.same(
    entry.differences.map((difference) => difference.what),
    ['kernel state: fdb'],
    'an FDB entry too many',
  );
});

t.test('a claim of acceleration without fast frames is found', async (t) => {
  const one = simpleCase();
  const claims = one.configuration.ports.map(
    (port): Claim => ({
      name: port.name,
      accelerated: true,
      hook: 'xdp',
      counters: { fast: 0, slow: 200, drop: 0 },
      slowBy: {},
      reasons: [],
    }),
  );
  const result = await runCase(one, { ...noAccelerator, status: async () => claims });
  t.same(
    result.differences.map((difference) => difference.what),
    ['claim of acceleration'],
  );
});

async function sample(t: Test, kind: PortKind, hook: Hook, count: number): Promise<void> {
  const configurations = { make: makeCase, kind, hook, seed: firstSeed, count, frames: 200 };
  const totals = await runSample(t, { ...configurations, acceleratorOf: tnaAccelerator, jobs: 2 });
  // By XDP, veths whose far ends do not poll are rightly left out: as many configurations as have such ends.
  const least = kind === 'veth' && hook === 'xdp' ? count / 3 : count / 2;
  t.ok(totals.accelerated > least, `${totals.accelerated} configurations are accelerated`);
  t.ok(totals.fast > totals.mustBeFast / 2, 'frames that are due take the fast path');
}

// On one kind of port and hook each; run.js --directed has them all. One process does them: the samples below start it each time.
const resident = new Resident();
t.teardown(() => resident.close());
t.test('one oddity at a time', (t) => eachOddityOnce(t, directedCases(100), (hook) => resident.accelerator(hook)));

t.test('FPMs without a check', async (t) => {
  // One of each sort: a port flag, the FDB, a netfilter guard, a check that another one covers.
  const judge = new Judge(workshopIn(t.testdir(), resident));
  for (const id of [
    'bridge_egress:isolated',
    'bridge_source:source-moved',
    'guard_bridge_nf:bridge-hook#2',
    'l2_control:broadcast',
  ]) {
    const mutation = findMutations().find((one) => one.id === id);
    const { kind, text } = mutation === undefined ? { kind: 'gone', text: '' } : await judge.verdict(mutation);
    t.equal(kind, id in equivalents ? 'equivalent' : 'caught', `${id}: ${text}`);
  }
});

t.test('tap, XDP', (t) => sample(t, 'tap', 'xdp', 10));
t.test('tap, tc', (t) => sample(t, 'tap', 'tc', 10));
t.test('veth, XDP', (t) => sample(t, 'veth', 'xdp', 8));
t.test('veth, tc', (t) => sample(t, 'veth', 'tc', 8));
