// SPDX-License-Identifier: Apache-2.0
// The station process (see station-protocol.ts). Everything it attached goes with it, however it ends.

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BpfLink,
  type BpfMap,
  BpfObject,
  type BpfProgram,
  queryTcx,
  queryXdp,
  readU32,
  runLiveFrames,
  setDevice,
  u32Bytes,
} from 'bpf-loader-native';
import { enterNetns } from 'netlink-ts';
import type { BareHook, Operation, Operations, Reply, Request } from './station-protocol.js';

type Handlers = {
  readonly [K in Operation]: (args: Operations[K]['arguments']) => Promise<Operations[K]['result']>;
};

const batchSize = 64;
/** Frames that are on their way when the generator returns arrive within this. */
const settleMs = 200;

let generator: { readonly program: BpfProgram; readonly frame: Uint8Array; readonly netns: string } | undefined;
let arrivals: BpfMap | undefined;
let bare: readonly BpfLink[] = [];

function enter(netns: string): void {
  enterNetns(`/run/netns/${netns}`);
}

function arrived(): number {
  if (arrivals === undefined) throw new Error('there is no sink');
  const perCpu = arrivals.getPerCpu(u32Bytes(0)) ?? [];
  return perCpu.reduce((sum, value) => sum + readU32(value) + readU32(value, 4) * 2 ** 32, 0);
}

function attach(hook: BareHook, ifindex: number, program: BpfProgram): Promise<BpfLink> {
  return hook === 'xdp'
    ? BpfLink.attachXdp(ifindex, program, 'native')
    : BpfLink.attachTcx({ ifindex, direction: 'ingress', program });
}

const handlers: Handlers = {
  async generator({ netns, ifindex, object, program, frame, constants }) {
    enter(netns);
    const opened = await BpfObject.open(object);
    for (const [name, value] of Object.entries(constants)) opened.setRodata(name, value);
    await opened.load();
    setDevice(opened.map('way_out'), 0, { ifindex });
    generator = { program: opened.program(program), frame: Buffer.from(frame, 'hex'), netns };
    return null;
  },

  async sink({ netns, ifindex, object, destination }) {
    enter(netns);
    const opened = await BpfObject.open(object);
    opened.setRodata('destination', readU32(Buffer.from(destination, 'hex')));
    await opened.load();
    arrivals = opened.map('arrived');
    links.push(await BpfLink.attachXdp(ifindex, opened.program('count'), 'native'));
    return null;
  },

  async send({ frames }) {
    if (generator === undefined) throw new Error('there is no generator');
    enter(generator.netns);
    const before = arrived();
    const { program, frame } = generator;
    const nsPerFrame = await runLiveFrames(program, { frame, ingressIfindex: 0, count: frames, batchSize });
    const deadline = performance.now() + settleMs;
    while (arrived() - before < frames && performance.now() < deadline) await sleep(1);
    return { nsPerFrame, arrived: arrived() - before };
  },

  async redirect({ netns, hook, object, name, ifindex, egress, key }) {
    enter(netns);
    const opened = await BpfObject.open(object);
    if (hook === 'tc') opened.setRodata('egress', egress);
    await opened.load();
    setDevice(opened.map('way_out'), key, { ifindex: egress });
    bare = [await attach(hook, ifindex, opened.program(`${name}_${hook}`))];
    return null;
  },

  async attachAll({ netns, hook, object, ifindexes }) {
    enter(netns);
    const opened = await BpfObject.open(object);
    await opened.load();
    const program = opened.program(`pass_${hook}`);
    const attached: BpfLink[] = [];
    const started = performance.now();
    for (const ifindex of ifindexes) attached.push(await attach(hook, ifindex, program));
    const attachMs = performance.now() - started;
    for (const link of attached) await link.detach();
    const detachMs = performance.now() - started - attachMs;
    for (const link of attached) link.close();
    opened.close();
    return { attachMs, detachMs };
  },

  async release() {
    for (const link of bare) {
      await link.detach();
      link.close();
    }
    bare = [];
    return null;
  },

  async attached({ netns, ifindex }) {
    enter(netns);
    const xdp = await queryXdp(ifindex);
    return { xdp: xdp.mode === 'none' ? 0 : 1, tc: queryTcx(ifindex, 'ingress').programs.length };
  },
};

/** Held until the process ends. */
const links: BpfLink[] = [];

async function handle<K extends Operation>(op: K, args: Operations[K]['arguments']): Promise<unknown> {
  return handlers[op](args);
}

process.on('message', (request: Request) => {
  handle(request.op, request.args).then(
    (result) => process.send?.({ result } satisfies Reply),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? error.message : String(error) } satisfies Reply),
  );
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the benchmark decides when the station ends.
process.on('SIGINT', () => undefined);
