// SPDX-License-Identifier: Apache-2.0
// A loaded program: what the kernel says about it, pinning, and loading from instructions.
import { constants } from 'node:os';
import { Attr, cString } from './attr.js';
import { verifierFailure } from './load-failure.js';
import { ensureMemlock } from './memlock.js';
import { type Handle, native } from './native.js';
import { openById, openPinned, pin, readInfo } from './object-info.js';
import { bpfFd, KernelObject } from './syscall.js';
import { Command, type ProgramType, programTypeName } from './uapi.js';

export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  readonly type: ProgramType | `#${number}`;
  /** Hash of the instructions as loaded, hexadecimal. */
  readonly tag: string;
  /** Nanoseconds since boot. */
  readonly loadTime: bigint;
  readonly mapIds: readonly number[];
  readonly btfId: number;
  /** Bytes after the verifier, which removed dead code; an instruction takes 8. */
  readonly xlatedLength: number;
  readonly jitedLength: number;
  /** Instructions that the verifier walked; 0 on kernels before 5.16. */
  readonly verifiedInstructions: number;
  /** Grows only while run-time statistics are on, see `enableRunTimeStats`. */
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
}

/** A loaded program by its descriptor. */
export class BpfProgram extends KernelObject {
  /** For this package: wraps an open descriptor. */
  constructor(handle: Handle) {
    super(handle);
  }

  static fromId(id: number): BpfProgram {
    return new BpfProgram(openById(Command.progFdById, id));
  }

  /** Throws BpfError 'wrong-kind' when something else than a program is pinned there. */
  static openPinned(path: string): BpfProgram {
    return new BpfProgram(openPinned(path, 'program'));
  }

  get info(): ProgramInfo {
    return readProgramInfo(this.fd);
  }

  get id(): number {
    return readInfo(this.fd, 8).getU32(4);
  }

  pin(path: string): void {
    pin(this.fd, path);
  }
}

export function readProgramInfo(fd: number): ProgramInfo {
  const mapCount = readInfo(fd, 232).getU32(52);
  const mapIds = new Attr(mapCount * 4);
  const info = readInfo(fd, 232, (block) => {
    block.u32(52, mapCount).pointer(56, mapIds.bytes);
  });
  return {
    type: programTypeName(info.getU32(0)),
    id: info.getU32(4),
    tag: Buffer.from(info.bytes.subarray(8, 16)).toString('hex'),
    jitedLength: info.getU32(16),
    xlatedLength: info.getU32(20),
    loadTime: info.getU64(40),
    mapIds: Array.from({ length: mapCount }, (_, i) => mapIds.getU32(i * 4)),
    name: info.getName(64),
    btfId: info.getU32(128),
    runTimeNs: info.getU64(192),
    runCount: info.getU64(200),
    verifiedInstructions: info.getU32(216),
  };
}

/** Counts run time and runs of all programs of the kernel, at some ns per run, until closed (as kernel.bpf_stats_enabled). */
export function enableRunTimeStats(): { close(): void } {
  const runTime = 0;
  return bpfFd(Command.enableStats, new Attr(4).u32(0, runTime));
}

export interface LoadSpec {
  readonly name: string;
  /** Kernel number of the type. */
  readonly type: number;
  readonly license: string;
  readonly insns: Uint8Array;
  readonly expectedAttachType?: number;
  readonly flags?: number;
  readonly btfFd?: number;
  readonly funcInfo?: { readonly bytes: Uint8Array; readonly recordSize: number };
  readonly lineInfo?: { readonly bytes: Uint8Array; readonly recordSize: number };
  /** Descriptors of module BTF, by the index in the offset field of calls to module functions. */
  readonly fdArray?: Uint8Array;
  /** Kept alive during the load, e.g. the maps whose descriptors are in the instructions. */
  readonly keep?: object;
}

const FIRST_LOG = 1 << 20;
const LARGEST_LOG = 1 << 26;

/** BPF_PROG_LOAD on a pool thread. A refused program is loaded again with a log; BpfError 'verifier' carries all of it. */
export async function loadProgram(spec: LoadSpec): Promise<BpfProgram> {
  ensureMemlock();
  let result = await submit(spec, undefined);
  if (typeof result !== 'number') return new BpfProgram(result);
  let errno = -result;
  let log = new Uint8Array(0);
  const explained = errno !== constants.errno.EPERM && errno !== constants.errno.ENOMEM;
  for (let size = FIRST_LOG; explained && size <= LARGEST_LOG; size *= 4) {
    log = new Uint8Array(size);
    result = await submit(spec, log);
    if (typeof result !== 'number') return new BpfProgram(result);
    if (-result !== constants.errno.ENOSPC) {
      errno = -result;
      break;
    }
  }
  const end = log.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? log : log.subarray(0, end));
  throw verifierFailure('BPF_PROG_LOAD', spec.name, errno, text, spec.name);
}

function submit(spec: LoadSpec, log: Uint8Array | undefined): Promise<Handle | number> {
  const attr = new Attr(144)
    .u32(0, spec.type)
    .u32(4, spec.insns.length / 8)
    .pointer(8, spec.insns)
    .pointer(16, cString(spec.license))
    .u32(44, spec.flags ?? 0)
    .name(48, spec.name)
    .u32(68, spec.expectedAttachType ?? 0);
  if (log !== undefined) attr.u32(24, 1).u32(28, log.length).pointer(32, log);
  if (spec.btfFd !== undefined && spec.btfFd > 0) {
    attr.u32(72, spec.btfFd);
    if (spec.funcInfo !== undefined && spec.funcInfo.bytes.length > 0) {
      attr.u32(76, spec.funcInfo.recordSize).pointer(80, spec.funcInfo.bytes);
      attr.u32(88, spec.funcInfo.bytes.length / spec.funcInfo.recordSize);
    }
    if (spec.lineInfo !== undefined && spec.lineInfo.bytes.length > 0) {
      attr.u32(92, spec.lineInfo.recordSize).pointer(96, spec.lineInfo.bytes);
      attr.u32(104, spec.lineInfo.bytes.length / spec.lineInfo.recordSize);
    }
  }
  if (spec.fdArray !== undefined) attr.pointer(120, spec.fdArray);
  return native.bpfFdAsync(Command.progLoad, attr.bytes, attr.pointers, spec);
}
