// SPDX-License-Identifier: Apache-2.0
// The directory of pins of one network namespace: made, listed, locked, removed.

import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BpfError, type LockHolder, lockDirectory, lockHolder } from 'bpf-loader-native';
import { TnaError } from '../model/error.js';
import { bpffsMounted, ensureBpffs, refuseHiddenBpffs, releaseBpffs } from './bpffs.js';
import { errnoOf, failure } from './failure.js';
import { lifeMark, pinLifeMark, readLifeMark } from './life-mark.js';
import { bpffsRoot, type Pin, parsePin, pinName, type RefusalMark, tnaRoot } from './pins.js';

export interface PinListing {
  readonly pins: readonly Pin[];
  /** Names that are not ours to read. */
  readonly strays: readonly string[];
}

interface Lock {
  release(): void;
  holds(): boolean;
  isCovered(): boolean;
}

/** How often another process may remove what is above the directory while we make it. */
const attempts = 10;
/** How long somebody who only clears up may hold the lock; that takes microseconds, or as long as some thousand pins take to go. */
const clearingUpMs = 3000;
const lookAgainMs = 5;

export class PinDirectory {
  readonly path: string;
  /** Whether this process is to have the lock: not whether it has. */
  private wanted = false;
  private held: Lock | undefined;

  /** `namespace` is the inode number of the network namespace. */
  constructor(readonly namespace: string) {
    this.path = join(tnaRoot, namespace);
  }

  pathOf(pin: Pin): string {
    // Not join(): names need no normalising, and there may be thousands.
    return `${this.path}/${pinName(pin)}`;
  }

  exists(pin: Pin): boolean {
    return existsSync(this.pathOf(pin));
  }

  /**
   * Sorted; empty when there is no directory, or only that of a namespace that had our inode number before and is gone.
   * @throws TnaError `no-bpffs` when there may be one that cannot be seen from here
   */
  list(): PinListing {
    if (!existsSync(this.path)) {
      refuseHiddenBpffs();
      return { pins: [], strays: [] };
    }
    if (readLifeMark(this.markPath) === 'dead') return { pins: [], strays: [] };
    const names = readdirSync(this.path)
      .filter((name) => name !== markName)
      .sort();
    const parsed = names.map((name) => ({ name, pin: parsePin(name) }));
    return {
      pins: parsed.flatMap(({ pin }) => (pin === undefined ? [] : [pin])),
      strays: parsed.flatMap(({ name, pin }) => (pin === undefined ? [name] : [])),
    };
  }

  /** Mounts the BPF filesystem where nobody did, and makes the directory. @throws TnaError `no-bpffs`, `pins` */
  ensure(): void {
    for (let attempt = 1; ; attempt++) {
      ensureBpffs();
      try {
        for (const directory of [tnaRoot, this.path]) makeDirectory(directory);
        return;
      } catch (cause) {
        // Another namespace's `tna detach` may have removed what is above it, or unmounted the file system, in between.
        if ((bpffsMounted() && errnoOf(cause) !== 'ENOENT') || attempt === attempts)
          throw failure('pins', 'cannot make the directory of pins', cause, { object: this.path });
      }
    }
  }

  /** Notes it for every process, and for as long as the directory is there. */
  mark(refusal: RefusalMark): void {
    makeDirectory(this.pathOf(refusal));
  }

  /** What was marked is tried again. A mark that cannot be removed, as of a read-only filesystem, stays in force. */
  forgetRefusals(): void {
    try {
      for (const name of listNames(this.path)) if (parsePin(name)?.kind === 'refused') this.removeFile(name);
    } catch (cause) {
      if (errnoOf(cause) === undefined) throw cause;
    }
  }

  unpin(pin: Pin): void {
    this.removeFile(pinName(pin));
  }

  /** Removes a pin by name, or what somebody made in its place. One that is gone already is fine. */
  removeFile(name: string): void {
    removeEntry(join(this.path, name));
  }

  /**
   * Takes the namespace for this process. What a namespace that had the same inode number has left goes.
   * @throws TnaError `locked`, naming who holds it; `no-bpffs`, `pins`
   */
  async lock(): Promise<{ release(): void }> {
    this.wanted = true;
    const deadline = performance.now() + clearingUpMs;
    while (this.held === undefined) {
      this.ensure();
      try {
        const lock = lockDirectory(this.path);
        if ('release' in lock) this.held = lock;
        else if (this.isBeingUsed() || performance.now() > deadline) throw locked(lock.heldBy);
        else await delay(lookAgainMs);
      } catch (cause) {
        // Removed in between by a controller that has just left, or cleared up.
        if (errnoOf(cause) === 'ENOENT' && performance.now() < deadline) continue;
        throw failure('pins', 'cannot lock the directory of pins', cause, { object: this.path });
      }
    }
    try {
      this.settle();
    } catch (cause) {
      try {
        this.leave();
      } catch {
        // Where nothing can be written nothing can be tidied away either: the cause says so.
      }
      this.wanted = true;
      throw failure('pins', 'cannot mark the directory of pins', cause, { object: this.path });
    }
    return {
      release: () => {
        this.wanted = false;
        this.release();
      },
    };
  }

