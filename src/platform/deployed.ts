// SPDX-License-Identifier: Apache-2.0
// Reads back from the kernel what is deployed: pins say what should be there, link and map contents say what is.

import { lstatSync } from 'node:fs';
import { BpfError, BpfMap, BpfProgram, type LinkInfo, type MapInfo, readPinnedLinks } from 'bpf-loader-native';
import { HOOKS, type Hook } from '../model/ruleset.js';
import type { Attachment, Deployed, LoadedPipeline } from '../model/snapshot.js';
import type { DeviceHooks, OwnPrograms } from './attachments.js';
import { u32Key, u32Of } from './bytes.js';
import { errnoOf } from './failure.js';
import { leaseSize, readLease } from './lease.js';
import type { PinDirectory } from './pin-directory.js';
import {
  egressMap,
  type FilterPin,
  leaseMap,
  type Pin,
  pinName,
  type RefusalMark,
  type SharedMap,
  sharedMaps,
  slotsMap,
} from './pins.js';
import { runningFilter } from './tc-filter.js';
import { using } from './using.js';

/** What the FPM library in force wants a shared map to be like. */
export interface MapShape {
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
}

/** Shapes of a hook's shared maps by name; asked only where maps of the hook exist. Undefined: the maps will not be used any more. */
export type ShapesOf = (hook: Hook) => Promise<ReadonlyMap<string, MapShape> | undefined>;

/** How often somebody who changes things meanwhile may take away a pin that was there just now. */
const attempts = 5;

export async function readDeployed(
  directory: PinDirectory,
  shapesOf: ShapesOf,
  devices: DeviceHooks,
  scan: boolean,
): Promise<Deployed & { readonly own: OwnPrograms }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readOnce(directory, shapesOf, devices, scan);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || attempt === attempts) throw error;
    }
  }
}

/** Opens every pin of ours for a moment. With `scan`, also looks for slots that are filled though no dispatcher has them. */
async function readOnce(
  directory: PinDirectory,
  shapesOf: ShapesOf,
  devices: DeviceHooks,
  scan: boolean,
): Promise<Deployed & { readonly own: OwnPrograms }> {
  const pinned = await readPins(directory, devices);
  const { maps, own, pipelines, links, filters, strays } = pinned;
  const isAlive = await livenessOn(devices, links);
  const dispatchers: readonly Dispatcher[] = [
    ...links.map((link) => ({ id: link.id, place: placeOf(link.pin), alive: isAlive(link) })),
    ...filters.map(({ id, pin }) => ({ id, place: placeOf(pin), alive: own.filters.get(pin.ifindex) === id })),
  ];
  const prepared: { hook: Hook; slots: number }[] = [];
  const attachments: Attachment[] = [];
  for (const hook of HOOKS) {
    const wanted = sharedMaps(hook);
    const present = wanted.some(({ name }) => maps.has(name));
    const ofHook = dispatchers.filter(({ place }) => place.hook === hook);
    if (!present && ofHook.length === 0) continue;
    const whole = wanted.every(({ name }) => maps.has(name)) && fit(wanted, maps, await shapesOf(hook));
    // Zero slots stand for maps of which some are missing, or of another version's shape: they are made anew.
    prepared.push({ hook, slots: whole ? (maps.get(slotsMap(hook))?.maxEntries ?? 0) : 0 });
    attachments.push(...readHook(directory, hook, ofHook, pinned, scan));
  }
  const byHookAndIfindex = (a: Attachment, b: Attachment) =>
    compareText(a.hook, b.hook) || a.ifindex - b.ifindex || a.slot - b.slot;
  // A map of another version's shape is not read.
  const lease = prepared.every(({ slots }) => slots > 0) ? readLease(directory) : undefined;
  return {
    prepared,
    attachments: attachments.sort(byHookAndIfindex),
    pipelines: [...pipelines].sort((a, b) => compareText(a.id, b.id)),
    egress: maps.has(egressMap) ? readEgress(directory) : [],
    strays: [...strays].sort(),
    ...(lease === undefined ? {} : { lease }),
    own,
  };
}

type PinnedLink = LinkInfo & { readonly pin: LinkPin };

/** What is pinned, each as the kernel has it. */
interface Pinned {
  readonly maps: ReadonlyMap<string, MapInfo>;
  readonly own: OwnPrograms;
  readonly pipelines: readonly LoadedPipeline[];
  readonly links: readonly PinnedLink[];
  readonly filters: readonly { readonly id: number; readonly pin: FilterPin }[];
  readonly strays: readonly string[];
}

