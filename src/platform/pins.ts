// SPDX-License-Identifier: Apache-2.0
// Names of our pins. They are the only state that TNA keeps: what a pin is for must be readable from its name.
// bpffs reserves dots, so the parts are joined by dashes.

import type { Hook } from '../model/ruleset.js';

export const bpffsRoot = '/sys/fs/bpf';
export const tnaRoot = `${bpffsRoot}/tna`;

export type Pin =
  | { readonly kind: 'map'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly hook: Hook; readonly id: string }
  | { readonly kind: 'link'; readonly hook: Hook; readonly ifindex: number; readonly slot: number }
  | FilterPin
  | RefusalMark;

/** A dispatcher that is attached without a link. */
export interface FilterPin {
  readonly kind: 'filter';
  readonly hook: Hook;
  readonly ifindex: number;
  readonly slot: number;
}

/** No pin but an empty directory: the driver of this device would not have a program at this hook. */
export interface RefusalMark {
  readonly kind: 'refused';
  readonly hook: Hook;
  readonly ifindex: number;
}

export function pinName(pin: Pin): string {
  switch (pin.kind) {
    case 'map':
      return `map-${pin.name}`;
    case 'pipeline':
      return `pipeline-${pin.hook}-${pin.id}`;
    case 'link':
    case 'filter':
      return `${pin.kind}-${pin.hook}-${pin.ifindex}-${pin.slot}`;
    case 'refused':
      return `refused-${pin.hook}-${pin.ifindex}`;
  }
}

/** Undefined for names that we never give. */
export function parsePin(name: string): Pin | undefined {
  const map = /^map-([a-z0-9_]+)$/.exec(name);
  if (map !== null) return { kind: 'map', name: map[1] as string };
  const pipeline = /^pipeline-(xdp|tc)-([0-9a-f]{12})$/.exec(name);
  if (pipeline !== null) return { kind: 'pipeline', hook: pipeline[1] as Hook, id: pipeline[2] as string };
  const attached = /^(?:link-(xdp|tc)|filter-(tc))-([1-9]\d*)-(\d+)$/.exec(name);
  if (attached !== null) {
    const place = { ifindex: Number(attached[3]), slot: Number(attached[4]) };
    if (attached[1] !== undefined) return { kind: 'link', hook: attached[1] as Hook, ...place };
    return { kind: 'filter', hook: 'tc', ...place };
  }
  const refused = /^refused-(xdp)-([1-9]\d*)$/.exec(name);
  if (refused !== null) return { kind: 'refused', hook: refused[1] as Hook, ifindex: Number(refused[2]) };
  return undefined;
}

export interface SharedMap {
  /** The name in the FPM objects. */
  readonly name: string;
  /** Whether the map has an entry per slot. */
  readonly sized: boolean;
}

/** Maps that all programs of a hook share. */
export function sharedMaps(hook: Hook): readonly SharedMap[] {
  const maps: SharedMap[] = [
    { name: slotsMap(hook), sized: true },
    { name: countersMap(hook), sized: true },
    { name: leaseMap(hook), sized: false },
    { name: `tna_scratch_${hook}`, sized: false },
  ];
  return hook === 'xdp' ? [...maps, { name: egressMap, sized: true }] : maps;
}

export const egressMap = 'tna_egress';

export function slotsMap(hook: Hook): string {
  return `tna_slots_${hook}`;
}

export function countersMap(hook: Hook): string {
  return `tna_counters_${hook}`;
}

export function leaseMap(hook: Hook): string {
  return `tna_lease_${hook}`;
}
