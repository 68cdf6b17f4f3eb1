// SPDX-License-Identifier: Apache-2.0
// The controller's lease in the kernel: for each hook an array of one entry (fpm/include/lease.h), renewed by a program that reads jiffies.

import { setTimeout as delay } from 'node:timers/promises';
import { BpfMap, BpfObject, testRun } from 'bpf-loader-native';
import type { LeasePolicy, LeaseState } from '../model/lease.js';
import type { FpmProgram } from '../model/library.js';
import { HOOKS, type Hook } from '../model/ruleset.js';
import { setU32, setU64, u32At, u32Key, u64At } from './bytes.js';
import type { PinDirectory } from './pin-directory.js';
import { leaseMap } from './pins.js';
import { using } from './using.js';

const scopes: readonly (LeasePolicy['scope'] | undefined)[] = [undefined, 'needed', 'all', 'off'];

/** The least packet that a test run of a tc program takes. */
const packet = new Uint8Array(14);

/** Bytes of an entry. */
export const leaseSize = 24;

interface Entry {
  readonly until: bigint;
  readonly renewed: bigint;
  readonly seconds: number;
  readonly scope: number;
}

function decode(value: Uint8Array): Entry {
  return { until: u64At(value, 0), renewed: u64At(value, 8), seconds: u32At(value, 16), scope: u32At(value, 20) };
}

function encode(entry: Entry): Uint8Array {
  const value = new Uint8Array(leaseSize);
  setU64(value, 0, entry.until);
  setU64(value, 8, entry.renewed);
  setU32(value, 16, entry.seconds);
  setU32(value, 20, entry.scope);
  return value;
}

function read(map: BpfMap): Entry | undefined {
  const value = map.get(u32Key(0));
  return value === undefined ? undefined : decode(value);
}

/** The lease as found; of several hooks the one that expires first. Undefined when nobody ever noted one. */
export function readLease(directory: PinDirectory): LeaseState | undefined {
  let found: LeaseState | undefined;
  for (const hook of HOOKS) {
    const entry = withLease(directory, hook, read);
    const scope = scopes[entry?.scope ?? 0];
    if (entry === undefined || scope === undefined) continue;
    const policy = { scope, seconds: entry.seconds };
    const age = Number(process.hrtime.bigint() - entry.renewed) / 1e9;
    const left = entry.until === 0n ? undefined : Math.ceil(entry.seconds - age);
    if (found?.left === undefined || (left !== undefined && left < found.left)) found = { policy, left };
  }
  return found;
}

/** What the controller does for its lease. One instance per process. */
export class Lease {
  private readonly programs = new Map<Hook, { readonly object: BpfObject; readonly map: BpfMap }>();
  private clock: { readonly jiffies: number; readonly ns: bigint } | undefined;

  constructor(
    private readonly renewer: FpmProgram,
    private readonly directory: PinDirectory,
  ) {}

  /** Notes the policy where it is not noted yet, and starts the time anew if `renew`. */
  async hold(policy: LeasePolicy, renew: boolean): Promise<void> {
    const scope = Math.max(0, scopes.indexOf(policy.scope));
    for (const hook of HOOKS) {
      withLease(this.directory, hook, (map) => {
        const entry = read(map);
        if (entry === undefined || (entry.scope === scope && entry.seconds === policy.seconds)) return;
        map.set(u32Key(0), encode({ ...entry, scope, seconds: policy.seconds }));
      });
      if (renew) await this.renew(hook, policy.seconds);
      else this.drop(hook);
    }
  }

  close(): void {
    for (const hook of HOOKS) this.drop(hook);
  }

  private async renew(hook: Hook, seconds: number): Promise<void> {
    if (!this.directory.exists({ kind: 'map', name: leaseMap(hook) })) return this.drop(hook);
    await this.open(hook);
    if (this.clock === undefined) {
      this.clock = this.look(hook);
      await delay(calibrationMs);
    }
    const now = this.look(hook);
    // What the first look missed of a jiffy counts against the lease: it is never longer than asked for.
    const jiffies = ((now.jiffies - this.clock.jiffies) >>> 0) - 1;
    const perSecond = (Math.max(1, jiffies) * 1e9) / Number(now.ns - this.clock.ns);
    if (jiffies > longestCount) this.clock = now;
    this.run(hook, Math.min(0xffff_ffff, Math.max(1, Math.floor(seconds * perSecond))));
  }

  private look(hook: Hook) {
    return { jiffies: this.run(hook, 0), ns: process.hrtime.bigint() };
  }

  /** Returns the low half of jiffies. */
  private run(hook: Hook, mark: number): number {
    const opened = this.programs.get(hook);
    if (opened === undefined) throw new Error(`the lease of ${hook} is not open`);
    const program = opened.object.program(this.renewer.program);
    return testRun(program, { data: packet, context: { kind: 'skb', mark } }).retval;
  }

  /** The program works on the map that is pinned now: another one may have been made since. */
  private async open(hook: Hook): Promise<void> {
    const map = BpfMap.openPinned(this.directory.pathOf({ kind: 'map', name: leaseMap(hook) }));
    const known = this.programs.get(hook);
    if (known?.map.info.id === map.info.id) {
      map.close();
      return;
    }
    this.drop(hook);
    let object: BpfObject | undefined;
    try {
      object = await BpfObject.open(this.renewer.object, { reuseMaps: { tna_lease: map } });
      await object.load();
    } catch (error) {
      object?.close();
      map.close();
      throw error;
    }
    this.programs.set(hook, { object, map });
  }

  private drop(hook: Hook): void {
    const opened = this.programs.get(hook);
    this.programs.delete(hook);
    opened?.object.close();
    opened?.map.close();
  }
}

/** How long jiffies are counted before the first lease; the count goes on, so later ones are more exact. */
const calibrationMs = 50;
/** Well before the low half of jiffies has gone round. */
const longestCount = 2 ** 31;

function withLease<R>(directory: PinDirectory, hook: Hook, use: (map: BpfMap) => R): R | undefined {
  const pin = { kind: 'map', name: leaseMap(hook) } as const;
  if (!directory.exists(pin)) return undefined;
  return using(BpfMap.openPinned(directory.pathOf(pin)), use);
}
