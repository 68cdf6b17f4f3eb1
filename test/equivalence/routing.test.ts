// SPDX-License-Identifier: Apache-2.0
// CI's sample of random routers with TNA off and on, and proof that a wrong router is told from a right one.

import t, { type Test } from 'tap';
import { ip } from '../support/lab/netns.js';
import { noAccelerator, tnaAccelerator } from './accelerator.js';
import { eachOddityOnce, sample } from './by-turns.js';
import type { Hook, PortKind } from './configuration.js';
import { Judge, workshopIn } from './judge-mutant.js';
import { findMutations } from './mutations.js';
import { Resident } from './resident-accelerator.js';
import { makeRouter6Case, makeRouterCase } from './routing/case.js';
import { routerCases } from './routing/directed.js';
import { runCase } from './runner.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_500_000);

t.test('Linux equals Linux', async (t) => {
  for (const make of [makeRouterCase, makeRouter6Case]) {
    const result = await runCase(make(1, 'tap', 'tc', 200), noAccelerator);
    t.same(result.differences, [], make.name);
  }
});

t.test('a difference is found', async (t) => {
  for (const [make, station] of [
    [makeRouterCase, '10.2.0.10'],
    [makeRouter6Case, 'fd00:2::10'],
  ] as const) {
    const saboteur = {
      ...noAccelerator,
      start: (netns: string) => ip(netns, `neigh replace ${station} lladdr 02:00:5e:66:00:01 dev p2 nud permanent`),
    };
    const result = await runCase(make(1, 'tap', 'tc', 200), saboteur);
    t.ok(
      result.differences.some(({ what }) => what.startsWith('frames at p2')),
      `a next hop with another address: ${station}`,
    );
  }
});

// On one kind of port and hook each; run.js --directed router has them all. One process does them: the samples below start it each time.
const resident = new Resident();
t.teardown(() => resident.close());
t.test('one oddity at a time', (t) => eachOddityOnce(t, routerCases(), (hook) => resident.accelerator(hook)));

t.test('an FPM without a check', async (t) => {
  const id = 'ip4_route:source-multipath';
  const mutation = findMutations().find((one) => one.id === id);
  const { kind, text } =
    mutation === undefined
      ? { kind: 'gone', text: '' }
      : await new Judge(workshopIn(t.testdir(), resident)).verdict(mutation);
  t.equal(kind, 'caught', `${id}: ${text}`);
});

t.test('tap, XDP', (t) => sample(t, makeRouterCase, 'tap', 'xdp', 4));
t.test('tap, tc', (t) => sample(t, makeRouterCase, 'tap', 'tc', 4));
t.test('veth, tc', (t) => sample(t, makeRouterCase, 'veth', 'tc', 4));
// The first of these has both families, the second changes in the middle of traffic.
const sample6 = (t: Test, kind: PortKind, hook: Hook) =>
  sample(t, makeRouter6Case, kind, hook, 2, tnaAccelerator, 7015);
t.test('IPv6: tap, XDP', (t) => sample6(t, 'tap', 'xdp'));
t.test('IPv6: tap, tc', (t) => sample6(t, 'tap', 'tc'));
t.test('IPv6: veth, tc', (t) => sample6(t, 'veth', 'tc'));
