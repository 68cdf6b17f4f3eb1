// SPDX-License-Identifier: Apache-2.0
// A block of native-endian fields at fixed offsets, as bpf(2) takes and returns them, with the buffers it points to.
import { endianness } from 'node:os';

export const LITTLE = endianness() === 'LE';

export class Attr {
  readonly bytes: Uint8Array;
  readonly pointers: (number | Uint8Array)[] = [];
  readonly #view: DataView;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = new DataView(this.bytes.buffer);
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value >>> 0, LITTLE);
    return this;
  }

  u64(offset: number, value: bigint | number): this {
    this.#view.setBigUint64(offset, BigInt(value), LITTLE);
    return this;
  }

  /** Object names: at most 15 bytes and only what the kernel accepts in them. */
  name(offset: number, name: string): this {
    const clean = name.replace(/[^A-Za-z0-9_.]/g, '_').slice(0, 15);
    this.bytes.set(new TextEncoder().encode(clean), offset);
    return this;
  }

  /** The address of `buffer` is written here when the call is made; an empty buffer is a null pointer. */
  pointer(offset: number, buffer: Uint8Array): this {
    this.pointers.push(offset, buffer);
    return this;
  }

  getU32(offset: number): number {
    return this.#view.getUint32(offset, LITTLE);
  }

  getU64(offset: number): bigint {
    return this.#view.getBigUint64(offset, LITTLE);
  }

  getName(offset: number): string {
    const field = this.bytes.subarray(offset, offset + 16);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  }
}

export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** A u32 as map key or value. */
export function u32Bytes(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setUint32(i * 4, value >>> 0, LITTLE);
  });
  return bytes;
}

export function readU32(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, LITTLE);
}
