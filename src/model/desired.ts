// SPDX-License-Identifier: Apache-2.0
// What should be deployed: per interface a pipeline or the reasons why not.

import type { Hook } from './ruleset.js';

/** Why something is not done, for people (`message`) and scripts (`code`). */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** Label of the object to blame, when it is not the interface itself. */
  readonly object?: string;
  /** The services that it speaks against; absent when it is about the interface, whatever the service. */
  readonly services?: readonly string[];
}

/** A specialisation of the FPM library. Interfaces that need the same one share it. */
export interface Pipeline {
  /** Twelve hex digits over library, hook, FPMs, parameters, how kernel memory is read and which loadings of kernel modules there are. */
  readonly id: string;
  readonly hook: Hook;
  /** FPM names in the order in which they run. */
  readonly modules: readonly string[];
  /** Values of the library's read-only variables, by FPM and parameter. */
  readonly params: { readonly [fpm: string]: { readonly [param: string]: number } };
}

/**
 * Something that a pipeline takes for granted, and what notices when it stops being true: an FPM that reads it to forward by
 * (`live`) or only watches for it (`guard`); the attachment itself, because the kernel would not run our program otherwise; or the
 * controller alone.
 */
export interface Assumption {
  readonly code: string;
  /** The condition, as the rule file has it, that must not hold. */
  readonly condition: string;
  readonly coverage: 'live' | 'guard' | 'attachment' | 'controller';
  /** The FPM that looks, per packet. */
  readonly fpm?: string;
  /** Assumed of every device that frames may leave by, not of this one. */
  readonly egress?: true;
}

export interface DesiredInterface {
  readonly name: string;
  readonly ifindex: number;
  /** Services that the pipeline provides. */
  readonly services: readonly string[];
  readonly pipeline: Pipeline | undefined;
  /** Why the interface is not accelerated, or which of its services are not. */
  readonly reasons: readonly Reason[];
  /** Why a better hook was passed over. */
  readonly hookNotes: readonly (Reason & { readonly hook: Hook })[];
  readonly assumptions: readonly Assumption[];
  /** What it has at another hook and may keep until it has its pipeline. */
  readonly meanwhile?: { readonly hook: Hook; readonly pipeline: Pipeline['id'] };
}

/** Interfaces of which nothing is wanted, for the same reason. */
export function leftAlone(
  interfaces: readonly Pick<DesiredInterface, 'name' | 'ifindex'>[],
  reason: Reason,
): readonly DesiredInterface[] {
  return interfaces.map(({ name, ifindex }) => ({
    ...{ name, ifindex, services: [], pipeline: undefined, hookNotes: [], assumptions: [] },
    reasons: [reason],
  }));
}

export interface Desired {
  /** Sorted by ifindex. */
  readonly interfaces: readonly DesiredInterface[];
  /** Devices that XDP pipelines may transmit through, sorted by ifindex. */
  readonly egress: readonly { readonly name: string; readonly ifindex: number }[];
}
