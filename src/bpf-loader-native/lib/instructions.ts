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
