// SPDX-License-Identifier: Apache-2.0
// Conditions of rules: those that hold become reasons for people, the others are what a pipeline takes for granted.

import type { Assumption, Reason } from '../model/desired.js';
import type { TnaObject } from '../model/graph.js';
import type { ConditionRule, Scope } from '../model/ruleset.js';

/** Reasons for the conditions that hold, in rule order. */
export function reasonsOf(
  conditions: readonly ConditionRule[],
  scope: Scope,
  objects: ReadonlyMap<string, TnaObject>,
): readonly Reason[] {
  return conditions
    .filter((condition) => condition.holds(scope))
    .map((condition) => {
      const blamed = condition.object === undefined ? undefined : objects.get(condition.object);
      return {
        code: condition.code,
        message: condition.message.render(scope),
        ...(condition.hint === undefined ? {} : { hint: condition.hint.render(scope) }),
        ...(blamed === undefined ? {} : { object: blamed.label }),
      };
    });
}

/** Conditions that a pipeline takes for not holding, and who notices when one comes to hold. */
export function assumptionsOf(conditions: readonly ConditionRule[]): readonly Assumption[] {
  return conditions.map((condition) => ({
    code: condition.code,
    condition: condition.text,
    ...(condition.live === undefined
      ? { coverage: 'controller' as const }
      : { coverage: 'live' as const, fpm: condition.live }),
  }));
}
