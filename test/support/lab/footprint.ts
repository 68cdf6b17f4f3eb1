// SPDX-License-Identifier: Apache-2.0
// What TNA has in the kernel on behalf of one namespace, and whether that is all accounted for: every program that uses one of its
// maps must be a pinned pipeline or the program of a pinned link, and after a detach nothing of it may be left.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
import { lifeMark } from '../../../src/platform/life-mark.js';
import { pinName } from '../../../src/platform/pins.js';

export interface Seen {
  readonly pins: readonly string[];
  readonly programs: readonly number[];
  readonly maps: readonly number[];
  readonly links: readonly number[];
}

const mark = pinName({ kind: 'map', name: lifeMark });

export class Footprint {
  /** Ids of all maps that were ever seen pinned: what uses one of them later is ours. */
  readonly #maps = new Set<number>();
  readonly #links = new Set<number>();
  /** Ids of the maps by which TNA tells whose the directory is. */
  readonly #marks = new Set<number>();
  #hasEnded = false;

  constructor(readonly directory: string) {}

  /** The namespace ends: from now on a directory with a mark that was never seen is that of a new namespace, which has got its number. */
  ends(): void {
    this.#hasEnded = true;
  }

  /** Whether the directory is there, and still that of our namespace. */
  isThere(): boolean {
    return existsSync(this.directory) && !this.#isOfAnother(listPins(this.directory));
  }

  #isOfAnother(pins: readonly Pin[]): boolean {
    return this.#hasEnded && pins.some(({ name, id }) => name === mark && !this.#marks.has(id));
  }

  #pins(): readonly Pin[] {
    const pins = listPins(this.directory);
    return this.#isOfAnother(pins) ? [] : pins;
  }

  /** Looks, and remembers what to look for later. */
  look(): Seen {
    const pins = this.#pins();
    for (const pin of pins) {
      if (pin.name === mark) this.#marks.add(pin.id);
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
      const pins = this.#pins();
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
        ...(this.isThere() ? [`directory ${this.directory}`] : []),
        ...pins.map((name) => `pin ${name}`),
        ...Object.entries(rest).flatMap(([kind, ids]) => ids.map((id) => `${kind} ${id}`)),
      ];
    });
  }

  /** The kernel frees programs and maps some time after their last use. */
  async #settle(read: () => readonly string[]): Promise<readonly string[]> {
    for (let waited = 0; ; waited += 50) {
      const found = read();
      if (found.length === 0 || waited >= 30_000) return found;
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

/** Its open descriptors once a process rests: none of its threads runs or waits for the processor, and nothing changes for a second. */
export async function restingDescriptors(pid: number): Promise<number> {
  let open = -1;
  for (let [quiet, waited] = [0, 0]; quiet < 20; waited++) {
    if (waited > 2400) throw new Error(`process ${pid} does not rest`);
    await delay(50);
    const now = descriptors(pid);
    quiet = now === open && sleeps(pid) ? quiet + 1 : 0;
    open = now;
  }
  return open;
}

function sleeps(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) => {
    const path = `/proc/${pid}/task/${task}/stat`;
    // The state is behind the name, which is in brackets.
    return !existsSync(path) || /\) S [^)]*$/.test(readFileSync(path, 'latin1'));
  });
}
