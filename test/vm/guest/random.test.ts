// SPDX-License-Identifier: Apache-2.0
// Random configurations of one sort (TNA_VM_OF) on this kernel, with TNA off and on: as many of each combination of ports and hook as fit,
// from a seed of its own per combination. TNA_VM_SEED, TNA_VM_COUNT and TNA_VM_FRAMES widen it, TNA_VM_PAIRS (`tap-tc,veth-tc`) narrows it.

import { existsSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { noAccelerator } from '../../equivalence/accelerator.js';
import type { Hook, PortKind } from '../../equivalence/configuration.js';
import { makers, type Sort, sorts } from '../../equivalence/makers.js';
import { totalsJson } from '../../equivalence/report.js';
import { Resident } from '../../equivalence/resident-accelerator.js';
import { runCase } from '../../equivalence/runner.js';
import { runSample } from '../../equivalence/sample.js';
import { acceleratesAt } from './expectations.js';

const of = sorts.find((sort) => sort === (process.env.TNA_VM_OF ?? 'bridge')) as Sort;
const make = makers[of];
const extent = process.env.TNA_VM_EXTENT ?? 'full';
const seed = Number(process.env.TNA_VM_SEED ?? 7000);
const frames = Number(process.env.TNA_VM_FRAMES ?? 200);
const wanted = process.env.TNA_VM_PAIRS?.split(',');
/** Shared with the host: figures for those who sum up many machines. */
const output = '/run/output';

const allPairs: readonly (readonly [PortKind, Hook])[] = [
  ['veth', 'tc'],
  ['tap', 'tc'],
  ['tap', 'xdp'],
  ['veth', 'xdp'],
];
/** Routers leave veths to tc, however much somebody insists. */
const pairs = of === 'bridge' ? allPairs : allPairs.slice(0, 3);
/** Configurations of each pair, by extent. */
const counts: Readonly<Record<string, number>> =
  of === 'bridge' ? { quick: 2, ci: 3, full: 25 } : { quick: 1, ci: 2, full: of === 'router' ? 10 : 8 };
/** As many configurations have, all together, frames that take the fast path for certain. */
const enough = 8;
/** Hooks at which it is not said which frames are due: what Linux does with each is known too little. */
const dueUnsaid: readonly Hook[] = /^vrf-gateway/.test(of) ? ['xdp', 'tc'] : [];

t.setTimeout(0);
const count = Number(process.env.TNA_VM_COUNT ?? counts[extent]);
const resident = new Resident();
t.teardown(() => resident.close());
t.test('Linux equals Linux', async (t) => {
  const result = await runCase(make(1, 'veth', 'tc', frames), noAccelerator);
  t.same(result.differences, []);
});
for (const [kind, hook] of pairs.filter(([kind, hook]) => wanted?.includes(`${kind}-${hook}`) ?? true)) {
  t.test(`${kind}, ${hook}`, async (t) => {
    const totals = await runSample(t, {
      ...{ make, kind, hook, seed, count, frames, jobs: 2 },
      acceleratorOf: (at) => resident.accelerator(at),
      progress: (so) => {
        if (existsSync(output)) writeFileSync(`${output}/totals-${kind}-${hook}.json`, JSON.stringify(totalsJson(so)));
      },
    });
    if (!acceleratesAt(kind, hook)) {
      t.equal(totals.accelerated, 0, 'none of them accelerated');
      return;
    }
    t.ok(totals.accelerated > count / 3, `${totals.accelerated} of them accelerated`);
    t.ok(totals.fast >= totals.mustBeFast / 2, 'frames that are due take the fast path');
    if (count < enough) return;
    t.ok(totals.fast > 0, 'some frames do');
    if (!dueUnsaid.includes(hook)) t.ok(totals.mustBeFast > 0, 'some frames are due');
  });
}
