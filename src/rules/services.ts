// SPDX-License-Identifier: Apache-2.0
// Dependencies, attach rules and services: what hangs together, and what is accelerated where.
import { type FpmModule, paramHolds } from '../model/library.js';
import { nearest } from '../model/nearest.js';
import {
  type AttachRule,
  type Binding as BindingRule,
  type ConditionRule,
  type DependencyRule,
  type Expression,
  HOOKS,
  type Hook,
  type HookRule,
  type ModuleRule,
  type ServiceRule,
} from '../model/ruleset.js';
import { type CelScope, type CelTypes, celReservedNames, type Variable } from './cel.js';
import type { Declarations, Site } from './declarations.js';
import { type ConditionContext, compileConditions, compileExpression, compilePredicate } from './expressions.js';
import type { Bindings, Condition, Module } from './generated/rule-file.js';
import { checkAttributeName, isA, type ResolvedType, type ResolvedTypes } from './object-types.js';

/** What the rules need to know of an FPM. */
export type LibraryModule = Pick<FpmModule, 'name' | 'hooks'> & {
  readonly params: { readonly [name: string]: Pick<FpmModule['params'][string], 'type'> };
};

/** The FPMs that rules can name. */
export interface Library {
  readonly modules: readonly LibraryModule[];
}

/** Everything that compiling a service or attach rule looks things up in. */
export interface RuleContext {
  readonly declarations: Declarations;
  readonly types: ResolvedTypes;
  readonly cel: CelTypes;
  readonly library: Library | undefined;
}

export function compileDependencies({ declarations, types }: RuleContext): readonly DependencyRule[] {
  const rules: DependencyRule[] = [];
  for (const { name, site, value } of declarations.dependencies.usable()) {
    const from = resolveType(declarations, types, value.from, site.at('from'));
    const to = resolveType(declarations, types, value.to, site.at('to'));
    if (from === undefined || to === undefined) continue;
    const on: [string, string][] = [];
    for (const [left, right] of Object.entries(value.on)) {
      const at = site.at('on', left);
      const leftRule = from.attributes.get(left)?.rule;
      if (leftRule === undefined) {
        const message = `unknown attribute "${left}" of ${from.name}`;
        at.reportKey('unknown-name', message, nearest(left, from.attributes.keys()));
      }
      const rightRule = checkAttributeName(to, right, at);
      if (leftRule === undefined || rightRule === undefined) continue;
      if (leftRule.type === 'list' || rightRule.type === 'list') {
        at.report('type-mismatch', `lists cannot be compared: ${from.name}.${left} and ${to.name}.${right}`);
      } else if (leftRule.type !== rightRule.type) {
        const message = `cannot be equal: ${from.name}.${left} is of type ${leftRule.type}, ${to.name}.${right} of type ${rightRule.type}`;
        at.report('type-mismatch', message);
      } else on.push([left, right]);
    }
    rules.push({ name, from: from.name, to: to.name, on, label: value.label ?? name.replaceAll('_', ' ') });
  }
  return rules;
}

function resolveType(
  declarations: Declarations,
  types: ResolvedTypes,
  name: string,
  site: Site,
): ResolvedType | undefined {
  const declared = declarations.objects.resolve(name, site);
  return declared === undefined ? undefined : types.get(declared.name);
}

export function compileAttach(context: RuleContext): readonly AttachRule[] {
  const { declarations, types } = context;
  const rules: AttachRule[] = [];
  for (const { name, site, value } of declarations.attach.usable()) {
    const declared = declarations.objects.resolve(name, site, true);
    const type = declared === undefined ? undefined : types.get(declared.name);
    if (type === undefined) continue;
    if (type.attributes.get('ifindex')?.rule.type !== 'int') {
      site.reportKey('type-mismatch', `what attaches needs an attribute ifindex of type int, which ${name} has not`);
    }
    const bound = compileBindings(context, type, name, value.bind ?? {}, site.at('bind'));
    if (bound === undefined) continue;
    const conditions = conditionContext(context, bound);
    const hooks: HookRule[] = [];
    for (const [index, rule] of value.hooks.entries()) {
      const at = site.at('hooks', index);
      if (hooks.some(({ hook }) => hook === rule.hook)) {
        at.at('hook').report('duplicate-name', `hook ${rule.hook} is already described`);
      }
      const codes = new Map<string, Site>();
      const list = (key: 'requires' | 'avoid' | 'transmit'): readonly ConditionRule[] =>
        compileConditions(conditions, at.at(key), rule[key] ?? [], codes);
      const transmit = rule.transmit === undefined ? undefined : list('transmit');
      for (const key of ['requires', 'avoid'] as const) refuseProvisional(at.at(key), rule[key] ?? []);
      hooks.push({ hook: rule.hook, requires: list('requires'), avoid: list('avoid'), transmit });
    }
    rules.push({ type: type.name, variable: name, bindings: bound.bindings, hooks });
  }
  return rules;
}

