// SPDX-License-Identifier: Apache-2.0
// What is switched on for one side of a comparison: TNA by its command line, or something else for the harness's own tests.

import { detachAtExit, detached, type InterfaceStatus, tnaOk, tnaStatus } from '../support/lab/tna.js';
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

/** What a status says, reduced to what the comparison needs. */
export function claimOf({ name, accelerated, hook, reasons, counters }: InterfaceStatus): Claim {
  return {
    name,
    accelerated,
    hook: hook ?? undefined,
    counters: { fast: counters.fast, slow: counters.slow, drop: counters.drop },
    slowBy: Object.fromEntries(counters.reasons.map((reason) => [`${reason.fpm}:${reason.code}`, reason.packets])),
    reasons: reasons.map((reason) => reason.code),
  };
}

/** TNA through its command line, on one hook for all interfaces. */
export function tnaAccelerator(hook: Hook, options: readonly string[] = []): Accelerator {
  return {
    start: async (netns) => {
      detachAtExit(netns);
      await tnaOk('reconcile', '--once', '--netns', netns, '--hook', hook, ...options);
    },
    status: async (netns) => (await tnaStatus(netns, '--hook', hook, ...options)).map(claimOf),
    stop: async (netns) => {
      await tnaOk('detach', '--netns', netns);
      detached(netns);
    },
  };
}

/** Nothing: both sides are plain Linux. Shows that the harness itself tells no lies. */
export const noAccelerator: Accelerator = {
  start: async () => undefined,
  status: async () => [],
  stop: async () => undefined,
};
