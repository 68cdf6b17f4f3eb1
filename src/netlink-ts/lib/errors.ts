// SPDX-License-Identifier: Apache-2.0
// The one error type that this package throws for anything that went wrong with a socket, the kernel or bytes.
import { constants } from 'node:os';

/**
 * Conditions that are not an errno.
 * - `overrun`: the kernel had to drop messages for lack of receive buffer (ENOBUFS)
 * - `interrupted`: a dump stayed inconsistent (NLM_F_DUMP_INTR) through all retries
 * - `truncated`: a message was cut off
 * - `malformed`: bytes that do not follow the netlink framing or the spec
 * - `netns-gone`: the path is not a network namespace (any more)
 * - `timeout`: the kernel did not answer in time
 * - `closed`: the client was closed
 * - `unsupported`: the spec or the running kernel has no such operation, family or group
 * - `invalid-request`: a request that cannot be encoded by the spec
 */
export type NetlinkCondition =
  | 'overrun'
  | 'interrupted'
  | 'truncated'
  | 'malformed'
  | 'netns-gone'
  | 'timeout'
  | 'closed'
  | 'unsupported'
  | 'invalid-request';

/** A condition or the name of an errno, e.g. `EPERM`, `ENODEV`. */
export type NetlinkErrorCode = NetlinkCondition | `E${string}`;

export interface NetlinkErrorDetails {
  /** Positive errno, 0 when the code is not an errno. */
  readonly errno?: number;
  /** What was being done, e.g. `rt-link getlink dump`. */
  readonly operation: string;
  /** The kernel's extended-ACK text. */
  readonly extack?: string;
  /** Byte offset in the request (extended ACK) or in the received bytes (malformed). */
  readonly offset?: number;
  /** Path of the attribute concerned, e.g. `linkinfo.data.vlan_filtering`. */
  readonly attribute?: string;
  readonly cause?: unknown;
}

/** Anything that went wrong with a socket, the kernel or bytes. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly code: NetlinkErrorCode;
  readonly errno: number;
  readonly operation: string;
  declare readonly extack?: string;
  declare readonly offset?: number;
  declare readonly attribute?: string;

  constructor(code: NetlinkErrorCode, message: string, details: NetlinkErrorDetails) {
    super(`${details.operation}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.errno = details.errno ?? 0;
    this.operation = details.operation;
    if (details.extack !== undefined) this.extack = details.extack;
    if (details.offset !== undefined) this.offset = details.offset;
    if (details.attribute !== undefined) this.attribute = details.attribute;
  }
}

const errnoNames = new Map<number, `E${string}`>();
for (const [name, value] of Object.entries(constants.errno)) {
  if (!errnoNames.has(value)) errnoNames.set(value, name as `E${string}`);
}
// The name that the kernel uses where libc has two, and numbers internal to the kernel that do get out.
errnoNames.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP');
errnoNames.set(constants.errno.EAGAIN, 'EAGAIN');
errnoNames.set(524, 'ENOTSUPP');

/** Name of a positive errno, e.g. 1 → `EPERM`; `E<number>` when it has none. */
export function errnoName(errno: number): `E${string}` {
  return errnoNames.get(errno) ?? `E${errno}`;
}

/** Error for a positive errno returned by the kernel or a system call. `missing`: the attribute should have been given. */
export function errnoError(errno: number, details: NetlinkErrorDetails, missing = false): NetlinkError {
  const code = errnoName(errno);
  const state = missing ? ' is missing' : '';
  const where = details.attribute === undefined ? '' : ` (attribute ${details.attribute}${state})`;
  const text = details.extack === undefined ? '' : `: ${details.extack}`;
  return new NetlinkError(code, `${code}${text}${where}`, { ...details, errno });
}

/** Error for bytes that do not follow the framing or the spec. `offset` counts from the start of the bytes given. */
export function malformed(operation: string, message: string, offset: number): NetlinkError {
  return new NetlinkError('malformed', `${message} at byte ${offset}`, { operation, offset });
}
