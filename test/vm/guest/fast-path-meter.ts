// SPDX-License-Identifier: Apache-2.0
// Adds up TNA's counters over all namespaces and over time, also of interfaces that come and go.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BpfMap } from 'bpf-loader-native';

const root = '/sys/fs/bpf/tna';
/** Positions of a slot's counters that are no reason; fpm/README.md. */
const FAST = 0;
const DROPPED = 1;

export interface FastPathTotal {
  readonly fast: number;
  readonly dropped: number;
  /** Packets left to Linux, by reason id. */
  readonly slow: Readonly<Record<string, number>>;
  /** Attachments seen: interface and hook. */
  readonly attachments: number;
}

interface Counters {
  readonly map: BpfMap;
  /** Where it is pinned, and the inode of the pin. */
  readonly path: string;
  readonly inode: number;
  /** What each slot counted when it was read last, per CPU. */
  readonly slots: Map<number, readonly Buffer[]>;
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export class FastPathMeter {
  readonly #maps = new Map<string, Counters>();
  readonly #attachments = new Set<string>();
  readonly #sums: number[] = [];

  /** To be called so often that no slot is given to another interface in between unseen. */
  read(): void {
    for (const namespace of list(root)) {
      const directory = join(root, namespace);
      for (const pin of list(directory)) {
        const link = /^link-(xdp|tc)-(\d+)-(\d+)$/.exec(pin);
        if (link === null) continue;
        const [, hook, ifindex, slot] = link;
        this.#attachments.add(`${namespace} ${hook} ${ifindex}`);
        const key = this.#open(join(directory, `map-tna_counters_${hook}`));
        const slots = key === undefined ? undefined : this.#maps.get(key)?.slots;
        if (slots?.has(Number(slot)) === false) slots.set(Number(slot), []);
      }
    }
    for (const [key, { map, path, inode, slots }] of this.#maps) {
      const pinned = statSync(path, { throwIfNoEntry: false })?.ino === inode;
      for (const [slot, before] of slots) slots.set(slot, this.#add(map, slot, before));
      if (pinned) continue;
      // Its pin is gone, and with it who counted: the map has lived on by our descriptor, with the last counts.
      map.close();
      this.#maps.delete(key);
    }
  }

  get total(): FastPathTotal {
    const slow = Object.fromEntries(
      this.#sums.flatMap((packets, id) => (id > DROPPED && packets > 0 ? [[String(id), packets]] : [])),
    );
    return {
      fast: this.#sums[FAST] ?? 0,
      dropped: this.#sums[DROPPED] ?? 0,
      slow,
      attachments: this.#attachments.size,
    };
  }

  /** Key of a pinned map among `#maps`; undefined if there is none (any more). */
  #open(path: string): string | undefined {
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) return undefined;
    const key = `${path} ${inode}`;
    if (!this.#maps.has(key)) this.#maps.set(key, { map: BpfMap.openPinned(path), path, inode, slots: new Map() });
    return key;
  }

  /**
   * Adds what a slot counted since `before`; a counter that fell was begun anew for another interface. Mostly nothing has changed, which is
   * seen without a look at each of some hundred numbers: an emulated processor would do little else.
   */
  #add(map: BpfMap, slot: number, before: readonly Buffer[]): readonly Buffer[] {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(slot);
    const now = (map.getPerCpu(key) ?? []).map((bytes) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    );
    if (now.length === before.length && now.every((bytes, cpu) => before[cpu]?.equals(bytes))) return before;
    const [counts, earlier] = [sumsOf(now), sumsOf(before)];
    counts.forEach((count, id) => {
      const then = earlier[id] ?? 0;
      this.#sums[id] = (this.#sums[id] ?? 0) + (count >= then ? count - then : count);
    });
    return now;
  }
}

/** Counters over all CPUs. */
function sumsOf(perCpu: readonly Buffer[]): readonly number[] {
  const sums: number[] = [];
  for (const bytes of perCpu) {
    for (let id = 0; id * 8 < bytes.length; id += 1) sums[id] = (sums[id] ?? 0) + Number(bytes.readBigUInt64LE(id * 8));
  }
  return sums;
}
