// SPDX-License-Identifier: Apache-2.0
// The one error type of this package, and how an errno becomes one.
import { constants } from 'node:os';

export interface BpfErrorDetail {
  /** A word for what went wrong: 'verifier', 'core', 'ksym', 'btf', 'elf', 'unknown-name', 'value', 'closed', 'wrong-kind', or an errno name. */
  readonly code: string;
  /** Positive errno; 0 when the kernel was not involved. */
  readonly errno?: number;
  /** What was attempted, e.g. 'BPF_LINK_CREATE'. */
  readonly operation: string;
  /** The map, program, link, path or interface it was attempted on. */
  readonly object?: string;
  readonly program?: string;
  /** Everything the kernel or libbpf said. */
  readonly log?: string;
  /** One line. */
  readonly summary?: string;
}

/** What this package throws: a code for programs (the name of an errno, or a word), what was done, to what, and the log of the verifier. */
export class BpfError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly operation: string;
  readonly object: string | undefined;
  readonly program: string | undefined;
  readonly log: string;
  readonly summary: string;

  constructor(detail: BpfErrorDetail) {
    const errno = detail.errno ?? 0;
    const name = errno > 0 ? errnoName(errno) : '';
    const reason = detail.summary ?? (name || detail.code);
    const on = detail.object === undefined ? '' : ` ${detail.object}`;
    super(`${detail.operation}${on}: ${reason}${name && reason !== name ? ` (${name})` : ''}`);
    this.name = 'BpfError';
    this.code = detail.code;
    this.errno = errno;
    this.operation = detail.operation;
    this.object = detail.object;
    this.program = detail.program;
    this.log = detail.log ?? '';
    this.summary = reason;
  }
}

/** Kernel-internal ENOTSUPP, which bpf(2) returns for unsupported map operations, has no name in user space. */
export const ENOTSUPP = 524;

export function errnoName(errno: number): string {
  if (errno === ENOTSUPP) return 'ENOTSUPP';
  // libc has two names for it.
  if (errno === constants.errno.EOPNOTSUPP) return 'EOPNOTSUPP';
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
}

export function errnoError(errno: number, operation: string, object?: string, log?: string): BpfError {
  return new BpfError({
    code: errnoName(errno),
    errno,
    operation,
    ...(object === undefined ? {} : { object }),
    ...(log === undefined ? {} : { log }),
  });
}
