// SPDX-License-Identifier: Apache-2.0
// A sample of the equivalence runs on this kernel: as many random configurations of each combination of ports and hook as
// fit, from a seed of its own per combination. TNA_VM_SEED, TNA_VM_COUNT and TNA_VM_FRAMES widen it,
// TNA_VM_PAIRS (`tap-tc,veth-tc`) narrows it.

import { existsSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { noAccelerator } from '../../equivalence/accelerator.js';
import type { Hook, PortKind } from '../../equivalence/configuration.js';
import { addResult, emptyTotals, reproduction, totalsJson, totalsText } from '../../equivalence/report.js';
import { Resident } from '../../equivalence/resident-accelerator.js';
import { type Case, runCase } from '../../equivalence/runner.js';
import { acceleratesAt } from './expectations.js';

const extent = process.env.TNA_VM_EXTENT ?? 'full';
const firstSeed = Number(process.env.TNA_VM_SEED ?? 7000);
const frames = Number(process.env.TNA_VM_FRAMES ?? 200);
const wanted = process.env.TNA_VM_PAIRS?.split(',');
/** Shared with the host: figures for those who sum up many machines. */
const output = '/run/output';
/** While one case waits for frames and queues, the other computes. */
const sideBySide = 2;

export interface Sample {
  readonly make: (seed: number, kind: PortKind, hook: Hook, count: number) => Case;
  readonly pairs: readonly (readonly [PortKind, Hook])[];
  /** Configurations of each pair, by extent. */
  readonly counts: Readonly<Record<string, number>>;
  /** Hooks at which it is not said which frames are due. Of others some must be, in a sample that is not too small to tell. */
  readonly dueUnsaid?: readonly Hook[];
}

/** Configurations of which, all together, some frames are due for certain. */
const enough = 8;

export function sample({ make, pairs, counts, dueUnsaid = [] }: Sample): void {
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
      const totals = emptyTotals();
      let next = firstSeed;
      const worker = async () => {
        for (let seed = next++; seed < firstSeed + count; seed = next++) {
          const result = await runCase(make(seed, kind, hook, frames), resident.accelerator(hook));
          addResult(totals, result);
          if (existsSync(output))
            writeFileSync(`${output}/totals-${kind}-${hook}.json`, JSON.stringify(totalsJson(totals)));
          if (result.first !== undefined) t.comment(`differed once: ${reproduction(result.first)}`);
          if (result.differences.length > 0) t.fail(`seed ${seed} differs`, { reproduction: reproduction(result) });
        }
      };
      await Promise.all(Array.from({ length: sideBySide }, worker));
      t.comment(totalsText(`${kind}, ${hook}`, totals));
      t.equal(totals.different, 0, `${count} configurations are equal`);
      if (acceleratesAt(kind, hook)) {
        t.ok(totals.accelerated > count / 3, `${totals.accelerated} of them accelerated`);
        t.ok(totals.fast > 0 && totals.fast >= totals.mustBeFast / 2, 'frames that are due take the fast path');
        if (count >= enough && !dueUnsaid.includes(hook)) t.ok(totals.mustBeFast > 0, 'and there are such frames');
      } else {
        t.equal(totals.accelerated, 0, 'none of them accelerated');
      }
    });
  }
}