/** A dispatcher that some device has, by link or by filter. */
interface Dispatcher {
  readonly id: number;
  readonly place: ReturnType<typeof placeOf>;
  readonly alive: boolean;
}

async function readPins(directory: PinDirectory, devices: DeviceHooks): Promise<Pinned> {
  const { pins, strays: unknown } = directory.list();
  const strays = [...unknown];
  const maps = new Map<string, MapInfo>();
  const known = new Set(HOOKS.flatMap((hook) => sharedMaps(hook).map((map) => map.name)));
  const own = {
    ...{ links: new Set<number>(), xdp: new Set<number>() },
    ...{ filters: new Map<number, number>(), refused: new Set<number>() },
  };
  const pipelines: LoadedPipeline[] = [];
  const links: PinnedLink[] = [];
  const filters: { readonly id: number; readonly pin: FilterPin }[] = [];
  for (const pin of pins) {
    if (pin.kind === 'link') continue;
    if (pin.kind === 'refused') {
      if ((await devices.xdp()).has(pin.ifindex)) own.refused.add(pin.ifindex);
      else strays.push(pinName(pin));
      continue;
    }
    const isOurs = openPin(directory, pin, {
      map: (name, map) => {
        if (known.has(name)) maps.set(name, map.info);
        return known.has(name);
      },
      pipeline: ({ id, hook }, program) => {
        pipelines.push({ id, hook, programId: program.id });
        return true;
      },
      filter: (of, program) => {
        filters.push({ id: program.id, pin: of });
        return true;
      },
    });
    if (!isOurs) strays.push(pinName(pin));
  }
  for (const { pin, info } of readLinks(directory, pins)) {
    if (info?.type !== linkTypes[pin.hook]) {
      strays.push(pinName(pin));
      continue;
    }
    own.links.add(info.id);
    if (pin.hook === 'xdp') own.xdp.add(info.programId);
    links.push({ ...info, pin });
  }
  for (const { id, pin } of filters) if ((await runningFilter(directory, pin)) === id) own.filters.set(pin.ifindex, id);
  return { maps, own, pipelines, links, filters, strays };
}

/**
 * Tells which of the links are at work. A device that went to another namespace keeps its link and often its number: only the hook of the device
 * that has the number here and now can tell.
 */
async function livenessOn(devices: DeviceHooks, links: readonly PinnedLink[]): Promise<(link: PinnedLink) => boolean> {
  const uses = new Set(links.map(({ pin }) => pin.hook));
  const xdp = uses.has('xdp') ? await devices.xdp() : undefined;
  const tcx = uses.has('tc') ? await devices.tcx('ingress') : undefined;
  return ({ pin: { hook, ifindex }, ...link }) =>
    link.ifindex === ifindex &&
    (hook === 'xdp'
      ? xdp?.get(ifindex)?.includes(link.programId) === true
      : tcx?.get(ifindex)?.some(({ linkId }) => linkId === link.id) === true);
}

/** What the dispatchers of a hook run by their slots. */
function readHook(
  directory: PinDirectory,
  hook: Hook,
  dispatchers: readonly Dispatcher[],
  { maps, pipelines }: Pinned,
  scan: boolean,
): readonly Attachment[] {
  // What runs goes on forwarding all the same.
  if (!isReadable(slotsMap(hook), maps.get(slotsMap(hook))))
    return dispatchers.map(({ id, place, alive }) => ({
      ...place,
      ...{ linkId: id, alive, pipeline: undefined, programId: 0 },
    }));
  const pipelineOf = new Map(pipelines.map((pipeline) => [pipeline.programId, pipeline.id]));
  return using(BpfMap.openPinned(directory.pathOf({ kind: 'map', name: slotsMap(hook) })), (slots) => {
    const taken = dispatchers.map(({ place }) => place.slot);
    const programs = readSlots(slots, taken);
    const found = dispatchers.map(({ id, place, alive }, i): Attachment => {
      const programId = programs[i] ?? 0;
      return { ...place, linkId: id, alive, programId, pipeline: pipelineOf.get(programId) };
    });
    if (!scan) return found;
    const known = new Set(taken);
    const all = Array.from({ length: slots.info.maxEntries }, (_, slot) => slot);
    const left = readSlots(slots, all).flatMap((programId, slot): Attachment[] =>
      programId === 0 || known.has(slot)
        ? []
        : [{ hook, ifindex: 0, slot, linkId: 0, alive: false, programId, pipeline: pipelineOf.get(programId) }],
    );
    return [...found, ...left];
  });
}

