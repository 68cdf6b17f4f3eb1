// SPDX-License-Identifier: Apache-2.0
// Reads a dotted path out of a decoded message; `[]` as a segment means "of each element".

import type { AttributeType, Value } from '../model/ruleset.js';
import type { Message, MessageValue } from '../model/snapshot.js';

/** The value at the path, or undefined when any step is missing. */
export function readPath(message: Message, path: readonly string[], from = 0): MessageValue | undefined {
  let value: MessageValue | undefined = message;
  for (let i = from; i < path.length; i++) {
    const segment = path[i] as string;
    if (segment === '[]') return isList(value) ? readElements(value, path, i + 1) : undefined;
    // A message is made by the decoder, member by member: nothing is inherited but what every object has.
    if (!isMessage(value) || !Object.hasOwn(value, segment)) return undefined;
    value = value[segment];
  }
  return value;
}

function readElements(list: readonly MessageValue[], path: readonly string[], from: number): MessageValue {
  return list.flatMap((item) => {
    const inner = from === path.length ? item : isMessage(item) ? readPath(item, path, from) : undefined;
    return inner === undefined ? [] : isList(inner) ? inner : [inner];
  });
}

/** A message value as the declared type, or undefined when it cannot be one. A mask selects bits of an integer. */
export function coerce(
  value: MessageValue | undefined,
  type: AttributeType,
  mask: number | undefined,
): Value | undefined {
  if (value === undefined || value === null) return undefined;
  const masked = mask === undefined || typeof value !== 'number' ? value : bits(value, mask);
  switch (type) {
    case 'bool':
      return typeof masked === 'boolean'
        ? masked
        : typeof masked === 'number'
          ? masked !== 0
          : masked === '' || masked === '0'
            ? false
            : typeof masked === 'string';
    case 'int': {
      const n = typeof masked === 'string' ? Number(masked) : masked === true ? 1 : masked === false ? 0 : masked;
      return typeof n === 'number' && Number.isFinite(n) ? n : undefined;
    }
    case 'string':
      return typeof masked === 'string' ? masked : typeof masked === 'number' ? String(masked) : undefined;
    case 'list':
      return isList(masked)
        ? masked.filter((v): v is string | number => typeof v === 'string' || typeof v === 'number')
        : undefined;
  }
}

/** Bits of an unsigned integer; the quick way for the 32-bit words that flags mostly are. */
function bits(value: number, mask: number): number {
  return value <= 0xffffffff && mask <= 0xffffffff ? (value & mask) >>> 0 : Number(BigInt(value) & BigInt(mask));
}

function isList(value: MessageValue | undefined): value is readonly MessageValue[] {
  return Array.isArray(value);
}

function isMessage(value: MessageValue | undefined): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
