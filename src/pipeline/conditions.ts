// SPDX-License-Identifier: Apache-2.0
// Conditions of rules: those that hold become reasons for people, the others are what a pipeline takes for granted.

import type { Assumption, Reason } from '../model/desired.js';
import type { TnaObject } from '../model/graph.js';
import { byAttachment, type ConditionRule, type Scope } from '../model/ruleset.js';

/** Reasons for the conditions that hold, in rule order. */
export function reasonsOf(
  conditions: readonly ConditionRule[],
  scope: Scope,
  objects: ReadonlyMap<string, TnaObject>,
): readonly Reason[] {
  const reasons: Reason[] = [];
  for (const condition of conditions) {
    if (!condition.holds(scope)) continue;
    const blamed = condition.object === undefined ? undefined : objects.get(condition.object);
    reasons.push({
      code: condition.code,
      message: condition.message.render(scope),
      ...(condition.hint === undefined ? {} : { hint: condition.hint.render(scope) }),
      ...(blamed === undefined ? {} : { object: blamed.label }),
    });
  }
  return reasons;
}

/** Conditions that a pipeline takes for not holding, and who notices when one comes to hold: of FPMs, only those in the pipeline. */
export function assumptionsOf(
  conditions: readonly ConditionRule[],
  fpms: ReadonlySet<string>,
  isGuard: (fpm: string) => boolean,
): readonly Assumption[] {
  return conditions.map(({ code, text: condition, live }) => {
    if (live.includes(byAttachment)) return { code, condition, coverage: 'attachment' };
    const fpm = live.find((name) => fpms.has(name));
    if (fpm === undefined) return { code, condition, coverage: 'controller' };
    return { code, condition, coverage: isGuard(fpm) ? 'guard' : 'live', fpm };
  });
}