const linkTypes: Readonly<Record<Hook, string>> = { xdp: 'xdp', tc: 'tcx' };

type LinkPin = Extract<Pin, { kind: 'link' }>;

function placeOf({ hook, ifindex, slot }: LinkPin | FilterPin) {
  return { hook, ifindex, slot };
}

interface PinReaders {
  map(name: string, map: BpfMap): boolean;
  pipeline(pin: Extract<Pin, { kind: 'pipeline' }>, program: BpfProgram): boolean;
  filter(pin: FilterPin, program: BpfProgram): boolean;
}

/**
 * What the reader says of the pin; false when something else has its name. Whatever else keeps a pin from being opened, such as a
 * lack of descriptors, says nothing about the pin and must not make us remove it: that is thrown.
 */
function openPin(directory: PinDirectory, pin: Exclude<Pin, LinkPin | RefusalMark>, read: PinReaders): boolean {
  const path = directory.pathOf(pin);
  try {
    switch (pin.kind) {
      case 'map':
        return using(BpfMap.openPinned(path), (map) => read.map(pin.name, map));
      case 'pipeline':
        return using(BpfProgram.openPinned(path), (program) => read.pipeline(pin, program));
      case 'filter':
        return using(BpfProgram.openPinned(path), (program) => read.filter(pin, program));
    }
  } catch (error) {
    if (saysNothing(path, error)) throw error;
    return false;
  }
}

/** All pins of links at once, each with what it is, if that is a link. There may be thousands. */
function readLinks(directory: PinDirectory, pins: readonly Pin[]) {
  const ofLinks = pins.filter((pin) => pin.kind === 'link');
  const paths = ofLinks.map((pin) => directory.pathOf(pin));
  return readPinnedLinks(paths).map((found, i): { readonly pin: LinkPin; readonly info: LinkInfo | undefined } => {
    const pin = ofLinks[i] as LinkPin;
    if (!(found instanceof BpfError)) return { pin, info: found };
    if (saysNothing(paths[i] as string, found)) throw found;
    return { pin, info: undefined };
  });
}

/** Whether a failure to open a pin leaves open what is pinned there; one that has gone is no pin any more. */
function saysNothing(path: string, error: unknown): boolean {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return true;
  return entry.isFile() && !(error instanceof BpfError && error.code === 'wrong-kind');
}

function fit(
  wanted: readonly SharedMap[],
  maps: ReadonlyMap<string, MapInfo>,
  shapes: ReadonlyMap<string, MapShape> | undefined,
): boolean {
  // Without a library to compare with, what is read of them must be as it is read here.
  if (shapes === undefined) return wanted.every(({ name }) => isReadable(name, maps.get(name)));
  const slots = new Set(wanted.filter(({ sized }) => sized).map(({ name }) => maps.get(name)?.maxEntries));
  return (
    slots.size === 1 &&
    wanted.every(({ name }) => {
      const info = maps.get(name);
      const shape = shapes.get(name);
      return shape?.type === info?.type && shape?.keySize === info?.keySize && shape?.valueSize === info?.valueSize;
    })
  );
}

function isReadable(name: string, map: MapInfo | undefined): boolean {
  if (map === undefined) return false;
  if (HOOKS.some((hook) => name === slotsMap(hook))) return map.type === 'prog_array' && map.keySize === 4;
  if (HOOKS.some((hook) => name === leaseMap(hook))) return map.valueSize === leaseSize;
  return name !== egressMap || map.keySize === 4;
}

function readEgress(directory: PinDirectory): readonly number[] {
  return using(BpfMap.openPinned(directory.pathOf({ kind: 'map', name: egressMap })), (map) =>
    [...map.keys()].map(u32Of).sort((a, b) => a - b),
  );
}

/** Kernel ids of the programs in slots, 0 for an empty one. */
function readSlots(map: BpfMap, slots: readonly number[]): readonly number[] {
  return map.getMany(slots.map(u32Key)).map((value) => (value === undefined ? 0 : u32Of(value)));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
