// SPDX-License-Identifier: Apache-2.0
// Just enough of the BPF instruction format (8 bytes each) to exchange the maps that a program uses.
import { LITTLE } from './attr.js';

const LOAD_IMM64 = 0x18;
const PSEUDO_MAP_FD = 1;
const PSEUDO_MAP_VALUE = 2;

/** A copy of `insns` in which each 64-bit load of a map descriptor in `replacements` names the new one. */
export function replaceMapFds(insns: Uint8Array, replacements: ReadonlyMap<number, number>): Uint8Array {
  const copy = insns.slice();
  const view = new DataView(copy.buffer);
  for (let at = 0; at + 8 <= copy.length; at += 8) {
    if (copy[at] !== LOAD_IMM64) continue;
    const registers = copy[at + 1] ?? 0;
    const source = LITTLE ? registers >> 4 : registers & 15;
    if (source === PSEUDO_MAP_FD || source === PSEUDO_MAP_VALUE) {
      const replacement = replacements.get(view.getInt32(at + 4, LITTLE));
      if (replacement !== undefined) view.setInt32(at + 4, replacement, LITTLE);
    }
    at += 8; // the second half carries the upper 32 bits
  }
  return copy;
}

/** One instruction; `registers` is source << 4 | destination. */
function instruction(code: number, registers: number, immediate: number, offset = 0): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes[0] = code;
  bytes[1] = LITTLE ? registers : ((registers & 15) << 4) | (registers >> 4);
  const view = new DataView(bytes.buffer);
  view.setInt16(2, offset, LITTLE);
  view.setInt32(4, immediate, LITTLE);
  return bytes;
}

const PSEUDO_KFUNC_CALL = 2;

/** r0 = 0 */
export const MOV_R0_0 = instruction(0xb7, 0, 0);
export const EXIT = instruction(0x95, 0, 0);
/** Call of a helper by number, or of a kernel function by BTF id; a module's needs its BTF at index 1 of `fdArray`. */
export function CALL(id: number, kernelFunction?: { readonly module: boolean }): Uint8Array {
  if (kernelFunction === undefined) return instruction(0x85, 0, id);
  return instruction(0x85, PSEUDO_KFUNC_CALL << 4, id, kernelFunction.module ? 1 : 0);
}

export function instructions(list: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(list.flatMap((one) => [...one]));
}
