// SPDX-License-Identifier: Apache-2.0
// Object types: refinement resolved, attributes inherited and checked.

import { nearest } from '../model/nearest.js';
import type { AttributeRule, AttributeType, ObjectRule, Value } from '../model/ruleset.js';
import { type AttributeUse, CelTypes } from './cel.js';
import type { Declarations, Declared, Site } from './declarations.js';
import { compilePredicate, compileTemplate } from './expressions.js';
import type { Attribute, ObjectType } from './generated/rule-file.js';

/** An object type whose chain of refinement is known to be sound. */
export interface ResolvedType {
  readonly name: string;
  readonly declared: Declared<ObjectType>;
  readonly base: ResolvedType | undefined;
  /** The source at the root of the chain. */
  readonly source: string;
  readonly key: readonly string[];
  readonly label: string;
  /** Own and inherited attributes. */
  readonly attributes: ReadonlyMap<string, { readonly rule: Attribute; readonly site: Site; readonly owner: string }>;
}

export type ResolvedTypes = ReadonlyMap<string, ResolvedType>;

/** Resolves every usable type after the one it refines. */
export function resolveTypes(declarations: Declarations): ResolvedTypes {
  const resolved = new Map<string, ResolvedType>();
  const failed = new Set<string>();
  const open: string[] = [];

  const resolve = (declared: Declared<ObjectType>): ResolvedType | undefined => {
    const { name, site, value } = declared;
    const known = resolved.get(name);
    if (known !== undefined || failed.has(name)) return known;
    const loop = open.indexOf(name);
    if (loop >= 0) {
      const chain = [...open.slice(loop), name].join(' refines ');
      site.at('refines').report('cycle', `a type cannot refine itself: ${chain}`);
      return undefined;
    }
    open.push(name);
    const type = value.refines === undefined ? rooted(declarations, declared) : refined(declared, value.refines);
    open.pop();
    if (type === undefined) failed.add(name);
    else resolved.set(name, type);
    return type;
  };

  const refined = (declared: Declared<ObjectType>, refines: string): ResolvedType | undefined => {
    const target = declarations.objects.resolve(refines, declared.site.at('refines'));
    const base = target === undefined ? undefined : resolve(target);
    if (base === undefined) return undefined;
    const attributes = new Map(base.attributes);
    for (const [name, attribute] of ownAttributes(declared)) {
      const inherited = attributes.get(name);
      if (inherited === undefined) attributes.set(name, attribute);
      else {
        const message = `attribute "${name}" is already declared by ${inherited.owner}, which ${declared.name} refines`;
        attribute.site.reportKey('duplicate-name', message);
      }
    }
    const label = declared.value.label ?? base.label;
    const type = { name: declared.name, declared, base, source: base.source, key: base.key, label, attributes };
    checkAttributeName(type, label, declared.site.at('label'));
    return type;
  };

  for (const declared of declarations.objects.usable()) resolve(declared);
  return resolved;
}

function rooted(declarations: Declarations, declared: Declared<ObjectType>): ResolvedType {
  const { name, site, value } = declared;
  const keys = typeof value.key === 'string' ? [value.key] : (value.key ?? []);
  const source = value.source ?? '';
  declarations.sources.resolve(source, site.at('source'));
  const label = value.label ?? keys[0] ?? '';
  const attributes = new Map(ownAttributes(declared));
  const type = { name, declared, base: undefined, source, key: keys, label, attributes };
  for (const [index, key] of keys.entries()) {
    checkAttributeName(type, key, typeof value.key === 'string' ? site.at('key') : site.at('key', index));
  }
  if (value.label !== undefined) checkAttributeName(type, label, site.at('label'));
  return type;
}

function ownAttributes({ name: owner, site, value }: Declared<ObjectType>) {
  return Object.entries(value.attributes ?? {}).map(
    ([name, rule]) => [name, { rule, site: site.at('attributes', name), owner }] as const,
  );
}

/** The attribute of a type that a name refers to; reports an unknown one. */
export function checkAttributeName(type: ResolvedType, name: string, site: Site): Attribute | undefined {
  const found = type.attributes.get(name);
  if (found !== undefined) return found.rule;
  const suggestion = nearest(name, type.attributes.keys());
  return site.report('unknown-name', `unknown attribute "${name}" of ${type.name}`, suggestion);
}

/** Whether every object of one type is also one of another. */
export function isA(type: ResolvedType | undefined, ancestor: string): boolean {
  for (let at = type; at !== undefined; at = at.base) if (at.name === ancestor) return true;
  return false;
}

