// SPDX-License-Identifier: Apache-2.0
// Values for global variables: checked against the type in the object's BTF, encoded as the kernel reads them.
import { LITTLE } from './attr.js';
import { BpfError } from './error.js';
import type { Variable } from './native.js';

export type VariableValue = number | bigint | boolean | Uint8Array | readonly (number | bigint | boolean)[];

/** Bytes of `value` for `variable`. Throws BpfError 'value' when it does not fit the variable's type. */
export function encodeVariable(variable: Variable, value: VariableValue): Uint8Array {
  if (value instanceof Uint8Array) {
    if (value.length !== variable.size) {
      throw misfit(variable, `takes ${variable.size} bytes, not ${value.length}`);
    }
    return value;
  }
  const bytes = new Uint8Array(variable.size);
  const view = new DataView(bytes.buffer);
  if (typeof value === 'object') {
    if (variable.length === null) throw misfit(variable, 'is not an array');
    if (value.length > variable.length)
      throw misfit(variable, `holds ${variable.length} elements, not ${value.length}`);
    const step = variable.size / variable.length;
    value.forEach((element, i) => {
      writeScalar(view, i * step, step, variable, element);
    });
    return bytes;
  }
  if (variable.length !== null) throw misfit(variable, `is an array of ${variable.length} elements`);
  writeScalar(view, 0, variable.size, variable, value);
  return bytes;
}

function writeScalar(
  view: DataView,
  offset: number,
  size: number,
  variable: Variable,
  value: number | bigint | boolean,
): void {
  if (variable.kind === 'struct' || variable.kind === 'float' || variable.kind === 'other') {
    throw misfit(variable, `is of kind '${variable.kind}': give its bytes`);
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw misfit(variable, `cannot hold ${value}`);
  const wide = BigInt(value);
  const bits = BigInt(size * 8);
  const fits = variable.kind === 'bool' ? wide === 0n || wide === 1n : inRange(wide, bits, variable.signed);
  if (!fits) throw misfit(variable, `(${typeText(variable, size)}) cannot hold ${wide}`);
  const raw = BigInt.asUintN(size * 8, wide);
  for (let i = 0; i < size; i++) {
    const shift = BigInt(8 * (LITTLE ? i : size - 1 - i));
    view.setUint8(offset + i, Number((raw >> shift) & 0xffn));
  }
}

function inRange(value: bigint, bits: bigint, signed: boolean): boolean {
  if (signed) return value >= -(1n << (bits - 1n)) && value < 1n << (bits - 1n);
  return value >= 0n && value < 1n << bits;
}

function typeText(variable: Variable, size: number): string {
  if (variable.kind === 'bool') return 'bool';
  return `${variable.signed ? 'signed' : 'unsigned'} ${size * 8}-bit`;
}

function misfit(variable: Variable, problem: string): BpfError {
  return new BpfError({
    code: 'value',
    operation: 'set variable',
    object: variable.name,
    summary: `'${variable.name}' ${problem}`,
  });
}

/** BpfError 'unknown-name' that suggests the nearest names. */
export function unknownName(what: string, name: string, known: readonly string[]): BpfError {
  const near = nearest(name, known);
  const hint = near.length === 0 ? '' : `; did you mean ${near.map((n) => `'${n}'`).join(' or ')}?`;
  return new BpfError({
    code: 'unknown-name',
    operation: `find ${what}`,
    object: name,
    summary: `no ${what} '${name}'${hint}`,
  });
}

function nearest(name: string, known: readonly string[]): string[] {
  return known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
