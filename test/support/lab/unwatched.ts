// SPDX-License-Identifier: Apache-2.0
// A host that was accelerated and that nobody watches any more: while numbered frames pass without pause, something changes,
// and frames that were begun after the change had ended must go where the change sends them.

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BpfMap, BpfObject, u32Bytes } from 'bpf-loader-native';
import type { Test } from 'tap';
import type { Hook } from '../../../src/model/ruleset.js';
import { ensureBpffs, releaseBpffs } from '../../../src/platform/bpffs.js';
import { compileBpf } from '../bpf/compile.js';
import type { Agent, StreamCount } from './agent.js';
import { isRemoved, removeAtExit } from './cleanup.js';
import { Controller, detachAtExit, pinDirectory, tnaOk, tnaStatus, until } from './tna.js';

const framesPerTrial = 25;

/** Where a frame must be seen after the change, and hence where it must not. */
export type Fate =
  /** Nowhere. */
  | 'dropped'
  /** At the third port and not at the second. */
  | 'moved'
  /** At all other ports. */
  | 'flooded'
  /** At the second port, and as `match` says. */
  | 'forwarded'
  /** By the packet socket, once or more often per frame, and at the second port. */
  | 'tapped'
  | 'tapped twice'
  | 'tapped four times';

export interface Guard {
  readonly name: string;
  readonly fate: Fate;
  /** What the agent does in the middle of the stream. */
  readonly change: string;
  /** Commands that take it back. */
  readonly undo?: readonly string[];
  /** Commands before all trials, and after. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** Commands once the frames flow, before the change; the frames need not flow any more then. */
  readonly first?: readonly string[];
  /** Bytes, in hexadecimal digits, that a frame must have at an offset to count as seen. */
  readonly match?: readonly [offset: number, bytes: string];
  /** The change and its undoing happen where the far ends of the ports are. */
  readonly far?: true;
  /** The frames before the change take the slow path already: what counts is the change all the same. */
  readonly slow?: true;
  readonly on?: readonly (readonly [Hook, 'tap' | 'veth'])[];
  /** A probe; where it says no, the kernel has no such thing to change. */
  readonly needs?: string;
}

/** What one guard let through. */
export interface Figures {
  trials: number;
  frames: number;
  leaked: number;
}

/** Three ports, `p1` to `p3`: frames come in by the first, and leave by the second or third. */
export interface Ports {
  readonly netns: string;
  /** Where the far ends of the ports are. */
  readonly peers: string;
  readonly agent: Agent;
}

export interface UnwatchedOptions {
  readonly hook: Hook;
  /** The frame whose numbered copies are sent into the first port. */
  readonly stream: string;
  /** Further arguments for the controller. */
  readonly arguments?: readonly string[];
  /** There was never a controller that stays: `tna reconcile --once`. */
  readonly once?: true;
  /** What the frames need before they flow to the second port. */
  readonly prepare?: () => Promise<void>;
}

/** What `tna reconcile` has attached, and a controller that was killed. */
export class Unwatched<P extends Ports> {
  private constructor(
    readonly bed: P,
    private readonly counters: BpfMap,
    private readonly slots: readonly number[],
    private readonly prepare: () => Promise<void>,
  ) {}

  static async make<P extends Ports>(t: Test, bed: P, options: UnwatchedOptions): Promise<Unwatched<P>> {
    const args = ['--hook', options.hook, ...(options.arguments ?? [])];
    if (options.once === true) {
      detachAtExit(bed.netns);
      await tnaOk('reconcile', '--once', '--netns', bed.netns, ...args);
    } else {
      const controller = Controller.start(bed.netns, ...args);
      t.teardown(() => controller.stop('SIGKILL'));
      await until('the controller has attached', () => controller.log.includes('set-slot p3'), 60_000);
      await controller.stop('SIGKILL');
    }
    const pins = pinDirectory(bed.netns);
    const slots = readdirSync(pins).flatMap((name) => /^link-\w+-\d+-(\d+)$/.exec(name)?.[1] ?? []);
    const counters = BpfMap.openPinned(join(pins, `map-tna_counters_${options.hook}`));
    t.teardown(async () => counters.close());
    await bed.agent.settle(0);
    await bed.agent.stream(0, options.stream);
    return new Unwatched(bed, counters, slots.map(Number), options.prepare ?? (async () => undefined));
  }

