// SPDX-License-Identifier: Apache-2.0
// The directory of pins of one network namespace: made, listed, locked, removed.

import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  BpfError,
  isBpffs,
  type LockHolder,
  lockDirectory,
  lockHolder,
  mountBpffs,
  unmountBpffs,
} from 'bpf-loader-native';
import { TnaError } from '../model/error.js';
import { bpffsRoot, type Pin, parsePin, pinName, tnaRoot } from './pins.js';

export interface PinListing {
  readonly pins: readonly Pin[];
  /** Names that are not ours to read. */
  readonly strays: readonly string[];
}

export class PinDirectory {
  readonly path: string;

  /** `namespace` is the inode number of the network namespace. */
  constructor(namespace: string) {
    this.path = join(tnaRoot, namespace);
  }

  pathOf(pin: Pin): string {
    return join(this.path, pinName(pin));
  }

  exists(pin: Pin): boolean {
    return existsSync(this.pathOf(pin));
  }

  /** Sorted; empty when there is no directory. */
  list(): PinListing {
    const names = existsSync(this.path) ? readdirSync(this.path).sort() : [];
    const parsed = names.map((name) => ({ name, pin: parsePin(name) }));
    return {
      pins: parsed.flatMap(({ pin }) => (pin === undefined ? [] : [pin])),
      strays: parsed.flatMap(({ name, pin }) => (pin === undefined ? [name] : [])),
    };
  }

  /** Mounts the BPF filesystem where nobody did, and makes the directory. @throws TnaError `no-bpffs` */
  ensure(): void {
    for (let attempt = 1; ; attempt++) {
      if (!isBpffs(bpffsRoot)) mount();
      try {
        mkdirSync(this.path, { recursive: true, mode: 0o700 });
        return;
      } catch (cause) {
        // Another namespace's `tna detach` may have unmounted it in between.
        if (isBpffs(bpffsRoot) || attempt === 3) throw cause;
      }
    }
  }

  unpin(pin: Pin): void {
    this.removeFile(pinName(pin));
  }

  /** Removes a pin by name. One that is gone already is fine. */
  removeFile(name: string): void {
    try {
      unlinkSync(join(this.path, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** @throws TnaError `locked`, naming who holds it */
  lock(): { release(): void } {
    this.ensure();
    const lock = lockDirectory(this.path);
    if ('release' in lock) return lock;
    if (lock.heldBy === null)
      throw new TnaError('locked', 'another controller, not visible from here, works on this namespace');
    const { pid, command } = lock.heldBy;
    throw new TnaError('locked', `another controller works on this namespace: pid ${pid} (${command})`, {
      hint: `kill ${pid}`,
    });
  }

  /** Who works on this namespace. */
  holder(): LockHolder | null {
    return existsSync(this.path) ? lockHolder(this.path) : null;
  }

  /** Removes the empty directory, that above it when no namespace needs it, and a BPF filesystem that we had to mount. */
  leave(): void {
    for (const directory of [this.path, tnaRoot]) {
      try {
        rmdirSync(directory);
      } catch (error) {
        if (!['ENOENT', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
    if (mountedByUs() && readdirSync(bpffsRoot).every((name) => preloaded.includes(name))) {
      try {
        unmountBpffs(bpffsRoot);
      } catch {
        // Somebody is using it now: then it is theirs to keep.
      }
    }
  }
}

/** The source by which /proc/mounts tells our mount from others'. */
const mountSource = 'tna';
/** What the kernel itself puts into a fresh BPF filesystem (CONFIG_BPF_PRELOAD). */
const preloaded = ['maps.debug', 'progs.debug'];

function mountedByUs(): boolean {
  return readFileSync('/proc/mounts', 'utf8').includes(`\n${mountSource} ${bpffsRoot} bpf `);
}

function mount(): void {
  // In a mount namespace of its own (as `ip netns exec` makes) the mount, and with it everything pinned, would vanish with this process.
  if (inPrivateMounts()) {
    throw new TnaError(
      'no-bpffs',
      `${bpffsRoot} is not mounted here, and what is mounted in this private mount namespace would not last`,
      { hint: 'use `tna --netns NAME` instead of `ip netns exec NAME tna`' },
    );
  }
  try {
    mountBpffs(bpffsRoot, mountSource);
  } catch (cause) {
    const text = cause instanceof BpfError ? cause.summary : String(cause);
    throw new TnaError('no-bpffs', `the BPF filesystem is not mounted at ${bpffsRoot} and cannot be: ${text}`, {
      hint: `mount -t bpf bpf ${bpffsRoot}`,
      cause,
    });
  }
}

function inPrivateMounts(): boolean {
  try {
    return readlinkSync('/proc/self/ns/mnt') !== readlinkSync('/proc/1/ns/mnt');
  } catch {
    return false;
  }
}
