// SPDX-License-Identifier: Apache-2.0
// The bpffs: mounting it, and what is pinned in a directory of it.
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoError } from './error.js';
import { native } from './native.js';
import { kindOf, openPinned, readInfo } from './object-info.js';
import { BPFFS_MAGIC } from './uapi.js';

export { unpin } from './object-info.js';

export interface Pin {
  readonly name: string;
  readonly path: string;
  readonly kind: 'program' | 'map' | 'link' | 'directory';
  /** 0 for directories. */
  readonly id: number;
}

/** False also when the path does not exist. */
export function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === BPFFS_MAGIC;
  } catch {
    return false;
  }
}

/** Mounts a bpffs, making the directory. Does nothing when one is there already. `source` is its name in /proc/mounts. */
export function mountBpffs(path: string, source = 'bpf'): void {
  if (isBpffs(path)) return;
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const result = native.mountBpffs(path, source);
  if (result < 0) throw errnoError(-result, 'mount bpffs', path);
}

/** Unmounts a bpffs, and with it drops everything pinned there. Throws BpfError EBUSY while somebody is in it. */
export function unmountBpffs(path: string): void {
  const result = native.unmount(path);
  if (result < 0) throw errnoError(-result, 'unmount bpffs', path);
}

/** Entries of one directory, by name; a missing directory has none, and what goes meanwhile is left out. */
export function listPins(directory: string): Pin[] {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  return names.flatMap((name) => {
    try {
      return identify(name, join(directory, name));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  });
}

/** Removes a directory of pins with all in it; missing is fine. What is attached by a pinned link goes with it. */
export function removePins(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function identify(name: string, path: string): Pin {
  if (statSync(path).isDirectory()) return { name, path, kind: 'directory', id: 0 };
  const handle = openPinned(path);
  try {
    return { name, path, kind: kindOf(handle.fd), id: readInfo(handle.fd, 8).getU32(4) };
  } finally {
    handle.close();
  }
}
