// SPDX-License-Identifier: Apache-2.0
// The command line of TNA as tests use it: one-shot commands, the controller as a process, what is pinned.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { main } from '../scenarios/files.js';
import { isRemoved, removeAtExit } from './cleanup.js';
import { type CommandResult, run, tryRun } from './command.js';
import { patience } from './patience.js';

/** Runs `tna` with the arguments; never rejects for an exit code. */
export function tna(...args: readonly string[]): Promise<CommandResult> {
  return tryRun(process.execPath, [main, ...args]);
}

/** Runs `tna` and resolves to its standard output; rejects with its message if it fails. */
export async function tnaOk(...args: readonly string[]): Promise<string> {
  const result = await tna(...args);
  if (result.code !== 0) {
    throw new Error(
      `tna ${args.join(' ')} exited with ${result.code}: ${result.stderr.trim() || result.stdout.trim()}`,
    );
  }
  return result.stdout;
}

/** Has `tna detach` run for a namespace at exit unless `detached` says that it is done. */
export function detachAtExit(netns: string): void {
  removeAtExit(`tna in ${netns}`, [process.execPath, main, 'detach', '--netns', netns]);
}

export function detached(netns: string): void {
  isRemoved(`tna in ${netns}`);
}

/** One interface of `tna status -o json`, as far as tests look at it. */
export interface InterfaceStatus {
  readonly name: string;
  readonly accelerated: boolean;
  readonly hook: string | null;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly counters: {
    readonly fast: number;
    readonly slow: number;
    readonly drop: number;
    readonly reasons: readonly { readonly fpm: string; readonly code: string; readonly packets: number }[];
  };
}

export async function tnaStatus(netns: string, ...options: readonly string[]): Promise<readonly InterfaceStatus[]> {
  const text = await tnaOk('status', '--netns', netns, '-o', 'json', ...options);
  return (JSON.parse(text) as { readonly interfaces: readonly InterfaceStatus[] }).interfaces;
}

/** Frames that all interfaces of a namespace forwarded by the fast path. */
export async function fastFrames(netns: string): Promise<number> {
  return (await tnaStatus(netns)).reduce((sum, one) => sum + one.counters.fast, 0);
}

/** Where TNA pins what it has in a namespace made with `ip netns add`. */
export function pinDirectory(netns: string): string {
  return `/sys/fs/bpf/tna/${statSync(`/run/netns/${netns}`).ino}`;
}

/** Kernel ids of everything pinned, by name of the pin; slots as `slot NUMBER of MAP`. Equal means nothing was touched. */
export async function pinnedIds(netns: string): Promise<Readonly<Record<string, number>>> {
  const directory = pinDirectory(netns);
  const ids: Record<string, number> = {};
  for (const name of readdirSync(directory).sort()) {
    // A mark of a refusal is no pin.
    if (name.startsWith('refused-')) continue;
    const path = join(directory, name);
    const kind = name.startsWith('link-') ? 'link' : name.startsWith('map-') ? 'map' : 'prog';
    const shown = JSON.parse(await run('bpftool', ['-j', kind, 'show', 'pinned', path])) as { readonly id: number };
    ids[name] = shown.id;
    if (name.includes('slots')) {
      type Slot = { readonly key: readonly string[]; readonly value: readonly string[] };
      for (const slot of JSON.parse(await run('bpftool', ['-j', 'map', 'dump', 'pinned', path])) as readonly Slot[]) {
        const number = (bytes: readonly string[]) => bytes.reduceRight((sum, byte) => sum * 256 + Number(byte), 0);
        ids[`slot ${number(slot.key)} of ${name}`] = number(slot.value);
      }
    }
  }
  return ids;
}

/** A controller that runs until it is stopped. */
export class Controller {
  #log = '';

  private constructor(readonly process: ChildProcess) {
    process.stderr?.on('data', (data: Buffer) => {
      this.#log += data.toString();
    });
    process.stdout?.on('data', (data: Buffer) => {
      this.#log += data.toString();
    });
  }

  static start(netns: string, ...options: readonly string[]): Controller {
    detachAtExit(netns);
    const child = spawn(process.execPath, [main, 'reconcile', '--netns', netns, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid !== undefined) {
      removeAtExit(`process ${child.pid}`, ['kill', '-9', String(child.pid)]);
      const name = `process ${child.pid}`;
      child.once('close', () => isRemoved(name));
    }
    return new Controller(child);
  }

  get log(): string {
    return this.#log;
  }

  get pid(): number {
    return this.process.pid ?? -1;
  }

  /** Ends it and waits for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const closed = new Promise<void>((resolve) => this.process.once('close', () => resolve()));
      this.process.kill(signal);
      await closed;
    }
  }
}

/** Waits until `holds`, looking every 50 ms; rejects with `what` after `timeout` milliseconds. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, timeout = 60_000): Promise<void> {
  const end = performance.now() + timeout * patience;
  while (!(await holds())) {
    if (performance.now() > end) {
      throw new Error(`${what}: not within ${timeout} ms`);
    }
    await delay(50);
  }
}
