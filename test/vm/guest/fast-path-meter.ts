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
  readonly slots: Map<number, readonly number[]>;
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
        const counters = this.#counters(join(directory, `map-tna_counters_${hook}`));
        if (counters !== undefined && !counters.slots.has(Number(slot))) counters.slots.set(Number(slot), []);
      }
    }
    // Also those whose pins are gone by now: the map lives on by our descriptor, with the last counts.
    for (const { map, slots } of this.#maps.values()) {
      for (const [slot, before] of slots) slots.set(slot, this.#add(map, slot, before));
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

  #counters(path: string): Counters | undefined {
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) return undefined;
    const key = `${path} ${inode}`;
    const known = this.#maps.get(key);
    if (known !== undefined) return known;
    const opened = { map: BpfMap.openPinned(path), slots: new Map<number, readonly number[]>() };
    this.#maps.set(key, opened);
    return opened;
  }

  /** Adds what a slot counted since `before`; a counter that fell was begun anew for another interface. */
  #add(map: BpfMap, slot: number, before: readonly number[]): readonly number[] {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(slot);
    const now: number[] = [];
    for (const bytes of map.getPerCpu(key) ?? []) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let id = 0; id * 8 < bytes.byteLength; id += 1)
        now[id] = (now[id] ?? 0) + Number(view.getBigUint64(id * 8, true));
    }
    now.forEach((count, id) => {
      const earlier = before[id] ?? 0;
      this.#sums[id] = (this.#sums[id] ?? 0) + (count >= earlier ? count - earlier : count);
    });
    return now;
  }
}
