// SPDX-License-Identifier: Apache-2.0
// Expressions, conditions and templates of a rule file: compiled, checked, and reported where they are written.
import { TnaError } from '../model/error.js';
import { nearest } from '../model/nearest.js';
import {
  byAttachment,
  type ConditionRule,
  type Expression,
  type Scope,
  type Template,
  type Value,
} from '../model/ruleset.js';
import type { AttributeUse, CelScope, CelType } from './cel.js';
import type { Site } from './declarations.js';
import type { Condition } from './generated/rule-file.js';
import type { RuleErrorCode } from './rule-error.js';
import { splitTemplate } from './template.js';

/** A compiled expression with what is known of it. */
export interface Checked {
  readonly expression: Expression;
  readonly type: CelType;
  readonly typeName: string;
  readonly uses: readonly AttributeUse[];
}

function reportInText(site: Site, index: number, code: RuleErrorCode, message: string, extra: object = {}): undefined {
  site.errors.push({ ...site.document.positionInText(site.path, index), code, message, ...extra });
  return undefined;
}

/** Compiles the expression at a site. `evaluate` throws a TnaError only for what types cannot rule out (an index beyond a list's end). */
export function compileExpression(scope: CelScope, site: Site, text: string, offset = 0): Checked | undefined {
  const result = scope.compile(text);
  if ('problem' in result) {
    const { offset: inside, code, message, ...extra } = result.problem;
    return reportInText(site, offset + inside, code, message, extra);
  }
  const evaluate = (variables: Scope): Value => {
    try {
      return result.evaluate(variables);
    } catch (cause) {
      const { file, line, column } = site.document.positionInText(site.path, offset);
      const object = `${file}:${line}:${column}`;
      throw new TnaError('rule-evaluation', `cannot evaluate ${text}`, { object, evidence: reasonOf(cause), cause });
    }
  };
  return { expression: { text, evaluate }, type: result.type, typeName: result.typeName, uses: result.uses };
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
}

/** An expression that must be true or false. */
export function compilePredicate(scope: CelScope, site: Site, text: string): Checked | undefined {
  const checked = compileExpression(scope, site, text);
  if (checked === undefined || checked.type === 'bool') return checked;
  return reportInText(site, 0, 'cel-type', `must be true or false, but is of type ${checked.typeName}`);
}

/** Text with `${CEL}` parts. A part that cannot be evaluated shows its expression instead. */
export function compileTemplate(
  scope: CelScope,
  site: Site,
  text: string,
): { readonly template: Template; readonly uses: readonly AttributeUse[] } | undefined {
  const split = splitTemplate(text);
  if ('problem' in split) return reportInText(site, split.offset, 'cel-syntax', split.problem);
  const pieces: (string | Expression)[] = [];
  const uses: AttributeUse[] = [];
  let failed = false;
  for (const part of split.parts) {
    if (part.kind === 'text') {
      pieces.push(part.text);
      continue;
    }
    const checked = compileExpression(scope, site, part.text, part.offset);
    if (checked === undefined) failed = true;
    else if (checked.type === 'other' && checked.typeName !== 'dyn') {
      const message = `text needs a string, an integer or true/false, but this is of type ${checked.typeName}`;
      reportInText(site, part.offset, 'cel-type', message);
      failed = true;
    } else {
      pieces.push(checked.expression);
      uses.push(...checked.uses);
    }
  }
  if (failed) return undefined;
  return { template: { text, render: (variables) => render(pieces, variables) }, uses };
}

function render(pieces: readonly (string | Expression)[], variables: Scope): string {
  let text = '';
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    try {
      text += String(piece.evaluate(variables));
    } catch {
      text += `\${${piece.text}}`;
    }
  }
  return text;
}

/** What conditions may refer to. */
export interface ConditionContext {
  readonly scope: CelScope;
  /** Variables that stand for one object each. */
  readonly single: ReadonlySet<string>;
  /** Names of the FPMs in the library, where it is known. */
  readonly fpms: ReadonlySet<string> | undefined;
  /** FPMs that run where the conditions count: only these can check anything. Absent: any in the library. */
  readonly pipeline?: ReadonlySet<string>;
}

/** A list of conditions; those with errors are reported and left out. */
export function compileConditions(
  context: ConditionContext,
  site: Site,
  conditions: readonly Condition[],
  codes: Map<string, Site>,
): readonly ConditionRule[] {
  const compiled: ConditionRule[] = [];
  for (const [index, condition] of conditions.entries()) {
    const rule = compileCondition(context, site.at(index), condition);
    const at = site.at(index, 'code');
    const earlier = codes.get(condition.code);
    if (earlier === undefined) codes.set(condition.code, at);
    else {
      const { file, line, column } = earlier.document.position(earlier.path);
      at.report('duplicate-name', `code "${condition.code}" is already used at ${file}:${line}:${column}`);
    }
    if (rule !== undefined) compiled.push(rule);
  }
  return compiled;
}

function compileCondition(context: ConditionContext, site: Site, condition: Condition): ConditionRule | undefined {
  const { scope, single, fpms, pipeline } = context;
  const negated = condition.when === undefined;
  const text = condition.when ?? condition.unless ?? '';
  const checked = compilePredicate(scope, site.at(negated ? 'unless' : 'when'), text);
  const message = compileTemplate(scope, site.at('message'), condition.message);
  const hint = condition.hint === undefined ? undefined : compileTemplate(scope, site.at('hint'), condition.hint);
  if (condition.object !== undefined && !single.has(condition.object)) {
    const what = `"${condition.object}" is not a variable that stands for one object`;
    site.at('object').report('unknown-name', what, nearest(condition.object, single));
  }
  const live = [condition.live ?? []].flat();
  for (const [index, fpm] of live.entries()) {
    const at = Array.isArray(condition.live) ? site.at('live', index) : site.at('live');
    if (fpm === byAttachment) continue;
    if (fpms?.has(fpm) === false) {
      at.report('unknown-name', `unknown FPM "${fpm}"`, nearest(fpm, fpms));
    } else if (pipeline?.has(fpm) === false) {
      const message = `FPM "${fpm}" is not among the modules of this service, so it checks nothing`;
      at.report('unknown-name', message, nearest(fpm, pipeline));
    }
  }
  if (checked === undefined || message === undefined || (condition.hint !== undefined && hint === undefined))
    return undefined;
  const { expression } = checked;
  return {
    code: condition.code,
    // What cannot be evaluated is not known to be harmless: it counts as holding.
    holds: (variables) => {
      try {
        return expression.evaluate(variables) !== negated;
      } catch {
        return true;
      }
    },
    text: negated ? `!(${text})` : text,
    message: message.template,
    hint: hint?.template,
    object: condition.object,
    live,
    provisional: condition.provisional ?? false,
  };
}
