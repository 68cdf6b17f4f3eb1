// SPDX-License-Identifier: Apache-2.0
// What is switched on for one side of a comparison: TNA by its command line, or something else for the harness's own tests.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRemoved, removeAtExit } from '../support/lab/cleanup.js';
import { type CommandResult, tryRun } from '../support/lab/command.js';
import type { Hook } from './configuration.js';

export interface Counters {
  readonly fast: number;
  readonly slow: number;
  readonly drop: number;
}

export interface Claim {
  readonly name: string;
  readonly accelerated: boolean;
  readonly hook: string | undefined;
  readonly counters: Counters;
  /** Packets left to Linux or dropped, by `fpm:code`. */
  readonly slowBy: Readonly<Record<string, number>>;
  /** Codes of the reasons why an interface is not accelerated. */
  readonly reasons: readonly string[];
}

export interface Accelerator {
  start(netns: string): Promise<void>;
  status(netns: string): Promise<readonly Claim[]>;
  stop(netns: string): Promise<void>;
}

const main = join(dirname(fileURLToPath(import.meta.url)), '../../src/main.js');

/** Runs `tna` with the arguments; never rejects for an exit code. */
export function tna(...args: readonly string[]): Promise<CommandResult> {
  return tryRun(process.execPath, [main, ...args]);
}

async function succeed(...args: readonly string[]): Promise<string> {
  const result = await tna(...args);
  if (result.code !== 0) {
    throw new Error(
      `tna ${args.join(' ')} exited with ${result.code}: ${result.stderr.trim() || result.stdout.trim()}`,
    );
  }
  return result.stdout;
}

interface StatusInterface {
  readonly name: string;
  readonly accelerated: boolean;
  readonly hook?: string | null;
  readonly reasons: readonly { readonly code: string }[];
  readonly counters: Counters & {
    readonly reasons: readonly { readonly fpm: string; readonly code: string; readonly packets: number }[];
  };
}

/** `tna status -o json` reduced to what the comparison needs. */
export function parseStatus(text: string): Claim[] {
  const status = JSON.parse(text) as { readonly interfaces: readonly StatusInterface[] };
  return status.interfaces.map(({ name, accelerated, hook, reasons, counters }) => ({
    name,
    accelerated,
    hook: hook ?? undefined,
    counters: { fast: counters.fast, slow: counters.slow, drop: counters.drop },
    slowBy: Object.fromEntries(counters.reasons.map((reason) => [`${reason.fpm}:${reason.code}`, reason.packets])),
    reasons: reasons.map((reason) => reason.code),
  }));
}

/** TNA through its command line, on one hook for all interfaces. */
export function tnaAccelerator(hook: Hook, options: readonly string[] = []): Accelerator {
  return {
    start: async (netns) => {
      removeAtExit(`tna in ${netns}`, [process.execPath, main, 'detach', '--netns', netns]);
      await succeed('reconcile', '--once', '--netns', netns, '--hook', hook, ...options);
    },
    status: async (netns) => parseStatus(await succeed('status', '--netns', netns, '-o', 'json', ...options)),
    stop: async (netns) => {
      await succeed('detach', '--netns', netns);
      isRemoved(`tna in ${netns}`);
    },
  };
}

/** Nothing: both sides are plain Linux. Shows that the harness itself tells no lies. */
export const noAccelerator: Accelerator = {
  start: async () => undefined,
  status: async () => [],
  stop: async () => undefined,
};
