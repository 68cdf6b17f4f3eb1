// SPDX-License-Identifier: Apache-2.0
// What the cases of the FPM tests are made of: a bridge of two ports, a configuration, a frame, what becomes of it.

import type { Agent } from '../support/lab/agent.js';
import { ethernet, sized } from '../support/lab/frame.js';
import type { FastPath } from './fast-path.js';

export type Hook = 'xdp' | 'tc';
export type Kind = 'tap' | 'veth';

export const A = '02:00:00:00:00:0a';
export const B = '02:00:00:00:00:0b';
export const UNKNOWN = '02:00:00:00:00:77';
export const ownBridge = '02:00:00:00:00:b0';
export const plain = sized(ethernet(B, A, 0x88b5), 60);

/** A bridge br0 with ports p1 and p2 (A behind p1, B behind p2), and the fast path on p1. */
export interface Bench {
  readonly hook: Hook;
  readonly kind: Kind;
  readonly netns: string;
  /** Where the far ends of veth ports are. */
  readonly peers: string;
  readonly agent: Agent;
  readonly fast: FastPath;
  readonly in: number;
  readonly out: number;
  ifindex(name: string): number;
}

export interface Case {
  readonly name: string;
  /** `fast` or `fpm:code`. */
  readonly expect: string;
  readonly hooks?: readonly Hook[];
  readonly kinds?: readonly Kind[];
  readonly frame?: string;
  /** How a fast frame comes out of the other port; as it was sent when absent. */
  readonly arrives?: string;
  /** Commands of `ip`, `bridge`, `rtnl` (rtnl.ts) and others, with their opposites. */
  readonly set?: readonly string[];
  readonly unset?: readonly string[];
  /** Anything else; what it returns undoes it. */
  readonly prepare?: (bench: Bench) => Promise<(() => Promise<void>) | undefined>;
  /** A probe; where it says no, the case does not run. */
  readonly needs?: string;
  readonly modules?: readonly string[];
  readonly params?: Readonly<Record<string, number>>;
}
