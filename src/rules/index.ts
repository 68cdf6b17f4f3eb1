// SPDX-License-Identifier: Apache-2.0
// The rules engine: texts of rule files in, a checked rule set or positioned errors out. Pure.
export { type CompileResult, compileRules, type RuleText } from './compile.js';
export { ruleFileSchemaText } from './generated/schema-text.js';
export { lastGood, noRules, type RulesInForce } from './last-good.js';
export type { RuleError, RuleErrorCode } from './rule-error.js';
export type { Library, LibraryModule } from './services.js';
