// SPDX-License-Identifier: Apache-2.0
// What `tna status` and `tna explain` report. The JSON of both is a contract with scripts.

import type { Assumption, Reason } from './desired.js';
import type { LeasePolicy } from './lease.js';
import type { Hook } from './ruleset.js';

/** Packets seen by one interface's fast path since it was attached. */
export interface Counters {
  /** Forwarded by the fast path. */
  readonly fast: number;
  /** Given to the unmodified kernel. */
  readonly slow: number;
  /** Dropped by the fast path where Linux would have dropped. */
  readonly drop: number;
  /** The slow and dropped ones by reason, most frequent first; only reasons that occurred. */
  readonly reasons: readonly {
    readonly fpm: string;
    readonly code: string;
    readonly message: string;
    readonly packets: number;
  }[];
}

export interface InterfaceStatus {
  readonly name: string;
  readonly ifindex: number;
  readonly accelerated: boolean;
  readonly hook: Hook | null;
  readonly pipeline: string | null;
  readonly services: readonly string[];
  readonly modules: readonly string[];
  /** At least one when not accelerated. */
  readonly reasons: readonly Reason[];
  readonly hookNotes: readonly (Reason & { readonly hook: Hook })[];
  readonly assumptions: readonly Assumption[];
  /** Whether the pipeline works only while the controller renews its lease. */
  readonly leased: boolean;
  readonly counters: Counters;
}

export interface Status {
  readonly namespace: { readonly id: string; readonly name: string | null };
  /** Made from a recording, which tells neither of a controller nor of packets: both are left empty. */
  readonly replayed?: true;
  readonly controller: { readonly pid: number; readonly command: string } | null;
  /** Null when no interface is under a lease. */
  readonly lease: {
    readonly scope: LeasePolicy['scope'];
    readonly seconds: number;
    /** Seconds left, negative since when it has expired, null when it was never renewed. */
    readonly left: number | null;
  } | null;
  readonly interfaces: readonly InterfaceStatus[];
  /** Actions that a reconcile would take now; 0 when in sync, null when the rules cannot say. */
  readonly pending: number | null;
}
