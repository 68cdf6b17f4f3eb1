// SPDX-License-Identifier: Apache-2.0
// Chooses the hook of a device: the best one that its driver, its neighbours on the hook and its traffic allow.

import type { Reason } from '../model/desired.js';
import { type ForcedHooks, forcedHook } from '../model/forced-hooks.js';
import type { Hook } from '../model/ruleset.js';
import { reasonsOf } from './conditions.js';
import type { EgressDevices, Served } from './egress.js';
import type { LibraryView } from './library-view.js';
import { bindScope, type GraphIndex } from './scope.js';

export interface HookChoice {
  readonly hook: Hook | undefined;
  /** Reasons against the hooks that come before the chosen one, or against all. */
  readonly notes: readonly (Reason & { readonly hook: Hook })[];
}

/** `allowed` and `modules` are what the interface's services agree on. */
export function chooseHook(
  served: Served,
  egress: EgressDevices,
  index: GraphIndex,
  allowed: readonly Hook[],
  modules: readonly string[],
  library: LibraryView,
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
  const notes: (Reason & { readonly hook: Hook })[] = [];
  for (const candidate of rule.hooks) {
    const { hook } = candidate;
    const against: Reason[] = [
      ...(allowed.includes(hook)
        ? []
        : [{ code: 'hook-unsuitable', message: `a service on ${device.label} cannot run at ${hook}` }]),
      ...reasonsOf(candidate.requires, bound.scope, bound.objects),
      ...library.against(hook, modules),
    ];
    if (wish === undefined) against.push(...reasonsOf(candidate.avoid, bound.scope, bound.objects));
    else if (wish !== hook) against.push({ code: 'hook-forced', message: `--hook asks for ${wish}` });
    const stuck = against.length === 0 ? egress.against(served, candidate) : undefined;
    if (stuck !== undefined) against.push(stuck);
    if (against.length === 0) return { hook, notes };
    notes.push(...against.map((reason) => ({ ...reason, hook })));
  }
  return { hook: undefined, notes };
}
