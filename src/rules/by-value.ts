// SPDX-License-Identifier: Apache-2.0
// The objects of a list by the value of an attribute. Of thousands of devices, a rule asks of each whether there is another one that
// belongs to it: looking through all of them each time would take the square of their number.
import type { Attributes, Value } from '../model/ruleset.js';

export type ByValue = ReadonlyMap<Value, readonly Attributes[]>;

/** So few are looked through as fast. */
const few = 8;

/** By the identity of the list, as long as that lives. Nobody changes one, or an object in it. */
const known = new WeakMap<readonly Attributes[], Map<string, ByValue | undefined>>();

/**
 * Undefined where all are to be looked through: they are few, or the list is new (many are one device's own, and asked of once), or
 * a value is none that `isValue` knows.
 */
export function byValue(
  objects: readonly Attributes[],
  attribute: string,
  isValue: (value: Value) => boolean,
): ByValue | undefined {
  if (objects.length <= few) return undefined;
  const ofList = known.get(objects);
  if (ofList === undefined) {
    known.set(objects, new Map());
    return undefined;
  }
  if (!ofList.has(attribute)) ofList.set(attribute, sorted(objects, attribute, isValue));
  return ofList.get(attribute);
}

function sorted(
  objects: readonly Attributes[],
  attribute: string,
  isValue: (value: Value) => boolean,
): ByValue | undefined {
  const groups = new Map<Value, Attributes[]>();
  for (const object of objects) {
    const value = object[attribute];
    if (value === undefined || !isValue(value)) return undefined;
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [object]);
    else group.push(object);
  }
  return groups;
}
