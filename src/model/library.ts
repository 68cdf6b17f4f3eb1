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
  /** Capability probes, e.g. `btf:net_bridge_port.state`, `helper:xdp:redirect_map`; alternatives are joined by ` | `. */
  readonly needs: readonly string[];
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
}

const largest: Readonly<Record<FpmParamType, number>> = {
  bool: 1,
  u8: 0xff,
  u16: 0xffff,
  u32: 0xffff_ffff,
  u64: Number.MAX_SAFE_INTEGER,
};

export function isParamType(type: string): type is FpmParamType {
  return Object.hasOwn(largest, type);
}

/** Whether a parameter of the type can have the value; a truth value may be written as 0 or 1. */
export function paramHolds(type: FpmParamType, value: unknown): value is number | boolean {
  if (typeof value === 'boolean') return type === 'bool';
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= largest[type];
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

/** Some FPMs that get a program of their own, as the most common pipelines have them. */
export interface FpmComposition {
  readonly name: string;
  /** Those of every pipeline that runs from it. */
  readonly fpms: readonly string[];
  /** Those that a pipeline may have as well. */
  readonly optional: readonly string[];
}

/** The programs of a hook: one object with all FPMs for each window, by its name, and those with just some. */
export interface FpmHook {
  readonly program: string;
  readonly objects: Readonly<Record<string, string>>;
  readonly compositions: readonly (FpmComposition & { readonly window: string; readonly object: string })[];
  readonly dispatcher: FpmProgram;
}

/** A way for programs to read kernel memory, for which the library is compiled with a macro of its own. */
export interface FpmWindow {
  readonly name: string;
  readonly summary: string;
  readonly define?: string;
  readonly needs: readonly string[];
}

/** What a capability is for, and how a kernel that lacks it may come by it. */
export interface CapabilityNote {
  readonly probe: string;
  readonly purpose: string;
  /** The first Linux release that has it. */
  readonly since?: string;
  /** Kernel configuration. */
  readonly option?: string;
  /** Kernel modules to be loaded. */
  readonly module?: string;
  /** What can be added to the kernel. */
  readonly package?: string;
}

/** What the library knows of kernels. */
export interface FpmKernels {
  /** Best first. */
  readonly windows: readonly FpmWindow[];
  readonly capabilities: readonly CapabilityNote[];
  /** Kernel modules whose functions and types FPMs look for where they are present: a program sees those of when it was loaded. */
  readonly kernelModules?: readonly string[];
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
  readonly kernels: FpmKernels;
  readonly compositions: readonly FpmComposition[];
  readonly counters: FpmCounters;
}

/** The FPM that trusts what only the controller can see for as long as the controller has renewed its lease. */
export const leaseFpm = 'lease';

/** The probes of a need, best first: any of them will do. */
export function alternatives(need: string): readonly string[] {
  return need.split('|').map((probe) => probe.trim());
}

/** Name of the `const volatile bool` that switches a program of a composition on. */
export const compositionFlag = 'on';

/** Name of the `const volatile bool` that switches an FPM on. */
export function fpmFlag(module: string): string {
  return `on_${module}`;
}

/** Name of the `const volatile` variable of an FPM's parameter. */
export function fpmParamVariable(module: string, param: string): string {
  return `${module.toUpperCase()}_${param}`;
}
