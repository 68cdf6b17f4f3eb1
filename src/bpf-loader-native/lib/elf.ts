// SPDX-License-Identifier: Apache-2.0
// Reads one section of a 64-bit ELF object: libbpf does not tell an object's licence, and a program loaded later needs it.
import { LITTLE } from './attr.js';

/** Contents of the section, undefined when there is none or the file is no 64-bit ELF of this byte order. */
export function elfSection(elf: Uint8Array, wanted: string): Uint8Array | undefined {
  if (elf.length < 64 || elf[0] !== 0x7f || elf[4] !== 2 || (elf[5] === 1) !== LITTLE) return undefined;
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const headers = Number(view.getBigUint64(40, LITTLE));
  const headerSize = view.getUint16(58, LITTLE);
  const count = view.getUint16(60, LITTLE);
  if (headers + count * headerSize > elf.length) return undefined;
  const content = (index: number): Uint8Array => {
    const at = headers + index * headerSize;
    const offset = Number(view.getBigUint64(at + 24, LITTLE));
    return elf.subarray(offset, offset + Number(view.getBigUint64(at + 32, LITTLE)));
  };
  const names = content(view.getUint16(62, LITTLE));
  for (let index = 1; index < count; index++) {
    if (stringAt(names, view.getUint32(headers + index * headerSize, LITTLE)) === wanted) return content(index);
  }
  return undefined;
}

export function stringAt(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return new TextDecoder().decode(bytes.subarray(offset, end < 0 ? bytes.length : end));
}
