// SPDX-License-Identifier: Apache-2.0
// Integers as BPF maps hold them: in the byte order of the machine.

import { endianness } from 'node:os';

const little = endianness() === 'LE';

export function u32Key(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, little);
  return bytes;
}

export function u32Of(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, little);
}

/** Consecutive u64 values; counts beyond 2^53 lose precision. */
export function u64sOf(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.byteLength / 8) }, (_, i) => Number(view.getBigUint64(8 * i, little)));
}