/** The types as CEL knows them. */
export function celTypes(types: ResolvedTypes): CelTypes {
  const known = new Map<string, Map<string, AttributeType>>();
  for (const type of types.values()) {
    known.set(type.name, new Map([...type.attributes].map(([name, { rule }]) => [name, rule.type])));
  }
  return new CelTypes(known);
}

/** Compiles every resolved type; those with errors are reported and left out. */
export function compileObjects(declarations: Declarations, types: ResolvedTypes, cel: CelTypes): readonly ObjectRule[] {
  const rules: ObjectRule[] = [];
  const own = new Map<string, AttributeRule>();
  for (const type of types.values()) {
    const { site, value } = type.declared;
    for (const [name, { rule, site: at, owner }] of type.attributes) {
      if (owner !== type.name) continue;
      const compiled = compileAttribute(declarations, type, cel, name, rule, at);
      if (compiled !== undefined) own.set(`${owner}.${name}`, compiled);
    }
    const seenAs = type.base?.name ?? type.name;
    const scope = cel.scope(new Map([[seenAs, { type: seenAs, many: false }]]));
    const when = value.when === undefined ? undefined : compilePredicate(scope, site.at('when'), value.when);
    const attributes = [...type.attributes].flatMap(([name, { owner }]) => own.get(`${owner}.${name}`) ?? []);
    rules.push({
      type: type.name,
      source: type.source,
      refines: type.base?.name,
      when: when?.expression,
      key: type.key,
      label: type.label,
      attributes,
    });
  }
  return rules;
}

/** `linkinfo.data.mode` → steps; `bit[]` becomes two steps, `bit` and `[]`. */
export function pathSteps(path: string): readonly string[] {
  return path.split('.').flatMap((step) => (step.endsWith('[]') ? [step.slice(0, -2), '[]'] : [step]));
}

function compileAttribute(
  declarations: Declarations,
  type: ResolvedType,
  cel: CelTypes,
  name: string,
  rule: Attribute,
  site: Site,
): AttributeRule | undefined {
  checkDefault(rule, site);
  if (rule.mask !== undefined && rule.type !== 'int' && rule.type !== 'bool') {
    site.at('mask').reportKey('type-mismatch', `mask needs type int or bool, not ${rule.type}`);
  }
  const path = pathSteps(rule.path ?? '');
  if (path.includes('[]') && rule.type !== 'list') {
    site.at('path').report('type-mismatch', `a path with [] gives a list, not ${rule.type}`);
  }
  const common = { name, type: rule.type, default: rule.default as Value | undefined };
  for (const kind of ['sysctl', 'sysfs'] as const) {
    const text = rule[kind];
    if (text === undefined) continue;
    const template = compileSettingPath(kind, type, cel, text, site.at(kind));
    return template === undefined ? undefined : { ...common, origin: { kind, path: template } };
  }
  if (rule.from === undefined) return { ...common, origin: { kind: 'message', path, mask: rule.mask } };
  const source = declarations.sources.resolve(rule.from, site.at('from'));
  if (type.key.length !== 1) {
    const message = `on needs an object with one key, but ${type.name} has ${type.key.length}: ${type.key.join(', ')}`;
    site.at('on').report('type-mismatch', message);
  }
  if (source === undefined) return undefined;
  return {
    ...common,
    origin: { kind: 'lookup', source: source.name, on: pathSteps(rule.on ?? ''), path, mask: rule.mask },
  };
}

function checkDefault(rule: Attribute, site: Site): void {
  const value = rule.default;
  if (value === undefined) return;
  const given = Array.isArray(value)
    ? 'list'
    : typeof value === 'boolean'
      ? 'bool'
      : typeof value === 'number'
        ? 'int'
        : 'string';
  if (given === rule.type) return;
  site.at('default').report('type-mismatch', `default must be of type ${rule.type}, but is of type ${given}`);
}

function compileSettingPath(kind: 'sysctl' | 'sysfs', type: ResolvedType, cel: CelTypes, text: string, site: Site) {
  if (text.split('/').includes('..')) return site.report('invalid-value', `"${kind}" must not contain ..`);
  const compiled = compileTemplate(cel.scope(new Map([[type.name, { type: type.name, many: false }]])), site, text);
  for (const use of compiled?.uses ?? []) {
    if (originOf(type, use) === 'message') continue;
    site.report(
      'type-mismatch',
      `the path of a setting can only use attributes of the object's own message, not "${use.attribute}"`,
    );
  }
  return compiled?.template;
}

function originOf(type: ResolvedType, use: AttributeUse): 'message' | 'lookup' | 'setting' {
  const rule = type.attributes.get(use.attribute)?.rule;
  if (rule?.sysctl !== undefined || rule?.sysfs !== undefined) return 'setting';
  return rule?.from === undefined ? 'message' : 'lookup';
}
