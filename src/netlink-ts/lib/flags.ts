// SPDX-License-Identifier: Apache-2.0
// Names of enum values and flags: messages carry the numbers.
import type { EnumTable, Spec } from './codec.js';

function tableOf(spec: Spec, name: string): EnumTable {
  const table = spec.enums.get(name);
  if (table === undefined) throw new RangeError(`spec ${spec.name} has no enum or flags "${name}"`);
  return table;
}

/**
 * Names of the bits set in `value`, lowest first, e.g. `flagsOf(spec, 'ifinfo-flags', 3)` → `['up', 'broadcast']`.
 * Bits without a name appear as `bit-N`.
 * @throws RangeError when the spec has no such flags
 */
export function flagsOf(spec: Spec, name: string, value: number | bigint): string[] {
  const table = tableOf(spec, name);
  const names: string[] = [];
  let bit = 0;
  for (let rest = BigInt(value); rest > 0n; rest >>= 1n, bit++) {
    if ((rest & 1n) === 1n) names.push(table.byValue.get(2 ** bit) ?? `bit-${bit}`);
  }
  return names;
}

/** Name of `value` in an enum, or undefined when it has none. */
export function enumName(spec: Spec, name: string, value: number): string | undefined {
  return tableOf(spec, name).byValue.get(value);
}

/** Value (of flags: bit mask) of `entry`, or undefined when there is none. */
export function enumValue(spec: Spec, name: string, entry: string): number | undefined {
  return tableOf(spec, name).byName.get(entry);
}
