// SPDX-License-Identifier: Apache-2.0
// Turns decoded messages into TNA objects, as the object rules say.

import type { Reason } from '../model/desired.js';
import { holds } from '../model/evaluated.js';
import type { TnaObject } from '../model/graph.js';
import type { SettingPaths } from '../model/ports.js';
import type { Attributes, Expression, ObjectRule, RuleSet, Scope, Value } from '../model/ruleset.js';
import type { Message, Settings } from '../model/snapshot.js';
import { coerce, readPath } from './path.js';
import { type FoundAttribute, type Recipe, recipesOf } from './recipe.js';

/** The part of a snapshot that objects are made of. A first pass has no per-object sources and not all settings yet. */
export interface ObjectInput extends Settings {
  readonly sources: { readonly [source: string]: readonly Message[] };
}

interface Origin {
  readonly object: TnaObject;
  readonly message: Message;
}

type Lookup = (source: string, on: readonly string[], key: string) => Message | undefined;

/** Where the objects of one build come from. */
interface Material {
  readonly input: ObjectInput;
  readonly lookup: Lookup;
}

/**
 * All objects, sorted by id. An object whose key attributes are missing from its message is not made; one of which the rules cannot
 * tell whether there is such an object is made, with that doubt. `only` names the types that are wanted, where not all are; a type that
 * refines another comes with it.
 */
export function buildObjects(rules: RuleSet, input: ObjectInput, only?: ReadonlySet<string>): readonly TnaObject[] {
  const material: Material = { input, lookup: indexedLookup(input) };
  const byType = new Map<string, readonly Origin[]>();
  for (const recipe of recipesOf(rules)) {
    const { type, refines } = recipe.rule;
    if (only !== undefined && !only.has(type)) continue;
    const origins =
      refines === undefined ? fromMessages(recipe, material) : refine(recipe, byType.get(refines) ?? [], material);
    byType.set(type, origins);
  }
  const objects = [...byType.values()].flatMap((origins) => origins.map((origin) => origin.object));
  return objects.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** Settings that the object rules read, given what objects there are by those that are known. */
export function settingPaths(rules: RuleSet, objects: readonly TnaObject[]): SettingPaths {
  const paths = { sysctl: new Set<string>(), sysfs: new Set<string>() };
  for (const { rule, settings } of recipesOf(rules)) {
    if (settings.length === 0) continue;
    for (const object of objects) {
      if (object.type === rule.type)
        for (const { kind, path } of settings) paths[kind].add(path.render({ [rule.type]: object.attributes }));
    }
  }
  return { sysctl: [...paths.sysctl].sort(), sysfs: [...paths.sysfs].sort() };
}

function fromMessages(recipe: Recipe, material: Material): readonly Origin[] {
  const { rule } = recipe;
  const origins: Origin[] = [];
  const seen = new Set<string>();
  for (const message of material.input.sources[rule.source] ?? []) {
    const made = makeObject(recipe, message, undefined, material);
    if (made === undefined || seen.has(made.id)) continue;
    const meant = holds(rule.when, { [rule.type]: made.attributes });
    if (meant === false) continue;
    seen.add(made.id);
    origins.push({ object: meant === true ? made : { ...made, doubt: meant }, message });
  }
  return origins;
}

function refine(recipe: Recipe, bases: readonly Origin[], material: Material): readonly Origin[] {
  const { rule } = recipe;
  const origins: Origin[] = [];
  for (const { object: base, message } of bases) {
    const meant = holds(rule.when, { [base.type]: base.attributes });
    if (meant === false) continue;
    const made = makeObject(recipe, message, base, material);
    if (made !== undefined) origins.push({ object: meant === true ? made : { ...made, doubt: meant }, message });
  }
  return origins;
}

function makeObject(
  { rule, own, found, blank, details }: Recipe,
  message: Message,
  base: TnaObject | undefined,
  material: Material,
): TnaObject | undefined {
  const attributes: { [name: string]: Value } = { ...blank, ...base?.attributes };
  for (const { name, read, fallback, empty, isKey } of own) {
    const value = read(message) ?? fallback;
    if (value === undefined && isKey) return undefined;
    attributes[name] = value ?? empty;
  }
  const key = base?.key ?? keyOf(rule, attributes);
  for (const attribute of found)
    attributes[attribute.name] = find(attribute, rule, key, attributes, material) ?? attribute.fallback;
  const doubt = base?.doubt ?? doubtOfDetails(details, { [rule.type]: attributes });
  return {
    id: `${rule.type}:${key}`,
    type: rule.type,
    key,
    label: String(attributes[rule.label] ?? key),
    attributes,
    base: base?.id,
    ...(doubt === undefined ? {} : { doubt }),
  };
}

/** Where it cannot be told whether to ask for more about an object, the answer is missing from what is known of it. */
function doubtOfDetails(details: readonly Expression[], scope: Scope): Reason | undefined {
  for (const when of details) {
    const asked = holds(when, scope);
    if (typeof asked !== 'boolean') return asked;
  }
  return undefined;
}

function keyOf(rule: ObjectRule, attributes: Attributes): string {
  const [only] = rule.key;
  return rule.key.length === 1
    ? String(attributes[only as string])
    : rule.key.map((name) => String(attributes[name])).join('/');
}

function find(
  { place }: FoundAttribute,
  rule: ObjectRule,
  key: string,
  attributes: Attributes,
  { input, lookup }: Material,
): Value | undefined {
  if (place.kind === 'source') {
    const other = lookup(place.source, place.on, key);
    return other === undefined ? undefined : place.read(other);
  }
  const settings = place.kind === 'sysctl' ? input.sysctls : input.sysfs;
  const text = settings?.[place.path.render({ [rule.type]: attributes })];
  return text === undefined || text === null ? undefined : coerce(text.trim(), place.type, undefined);
}

/** Finds messages of other sources by the value at a path; each index is built once, on first use. */
function indexedLookup(input: ObjectInput): Lookup {
  const indexes = new Map<string, Map<readonly string[], Map<string, Message>>>();
  return (source, on, key) => {
    const ofSource = indexes.get(source) ?? new Map<readonly string[], Map<string, Message>>();
    const known = ofSource.get(on);
    if (known !== undefined) return known.get(key);
    const index = indexBy(input.sources[source] ?? [], on);
    indexes.set(source, ofSource.set(on, index));
    return index.get(key);
  };
}

function indexBy(messages: readonly Message[], on: readonly string[]): Map<string, Message> {
  const index = new Map<string, Message>();
  for (const message of messages) {
    const value = readPath(message, on);
    if (value !== undefined && value !== null && !index.has(String(value))) index.set(String(value), message);
  }
  return index;
}
