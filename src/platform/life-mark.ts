// SPDX-License-Identifier: Apache-2.0
// Tells whether the network namespace that a directory of pins was made for still lives. Inode numbers are reused at once, so the
// directory's name cannot tell. A device map can: its one entry is the loopback device, which is born and dies with its namespace
// and can be neither moved nor deleted, and the kernel takes the entry out when the device goes.

import { BpfError, BpfMap } from 'bpf-loader-native';
import { u32Key } from './bytes.js';
import { using } from './using.js';

/** The loopback device has this ifindex in every namespace. */
const loopback = 1;
const entry = u32Key(0);

export const lifeMark = 'tna_alive';

/** Pins the mark of the namespace that the calling thread is in. It is pinned with its entry or not at all. */
export function pinLifeMark(path: string): void {
  const map = BpfMap.create({ type: 'devmap', name: lifeMark, keySize: 4, valueSize: 4, maxEntries: 1 });
  using(map, () => {
    map.set(entry, u32Key(loopback));
    map.pin(path);
  });
}

/** What the mark at `path` says; `unknown` when there is none, or something else in its place. */
export function readLifeMark(path: string): 'alive' | 'dead' | 'unknown' {
  let map: BpfMap;
  try {
    map = BpfMap.openPinned(path);
  } catch (error) {
    // A directory, or nothing, or something that is not ours.
    if (error instanceof BpfError && ['ENOENT', 'EACCES', 'ELOOP', 'wrong-kind'].includes(error.code)) return 'unknown';
    throw error;
  }
  return using(map, () => {
    if (map.info.type !== 'devmap' || map.info.name !== lifeMark) return 'unknown';
    return map.get(entry) === undefined ? 'dead' : 'alive';
  });
}
