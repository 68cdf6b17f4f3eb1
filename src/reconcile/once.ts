// SPDX-License-Identifier: Apache-2.0
// A run that does not stay: one pass, and one more if the first has learnt what its own look could not tell.

import { TnaError, xdpRefusedCode } from '../model/error.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import type { Deployer, Domain, HostReader } from '../model/ports.js';
import { type PassOptions, type PassResult, runPass } from './pass.js';

export interface OnceResult {
  /** All that was planned and done, as if by one pass; what remains is what the last one has left. */
  readonly whole: PassResult;
  /** Decides whether the host is as desired. */
  readonly last: PassResult;
}

export interface OnceListener {
  readonly planned: NonNullable<PassOptions['onPlan']>;
  passed(result: PassResult): void;
}

export async function runOnce(
  domain: Domain,
  host: HostReader & Deployer,
  forcedHooks: ForcedHooks,
  { planned, passed }: OnceListener,
): Promise<OnceResult> {
  const pass = async () => {
    const result = await runPass(domain, host, forcedHooks, { onPlan: planned });
    passed(result);
    return result;
  };
  const first = await pass();
  if (!hasLearnt(first)) return { whole: first, last: first };
  try {
    const second = await pass();
    return { whole: together(first, second), last: second };
  } catch (unseen) {
    const blind = { ...first, unseen };
    return { whole: blind, last: blind };
  }
}

/**
 * Something remains, and nothing has failed of which another look would not know: a driver has refused XDP, a device has gone, a slot has been
 * vacated.
 */
function hasLearnt({ outcomes, remaining, unseen }: PassResult): boolean {
  const isKnown = (error: Error) => error instanceof TnaError && error.code === xdpRefusedCode;
  return (
    unseen === undefined &&
    remaining.actions.length > 0 &&
    outcomes.every((outcome) => outcome.result !== 'failed' || isKnown(outcome.error))
  );
}

function together(first: PassResult, second: PassResult): PassResult {
  const actions = [...first.derived.plan.actions, ...second.derived.plan.actions];
  return {
    ...second,
    derived: {
      ...second.derived,
      snapshot: first.derived.snapshot,
      plan: { ...second.derived.plan, actions },
    },
    outcomes: [...first.outcomes, ...second.outcomes],
  };
}
