// SPDX-License-Identifier: Apache-2.0
// BPF_OBJ_GET_INFO_BY_FD, by id or path to a descriptor, and pins: the same for programs, maps and links.
import { mkdirSync, readlinkSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { Attr, cString } from './attr.js';
import { BpfError, errnoError } from './error.js';
import { type Handle, native } from './native.js';
import { bpf, bpfFd, tryBpf } from './syscall.js';
import { Command } from './uapi.js';

/** Reads `size` bytes of the object's info; fields that an older kernel lacks stay zero. */
export function readInfo(fd: number, size: number, prepare?: (info: Attr) => void): Attr {
  const info = new Attr(size);
  prepare?.(info);
  for (let i = 0; i + 1 < info.pointers.length; i += 2) {
    info.u64(info.pointers[i] as number, native.address(info.pointers[i + 1] as Uint8Array));
  }
  const attr = new Attr(16).u32(0, fd).u32(4, size).pointer(8, info.bytes);
  bpf(Command.objInfo, attr);
  return info;
}

export function openById(command: number, id: number): Handle {
  return bpfFd(command, new Attr(12).u32(0, id), `id ${id}`);
}

export type PinnedKind = 'program' | 'map' | 'link';

/** The descriptor's name in /proc is the only place that tells the kinds apart. */
export function kindOf(fd: number): PinnedKind {
  const target = readlinkSync(`/proc/self/fd/${fd}`);
  return target.includes('bpf-map') ? 'map' : target.includes('bpf-prog') ? 'program' : 'link';
}

/** Opens what is pinned at `path`. Throws BpfError 'wrong-kind' when that is not a `wanted`: its info would be misread. */
export function openPinned(path: string, wanted?: PinnedKind): Handle {
  const handle = bpfFd(Command.objGet, new Attr(16).pointer(0, cString(path)), path);
  try {
    const kind = wanted === undefined ? undefined : kindOf(handle.fd);
    if (kind === wanted) return handle;
    throw new BpfError({
      code: 'wrong-kind',
      operation: 'open pin',
      object: path,
      summary: `this is a ${kind}, not a ${wanted}`,
    });
  } catch (error) {
    handle.close();
    throw error;
  }
}

/** Pins at `path`, making the directories above it. Throws BpfError EEXIST when something is there. */
export function pin(fd: number, path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  bpf(Command.objPin, new Attr(16).pointer(0, cString(path)).u32(8, fd), path);
}

/** Removes a pin; a missing one is not an error. */
export function unpin(path: string): void {
  rmSync(path, { force: true });
}

/** Ids of one kind, ascending. */
export function* ids(command: number): Generator<number> {
  let id = 0;
  while (true) {
    const attr = new Attr(12).u32(0, id);
    const result = tryBpf(command, attr);
    if (result === -constants.errno.ENOENT) return;
    if (result < 0) throw errnoError(-result, 'enumerate');
    id = attr.getU32(4);
    yield id;
  }
}

const goneOrNotYet: ReadonlySet<string> = new Set(['ENOENT', 'EAGAIN']);

/** Whether an object is not there (any more), or is a link that is not attached yet: it has an id before, and until then the kernel says EAGAIN. */
export function isGoneOrNotYet(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && goneOrNotYet.has(error.code);
}

/** All objects of one kind, opened one after the other for the caller to close, without those that go while others are looked at. */
export function* openAll(next: number, open: number): Generator<Handle> {
  for (const id of ids(next)) {
    let handle: Handle;
    try {
      handle = openById(open, id);
    } catch (error) {
      if (isGoneOrNotYet(error)) continue;
      throw error;
    }
    yield handle;
  }
}
