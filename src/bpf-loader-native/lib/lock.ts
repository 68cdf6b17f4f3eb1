// SPDX-License-Identifier: Apache-2.0
// One holder per directory: flock(2), which the kernel releases when the holder dies, however it dies.
import { fstatSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { errnoError } from './error.js';
import { type Handle, native } from './native.js';

export interface LockHolder {
  readonly pid: number;
  readonly argv: readonly string[];
}

export type LockResult =
  | {
      readonly release: () => void;
      /** False once the path leads elsewhere: then this lock keeps nobody out. */
      readonly holds: () => boolean;
      /** True while the directory is where it was, but something else is mounted over it, or over what is above it. */
      readonly isCovered: () => boolean;
    }
  /** Null when the holder is not visible from this process (another pid namespace, or it has just gone). */
  | { readonly heldBy: LockHolder | null };

/** A lock whose result the caller dropped must not end with the next garbage collection. */
const held = new Set<Handle>();

/**
 * Does not wait. Works on any file system with directories that can be opened, bpffs included.
 * Throws BpfError ENOENT also when the directory was removed or replaced meanwhile: who locks it must make it anew.
 */
export function lockDirectory(path: string): LockResult {
  const lock = native.lockExclusive(path);
  if (typeof lock === 'number') {
    if (lock !== -constants.errno.EWOULDBLOCK) throw errnoError(-lock, 'lock', path);
    return { heldBy: findHolder(path) };
  }
  const holds = () => lock.fd >= 0 && leadsTo(path, lock.fd);
  if (!holds()) {
    lock.close();
    throw errnoError(constants.errno.ENOENT, 'lock', path);
  }
  held.add(lock);
  return {
    release: () => {
      held.delete(lock);
      lock.close();
    },
    holds,
    isCovered: () => lock.fd >= 0 && isCovered(path, lock.fd),
  };
}

function leadsTo(path: string, fd: number): boolean {
  const there = statSync(path, { bigint: true, throwIfNoEntry: false });
  const here = fstatSync(fd, { bigint: true });
  return there?.ino === here.ino && there.dev === here.dev;
}

/** Not so of a directory that was removed or renamed, or whose file system was unmounted, even if files keep that alive. */
function isCovered(path: string, fd: number): boolean {
  const { dev, nlink } = fstatSync(fd, { bigint: true });
  return nlink > 0n && deviceAt(path) !== dev && isMountedAbove(path, dev);
}

/** The device of the file system that the path leads into, as far as it leads. */
function deviceAt(path: string): bigint {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.dev ?? deviceAt(dirname(path));
}

function isMountedAbove(path: string, dev: bigint): boolean {
  const { major, minor } = numbersOf(dev);
  // "36 35 0:32 / /sys/fs/bpf rw,nosuid - bpf bpf rw"; what is covered is listed, too.
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => {
      const [, , device, , point = ''] = line.split(' ');
      return device === `${major}:${minor}` && `${path}/`.startsWith(point === '/' ? point : `${point}/`);
    });
}

/** Who holds the lock of a directory, without trying for it; null when nobody visible does. */
export function lockHolder(path: string): LockHolder | null {
  return findHolder(path);
}

function findHolder(path: string): LockHolder | null {
  const { dev, ino } = statSync(path, { bigint: true });
  const { major, minor } = numbersOf(dev);
  const hex = (value: bigint) => value.toString(16).padStart(2, '0');
  const file = `${hex(major)}:${hex(minor)}:${ino}`;
  for (const line of readFileSync('/proc/locks', 'latin1').split('\n')) {
    // "1: FLOCK  ADVISORY  WRITE 812 00:1c:1057 0 EOF"; a waiter's line has "->" after the number.
    const [, kind, , , pid, place] = line.split(/\s+/);
    if (kind !== 'FLOCK' || place !== file || Number(pid) <= 0) continue;
    return { pid: Number(pid), argv: argvOf(Number(pid)) };
  }
  return null;
}

/** As glibc packs them. */
function numbersOf(dev: bigint): { readonly major: bigint; readonly minor: bigint } {
  return {
    major: ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn),
    minor: (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n),
  };
}

function argvOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').split('\0');
  } catch {
    return [];
  }
}
