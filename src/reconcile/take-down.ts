// SPDX-License-Identifier: Apache-2.0
// The way out: everything of TNA leaves the kernel. Pins and links say what that is: it needs neither rules nor a library, so that it works
// when these are broken, or of another version than what runs.

import { applyPlan } from '../apply/apply.js';
import { type Desired, type DesiredInterface, leftAlone } from '../model/desired.js';
import type { Outcome, Plan } from '../model/plan.js';
import type { Deployer, HostReader } from '../model/ports.js';
import { makePlan } from '../plan/plan.js';

export interface TakenDown {
  readonly plan: Plan;
  readonly outcomes: readonly Outcome[];
  /** What could not be removed: empty when all is gone. */
  readonly left: Plan;
}

/** `interfaces` are those that there are, sorted by ifindex. Throws TnaError when it cannot be seen what is deployed. */
export async function takeDown(
  host: Pick<HostReader, 'deployed'> & Deployer,
  interfaces: readonly Pick<DesiredInterface, 'name' | 'ifindex'>[],
): Promise<TakenDown> {
  const nothing: Desired = {
    interfaces: leftAlone(interfaces, { code: 'detach', message: 'tna detach' }),
    egress: [],
  };
  const plan = makePlan(nothing, await host.deployed());
  const outcomes = await applyPlan(plan, host);
  return { plan, outcomes, left: makePlan(nothing, await host.deployed()) };
}
