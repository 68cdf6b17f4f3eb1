// SPDX-License-Identifier: Apache-2.0
// What failed is not tried again before its time, whatever happens elsewhere meanwhile: each failure of the same thing doubles that.

import { providedBy } from '../apply/apply.js';
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

  /** What cannot be had yet. */
  at(now: number): ReadonlySet<string> {
    return new Set(
      [...this.failures].flatMap(([resource, { notBefore }]) => (notBefore - now > earlyMs ? [resource] : [])),
    );
  }

  /** `plan` tells what is still wanted, `outcomes` what became of the part of it that was tried. */
  note(plan: Plan, outcomes: readonly Outcome[], now: number): void {
    const wanted = new Set(plan.actions.flatMap(providedBy));
    for (const resource of [...this.failures.keys()]) if (!wanted.has(resource)) this.failures.delete(resource);
    const failed = new Set<string>();
    for (const outcome of outcomes)
      if (outcome.result === 'failed') for (const resource of providedBy(outcome.action)) failed.add(resource);
    for (const outcome of outcomes)
      if (outcome.result === 'done')
        for (const resource of providedBy(outcome.action)) if (!failed.has(resource)) this.failures.delete(resource);
    for (const resource of failed) {
      const times = (this.failures.get(resource)?.times ?? 0) + 1;
      this.failures.set(resource, { times, notBefore: now + this.backoffMs(times) });
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
