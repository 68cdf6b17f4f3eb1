// SPDX-License-Identifier: Apache-2.0
// Typed door to the native addon: sockets that move bytes, and network namespaces.
import { createRequire } from 'node:module';
import { errnoError, NetlinkError } from './errors.js';

/** Bits of `flags` given to `onReadable`; native/netlink_socket.cc names the same. */
export const readableOverrun = 1;
export const readableTruncated = 2;

/** Called once per wake. `bytes` holds whole datagrams back to back, each padded to 4 bytes. Must not throw. */
export type OnReadable = (bytes: ArrayBuffer | null, flags: number, errno: number) => void;

/** Methods that return a number return 0 or a positive errno. */
export interface NativeSocket {
  send(message: Uint8Array): number;
  membership(group: number, join: boolean): number;
  setReceiveBuffer(bytes: number): number;
  close(): void;
  ref(): void;
  unref(): void;
  /** Port id that the kernel gave this socket. */
  port(): number;
  /** File descriptor, -1 once closed. */
  fd(): number;
}

interface Addon {
  readonly NetlinkSocket: new (protocol: number, netnsPath: string, onReadable: OnReadable) => NativeSocket;
  enterNetns(path: string): void;
  netnsInode(path: string): number;
}

let loaded: Addon | undefined;

function addon(): Addon {
  if (loaded === undefined) {
    // By the package's name: this code may be part of a bundle that lies elsewhere.
    const path = 'netlink-ts/build/Release/netlink_socket.node';
    try {
      loaded = createRequire(import.meta.url)(path) as Addon;
    } catch (cause) {
      throw new NetlinkError('unsupported', 'the native addon is missing; run `npm run build:native`', {
        operation: 'load netlink_socket.node',
        cause,
      });
    }
  }
  return loaded;
}

function translate(cause: unknown, operation: string, netns: string | undefined): unknown {
  if (!(cause instanceof Error) || !('errno' in cause) || typeof cause.errno !== 'number') return cause;
  const step = 'operation' in cause && typeof cause.operation === 'string' ? cause.operation : '';
  // ENOENT: the name is gone. EINVAL from setns: the name is left over, but no namespace is mounted on it.
  const gone = (step === 'open' || step === 'stat') && cause.errno === 2;
  if (netns !== undefined && (gone || (step === 'setns' && cause.errno === 22))) {
    return new NetlinkError('netns-gone', `${netns} is not a network namespace`, {
      operation,
      errno: cause.errno,
      cause,
    });
  }
  return errnoError(cause.errno, { operation: `${operation} (${step})`, cause });
}

/** Opens a bound, non-blocking netlink socket of `protocol`, in the namespace at path `netns` if given. */
export function openSocket(protocol: number, netns: string | undefined, onReadable: OnReadable): NativeSocket {
  const { NetlinkSocket } = addon();
  try {
    return new NetlinkSocket(protocol, netns ?? '', onReadable);
  } catch (cause) {
    throw translate(cause, `open netlink socket of protocol ${protocol}`, netns);
  }
}

/**
 * Moves the calling thread into the network namespace at `path` (setns(2), CLONE_NEWNET) for good. Threads that exist
 * already, such as libuv's pool, stay where they are.
 */
export function enterNetns(path: string): void {
  try {
    addon().enterNetns(path);
  } catch (cause) {
    throw translate(cause, `enter network namespace ${path}`, path);
  }
}

/** Inode number that identifies the network namespace at `path`, or that of the calling thread. */
export function netnsInode(path?: string): number {
  try {
    return addon().netnsInode(path ?? '');
  } catch (cause) {
    throw translate(cause, `inode of network namespace ${path ?? 'of this thread'}`, path);
  }
}
