// SPDX-License-Identifier: Apache-2.0
// Turns the conditions of a rule that hold into reasons for people.

import type { Reason } from '../model/desired.js';
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