export function compileServices(context: RuleContext): readonly ServiceRule[] {
  const { declarations, types } = context;
  const rules: ServiceRule[] = [];
  for (const { name, site, value } of declarations.services.usable()) {
    const [variable, typeName] = Object.entries(value.on)[0] ?? ['', ''];
    const type = resolveType(declarations, types, typeName, site.at('on', variable));
    if (type === undefined) continue;
    checkAttachable(declarations, type, site.at('on', variable));
    const bound = compileBindings(context, type, variable, value.bind ?? {}, site.at('bind'));
    if (celReservedNames.has(variable)) reportReserved(site.at('on', variable), variable);
    if (bound === undefined) continue;
    const conditions = { ...conditionContext(context, bound), pipeline: new Set(value.modules.map(({ fpm }) => fpm)) };
    const codes = new Map<string, Site>();
    const list = (at: Site, given: readonly Condition[] = []): readonly ConditionRule[] => {
      refuseProvisional(at, given);
      return compileConditions(conditions, at, given, codes);
    };
    const hooks = value.hooks ?? ['xdp', 'tc'];
    const requires = list(site.at('requires'), value.requires);
    const blockedBy = list(site.at('blockedBy'), value.blockedBy);
    const avoid = new Map<Hook, readonly ConditionRule[]>();
    for (const hook of HOOKS) {
      const given = value.avoid?.[hook];
      if (given === undefined) continue;
      const at = site.at('avoid', hook);
      if (!hooks.includes(hook)) at.reportKey('invalid-combination', `${name} does not run at ${hook}`);
      avoid.set(hook, list(at, given));
    }
    if (value.between !== undefined && !bound.single.has(value.between)) {
      const message = `"${value.between}" is not a variable that stands for one object`;
      site.at('between').report('unknown-name', message, nearest(value.between, bound.single));
    }
    rules.push({
      name,
      on: type.name,
      variable,
      bindings: bound.bindings,
      hooks,
      between: value.between,
      when:
        value.when === undefined ? undefined : compilePredicate(bound.scope, site.at('when'), value.when)?.expression,
      requires,
      blockedBy,
      avoid,
      modules: compileModules(context, bound.scope, hooks, site.at('modules'), value.modules),
    });
  }
  return rules;
}

function refuseProvisional(site: Site, conditions: readonly Condition[]): void {
  for (const [index, condition] of conditions.entries()) {
    if (condition.provisional !== undefined)
      site.at(index, 'provisional').reportKey('invalid-combination', 'provisional is for conditions in transmit');
  }
}

/** A service runs where its subject, or what the subject refines, attaches; without that it would never run. */
function checkAttachable(declarations: Declarations, type: ResolvedType, site: Site): void {
  if (declarations.attach.incomplete) return;
  const attaching = new Set(declarations.attach.names());
  for (let at: ResolvedType | undefined = type; at !== undefined; at = at.base) if (attaching.has(at.name)) return;
  site.report('unknown-name', `no attach rule for ${type.name} or a type that it refines`);
}

interface Bound {
  readonly scope: CelScope;
  readonly single: ReadonlySet<string>;
  readonly bindings: readonly BindingRule[];
}

function conditionContext({ library }: RuleContext, { scope, single }: Bound): ConditionContext {
  const fpms = library === undefined ? undefined : new Set(library.modules.map((module) => module.name));
  return { scope, single, fpms };
}

