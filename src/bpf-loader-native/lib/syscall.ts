// SPDX-License-Identifier: Apache-2.0
// bpf(2) with errors: each call names its operation and object, and throws a BpfError when the kernel refuses.
import type { Attr } from './attr.js';
import { BpfError, errnoError } from './error.js';
import { type Handle, native } from './native.js';
import { Command } from './uapi.js';

/** Result of the call, or a negative errno. */
export function tryBpf(command: number, attr: Attr): number {
  return native.bpf(command, attr.bytes, attr.pointers);
}

export function bpf(command: number, attr: Attr, object?: string): number {
  const result = tryBpf(command, attr);
  if (result < 0) throw errnoError(-result, operationName(command), object);
  return result;
}

/** For commands that return a descriptor. */
export function bpfFd(command: number, attr: Attr, object?: string): Handle {
  const result = native.bpfFd(command, attr.bytes, attr.pointers);
  if (typeof result === 'number') throw errnoError(-result, operationName(command), object);
  return result;
}

/** On a pool thread, in this thread's network namespace; `keep` stays alive until then. */
export async function bpfAsync(command: number, attr: Attr, object?: string, keep?: object): Promise<number> {
  const result = await native.bpfAsync(command, attr.bytes, attr.pointers, keep);
  if (result < 0) throw errnoError(-result, operationName(command), object);
  return result;
}

export async function bpfFdAsync(command: number, attr: Attr, object?: string, keep?: object): Promise<Handle> {
  const result = await native.bpfFdAsync(command, attr.bytes, attr.pointers, keep);
  if (typeof result === 'number') throw errnoError(-result, operationName(command), object);
  return result;
}

function operationName(command: number): string {
  const entry = Object.entries(Command).find(([, number]) => number === command);
  const words = (entry?.[0] ?? `command ${command}`).replace(/[A-Z]/g, (letter) => `_${letter}`);
  return `BPF_${words.toUpperCase()}`;
}

/** Something in the kernel that this process holds by a descriptor. */
export abstract class KernelObject {
  readonly #handle: Handle;

  protected constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** Valid until `close()`. Throws BpfError 'closed' afterwards. */
  get fd(): number {
    const fd = this.#handle.fd;
    if (fd < 0) throw new BpfError({ code: 'closed', operation: 'use', object: this.constructor.name });
    return fd;
  }

  get closed(): boolean {
    return this.#handle.fd < 0;
  }

  /** Gives up this descriptor; what is pinned, attached or used elsewhere lives on. May be called twice. */
  close(): void {
    this.#handle.close();
  }
}
