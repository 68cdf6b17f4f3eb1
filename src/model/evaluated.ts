// SPDX-License-Identifier: Apache-2.0
// What an expression says of one object. Types cannot rule out, for instance, an index beyond the end of a list: then it says nothing,
// and that is a reason against whatever depends on it, not an error of the whole pass.

import type { Reason } from './desired.js';
import { TnaError } from './error.js';
import type { Expression, Scope, Value } from './ruleset.js';

export function evaluated(
  expression: Expression,
  scope: Scope,
): { readonly value: Value } | { readonly doubt: Reason } {
  try {
    return { value: expression.evaluate(scope) };
  } catch (error) {
    if (!(error instanceof TnaError)) throw error;
    const message = `${error.message} (${error.object}): ${error.evidence}`;
    return { doubt: { code: error.code, message, hint: 'let the rule test first what it takes for granted' } };
  }
}

/** Of an expression that is true or false; one that is absent holds. */
export function holds(expression: Expression | undefined, scope: Scope): boolean | Reason {
  if (expression === undefined) return true;
  const said = evaluated(expression, scope);
  return 'doubt' in said ? said.doubt : said.value === true;
}
