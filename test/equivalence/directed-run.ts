// SPDX-License-Identifier: Apache-2.0
// Runs a directed case and judges it.

import type { Accelerator } from './accelerator.js';
import type { Hook } from './configuration.js';
import { cameTooLate, type Directed } from './directed-case.js';
import { type CaseResult, runCase } from './runner.js';

/** On a machine that is busy each time, something else is wrong. */
const attempts = 4;

/** What differs includes what the case was made for and did not happen. Frames that came too late to show it are sent again. */
export async function runDirectedCase(one: Directed, acceleratorOf: (hook: Hook) => Accelerator): Promise<CaseResult> {
  const made = one.make();
  for (let attempt = 1; ; attempt += 1) {
    const result = await runCase(made, acceleratorOf(made.hook));
    const missed = one.judge(result);
    const again = result.differences.length === 0 && missed.length > 0 && cameTooLate(result) && attempt < attempts;
    if (!again) return { ...result, differences: [...result.differences, ...missed] };
  }
}
