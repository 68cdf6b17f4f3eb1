// SPDX-License-Identifier: Apache-2.0
// What was seen of a host at one time: configuration, capabilities and what is deployed. Plain JSON, so it can be recorded.

import type { LeaseState } from './lease.js';
import type { Hook } from './ruleset.js';

/** A decoded message. Big integers and bytes have become strings, so that a recorded message equals a live one. */
export type Message = { readonly [member: string]: MessageValue };
export type MessageValue = string | number | boolean | null | readonly MessageValue[] | Message;

/** The answer of a probe; `unknown` (no permission, say) is neither yes nor no. */
export interface Capability {
  readonly probe: string;
  readonly answer: 'yes' | 'no' | 'unknown';
  readonly evidence: string;
}

/** A dispatcher of ours on a device's hook. */
export interface Attachment {
  readonly hook: Hook;
  /** The ifindex that the dispatcher was attached to. */
  readonly ifindex: number;
  readonly slot: number;
  /**
   * Of the link; without one (tc on kernels without TCX), of the dispatcher itself. 0 for a slot that was left filled and that no
   * dispatcher has; its ifindex is 0 as well.
   */
  readonly linkId: number;
  /** False when the dispatcher is not on the device of this number: that has gone, maybe to another namespace. */
  readonly alive: boolean;
  /** Identity of the pipeline in the slot; undefined when the slot is empty or holds a program without a pin. */
  readonly pipeline: string | undefined;
  /** Kernel id of the program in the slot, 0 when empty. */
  readonly programId: number;
}

/** A loaded, pinned specialisation of the FPM library. */
export interface LoadedPipeline {
  readonly id: string;
  readonly hook: Hook;
  readonly programId: number;
}

/** What runs in the kernel on TNA's behalf, read back from the kernel. */
export interface Deployed {
  /** Hooks whose shared maps exist, with the number of slots that they have. */
  readonly prepared: readonly { readonly hook: Hook; readonly slots: number }[];
  readonly attachments: readonly Attachment[];
  readonly pipelines: readonly LoadedPipeline[];
  /** Devices that XDP programs may transmit through. */
  readonly egress: readonly number[];
  /** Pins below our directory that nobody can interpret. */
  readonly strays: readonly string[];
  /** Absent when no controller has ever left one. */
  readonly lease?: LeaseState;
}

export const nothingDeployed: Deployed = { prepared: [], attachments: [], pipelines: [], egress: [], strays: [] };

/** What files say in which the kernel shows its settings; null where there is no such file. */
export interface Settings {
  /** By path below /proc/sys. */
  readonly sysctls: { readonly [path: string]: string | null };
  /** By path below /sys. Recordings from before rules could ask for such have none. */
  readonly sysfs?: { readonly [path: string]: string | null };
}

export interface Snapshot extends Settings {
  readonly version: 1;
  readonly host: { readonly kernel: string; readonly hostname: string };
  /** Network namespace: inode number as text, and the name that the user gave. */
  readonly namespace: { readonly id: string; readonly name: string | undefined };
  /** Messages by source name. */
  readonly sources: { readonly [source: string]: readonly Message[] };
  /** Optional sources that this kernel does not have, with the kernel's answer. */
  readonly absent: { readonly [source: string]: string };
  readonly capabilities: readonly Capability[];
  readonly deployed: Deployed;
}
