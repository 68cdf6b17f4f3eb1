// SPDX-License-Identifier: Apache-2.0
// What TNA has in the kernel on behalf of one namespace, and whether that is all accounted for: every program that uses one of its
// maps must be a pinned pipeline or the program of a pinned link, and after a detach nothing of it may be left.

import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BpfLink,
  listLinks,
  listMaps,
  listPins,
  listPrograms,
  type MapInfo,
  type Pin,
  type ProgramInfo,
} from 'bpf-loader-native';

export interface Seen {
  readonly pins: readonly string[];
  readonly programs: readonly number[];
  readonly maps: readonly number[];
  readonly links: readonly number[];
}

export class Footprint {
  /** Ids of all maps that were ever seen pinned: what uses one of them later is ours. */
  readonly #maps = new Set<number>();
  readonly #links = new Set<number>();

  constructor(readonly directory: string) {}

  /** Looks, and remembers what to look for later. */
  look(): Seen {
    const pins = existsSync(this.directory) ? listPins(this.directory) : [];
    for (const pin of pins) {
      if (pin.kind === 'map') this.#maps.add(pin.id);
      if (pin.kind === 'link') this.#links.add(pin.id);
    }
    const programs = listPrograms().filter((program) => program.mapIds.some((id) => this.#maps.has(id)));
    return {
      pins: pins.map((pin) => pin.name),
      programs: programs.map((program) => program.id),
      maps: listMaps().flatMap((map) => (this.#maps.has(map.id) && !isLost(map, pins, programs) ? [map.id] : [])),
      links: listLinks().flatMap((link) => (this.#links.has(link.id) ? [link.id] : [])),
    };
  }

  /** What is in the kernel without a pin that accounts for it, as soon as the kernel has freed what it frees late. */
  async leaks(): Promise<readonly string[]> {
    return this.#settle(() => {
      const { programs, maps, links } = this.look();
      const pins = existsSync(this.directory) ? listPins(this.directory) : [];
      const pinned = (kind: string) => new Set(pins.filter((pin) => pin.kind === kind).map((pin) => pin.id));
      const accounted = pinned('program');
      for (const pin of pins.filter(({ kind }) => kind === 'link')) {
        const link = BpfLink.openPinned(pin.path);
        accounted.add(link.info.programId);
        link.close();
      }
      return [
        ...programs.filter((id) => !accounted.has(id)).map((id) => `program ${id}`),
        ...maps.filter((id) => !pinned('map').has(id)).map((id) => `map ${id}`),
        ...links.filter((id) => !pinned('link').has(id)).map((id) => `link ${id}`),
      ];
    });
  }

  /** What is left of all that was ever seen. */
  async remains(): Promise<readonly string[]> {
    return this.#settle(() => {
      const { pins, programs, maps, links } = this.look();
      const rest = { program: programs, map: maps, link: links };
      return [
        ...(existsSync(this.directory) ? [`directory ${this.directory}`] : []),
        ...pins.map((name) => `pin ${name}`),
        ...Object.entries(rest).flatMap(([kind, ids]) => ids.map((id) => `${kind} ${id}`)),
      ];
    });
  }

  /** The kernel frees programs and maps some time after their last use. */
  async #settle(read: () => readonly string[]): Promise<readonly string[]> {
    for (let waited = 0; ; waited += 50) {
      const found = read();
      if (found.length === 0 || waited >= 5000) return found;
      await delay(50);
    }
  }
}

/**
 * The kernel loses a program array for good when somebody who lists all maps opens it just as its last user goes: the work that empties
 * it is scheduled once but takes a reference each time (prog_array_map_clear in kernel/bpf/arraymap.c). Whoever looks at the machine
 * meanwhile, as this does, can be the one, so such an array that nothing uses is not TNA's leak.
 */
function isLost({ id, type }: MapInfo, pins: readonly Pin[], programs: readonly ProgramInfo[]): boolean {
  const isUsed =
    pins.some((pin) => pin.kind === 'map' && pin.id === id) || programs.some((one) => one.mapIds.includes(id));
  return type === 'prog_array' && !isUsed;
}

/** Open descriptors of a process. */
export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
