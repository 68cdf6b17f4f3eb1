// SPDX-License-Identifier: Apache-2.0
// What the effectful stages need of the outside world. `platform` implements these over the kernel.

import type { Pipeline } from './desired.js';
import type { LeasePolicy } from './lease.js';
import type { FpmLibrary } from './library.js';
import type { Hook, RuleSet, Source } from './ruleset.js';
import type { Capability, Deployed, Message } from './snapshot.js';

/** One netlink request for a per-object source. */
export interface DetailRequest {
  readonly source: Extract<Source, { kind: 'per-object' }>;
  readonly request: { readonly [member: string]: unknown };
}

/** Paths of settings, each list sorted. */
export interface SettingPaths {
  readonly sysctl: readonly string[];
  readonly sysfs: readonly string[];
}

/** The host's configuration, read. All methods throw TnaError. */
export interface HostReader {
  host(): { readonly kernel: string; readonly hostname: string };
  namespace(): { readonly id: string; readonly name: string | undefined };
  /** All messages of a source, or the kernel's reason why it has none of this sort. */
  read(source: Source): Promise<{ readonly messages: readonly Message[] } | { readonly absent: string }>;
  /** Replies to the requests, in their order, those for vanished objects left out. */
  details(requests: readonly DetailRequest[]): Promise<readonly Message[] | { readonly absent: string }>;
  /** By path below /proc/sys, in the host's network namespace; null where there is no such file. */
  sysctl(path: string): string | null;
  /** By path below /sys. */
  sysfs(path: string): string | null;
  capabilities(probes: readonly string[]): Promise<readonly Capability[]>;
  deployed(): Promise<Deployed>;
}

/** Changes what is deployed. Every method is idempotent and releases what it took when it fails; all throw TnaError. */
export interface Deployer {
  /** Does beforehand what a change that needs these pipelines would have to wait for. Never fails: that change will tell. */
  ready(pipelines: readonly Pipeline[]): Promise<void>;
  prepare(hook: Hook, slots: number): Promise<void>;
  load(pipeline: Pipeline): Promise<void>;
  unload(hook: Hook, id: string): Promise<void>;
  /** Zeroes the slot's counters and attaches the slot's dispatcher, which passes every packet while the slot is empty. */
  attach(hook: Hook, ifindex: number, slot: number): Promise<void>;
  detach(hook: Hook, ifindex: number, slot: number): Promise<void>;
  setSlot(hook: Hook, slot: number, pipeline: string): Promise<void>;
  clearSlot(hook: Hook, slot: number): Promise<void>;
  setEgress(ifindex: number): Promise<void>;
  clearEgress(ifindex: number): Promise<void>;
  dismantle(hook: Hook): Promise<void>;
  removeStray(pin: string): Promise<void>;
}

/** Vouches for what only the controller can see. Throws TnaError. */
export interface LeaseHolder {
  /** Notes what the operator wants, for those who look; and, if `renew`, starts the time anew. */
  holdLease(policy: LeasePolicy, renew: boolean): Promise<void>;
}

/** Wakes the loop: something may have changed. Events carry no state. */
export interface Waker {
  /** Resolves when an event arrived, or some were lost, since the last call, or after `timeoutMs`. */
  next(timeoutMs: number): Promise<'event' | 'timeout' | 'stopped'>;
  close(): void;
}

export interface Clock {
  /** Monotonic, in milliseconds. */
  now(): number;
}

/** Rules and library in force; the library cannot change under a running controller. */
export interface Domain {
  readonly rules: RuleSet;
  readonly library: FpmLibrary;
  /** What the operator asked for; when absent, what the last controller was told, or the default. */
  readonly lease?: LeasePolicy;
}
