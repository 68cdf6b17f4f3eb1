// SPDX-License-Identifier: Apache-2.0
// Each oddity of the directed cases on one kind of port and one hook, by turns, as a test has time for.

import type { Test } from 'tap';
import { tnaAccelerator } from './accelerator.js';
import type { Directed } from './directed-case.js';
import { inPairs } from './judge-mutant.js';
import { reproduction } from './report.js';
import { runCase } from './runner.js';

export async function eachOddityOnce(t: Test, all: readonly Directed[]): Promise<void> {
  const byOddity = new Map<string, Directed[]>();
  for (const one of all) {
    const oddity = one.name.replace(/ \([^()]*\)$/, '');
    byOddity.set(oddity, [...(byOddity.get(oddity) ?? []), one]);
  }
  const cases = [...byOddity.values()].flatMap((same, turn) => same[turn % same.length] ?? []);
  await inPairs(cases, async (one) => {
    const made = one.make();
    const result = await runCase(made, tnaAccelerator(made.hook));
    const differences = [...result.differences, ...one.judge(result)];
    if (differences.length > 0) {
      t.fail(`${one.name} differs`, { reproduction: reproduction({ ...result, differences }) });
    } else {
      t.pass(one.name);
    }
  });
}
