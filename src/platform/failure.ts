// SPDX-License-Identifier: Apache-2.0
// Gives what the kernel, the file system or netlink refuse our error type, with advice where there is some.

import { BpfError } from 'bpf-loader-native';
import { TnaError, type TnaErrorDetails } from '../model/error.js';

const advice: Readonly<Record<string, string>> = {
  EMFILE: 'this process is out of file descriptors: raise its limit (ulimit -n, LimitNOFILE=)',
  ENFILE: 'the host is out of file descriptors: raise fs.file-max',
  EROFS: 'the BPF filesystem is mounted read-only: mount -o remount,rw /sys/fs/bpf',
  EPERM:
    'CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are needed in the initial user namespace, and no LSM or lockdown may forbid it',
  EACCES: 'root is needed, in the initial user namespace',
  ENOMEM: 'the kernel has no memory for it: look at the memory limit of the cgroup',
};

/** `what` is a clause that says what could not be done. A TnaError is passed on as it is. */
export function failure(code: string, what: string, cause: unknown, details: TnaErrorDetails = {}): TnaError {
  if (cause instanceof TnaError) return cause;
  const hint = details.hint ?? advice[errnoOf(cause) ?? ''];
  return new TnaError(code, `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    ...details,
    ...(hint === undefined ? {} : { hint }),
    ...(cause instanceof BpfError && cause.log !== '' ? { evidence: cause.log } : {}),
    cause,
  });
}

/** The errno's name, of errors that have one. */
export function errnoOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !('code' in cause) || typeof cause.code !== 'string') return undefined;
  return cause.code;
}

/** There is no such file or directory. */
export function isMissing(cause: unknown): boolean {
  return errnoOf(cause) === 'ENOENT';
}
