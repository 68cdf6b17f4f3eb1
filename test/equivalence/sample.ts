// SPDX-License-Identifier: Apache-2.0
// A number of random configurations from a seed on, as tests run them: each has to be equal, and what they did is summed up.

import type { Test } from 'tap';
import type { Accelerator } from './accelerator.js';
import type { Hook, PortKind } from './configuration.js';
import type { MakeCase } from './makers.js';
import { addResult, emptyTotals, reproduction, type Totals, totalsText } from './report.js';
import { runCase } from './runner.js';

export interface Sample {
  readonly make: MakeCase;
  readonly kind: PortKind;
  readonly hook: Hook;
  readonly acceleratorOf: (hook: Hook) => Accelerator;
  /** The first configuration; each has the seed after that of the one before. */
  readonly seed: number;
  readonly count: number;
  readonly frames: number;
  /** How many at once: while one waits for frames and queues, another computes. */
  readonly jobs: number;
  /** Told after each one. */
  readonly progress?: (totals: Totals) => void;
}

export async function runSample(t: Test, sample: Sample): Promise<Totals> {
  const { make, kind, hook, acceleratorOf, seed: first, count, frames, jobs, progress } = sample;
  const totals = emptyTotals();
  let next = first;
  const worker = async () => {
    for (let seed = next++; seed < first + count; seed = next++) {
      const result = await runCase(make(seed, kind, hook, frames), acceleratorOf(hook));
      addResult(totals, result);
      progress?.(totals);
      if (result.first !== undefined) t.comment(`differed once: ${reproduction(result.first)}`);
      const [difference] = result.differences;
      if (difference !== undefined) {
        t.fail(`seed ${seed} differs: ${difference.what}`, { reproduction: reproduction(result) });
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  t.comment(totalsText(`${kind}, ${hook}`, totals));
  t.equal(totals.different, 0, `${count} configurations are equal`);
  return totals;
}