  /** Frames that took the fast path so far. */
  fast(): number {
    let sum = 0;
    for (const slot of this.slots)
      for (const cpu of this.counters.getPerCpu(u32Bytes(slot)) ?? [])
        sum += Number(new DataView(cpu.buffer, cpu.byteOffset, 8).getBigUint64(0, true));
    return sum;
  }

  /** Waits until frames flow to the second port, by the fast path unless `slow`. */
  async flows(slow = false): Promise<void> {
    const { agent } = this.bed;
    let last = '';
    // Attempts, not time: a busy machine may stop us for long, and entries are due for a refresh afterwards.
    for (let attempt = 0; attempt < 250; attempt += 1) {
      await this.prepare();
      const before = this.fast();
      const { sent, ports } = await agent.flow(8);
      const fast = this.fast() - before;
      if (ports[1] === sent && ports[2] === 0 && (slow || fast >= sent / 2)) return;
      last = `${sent} sent, ${ports.join(' ')} arrived, ${fast} fast`;
      await delay(20);
    }
    const seen = (await tnaStatus(this.bed.netns)).map(({ name, accelerated, counters }) => ({
      ...{ name, accelerated, reasons: counters.reasons.map(({ code, packets }) => `${packets} ${code}`) },
    }));
    throw new Error(`frames do not flow: ${last}; ${JSON.stringify(seen)}`);
  }

  async run(guard: Guard, count: number): Promise<Figures> {
    const { agent, netns, peers } = this.bed;
    const figures: Figures = { trials: 0, frames: 0, leaked: 0 };
    if (guard.far === true) await agent.enter(peers);
    for (const command of guard.before ?? []) await agent.exec(command);
    while (figures.trials < count) {
      await this.flows(guard.slow);
      for (const command of guard.first ?? []) await agent.exec(command);
      // A frame that must not arrive is not waited for: it would be seen at once, as those before it.
      await agent.linger(guard.fate === 'dropped' ? 0 : 50);
      if (guard.match !== undefined) await agent.match(...guard.match);
      const result = await agent.change(guard.change, framesPerTrial);
      if (guard.match !== undefined) await agent.matchAll();
      if (result.code !== 0) throw new Error(`${guard.change}: ${result.code}`);
      for (const command of guard.undo ?? []) await agent.exec(command);
      if (result.ports.includes(-1)) throw new Error('more frames arrived than can be counted');
      figures.trials += 1;
      figures.frames += result.sent;
      figures.leaked += leaks(guard.fate, result);
    }
    for (const command of guard.after ?? []) await agent.exec(command);
    await agent.enter(netns);
    return figures;
  }
}

/** Frames that went where they must not, or did not go where they must. */
function leaks(fate: Fate, { sent, ports, tapped }: StreamCount): number {
  const [, second = 0, third = 0] = ports;
  switch (fate) {
    case 'dropped':
      return second + third;
    case 'moved':
      return second + (sent - third);
    case 'flooded':
      return sent - second + (sent - third);
    case 'forwarded':
      return sent - second;
    case 'tapped':
      return sent - tapped + (sent - second);
    case 'tapped twice':
      return 2 * sent - tapped + (sent - second);
    case 'tapped four times':
      return 4 * sent - tapped + (sent - second);
  }
}

/** Programs of others that drop everything, pinned where `tc` and `ip` find them: paths by hook. */
export async function pinPrograms(t: Test): Promise<Readonly<Record<Hook, string>>> {
  const object = await BpfObject.open(compileBpf('drop'));
  await object.load();
  // Whoever was here before may have unmounted it.
  ensureBpffs();
  const programs = { tc: '', xdp: '' };
  for (const hook of ['tc', 'xdp'] as const) {
    const path = `/sys/fs/bpf/tna-guards-${process.pid}-${hook}`;
    removeAtExit(`pin ${path}`, ['rm', '-f', path]);
    object.program(`drop_${hook}`).pin(path);
    programs[hook] = path;
  }
  object.close();
  t.teardown(() => {
    for (const path of Object.values(programs)) {
      rmSync(path, { force: true });
      isRemoved(`pin ${path}`);
    }
    releaseBpffs();
  });
  return programs;
}
