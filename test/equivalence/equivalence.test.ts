// SPDX-License-Identifier: Apache-2.0
// CI's sample of the equivalence runs, and proof that the harness can tell a difference when there is one.

import t, { type Test } from 'tap';
import { bridge } from '../support/lab/netns.js';
import { type Accelerator, type Claim, noAccelerator, tnaAccelerator } from './accelerator.js';
import type { Hook, PortKind } from './configuration.js';
import { addResult, emptyTotals, reproduction, totalsText } from './report.js';
import { type Case, makeCase, runCase } from './runner.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(600_000);

/** Seeds of CI's sample start here; every run of the script with other seeds widens it. */
const firstSeed = 5000;

function simpleCase(seed: number): Case {
  return makeCase(seed, 'tap', 'xdp', 200);
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
  // Seed 2 has a plain bridge in use: what is changed behind its back must show.
  const isolated = await runCase(simpleCase(2), saboteur('link set dev p1 isolated on', 'link set dev p2 isolated on'));
  t.ok(isolated.differences.length > 0, 'frames that are not forwarded');
  const entry = await runCase(simpleCase(2), saboteur('fdb replace 02:00:5e:77:00:01 dev p1 master static'));
  t.match(entry.differences[0]?.what, /fdb/, 'an FDB entry too many');
});

t.test('a claim of acceleration without fast frames is found', async (t) => {
  const one = simpleCase(2);
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
  t.match(result.differences[0]?.what, /claim of acceleration/);
});

async function sample(t: Test, kind: PortKind, hook: Hook, count: number): Promise<void> {
  const totals = emptyTotals();
  let next = firstSeed;
  const worker = async () => {
    while (next < firstSeed + count) {
      const seed = next;
      next += 1;
      const result = await runCase(makeCase(seed, kind, hook, 200), tnaAccelerator(hook));
      addResult(totals, result);
      if (result.differences.length > 0) {
        t.fail(`seed ${seed} differs`, { reproduction: reproduction(result) });
      }
    }
  };
  await Promise.all([worker(), worker()]);
  t.comment(totalsText(`${kind}, ${hook}`, totals));
  t.equal(totals.different, 0, `${count} configurations are equal`);
  t.ok(totals.accelerated > count / 2, 'most configurations are accelerated');
  t.ok(totals.fast > totals.mustBeFast / 2, 'frames that are due take the fast path');
}

t.test('tap, XDP', (t) => sample(t, 'tap', 'xdp', 25));
t.test('tap, tc', (t) => sample(t, 'tap', 'tc', 25));
t.test('veth, XDP', (t) => sample(t, 'veth', 'xdp', 20));
t.test('veth, tc', (t) => sample(t, 'veth', 'tc', 20));
