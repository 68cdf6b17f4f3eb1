// SPDX-License-Identifier: Apache-2.0
// What a test has time for: each oddity of the directed cases on one kind of port and one hook, by turns, and a sample of random routers.

import type { Test } from 'tap';
import { type Accelerator, tnaAccelerator } from './accelerator.js';
import type { Hook, PortKind } from './configuration.js';
import type { Directed } from './directed-case.js';
import { runDirectedCase } from './directed-run.js';
import { inPairs } from './judge-mutant.js';
import type { MakeCase } from './makers.js';
import { reproduction } from './report.js';
import { runSample } from './sample.js';

type AcceleratorOf = (hook: Hook) => Accelerator;

export async function eachOddityOnce(
  t: Test,
  all: readonly Directed[],
  acceleratorOf: AcceleratorOf = tnaAccelerator,
): Promise<void> {
  const byOddity = new Map<string, Directed[]>();
  for (const one of all) {
    const oddity = one.name.replace(/ \([^()]*\)$/, '');
    byOddity.set(oddity, [...(byOddity.get(oddity) ?? []), one]);
  }
  const cases = [...byOddity.values()].flatMap((same, turn) => same[turn % same.length] ?? []);
  await inPairs(cases, async (one) => {
    const result = await runDirectedCase(one, acceleratorOf);
    const [first] = result.differences;
    if (first !== undefined) {
      t.fail(`${one.name} differs: ${first.what}`, { reproduction: reproduction(result) });
    } else {
      t.pass(one.name);
    }
  });
}

/** Seeds of CI's sample start here; every run of the script with other seeds widens it. */
const firstSeed = 7000;

export async function sample(
  t: Test,
  make: MakeCase,
  kind: PortKind,
  hook: Hook,
  count: number,
  acceleratorOf: AcceleratorOf = tnaAccelerator,
  seed = firstSeed,
): Promise<void> {
  const totals = await runSample(t, { make, kind, hook, count, acceleratorOf, seed, frames: 200, jobs: 1 });
  t.ok(totals.accelerated > count / 2, 'most configurations are accelerated');
  t.ok(totals.fast > 0 && totals.fast >= totals.mustBeFast, 'packets that are due take the fast path');
}
