// SPDX-License-Identifier: Apache-2.0
// CI's sample of random routers with TNA off and on, and proof that a wrong router is told from a right one.

import t, { type Test } from 'tap';
import { ip } from '../support/lab/netns.js';
import { noAccelerator, tnaAccelerator } from './accelerator.js';
import { eachOddityOnce } from './by-turns.js';
import type { Hook, PortKind } from './configuration.js';
import { Judge, workshopIn } from './judge-mutant.js';
import { findMutations } from './mutations.js';
import { addResult, emptyTotals, reproduction, totalsText } from './report.js';
import { makeRouterCase } from './routing/case.js';
import { routerCases } from './routing/directed.js';
import { runCase } from './runner.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_200_000);

/** Seeds of CI's sample start here; every run of the script with other seeds widens it. */
const firstSeed = 7000;

t.test('Linux equals Linux', async (t) => {
  const result = await runCase(makeRouterCase(1, 'tap', 'tc', 200), noAccelerator);
  t.same(result.differences, []);
});

t.test('a difference is found', async (t) => {
  const saboteur = {
    ...noAccelerator,
    start: (netns: string) => ip(netns, 'neigh replace 10.2.0.10 lladdr 02:00:5e:66:00:01 dev p2 nud permanent'),
  };
  const result = await runCase(makeRouterCase(1, 'tap', 'tc', 200), saboteur);
  t.ok(
    result.differences.some(({ what }) => what.startsWith('frames at p2')),
    'a next hop with another address',
  );
});

async function sample(t: Test, kind: PortKind, hook: Hook, count: number): Promise<void> {
  const totals = emptyTotals();
  for (let seed = firstSeed; seed < firstSeed + count; seed += 1) {
    const result = await runCase(makeRouterCase(seed, kind, hook, 200), tnaAccelerator(hook));
    addResult(totals, result);
    if (result.differences.length > 0) {
      t.fail(`seed ${seed} differs`, { reproduction: reproduction(result) });
    }
  }
  t.comment(totalsText(`${kind}, ${hook}`, totals));
  t.equal(totals.different, 0, `${count} configurations are equal`);
  t.ok(totals.accelerated > count / 2, 'most configurations are accelerated');
  t.ok(totals.fast > 0 && totals.fast >= totals.mustBeFast, 'packets that are due take the fast path');
}

// On one kind of port and hook each; run.js --directed router has them all.
t.test('one oddity at a time', (t) => eachOddityOnce(t, routerCases()));

t.test('an FPM without a check', async (t) => {
  const id = 'ip4_route:source-multipath';
  const mutation = findMutations().find((one) => one.id === id);
  const { kind, text } =
    mutation === undefined ? { kind: 'gone', text: '' } : await new Judge(workshopIn(t.testdir())).verdict(mutation);
  t.equal(kind, 'caught', `${id}: ${text}`);
});

t.test('tap, XDP', (t) => sample(t, 'tap', 'xdp', 4));
t.test('tap, tc', (t) => sample(t, 'tap', 'tc', 4));
t.test('veth, tc', (t) => sample(t, 'veth', 'tc', 4));
