// SPDX-License-Identifier: Apache-2.0
// What is attached to an interface now, whoever did it: TCX lists by bpf(2), XDP by rtnetlink.
import { constants } from 'node:os';
import { Attr } from './attr.js';
import { errnoError } from './error.js';
import { type Direction, tcxAttachType, type XdpMode, xdpModeFlags } from './link.js';
import { native } from './native.js';
import type { BpfProgram } from './program.js';
import { tryBpf } from './syscall.js';
import { Command, XdpFlag } from './uapi.js';

export interface TcxList {
  /** Counts the changes of this list. */
  readonly revision: bigint;
  /** In running order; `linkId` is 0 for a program attached without a link. */
  readonly programs: readonly { readonly programId: number; readonly linkId: number }[];
}

/** Linux 6.6; BpfError EINVAL before. */
export function queryTcx(ifindex: number, direction: Direction): TcxList {
  for (let room = 64; ; room *= 2) {
    const programs = new Attr(room * 4);
    const links = new Attr(room * 4);
    const attr = new Attr(64)
      .u32(0, ifindex)
      .u32(4, tcxAttachType(direction))
      .pointer(16, programs.bytes)
      .u32(24, room)
      .pointer(40, links.bytes);
    const result = tryBpf(Command.progQuery, attr);
    if (result === -constants.errno.ENOSPC && room < 4096) continue;
    if (result < 0) throw errnoError(-result, 'BPF_PROG_QUERY', `tcx ${direction} on ifindex ${ifindex}`);
    return {
      revision: attr.getU64(56),
      programs: Array.from({ length: attr.getU32(24) }, (_, i) => ({
        programId: programs.getU32(i * 4),
        linkId: links.getU32(i * 4),
      })),
    };
  }
}

const { ENODEV, ENOENT, EINVAL, EOPNOTSUPP } = constants.errno;

/** A program in a device's TCX list; `linkId` is 0 for one attached without a link. */
export interface TcxProgram {
  readonly ifindex: number;
  readonly programId: number;
  readonly linkId: number;
}

/** The programs in the TCX lists of many devices. A device that has just gone has none, nor has any before Linux 6.6. */
export function queryTcxOfAll(ifindexes: readonly number[], direction: Direction): readonly TcxProgram[] {
  const words = native.tcxLists(tcxAttachType(direction), Uint32Array.from(ifindexes));
  const word = (at: number) => words[at] ?? 0;
  const found: TcxProgram[] = [];
  let at = 0;
  for (const ifindex of ifindexes) {
    const [errno, count] = [word(at), word(at + 1)];
    at += 2;
    if (errno !== 0 && !noTcxErrors.has(errno)) {
      throw errnoError(errno, 'BPF_PROG_QUERY', `tcx ${direction} on ifindex ${ifindex}`);
    }
    for (let i = 0; i < count; i++, at += 2) found.push({ ifindex, programId: word(at), linkId: word(at + 1) });
  }
  return found;
}

/** No such device, and no such list on this kernel. Anything else is not "no programs". */
const noTcxErrors: ReadonlySet<number> = new Set([ENODEV, ENOENT, EINVAL, EOPNOTSUPP]);

const XDP_MODES = ['none', 'native', 'generic', 'hardware', 'multiple'] as const;

export interface XdpState {
  readonly mode: (typeof XDP_MODES)[number];
  /** Program ids by mode; 0: none. A program attached by a link shows here too. */
  readonly native: number;
  readonly generic: number;
  readonly hardware: number;
}

/** libbpf walks a dump of all links for this: on hosts with many, read IFLA_XDP of one dump. An unknown ifindex has 'none'. */
export async function queryXdp(ifindex: number): Promise<XdpState> {
  const state = await native.xdpQuery(ifindex);
  if (state.errno !== 0) throw errnoError(state.errno, 'query XDP', `ifindex ${ifindex}`, state.log);
  const mode = XDP_MODES[state.mode] ?? 'multiple';
  const only = (wanted: XdpState['mode'], id: number) => (mode === wanted && id === 0 ? state.programId : id);
  return {
    mode,
    native: only('native', state.driver),
    generic: only('generic', state.generic),
    hardware: only('hardware', state.hardware),
  };
}

/** Attaches without a link, as `ip link set dev X xdp` does; it stays until somebody takes it off. EBUSY if occupied. */
export async function attachXdpWithoutLink(
  ifindex: number,
  program: BpfProgram,
  mode: XdpMode = 'auto',
): Promise<void> {
  const outcome = await native.xdpAttach(ifindex, program.fd, xdpModeFlags[mode] | XdpFlag.ifNoExist, program);
  if (outcome.errno !== 0) throw errnoError(outcome.errno, 'attach XDP', `ifindex ${ifindex}`, outcome.log);
}

/** Takes off what is attached without a link, whoever attached it. Throws BpfError when a link is on the interface. */
export async function detachXdpWithoutLink(ifindex: number, mode: XdpMode = 'auto'): Promise<void> {
  const outcome = await native.xdpAttach(ifindex, -1, xdpModeFlags[mode]);
  if (outcome.errno !== 0) throw errnoError(outcome.errno, 'detach XDP', `ifindex ${ifindex}`, outcome.log);
}
