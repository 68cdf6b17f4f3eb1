// SPDX-License-Identifier: Apache-2.0
// Entering and naming network namespaces, as `ip -n` does: a name below /run/netns, or a path.

import { existsSync, statSync } from 'node:fs';
import { enterNetns, NetlinkError, netnsInode } from 'netlink-ts';
import { TnaError } from '../model/error.js';

/**
 * Moves this process into the namespace, before anything else looks at it. Pool threads are moved by the native addons.
 * @throws TnaError `no-namespace`
 */
export function enterNamespace(nameOrPath: string): void {
  const path = namespacePath(nameOrPath);
  if (!existsSync(path))
    throw new TnaError('no-namespace', `there is no network namespace ${nameOrPath}`, { hint: 'ip netns list' });
  try {
    enterNetns(path);
  } catch (cause) {
    const text = cause instanceof NetlinkError ? cause.message : String(cause);
    throw new TnaError('no-namespace', `cannot enter the network namespace ${nameOrPath}: ${text}`, { cause });
  }
}

/** Inode of the current network namespace, as text: what identifies it while it lives. */
export function namespaceId(): string {
  return String(netnsInode());
}

export function namespacePath(nameOrPath: string): string {
  return nameOrPath.includes('/') ? nameOrPath : `/run/netns/${nameOrPath}`;
}

/**
 * Whether a name of `ip netns` is not that of this process's namespace any more. A process keeps its namespace alive, so it would go on
 * for nobody. A path says less: what it led to may live on without it.
 */
export function isRenounced(name: string | undefined): boolean {
  if (name === undefined || name.includes('/')) return false;
  const there = statSync(namespacePath(name), { throwIfNoEntry: false });
  return there === undefined || String(there.ino) !== namespaceId();
}