  /**
   * The lock is on a directory, not on its name: after somebody removed or replaced that, it keeps nobody out. One that could not be
   * had again is asked for each time. One on what is covered is kept: what runs is there, and there again once it is uncovered.
   * @throws TnaError as `lock`
   */
  async keepLock(): Promise<void> {
    if (!this.wanted || this.held?.holds() === true) return;
    if (this.held?.isCovered() === true)
      throw new TnaError(
        'no-bpffs',
        `something has been mounted over the BPF filesystem at ${bpffsRoot}: what is pinned cannot be seen`,
        { hint: `umount ${bpffsRoot}` },
      );
    this.release();
    await this.lock();
  }

  /** Who works on this namespace. */
  holder(): LockHolder | null {
    try {
      return lockHolder(this.path);
    } catch (error) {
      // Nobody has been here, or who was has just left.
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** Gives up the lock; nothing pinned, it also removes the directory, that above it, and a BPF filesystem that we had to mount. */
  leave(): void {
    this.wanted = false;
    try {
      // Under the lock, so that no other controller begins in a directory that goes.
      if (this.held?.holds() === true) removeIfUnused(this.path);
    } finally {
      this.release();
    }
    removeEmpty(tnaRoot);
    releaseBpffs();
  }

  /** Removes what is left of namespaces that are gone; how many there were. What cannot be judged or is in use stays. */
  pruneOthers(): number {
    const others = listNames(tnaRoot).filter((name) => /^\d+$/.test(name) && name !== this.namespace);
    return others.filter((name) => pruneDead(join(tnaRoot, name))).length;
  }

  private get markPath(): string {
    return join(this.path, markName);
  }

  /** A controller of this namespace marks the directory as soon as it has the lock. Who holds the lock of another one clears it up. */
  private isBeingUsed(): boolean {
    return readLifeMark(this.markPath) === 'alive';
  }

  private settle(): void {
    const mark = readLifeMark(this.markPath);
    if (mark === 'alive') return;
    if (mark === 'dead') for (const name of listNames(this.path)) removeEntry(join(this.path, name));
    else removeEntry(this.markPath);
    pinLifeMark(this.markPath);
  }

  private release(): void {
    this.held?.release();
    this.held = undefined;
  }
}

const markName = pinName({ kind: 'map', name: lifeMark });

function locked(holder: LockHolder | null): TnaError {
  if (holder === null)
    return new TnaError('locked', 'another controller, not visible from here, works on this namespace');
  const { pid, argv } = holder;
  return new TnaError('locked', `another controller works on this namespace: pid ${pid} (${argv.join(' ')})`, {
    hint: `kill ${pid}`,
  });
}

/** True when the directory was that of a dead namespace, and is removed. */
function pruneDead(path: string): boolean {
  const mark = join(path, markName);
  try {
    if (readLifeMark(mark) !== 'dead') {
      removeIfAbandoned(path);
      return false;
    }
    const lock = lockDirectory(path);
    if (!('release' in lock)) return false;
    try {
      // A new namespace with the same number may have begun here before we had the lock.
      if (readLifeMark(mark) !== 'dead') return false;
      rmSync(path, { recursive: true });
      return true;
    } finally {
      lock.release();
    }
  } catch (error) {
    // Nobody's loss: whoever comes next tries again.
    if (error instanceof BpfError || errnoOf(error) !== undefined) return false;
    throw error;
  }
}

/** A controller that was killed before it pinned anything leaves an empty directory. */
function removeIfAbandoned(path: string): void {
  if (listNames(path).length > 0) return;
  const lock = lockDirectory(path);
  if (!('release' in lock)) return;
  removeEmpty(path);
  lock.release();
}

/** Removes the directory if nothing but marks is in it. */
function removeIfUnused(path: string): void {
  const names = listNames(path);
  if (names.some((name) => name !== markName && parsePin(name)?.kind !== 'refused')) return;
  for (const name of names) removeEntry(join(path, name));
  removeEmpty(path);
}

/** Node's own recursive way calls a read-only filesystem ENOENT. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '')) throw error;
  }
}

function removeEntry(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return;
    if (errno !== 'EISDIR') throw error;
    rmSync(path, { recursive: true, force: true });
  }
}

function listNames(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
