// SPDX-License-Identifier: Apache-2.0
// Integers as BPF maps hold them: in the byte order of the machine.

import { endianness } from 'node:os';

const little = endianness() === 'LE';

export function u32Key(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  setU32(bytes, 0, value);
  return bytes;
}

export function u32Of(bytes: Uint8Array): number {
  return u32At(bytes, 0);
}

/** The u32 at `offset` bytes. */
export function u32At(bytes: Uint8Array, offset: number): number {
  return viewOf(bytes).getUint32(offset, little);
}

export function setU32(bytes: Uint8Array, offset: number, value: number): void {
  viewOf(bytes).setUint32(offset, value, little);
}

/** The u64 at `offset` bytes. */
export function u64At(bytes: Uint8Array, offset: number): bigint {
  return viewOf(bytes).getBigUint64(offset, little);
}

export function setU64(bytes: Uint8Array, offset: number, value: bigint): void {
  viewOf(bytes).setBigUint64(offset, value, little);
}

/** Consecutive u64 values; counts beyond 2^53 lose precision. */
export function u64sOf(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: Math.floor(bytes.byteLength / 8) }, (_, i) => Number(u64At(bytes, 8 * i)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
