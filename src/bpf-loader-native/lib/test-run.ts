// SPDX-License-Identifier: Apache-2.0
// BPF_PROG_TEST_RUN: a program on a packet of ours, or a burst of real frames that take whatever way it decides.
import { constants } from 'node:os';
import { Attr } from './attr.js';
import { errnoError } from './error.js';
import { native } from './native.js';
import type { BpfProgram } from './program.js';
import { Command, TestRunFlag } from './uapi.js';

/** struct xdp_md. The device must have that receive queue and be in this thread's network namespace. */
export interface XdpContext {
  readonly kind: 'xdp';
  readonly ingressIfindex?: number;
  readonly rxQueueIndex?: number;
  /** So many bytes at the start of `data` are metadata in front of the packet (a multiple of 4). */
  readonly metadataLength?: number;
}

/** The fields of struct __sk_buff that the kernel lets a test set; the others, VLAN among them, it refuses. */
export interface SkbContext {
  readonly kind: 'skb';
  readonly mark?: number;
  readonly priority?: number;
  readonly ifindex?: number;
  readonly ingressIfindex?: number;
  readonly cb?: readonly number[];
  readonly tstamp?: bigint;
  readonly wireLength?: number;
  readonly gsoSegments?: number;
  readonly gsoSize?: number;
}

export interface TestRunOptions {
  readonly data?: Uint8Array;
  readonly context?: XdpContext | SkbContext;
  /** Default 1. */
  readonly repeat?: number;
  /** Only for program types that can be sent to a CPU (raw tracepoints). */
  readonly cpu?: number;
}

export interface TestRunResult {
  readonly retval: number;
  /** The packet after the program, with metadata in front if the context says so. */
  readonly data: Uint8Array;
  /** Average per run, as the kernel measured it. */
  readonly durationNs: number;
  readonly context: XdpContext | SkbContext | undefined;
}

/** Room for what a program adds to the packet. */
const HEADROOM = 1024;

interface Run {
  readonly attr: Attr;
  readonly out: Uint8Array;
  readonly contextOut: Attr | undefined;
}

/** At once, on this thread: for single runs. Throws BpfError EINVAL for a context that the kernel refuses, ENODEV. */
export function testRun(program: BpfProgram, options: TestRunOptions): TestRunResult {
  const run = prepare(program, options);
  return finish(run, native.bpf(Command.progTestRun, run.attr.bytes, run.attr.pointers), options);
}

/** On a pool thread in this thread's network namespace: for many repetitions. */
export async function testRunAsync(program: BpfProgram, options: TestRunOptions): Promise<TestRunResult> {
  const run = prepare(program, options);
  const result = await native.bpfAsync(Command.progTestRun, run.attr.bytes, run.attr.pointers, program);
  return finish(run, result, options);
}

export interface LiveFramesOptions {
  readonly frame: Uint8Array;
  readonly ingressIfindex: number;
  readonly count: number;
  /** Frames per batch, at most 256; default 64. */
  readonly batchSize?: number;
}

/**
 * Runs an XDP program on `count` real frames: redirected ones are sent, passed ones enter the stack (Linux 5.18).
 * Resolves to nanoseconds per frame as the kernel measured them, without its set-up.
 */
export async function runLiveFrames(program: BpfProgram, options: LiveFramesOptions): Promise<number> {
  const context = encodeContext({ kind: 'xdp', ingressIfindex: options.ingressIfindex }, options.frame.length);
  const attr = new Attr(80)
    .u32(0, program.fd)
    .u32(8, options.frame.length)
    .pointer(16, options.frame)
    .u32(32, options.count)
    .u32(40, context.bytes.length)
    .pointer(48, context.bytes)
    .u32(64, TestRunFlag.liveFrames)
    .u32(72, options.batchSize ?? 0);
  const result = await native.bpfAsync(Command.progTestRun, attr.bytes, attr.pointers, program);
  if (result < 0) throw errnoError(-result, 'run live frames', `ifindex ${options.ingressIfindex}`);
  return attr.getU32(36);
}

function prepare(program: BpfProgram, options: TestRunOptions): Run {
  const data = options.data ?? new Uint8Array(0);
  const out = new Uint8Array(data.length === 0 ? 0 : data.length + HEADROOM);
  const attr = new Attr(80)
    .u32(0, program.fd)
    .u32(8, data.length)
    .u32(12, out.length)
    .pointer(16, data)
    .pointer(24, out)
    .u32(32, options.repeat ?? (options.cpu === undefined ? 1 : 0));
  if (options.cpu !== undefined) attr.u32(64, TestRunFlag.onCpu).u32(68, options.cpu);
  if (options.context === undefined) return { attr, out, contextOut: undefined };
  const context = encodeContext(options.context, data.length);
  const contextOut = new Attr(context.bytes.length);
  attr
    .u32(40, context.bytes.length)
    .u32(44, contextOut.bytes.length)
    .pointer(48, context.bytes)
    .pointer(56, contextOut.bytes);
  return { attr, out, contextOut };
}

function finish(run: Run, result: number, options: TestRunOptions): TestRunResult {
  if (result < 0) {
    const hint = result === -constants.errno.ENOSPC ? `packet grew by more than ${HEADROOM} bytes` : 'program';
    throw errnoError(-result, 'BPF_PROG_TEST_RUN', hint);
  }
  const { attr, out, contextOut } = run;
  return {
    retval: attr.getU32(4),
    data: out.subarray(0, Math.min(attr.getU32(12), out.length)),
    durationNs: attr.getU32(36),
    context: options.context && contextOut ? decodeContext(options.context.kind, contextOut) : undefined,
  };
}

function encodeContext(context: XdpContext | SkbContext, length: number): Attr {
  if (context.kind === 'xdp') {
    return new Attr(24)
      .u32(0, context.metadataLength ?? 0)
      .u32(4, length)
      .u32(12, context.ingressIfindex ?? 0)
      .u32(16, context.rxQueueIndex ?? 0);
  }
  const attr = new Attr(192)
    .u32(8, context.mark ?? 0)
    .u32(32, context.priority ?? 0)
    .u32(36, context.ingressIfindex ?? 0)
    .u32(40, context.ifindex ?? 0)
    .u64(152, context.tstamp ?? 0n)
    .u32(160, context.wireLength ?? 0)
    .u32(164, context.gsoSegments ?? 0)
    .u32(176, context.gsoSize ?? 0);
  context.cb?.slice(0, 5).forEach((word, i) => {
    attr.u32(48 + i * 4, word);
  });
  return attr;
}

function decodeContext(kind: 'xdp' | 'skb', block: Attr): XdpContext | SkbContext {
  if (kind === 'xdp') {
    return {
      kind,
      // The kernel reports where the packet starts behind the metadata.
      metadataLength: block.getU32(0),
      ingressIfindex: block.getU32(12),
      rxQueueIndex: block.getU32(16),
    };
  }
  return {
    kind,
    mark: block.getU32(8),
    priority: block.getU32(32),
    ingressIfindex: block.getU32(36),
    ifindex: block.getU32(40),
    cb: [0, 1, 2, 3, 4].map((i) => block.getU32(48 + i * 4)),
    tstamp: block.getU64(152),
    wireLength: block.getU32(160),
    gsoSegments: block.getU32(164),
    gsoSize: block.getU32(176),
  };
}
