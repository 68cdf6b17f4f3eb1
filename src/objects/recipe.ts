// SPDX-License-Identifier: Apache-2.0
// How the objects of a type are made: which attribute is read from where, worked out once per rule set and not per object.

import type {
  AttributeRule,
  Attributes,
  AttributeType,
  Expression,
  ObjectRule,
  RuleSet,
  Template,
  Value,
} from '../model/ruleset.js';
import type { Message } from '../model/snapshot.js';
import { coerce, readPath } from './path.js';

/** Reads an attribute out of a message that has it; undefined where the message lacks it. */
type Read = (message: Message) => Value | undefined;

/** An attribute of the object's own message. */
export interface OwnAttribute {
  readonly name: string;
  readonly read: Read;
  readonly fallback: Value | undefined;
  /** What the object has when there is no fallback either; a key attribute must be there. */
  readonly empty: Value;
  readonly isKey: boolean;
}

/** A file in which the kernel shows a setting. */
export interface SettingFile {
  readonly kind: 'sysctl' | 'sysfs';
  readonly path: Template;
}

/** An attribute that is found elsewhere once the object's key is known. */
export interface FoundAttribute {
  readonly name: string;
  readonly place:
    | { readonly kind: 'source'; readonly source: string; readonly on: readonly string[]; readonly read: Read }
    | (SettingFile & { readonly type: AttributeType });
  readonly fallback: Value;
}

export interface Recipe {
  readonly rule: ObjectRule;
  readonly own: readonly OwnAttribute[];
  readonly found: readonly FoundAttribute[];
  /** Where the found ones are settings. */
  readonly settings: readonly SettingFile[];
  /** When more is asked about an object of this type. */
  readonly details: readonly Expression[];
  /** All attributes, inherited ones first, without values yet: an object starts as a copy of this. */
  readonly blank: Attributes;
}

const known = new WeakMap<RuleSet, readonly Recipe[]>();

/** One recipe for each object rule, in rule order; attributes inherited from a refined type are not in it. */
export function recipesOf(rules: RuleSet): readonly Recipe[] {
  let recipes = known.get(rules);
  if (recipes === undefined) {
    const made: Recipe[] = [];
    for (const rule of rules.objects) made.push(recipeOf(rule, made, rules));
    recipes = made;
    known.set(rules, recipes);
  }
  return recipes;
}

/** `before`: the recipes of the types that this one may refine. */
function recipeOf(rule: ObjectRule, before: readonly Recipe[], { sources }: RuleSet): Recipe {
  const inherited = Object.keys(before.find((other) => other.rule.type === rule.refines)?.blank ?? {});
  const attributes = rule.attributes.filter(({ name }) => !inherited.includes(name));
  const own = attributes.flatMap((attribute) => ownAttribute(attribute, rule) ?? []);
  const found = attributes.flatMap((attribute) => foundAttribute(attribute) ?? []);
  return {
    rule,
    own,
    found,
    blank: blankOf([...inherited, ...[...own, ...found].map(({ name }) => name)]),
    details: sources.flatMap((source) =>
      source.kind === 'per-object' && source.object === rule.type ? (source.when ?? []) : [],
    ),
    settings: found.flatMap(({ place }) => (place.kind === 'source' ? [] : [place])),
  };
}

/**
 * V8 turns an object to which a dozen members are added by computed names into a hash table, which is slow to make, copy and read.
 * What JSON.parse returns has its members in fixed places, and so have copies of it.
 */
function blankOf(names: readonly string[]): Attributes {
  return JSON.parse(JSON.stringify(Object.fromEntries(names.map((name) => [name, ''])))) as Attributes;
}

function ownAttribute(attribute: AttributeRule, rule: ObjectRule): OwnAttribute | undefined {
  const { name, origin, type } = attribute;
  if (origin.kind !== 'message') return undefined;
  return {
    name,
    read: reader(origin.path, type, origin.mask),
    fallback: attribute.default,
    empty: emptyValues[type],
    isKey: rule.key.includes(name),
  };
}

function foundAttribute(attribute: AttributeRule): FoundAttribute | undefined {
  const { name, origin, type } = attribute;
  const fallback = attribute.default ?? emptyValues[type];
  switch (origin.kind) {
    case 'message':
      return undefined;
    case 'lookup': {
      const read = reader(origin.path, type, origin.mask);
      return { name, place: { kind: 'source', source: origin.source, on: origin.on, read }, fallback };
    }
    case 'sysctl':
    case 'sysfs':
      return { name, place: { kind: origin.kind, path: origin.path, type }, fallback };
  }
}

function reader(path: readonly string[], type: AttributeType, mask: number | undefined): Read {
  return (message) => coerce(readPath(message, path), type, mask);
}

const emptyValues: { readonly [type in AttributeType]: Value } = { int: 0, bool: false, string: '', list: [] };
