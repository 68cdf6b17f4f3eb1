// SPDX-License-Identifier: Apache-2.0
// What failed is not tried again before its time, whatever happens elsewhere meanwhile: each failure of the same thing doubles that.

import { heldAs } from '../apply/apply.js';
import type { Outcome, Plan } from '../model/plan.js';

interface Failure {
  readonly times: number;
  readonly notBefore: number;
}

/** A timer may end a little early by another clock. */
const earlyMs = 2;

export class Held {
  private readonly failures = new Map<string, Failure>();

  constructor(private readonly backoffMs: (failures: number) => number) {}

  /** What is not to be tried yet. */
  at(now: number): ReadonlySet<string> {
    return new Set([...this.failures].flatMap(([name, { notBefore }]) => (notBefore - now > earlyMs ? [name] : [])));
  }

  /** `plan` tells what is still to be done, `outcomes` what became of the part of it that was tried. */
  note(plan: Plan, outcomes: readonly Outcome[], now: number): void {
    const wanted = new Set(plan.actions.map(heldAs));
    const failed = namesOf(outcomes, 'failed');
    const done = namesOf(outcomes, 'done');
    for (const name of [...this.failures.keys()])
      if (!wanted.has(name) || (done.has(name) && !failed.has(name))) this.failures.delete(name);
    for (const name of failed) {
      const times = (this.failures.get(name)?.times ?? 0) + 1;
      this.failures.set(name, { times, notBefore: now + this.backoffMs(times) });
    }
  }

  /** How long until the first of them may be tried again; infinite when there is none. */
  waitMs(now: number): number {
    return Math.max(0, Math.min(...[...this.failures.values()].map(({ notBefore }) => notBefore - now)));
  }

  forget(): void {
    this.failures.clear();
  }
}

function namesOf(outcomes: readonly Outcome[], result: Outcome['result']): ReadonlySet<string> {
  return new Set(outcomes.flatMap((outcome) => (outcome.result === result ? (heldAs(outcome.action) ?? []) : [])));
}
