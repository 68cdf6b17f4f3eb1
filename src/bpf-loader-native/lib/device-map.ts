// SPDX-License-Identifier: Apache-2.0
// Maps whose values stand for something else: network devices, programs, other maps. Written by descriptor, read by id.
import { readU32, u32Bytes } from './attr.js';
import type { BpfMap } from './map.js';
import type { BpfProgram } from './program.js';
import { UpdateFlag } from './uapi.js';

/** Sets a slot of a devmap or devmap_hash. The device is looked up in this thread's network namespace. */
export function setDevice(map: BpfMap, key: number, target: { ifindex: number; program?: BpfProgram }): void {
  const noProgram = -1;
  const value = u32Bytes(target.ifindex, target.program?.fd ?? noProgram);
  map.set(u32Bytes(key), value.subarray(0, map.info.valueSize));
}

/** Undefined for an empty slot; `programId` is 0 without a program. */
export function getDevice(map: BpfMap, key: number): { ifindex: number; programId: number } | undefined {
  const value = map.get(u32Bytes(key));
  if (value === undefined || readU32(value) === 0) return undefined;
  return { ifindex: readU32(value), programId: value.length >= 8 ? readU32(value, 4) : 0 };
}

/** Sets a slot of a prog_array: the next packet runs the new program. */
export function setProgram(map: BpfMap, slot: number, program: BpfProgram): void {
  map.set(u32Bytes(slot), u32Bytes(program.fd));
}

/** Program id in a slot, undefined when empty. */
export function getProgramId(map: BpfMap, slot: number): number | undefined {
  const value = map.get(u32Bytes(slot));
  return value === undefined ? undefined : readU32(value);
}

/** Empties a slot of a prog_array or devmap; false when it was empty. */
export function clearSlot(map: BpfMap, slot: number): boolean {
  return map.delete(u32Bytes(slot));
}

/** Puts a map into an array_of_maps or hash_of_maps; waits for an RCU grace period on a pool thread. */
export async function setInnerMap(map: BpfMap, key: Uint8Array, inner: BpfMap): Promise<void> {
  await map.setAsync(key, u32Bytes(inner.fd), UpdateFlag.any, inner);
}

/** Id of the map under a key, undefined when there is none. */
export function getInnerMapId(map: BpfMap, key: Uint8Array): number | undefined {
  const value = map.get(key);
  return value === undefined ? undefined : readU32(value);
}
