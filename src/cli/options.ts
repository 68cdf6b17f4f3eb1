// SPDX-License-Identifier: Apache-2.0
// Options that every command has, parsed and checked.

import { TnaError } from '../model/error.js';
import { defaultLease, type LeasePolicy } from '../model/lease.js';
import type { Hook } from '../model/ruleset.js';

export interface GlobalOptions {
  readonly output: 'text' | 'json';
  readonly netns: string | undefined;
  readonly rules: string | undefined;
  readonly library: string | undefined;
  readonly from: string | undefined;
  readonly verbose: boolean;
  readonly hooks: ReadonlyMap<string, Hook>;
  /** Undefined when the user did not say. */
  readonly lease: LeasePolicy | undefined;
}

/** Raw values as commander gives them. */
export interface RawOptions {
  readonly output?: string;
  readonly netns?: string;
  readonly rules?: string;
  readonly library?: string;
  readonly from?: string;
  readonly verbose?: boolean;
  readonly hook?: readonly string[];
  readonly lease?: string;
}

/** @throws TnaError `usage` */
export function parseOptions(raw: RawOptions): GlobalOptions {
  const output = raw.output ?? 'text';
  if (output !== 'text' && output !== 'json')
    throw new TnaError('usage', `-o ${output}: the output format is text or json`);
  return {
    output,
    netns: raw.netns,
    rules: raw.rules,
    library: raw.library,
    from: raw.from,
    verbose: raw.verbose === true,
    hooks: parseHooks(raw.hook ?? []),
    lease: raw.lease === undefined ? undefined : parseLease(raw.lease),
  };
}

/** `xdp` for all interfaces, `eth0=tc` for one. */
function parseHooks(values: readonly string[]): ReadonlyMap<string, Hook> {
  const hooks = new Map<string, Hook>();
  for (const value of values) {
    const at = value.lastIndexOf('=');
    const name = at < 0 ? '*' : value.slice(0, at);
    const hook = value.slice(at + 1);
    if ((hook !== 'xdp' && hook !== 'tc') || name === '')
      throw new TnaError('usage', `--hook ${value}: give xdp, tc, or INTERFACE=xdp|tc`);
    hooks.set(name, hook);
  }
  return hooks;
}

const longestLease = 86_400;

/** `30` seconds where needed, `30,all` or `all` for every pipeline, `off`. */
function parseLease(value: string): LeasePolicy {
  if (value === 'off') return { scope: 'off', seconds: 0 };
  if (value === 'all') return { ...defaultLease, scope: 'all' };
  const match = /^(\d+)(,all)?$/.exec(value);
  const seconds = Number(match?.[1]);
  if (match === null || seconds < 1 || seconds > longestLease)
    throw new TnaError('usage', `--lease ${value}: give seconds (1 to ${longestLease}), SECONDS,all, all or off`);
  return { scope: match[2] === undefined ? 'needed' : 'all', seconds };
}
