// SPDX-License-Identifier: Apache-2.0
// The tc hook of kernels without TCX: a direct-action filter on a clsact qdisc that TNA adds, and shares with nobody.
// There is no link to pin, so the dispatcher itself is pinned: the filter is ours if it runs that very program.

import {
  attachClsact,
  BpfError,
  BpfProgram,
  type ClsactFilter,
  detachClsact,
  probe,
  queryClsact,
} from 'bpf-loader-native';
import { MessageFlag, NetlinkClient, NetlinkError } from 'netlink-ts';
import { TnaError } from '../model/error.js';
import type { PinDirectory } from './pin-directory.js';
import type { FilterPin } from './pins.js';
import { usingAsync } from './using.js';

/** Modules of the kernel that the hook consists of. */
export const filterModules: readonly string[] = ['sch_ingress', 'cls_bpf'];

/** include/uapi/linux/pkt_sched.h: TC_H_CLSACT, and its two sides. */
const clsact = 0xffff_fff1;
const sides = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;

const priority = 1;
const handle = 1;

function placeOn(ifindex: number) {
  return { ifindex, direction: 'ingress', handle, priority } as const;
}

/** Whether this kernel has something better. */
export async function hasTcx(): Promise<boolean> {
  return (await probe('attach:tcx')).answer === 'yes';
}

/** Id of the program that runs as our filter, if it is still there. */
export async function runningFilter(directory: PinDirectory, pin: FilterPin): Promise<number | undefined> {
  return usingAsync(BpfProgram.openPinned(directory.pathOf(pin)), async (program) => {
    const found = await queryClsact(placeOn(pin.ifindex));
    return found?.programId === program.id ? program.id : undefined;
  });
}

/** Adds qdisc and filter. @throws TnaError `foreign-qdisc` when the device has a clsact or ingress qdisc already */
export async function attachFilter(directory: PinDirectory, pin: FilterPin, program: BpfProgram): Promise<void> {
  const { ifindex } = pin;
  for (const old of filterPins(directory)) if (old.ifindex === ifindex) await detachFilter(directory, old);
  const kind = await qdiscOf(ifindex);
  if (kind !== undefined) throw foreignQdisc(ifindex, kind);
  // Pinned first: whatever happens from now on, the qdisc is known to be ours.
  program.pin(directory.pathOf(pin));
  let filter: ClsactFilter;
  try {
    filter = await attachClsact(placeOn(ifindex), program);
  } catch (error) {
    // The pin goes last: if the qdisc cannot go either, for want of a descriptor, say, the next pass finds it by that.
    await detachFilter(directory, pin).catch(() => undefined);
    throw error;
  }
  if (filter.madeQdisc) return;
  // Somebody added one between the look and now.
  await detachClsact(placeOn(ifindex), { removeQdisc: false });
  directory.unpin(pin);
  throw foreignQdisc(ifindex, 'clsact');
}

function foreignQdisc(ifindex: number, kind: string): TnaError {
  return new TnaError('foreign-qdisc', `ifindex ${ifindex} has a ${kind} qdisc, which is left alone`, {
    hint: `tc filter show dev INTERFACE ingress says what it is for; TNA adds a clsact qdisc of its own once it is gone`,
  });
}

/** Removes the filter, and the qdisc unless somebody else has put a filter there meanwhile. */
export async function detachFilter(directory: PinDirectory, pin: FilterPin): Promise<void> {
  const { ifindex } = pin;
  try {
    const ours = (await runningFilter(directory, pin)) !== undefined;
    if (ours) await detachClsact(placeOn(ifindex), { removeQdisc: false });
    // An empty qdisc without our filter is what is left of an attachment that was cut short.
    const empty = (await allFilters(ifindex)).length === 0;
    if (empty && (await qdiscOf(ifindex)) === 'clsact') await removeQdisc(ifindex);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  directory.unpin(pin);
}

export function filterPins(directory: PinDirectory): readonly FilterPin[] {
  return directory.list().pins.filter((pin): pin is FilterPin => pin.kind === 'filter');
}

export interface ForeignFilters {
  /** Program ids, or 0 for a filter that is no BPF program. */
  readonly ingress: readonly number[];
  readonly egress: readonly number[];
}

/** Filters of others on a qdisc of ours. */
export async function foreignFilters(ifindex: number, programId: number): Promise<ForeignFilters> {
  const found = (await allFilters(ifindex)).filter(({ id, atOurPlace }) => !(atOurPlace && id === programId));
  const on = (side: keyof typeof sides) => [
    ...new Set(found.filter((filter) => filter.side === side).map(({ id }) => id)),
  ];
  return { ingress: on('ingress'), egress: on('egress') };
}

interface Filter {
  readonly side: keyof typeof sides;
  readonly id: number;
  readonly atOurPlace: boolean;
}

async function allFilters(ifindex: number): Promise<readonly Filter[]> {
  const found: Filter[] = [];
  for (const side of ['ingress', 'egress'] as const) {
    for (const filter of await dumpFilters(ifindex, sides[side])) {
      const { kind, handle: number = 0, info = 0, chain = 0 } = filter;
      // A message without handle stands for the classifier; one of this kind goes with its last program.
      if (kind === 'bpf' && number === 0) continue;
      const id = kind === 'bpf' ? (filter.options?.id ?? 0) : 0;
      const first = side === 'ingress' && info >>> 16 === priority && chain === 0;
      found.push({ side, id, atOurPlace: first && kind === 'bpf' && number === handle });
    }
  }
  return found;
}

interface FilterMessage {
  readonly kind?: string | undefined;
  readonly handle?: number | undefined;
  readonly info?: number | undefined;
  readonly chain?: number | undefined;
  readonly options?: { readonly id?: number | undefined } | undefined;
}

async function dumpFilters(ifindex: number, parent: number): Promise<readonly FilterMessage[]> {
  return withClient(async (client) => {
    try {
      return (await client.dump('gettfilter', { ifindex, parent })) as readonly FilterMessage[];
    } catch (error) {
      if (isGone(error)) return [];
      throw error;
    }
  });
}

/** Kind of the qdisc at the ingress of a device. */
async function qdiscOf(ifindex: number): Promise<string | undefined> {
  return withClient(async (client) => {
    try {
      // The kernel sends a qdisc that it is asked for only to those who want an echo.
      const { kind } = await client.do('getqdisc', { ifindex, parent: clsact }, { flags: MessageFlag.echo });
      return kind;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  });
}

async function removeQdisc(ifindex: number): Promise<void> {
  await withClient((client) => client.do('delqdisc', { ifindex, parent: clsact, handle: 0xffff_0000 }));
}

async function withClient<R>(use: (client: Awaited<ReturnType<typeof openClient>>) => Promise<R>): Promise<R> {
  const client = await openClient();
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function openClient() {
  return NetlinkClient.open({ spec: 'tc' });
}

/** Neither device nor qdisc. */
function isGone(error: unknown): boolean {
  if (!(error instanceof NetlinkError || error instanceof BpfError)) return false;
  return ['ENODEV', 'ENOENT', 'EINVAL'].includes(error.code);
}
