// SPDX-License-Identifier: Apache-2.0
// Programs as direct-action filters of the clsact qdisc: the tc hook of kernels before TCX (6.6).
import { constants } from 'node:os';
import { errnoError } from './error.js';
import type { Direction } from './link.js';
import { native, type Outcome } from './native.js';
import type { BpfProgram } from './program.js';

/** enum bpf_tc_attach_point */
const POINT = { ingress: 1, egress: 2 } as const;

export interface ClsactPlace {
  readonly ifindex: number;
  readonly direction: Direction;
  /** Filter handle and priority name the filter; lower priorities run first. */
  readonly handle: number;
  readonly priority: number;
}

export interface ClsactFilter extends ClsactPlace {
  readonly programId: number;
  /** True when `attachClsact` had to add the qdisc. */
  readonly madeQdisc: boolean;
}

/** Adds the qdisc if missing, then the filter. With `replace`, an existing filter of that place is exchanged (else EEXIST). */
export async function attachClsact(
  place: ClsactPlace,
  program: BpfProgram,
  options: { readonly replace?: boolean } = {},
): Promise<ClsactFilter> {
  const { ifindex, direction, handle, priority } = place;
  const hook = await native.tcHookCreate(ifindex, POINT[direction]);
  if (hook.errno !== constants.errno.EEXIST) check(hook, 'add clsact', place);
  const madeQdisc = hook.errno === 0;
  const replace = options.replace ?? false;
  const filter = await native.tcAttach(ifindex, POINT[direction], program.fd, handle, priority, replace, program);
  if (filter.errno !== 0 && madeQdisc) await native.tcHookDestroy(ifindex);
  check(filter, 'attach clsact filter', place);
  return {
    ifindex,
    direction,
    handle: filter.handle,
    priority: filter.priority,
    programId: filter.programId,
    madeQdisc,
  };
}

/** Undefined when there is no such filter. */
export async function queryClsact(place: ClsactPlace): Promise<{ readonly programId: number } | undefined> {
  const found = await native.tcQuery(place.ifindex, POINT[place.direction], place.handle, place.priority);
  // The kernel answers EINVAL when there is no clsact at all, and ENODEV when there is no such device.
  const { ENOENT, EINVAL, ENODEV } = constants.errno;
  if ([ENOENT, EINVAL, ENODEV].includes(found.errno)) return undefined;
  check(found, 'query clsact filter', place);
  return { programId: found.programId };
}

/** Removes the filter, and with `removeQdisc` the qdisc with all that others have put there: only for one we made. */
export async function detachClsact(place: ClsactPlace, options: { readonly removeQdisc: boolean }): Promise<void> {
  check(
    await native.tcDetach(place.ifindex, POINT[place.direction], place.handle, place.priority),
    'detach clsact filter',
    place,
  );
  if (options.removeQdisc) check(await native.tcHookDestroy(place.ifindex), 'remove clsact', place);
}

function check(outcome: Outcome, operation: string, place: ClsactPlace): void {
  if (outcome.errno === 0) return;
  throw errnoError(outcome.errno, operation, `${place.direction} of ifindex ${place.ifindex}`, outcome.log);
}
