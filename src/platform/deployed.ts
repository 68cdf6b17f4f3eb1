// SPDX-License-Identifier: Apache-2.0
// Reads back from the kernel what is deployed: pins say what should be there, link and map contents say what is.

import { BpfLink, BpfMap, BpfProgram } from 'bpf-loader-native';
import type { Hook } from '../model/ruleset.js';
import type { Attachment, Deployed, LoadedPipeline } from '../model/snapshot.js';
import type { OwnPrograms } from './attachments.js';
import { u32Key, u32Of } from './bytes.js';
import type { PinDirectory } from './pin-directory.js';
import { egressMap, sharedMaps, slotsMap } from './pins.js';

const hooks: readonly Hook[] = ['xdp', 'tc'];

/** What the FPM library in force wants a shared map to be like. */
export interface MapShape {
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
}

/** Shapes of a hook's shared maps by name; asked only where maps of the hook exist. */
export type ShapesOf = (hook: Hook) => Promise<ReadonlyMap<string, MapShape>>;

/** Opens every pin of ours for a moment. */
export async function readDeployed(
  directory: PinDirectory,
  shapesOf: ShapesOf,
): Promise<Deployed & { readonly own: OwnPrograms }> {
  const { pins, strays: unknown } = directory.list();
  const strays = [...unknown];
  const maps = new Set(pins.flatMap((pin) => (pin.kind === 'map' ? [pin.name] : [])));
  const known = new Set(hooks.flatMap((hook) => sharedMaps(hook).map((map) => map.name)));
  for (const name of maps) if (!known.has(name)) strays.push(`map-${name}`);

  const own = { links: new Set<number>(), xdp: new Set<number>() };
  const pipelines: LoadedPipeline[] = [];
  const links: Omit<Attachment, 'pipeline' | 'programId'>[] = [];
  for (const pin of pins) {
    if (pin.kind === 'pipeline') {
      using(BpfProgram.openPinned(directory.pathOf(pin)), (program) =>
        pipelines.push({ id: pin.id, hook: pin.hook, programId: program.id }),
      );
    } else if (pin.kind === 'link') {
      const { hook, ifindex, slot } = pin;
      using(BpfLink.openPinned(directory.pathOf(pin)), (link) => {
        const { id, programId, ifindex: attached } = link.info;
        own.links.add(id);
        if (hook === 'xdp') own.xdp.add(programId);
        links.push({ hook, ifindex, slot, linkId: id, alive: attached === ifindex });
      });
    }
  }

  const pipelineOf = new Map(pipelines.map((pipeline) => [pipeline.programId, pipeline.id]));
  const prepared: { hook: Hook; slots: number }[] = [];
  const attachments: Attachment[] = [];
  for (const hook of hooks) {
    const wanted = sharedMaps(hook).map((map) => map.name);
    const present = wanted.filter((name) => maps.has(name));
    if (present.length === 0 && !links.some((link) => link.hook === hook)) continue;
    // Zero slots stand for maps of which some are missing, or of another version's shape: they are made anew.
    if (present.length < wanted.length || !fit(directory, wanted, await shapesOf(hook))) {
      prepared.push({ hook, slots: 0 });
      attachments.push(
        ...links
          .filter((link) => link.hook === hook)
          .map((link) => ({ ...link, alive: false, pipeline: undefined, programId: 0 })),
      );
      continue;
    }
    using(BpfMap.openPinned(directory.pathOf({ kind: 'map', name: slotsMap(hook) })), (slots) => {
      prepared.push({ hook, slots: slots.info.maxEntries });
      for (const link of links.filter((l) => l.hook === hook)) {
        const programId = readSlot(slots, link.slot);
        attachments.push({ ...link, programId, pipeline: pipelineOf.get(programId) });
      }
    });
  }
  const byHookAndIfindex = (a: Attachment, b: Attachment) =>
    compareText(a.hook, b.hook) || a.ifindex - b.ifindex || a.slot - b.slot;
  return {
    prepared,
    attachments: attachments.sort(byHookAndIfindex),
    pipelines: pipelines.sort((a, b) => compareText(a.id, b.id)),
    egress: maps.has(egressMap) ? readEgress(directory) : [],
    strays: strays.sort(),
    own,
  };
}

function fit(directory: PinDirectory, names: readonly string[], shapes: ReadonlyMap<string, MapShape>): boolean {
  return names.every((name) =>
    using(BpfMap.openPinned(directory.pathOf({ kind: 'map', name })), ({ info }) => {
      const shape = shapes.get(name);
      return shape?.type === info.type && shape.keySize === info.keySize && shape.valueSize === info.valueSize;
    }),
  );
}

function readEgress(directory: PinDirectory): readonly number[] {
  return using(BpfMap.openPinned(directory.pathOf({ kind: 'map', name: egressMap })), (map) =>
    [...map.keys()].map(u32Of).sort((a, b) => a - b),
  );
}

/** Kernel id of the program in a slot, 0 when empty. */
function readSlot(slots: BpfMap, slot: number): number {
  const value = slots.get(u32Key(slot));
  return value === undefined ? 0 : u32Of(value);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Closes a handle after its use, whatever happens. */
export function using<H extends { close(): void }, R>(handle: H, use: (handle: H) => R): R {
  try {
    return use(handle);
  } finally {
    handle.close();
  }
}
