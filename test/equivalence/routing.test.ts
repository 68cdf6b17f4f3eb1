// SPDX-License-Identifier: Apache-2.0
// CI's sample of random routers with TNA off and on, and proof that a wrong router is told from a right one.

import t from 'tap';
import { ip } from '../support/lab/netns.js';
import { noAccelerator } from './accelerator.js';
import { eachOddityOnce, sample } from './by-turns.js';
import { Judge, workshopIn } from './judge-mutant.js';
import { findMutations } from './mutations.js';
import { makeRouterCase } from './routing/case.js';
import { routerCases } from './routing/directed.js';
import { runCase } from './runner.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_200_000);

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

// On one kind of port and hook each; run.js --directed router has them all.
t.test('one oddity at a time', (t) => eachOddityOnce(t, routerCases()));

t.test('an FPM without a check', async (t) => {
  const id = 'ip4_route:source-multipath';
  const mutation = findMutations().find((one) => one.id === id);
  const { kind, text } =
    mutation === undefined ? { kind: 'gone', text: '' } : await new Judge(workshopIn(t.testdir())).verdict(mutation);
  t.equal(kind, 'caught', `${id}: ${text}`);
});

t.test('tap, XDP', (t) => sample(t, makeRouterCase, 'tap', 'xdp', 4));
t.test('tap, tc', (t) => sample(t, makeRouterCase, 'tap', 'tc', 4));
t.test('veth, tc', (t) => sample(t, makeRouterCase, 'veth', 'tc', 4));
