// SPDX-License-Identifier: Apache-2.0
// The FPM library's manifest: what the built objects contain, as the pipeline assembler, the deployer and reports read it.

import type { Hook } from './ruleset.js';

/** Scalar types that an FPM parameter (a `const volatile` variable of the object) can have. */
export type FpmParamType = 'bool' | 'u8' | 'u16' | 'u32' | 'u64';

export interface FpmParam {
  readonly type: FpmParamType;
  readonly default: number | boolean;
  readonly unit?: string;
  readonly doc: string;
}

/** One way in which an FPM leaves a packet to Linux or drops it; `id` indexes the counters of a slot. */
export interface FpmReason {
  readonly id: number;
  readonly code: string;
  readonly message: string;
}

/** A manifest as its author writes it, beside the FPM's header. */
export interface FpmManifest {
  readonly name: string;
  /** Position in the pipeline; FPMs run in ascending order. */
  readonly order: number;
  readonly hooks: readonly Hook[];
  readonly summary: string;
  /** Kernel functions whose behaviour is reproduced, as `file:function`. */
  readonly reproduces: readonly string[];
  readonly params: Readonly<Record<string, FpmParam>>;
  /** Whether the FPM only watches for what must not be there, instead of reading what it forwards by. */
  readonly guard: boolean;
  /** Capability probes, e.g. `kfunc:bpf_rdonly_cast`, `btf:net_bridge_port.state`, `helper:xdp:redirect_map`. */
  readonly needs: readonly string[];
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
}

/** An FPM inside a built library. */
export interface FpmModule extends Omit<FpmManifest, 'reasons'> {
  readonly reasons: readonly FpmReason[];
}

/** An object file (absolute path) and the program in it. */
export interface FpmProgram {
  readonly object: string;
  readonly program: string;
}

export interface FpmHook extends FpmProgram {
  readonly dispatcher: FpmProgram;
}

/** Layout of one slot's counters: `slots` u64 values per CPU, of which the first ones have a fixed meaning. */
export interface FpmCounters {
  readonly slots: number;
  readonly fastId: number;
  readonly dropId: number;
  /** No FPM decided; the packet went to Linux. */
  readonly endId: number;
}

export interface FpmLibrary {
  readonly version: number;
  /** SHA-256 over objects and manifests: identifies what a loaded program was built from. */
  readonly hash: string;
  readonly hooks: Readonly<Record<Hook, FpmHook>>;
  /** What renews the controller's lease, in the map `tna_lease`. */
  readonly lease: FpmProgram;
  readonly modules: readonly FpmModule[];
  readonly counters: FpmCounters;
}

/** The FPM that trusts what only the controller can see for as long as the controller has renewed its lease. */
export const leaseFpm = 'lease';

/** Name of the `const volatile bool` that switches an FPM on. */
export function fpmFlag(module: string): string {
  return `on_${module}`;
}

/** Name of the `const volatile` variable of an FPM's parameter. */
export function fpmParamVariable(module: string, param: string): string {
  return `${module.toUpperCase()}_${param}`;
}
