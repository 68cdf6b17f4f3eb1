// SPDX-License-Identifier: Apache-2.0
// Turns decoded messages into TNA objects, as the object rules say.

import type { TnaObject } from '../model/graph.js';
import type { AttributeRule, Attributes, ObjectRule, RuleSet, Value } from '../model/ruleset.js';
import type { Message } from '../model/snapshot.js';
import { coerce, readPath } from './path.js';

/** The part of a snapshot that objects are made of. A first pass has no per-object sources and no sysctls yet. */
export interface ObjectInput {
  readonly sources: { readonly [source: string]: readonly Message[] };
  readonly sysctls: { readonly [path: string]: string | null };
}

interface Origin {
  readonly object: TnaObject;
  readonly message: Message;
}

type Lookup = (source: string, on: readonly string[], key: string) => Message | undefined;

/** A rule with its attributes in the order in which they can be read; inherited ones are copied from the base. */
interface Recipe {
  readonly rule: ObjectRule;
  readonly attributes: readonly AttributeRule[];
}

/** All objects, sorted by id. An object whose key attributes are missing from its message is not made. */
export function buildObjects(rules: RuleSet, input: ObjectInput): readonly TnaObject[] {
  const lookup = indexedLookup(input);
  const byType = new Map<string, Origin[]>();
  for (const rule of rules.objects) {
    const recipe = { rule, attributes: readingOrder(ownAttributes(rule, rules)) };
    const origins =
      rule.refines === undefined
        ? fromMessages(recipe, input, lookup)
        : refine(recipe, byType.get(rule.refines) ?? [], input, lookup);
    byType.set(rule.type, origins);
  }
  const objects = [...byType.values()].flat().map((origin) => origin.object);
  return objects.sort((a, b) => compareIds(a.id, b.id));
}

/** Own message first: lookups and sysctls may need the key that it gives. */
function readingOrder(attributes: readonly AttributeRule[]): readonly AttributeRule[] {
  const early = attributes.filter((attribute) => attribute.origin.kind === 'message');
  return [...early, ...attributes.filter((attribute) => attribute.origin.kind !== 'message')];
}

function ownAttributes(rule: ObjectRule, rules: RuleSet): readonly AttributeRule[] {
  const base = rules.objects.find((other) => other.type === rule.refines);
  const inherited = new Set(base?.attributes.map((attribute) => attribute.name));
  return rule.attributes.filter((attribute) => !inherited.has(attribute.name));
}

/** Sysctl paths that the object rules read, given the objects of a first pass. Sorted. */
export function sysctlPaths(rules: RuleSet, objects: readonly TnaObject[]): readonly string[] {
  const paths = new Set<string>();
  for (const rule of rules.objects) {
    const own = ownAttributes(rule, rules);
    const sysctls = own.flatMap((attribute) => (attribute.origin.kind === 'sysctl' ? [attribute.origin.path] : []));
    if (sysctls.length === 0) continue;
    for (const object of objects) {
      if (object.type === rule.type)
        for (const path of sysctls) paths.add(path.render({ [rule.type]: object.attributes }));
    }
  }
  return [...paths].sort();
}

function fromMessages(recipe: Recipe, input: ObjectInput, lookup: Lookup): Origin[] {
  const { rule } = recipe;
  const origins: Origin[] = [];
  const seen = new Set<string>();
  for (const message of input.sources[rule.source] ?? []) {
    const made = makeObject(recipe, message, undefined, input, lookup);
    if (made === undefined || seen.has(made.id)) continue;
    if (rule.when !== undefined && rule.when.evaluate({ [rule.type]: made.attributes }) !== true) continue;
    seen.add(made.id);
    origins.push({ object: made, message });
  }
  return origins;
}

function refine(recipe: Recipe, bases: readonly Origin[], input: ObjectInput, lookup: Lookup): Origin[] {
  const { rule } = recipe;
  const origins: Origin[] = [];
  for (const { object: base, message } of bases) {
    if (rule.when !== undefined && rule.when.evaluate({ [base.type]: base.attributes }) !== true) continue;
    const made = makeObject(recipe, message, base, input, lookup);
    if (made !== undefined) origins.push({ object: made, message });
  }
  return origins;
}

function makeObject(
  { rule, attributes: wanted }: Recipe,
  message: Message,
  base: TnaObject | undefined,
  input: ObjectInput,
  lookup: Lookup,
): TnaObject | undefined {
  const attributes: { [name: string]: Value } = { ...base?.attributes };
  for (const attribute of wanted) {
    const value = readAttribute(attribute, rule, message, attributes, input, lookup) ?? attribute.default;
    if (value === undefined && rule.key.includes(attribute.name)) return undefined;
    attributes[attribute.name] = value ?? emptyValue(attribute);
  }
  const key = keyOf(rule, attributes);
  return {
    id: `${rule.type}:${key}`,
    type: rule.type,
    key,
    label: String(attributes[rule.label] ?? key),
    attributes,
    base: base?.id,
  };
}

function keyOf(rule: ObjectRule, attributes: Attributes): string {
  const [only] = rule.key;
  return rule.key.length === 1
    ? String(attributes[only as string])
    : rule.key.map((name) => String(attributes[name])).join('/');
}

function readAttribute(
  attribute: AttributeRule,
  rule: ObjectRule,
  message: Message,
  attributes: Attributes,
  input: ObjectInput,
  lookup: Lookup,
): Value | undefined {
  const { origin, type } = attribute;
  switch (origin.kind) {
    case 'message':
      return coerce(readPath(message, origin.path), type, origin.mask);
    case 'lookup': {
      const other = lookup(origin.source, origin.on, keyOf(rule, attributes));
      return other === undefined ? undefined : coerce(readPath(other, origin.path), type, origin.mask);
    }
    case 'sysctl': {
      const text = input.sysctls[origin.path.render({ [rule.type]: attributes })];
      return text === undefined || text === null ? undefined : coerce(text.trim(), type, undefined);
    }
  }
}

function emptyValue(attribute: AttributeRule): Value {
  switch (attribute.type) {
    case 'int':
      return 0;
    case 'bool':
      return false;
    case 'string':
      return '';
    case 'list':
      return [];
  }
}

/** Finds messages of other sources by the value at a path; each index is built once, on first use. */
function indexedLookup(input: ObjectInput): Lookup {
  const indexes = new Map<string, Map<readonly string[], Map<string, Message>>>();
  return (source, on, key) => {
    const ofSource = indexes.get(source) ?? new Map<readonly string[], Map<string, Message>>();
    indexes.set(source, ofSource);
    const index = ofSource.get(on) ?? indexBy(input.sources[source] ?? [], on);
    ofSource.set(on, index);
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

function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
