// SPDX-License-Identifier: Apache-2.0
// One whole pass: survey, apply, and a second look that confirms that the host now is as desired.

import { applyPlan } from '../apply/apply.js';
import type { Derived } from '../model/derived.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import type { Outcome, Plan } from '../model/plan.js';
import type { Deployer, Domain, HostReader } from '../model/ports.js';
import { makePlan } from '../plan/plan.js';
import { survey } from './survey.js';

export interface PassResult {
  readonly derived: Derived;
  readonly outcomes: readonly Outcome[];
  /** What the second look found still to do; empty when the pass converged. */
  readonly remaining: Plan;
  /** Why there was no second look: what remains is not known, and taken to be all of the plan. */
  readonly unseen?: unknown;
}

export interface PassOptions {
  /** Sees the plan before it runs. */
  readonly onPlan?: (derived: Derived) => void;
  /** What is not tried, and remains. */
  readonly held?: ReadonlySet<string>;
}

export async function runPass(
  domain: Domain,
  host: HostReader & Deployer,
  forcedHooks: ForcedHooks,
  { onPlan, held }: PassOptions = {},
): Promise<PassResult> {
  const derived = await survey(domain, host, forcedHooks);
  onPlan?.(derived);
  if (derived.plan.actions.length === 0) return { derived, outcomes: [], remaining: derived.plan };
  const outcomes = await applyPlan(derived.plan, host, held);
  try {
    return { derived, outcomes, remaining: makePlan(derived.desired, await host.deployed()) };
  } catch (unseen) {
    return { derived, outcomes, remaining: derived.plan, unseen };
  }
}
