// SPDX-License-Identifier: Apache-2.0
// Keeps the last rule set that compiled: a broken one never replaces a good one.
import type { RuleSet } from '../model/ruleset.js';
import type { CompileResult } from './compile.js';
import type { RuleError } from './rule-error.js';

/** What is in force, and what is wrong with the files as they are now. */
export interface RulesInForce {
  /** The last set that compiled; undefined before the first. */
  readonly ruleSet: RuleSet | undefined;
  /** Errors of the newest files; empty when these are in force. */
  readonly errors: readonly RuleError[];
}

export const noRules: RulesInForce = { ruleSet: undefined, errors: [] };

/** What is in force after new files were compiled. */
export function lastGood(before: RulesInForce, result: CompileResult): RulesInForce {
  if ('errors' in result) return { ruleSet: before.ruleSet, errors: result.errors };
  // An unchanged set stays the same object, so that a stage can tell by identity that nothing changed.
  const unchanged = before.ruleSet !== undefined && before.ruleSet.hash === result.ruleSet.hash;
  return { ruleSet: unchanged ? before.ruleSet : result.ruleSet, errors: [] };
}
