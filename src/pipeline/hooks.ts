// SPDX-License-Identifier: Apache-2.0
// Chooses the hook of a device: the best one that its driver, its neighbours on the hook and its traffic allow.

import type { Reason } from '../model/desired.js';
import { type ForcedHooks, forcedHook } from '../model/forced-hooks.js';
import type { Hook } from '../model/ruleset.js';
import { reasonsOf } from './conditions.js';
import type { EgressDevices, Served } from './egress.js';
import { bindScope, type GraphIndex } from './scope.js';

export interface HookChoice {
  readonly hook: Hook | undefined;
  /** Reasons against the hooks that come before the chosen one, or against all. */
  readonly notes: readonly (Reason & { readonly hook: Hook })[];
}

/** What a device's services come to at a hook. */
export interface AtHook {
  /** How many of them run there. */
  readonly services: number;
  /** Why the others do not. */
  readonly standBack: readonly Reason[];
  /** Why their FPMs cannot run there together. */
  readonly obstacles: readonly Reason[];
}

/** Among the hooks that nothing speaks against: the first one at which the most of the services run. */
export function chooseHook(
  served: Served,
  egress: EgressDevices,
  index: GraphIndex,
  at: (hook: Hook) => AtHook,
  forced: ForcedHooks,
): HookChoice {
  const { device, rule } = served;
  const bound = bindScope(index, rule.variable, device, rule.bindings);
  if ('missing' in bound) {
    const message = `${device.label} has no ${bound.missing}, which the choice of its hook depends on`;
    return {
      hook: undefined,
      notes: rule.hooks.slice(0, 1).map(({ hook }) => ({ code: 'incomplete', message, hook })),
    };
  }
  if (bound.doubt !== undefined) {
    const { doubt } = bound;
    return { hook: undefined, notes: rule.hooks.slice(0, 1).map(({ hook }) => ({ ...doubt, hook })) };
  }
  const wish = forcedHook(forced, device.label);
  const judged = rule.hooks.map((candidate) => {
    const { hook } = candidate;
    const { services, standBack, obstacles } = at(hook);
    const against: Reason[] = [
      ...reasonsOf(candidate.requires, bound.scope, bound.objects),
      ...obstacles,
      ...(wish === undefined ? reasonsOf(candidate.avoid, bound.scope, bound.objects) : []),
      ...(wish === undefined || wish === hook ? [] : [{ code: 'hook-forced', message: `--hook asks for ${wish}` }]),
    ];
    const stuck = against.length === 0 && services > 0 ? egress.against(served, candidate) : undefined;
    if (stuck !== undefined) against.push(stuck);
    return { hook, services: against.length === 0 ? services : 0, against: [...standBack, ...against] };
  });
  const most = Math.max(...judged.map(({ services }) => services));
  const chosen = most === 0 ? judged.length : judged.findIndex(({ services }) => services === most);
  return {
    hook: judged[chosen]?.hook,
    notes: judged.slice(0, chosen).flatMap(({ hook, against }) => against.map((reason) => ({ ...reason, hook }))),
  };
}