/** The variables of a service or attach rule. Undefined when one of them has no usable type. */
function compileBindings(
  { declarations, types, cel }: RuleContext,
  subject: ResolvedType,
  variable: string,
  given: Bindings,
  site: Site,
): Bound | undefined {
  const variables = new Map<string, Variable>([[variable, { type: subject.name, many: false }]]);
  const bindings: BindingRule[] = [];
  let complete = !celReservedNames.has(variable);
  for (const [name, binding] of Object.entries(given)) {
    const at = site.at(name);
    if (celReservedNames.has(name)) complete = reportReserved(at, name);
    else if (variables.has(name)) {
      at.reportKey('duplicate-name', `variable "${name}" already stands for the object itself`);
      complete = false;
    } else if (binding.all !== undefined) {
      const type = resolveType(declarations, types, binding.all, at.at('all'));
      if (type === undefined) complete = false;
      else {
        variables.set(name, { type: type.name, many: true });
        bindings.push({ variable: name, kind: 'all', type: type.name });
      }
    } else {
      const edge = declarations.dependencies.resolve(binding.edge ?? '', at.at('edge'));
      const reverse = binding.reverse ?? false;
      const near = reverse ? edge?.value.to : edge?.value.from;
      const far = types.get((reverse ? edge?.value.from : edge?.value.to) ?? '');
      if (edge === undefined || near === undefined || far === undefined) complete = false;
      else if (!isA(subject, near)) {
        const other = !reverse && isA(subject, edge.value.to) ? '; it needs reverse: true' : '';
        at.at('edge').report('type-mismatch', `${edge.name} starts at ${near}, which ${subject.name} is not${other}`);
        complete = false;
      } else {
        const many = binding.many ?? false;
        variables.set(name, { type: far.name, many });
        bindings.push({ variable: name, kind: 'edge', edge: edge.name, reverse, many });
      }
    }
  }
  if (!complete) return undefined;
  const single = new Set([...variables].filter(([, { many }]) => !many).map(([name]) => name));
  return { scope: cel.scope(variables), single, bindings };
}

function reportReserved(site: Site, name: string): false {
  site.reportKey('reserved-name', `"${name}" has a meaning in CEL and cannot name a variable`);
  return false;
}

function compileModules(
  { library }: RuleContext,
  scope: CelScope,
  hooks: readonly Hook[],
  site: Site,
  modules: readonly Module[],
): readonly ModuleRule[] {
  const rules: ModuleRule[] = [];
  const known = library === undefined ? undefined : new Map(library.modules.map((module) => [module.name, module]));
  for (const [index, rule] of modules.entries()) {
    const at = site.at(index);
    const module = known?.get(rule.fpm);
    if (known !== undefined && module === undefined) {
      at.at('fpm').report('unknown-name', `unknown FPM "${rule.fpm}"`, nearest(rule.fpm, known.keys()));
    }
    // services may share a list, so that it can name hooks that are not this one's
    const own = hooks.filter((hook) => rule.hooks?.includes(hook) ?? true);
    if (rules.some(({ fpm, hooks: taken }) => fpm === rule.fpm && taken.some((hook) => own.includes(hook)))) {
      at.at('fpm').report('duplicate-name', `FPM "${rule.fpm}" is already in the pipeline`);
    }
    const missing = module === undefined ? [] : own.filter((hook) => !module.hooks.includes(hook));
    if (missing.length > 0) {
      at.at('fpm').report('type-mismatch', `FPM "${rule.fpm}" has no version for ${missing.join(' and ')}`);
    }
    const when = rule.when === undefined ? undefined : compilePredicate(scope, at.at('when'), rule.when);
    const params = compileParams(scope, at.at('params'), rule, module);
    rules.push({
      fpm: rule.fpm,
      hooks: own,
      when: when?.expression,
      params,
    });
  }
  return rules;
}

function compileParams(
  scope: CelScope,
  site: Site,
  rule: Module,
  module: LibraryModule | undefined,
): { readonly [name: string]: Expression } {
  const params: { [name: string]: Expression } = {};
  for (const [name, given] of Object.entries(rule.params ?? {})) {
    const at = site.at(name);
    const declared = module !== undefined && Object.hasOwn(module.params, name) ? module.params[name] : undefined;
    if (module !== undefined && declared === undefined) {
      const message = `unknown parameter "${name}" of FPM ${module.name}`;
      at.reportKey('unknown-name', message, nearest(name, Object.keys(module.params)));
    }
    let type: string;
    if (typeof given === 'string') {
      const checked = compileExpression(scope, at, given);
      if (checked === undefined) continue;
      params[name] = checked.expression;
      type = checked.typeName;
    } else {
      params[name] = { text: String(given), evaluate: () => given };
      type = typeof given === 'number' ? 'int' : 'bool';
    }
    const wanted = declared === undefined ? ['int', 'bool'] : [declared.type === 'bool' ? 'bool' : 'int'];
    if (!wanted.includes(type)) {
      at.report('type-mismatch', `parameter "${name}" must be of type ${wanted.join(' or ')}, but is of type ${type}`);
    } else if (declared !== undefined && typeof given !== 'string' && !paramHolds(declared.type, given)) {
      at.report('invalid-value', `parameter "${name}" cannot be ${given}, which is not a ${declared.type}`);
    }
  }
  return params;
}
