// SPDX-License-Identifier: Apache-2.0
// Watches from user space how many interfaces TNA has in force: the filled slots of its pinned program arrays.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { BpfMap, getProgramId } from 'bpf-loader-native';

/** Interfaces of a small host have the lowest slots. */
const watchedSlots = 16;
/** Longest time that the watcher sleeps between two looks, in milliseconds; it bounds the error of a measurement. */
const pollMs = 0.1;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

export class SlotWatch {
  readonly #maps: readonly BpfMap[];

  private constructor(maps: readonly BpfMap[]) {
    this.#maps = maps;
  }

  /** `pins` is TNA's directory of the namespace; a hook that is not in use has no map there. */
  static open(pins: string): SlotWatch {
    const paths = ['xdp', 'tc'].map((hook) => join(pins, `map-tna_slots_${hook}`)).filter((path) => existsSync(path));
    if (paths.length === 0) throw new Error(`TNA has no slots below ${pins}`);
    return new SlotWatch(paths.map((path) => BpfMap.openPinned(path)));
  }

  /** Filled slots now. */
  get filled(): number {
    let count = 0;
    for (const map of this.#maps) {
      for (let slot = 0; slot < watchedSlots; slot++) if (getProgramId(map, slot) !== undefined) count++;
    }
    return count;
  }

  /** Blocks until so many slots are filled and returns the time of that (performance.now()). */
  waitFor(filled: number, timeoutMs: number): number {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const seen = this.filled;
      const now = performance.now();
      if (seen === filled) return now;
      if (now > deadline) throw new Error(`${seen} slots are filled instead of ${filled} after ${timeoutMs} ms`);
      Atomics.wait(sleeper, 0, 0, pollMs);
    }
  }

  close(): void {
    for (const map of this.#maps) map.close();
  }
}
