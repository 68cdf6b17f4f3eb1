// SPDX-License-Identifier: Apache-2.0
// The difference between desired and deployed, as ordered actions. `tna plan` prints exactly what `reconcile` executes.

import type { Pipeline } from './desired.js';
import type { Hook } from './ruleset.js';

interface OnInterface {
  readonly interface: string;
  readonly ifindex: number;
  readonly hook: Hook;
  readonly slot: number;
}

interface Leaving extends OnInterface {
  /** The hook at which the interface is to be first; until then what it has here is right. */
  readonly after?: Hook;
}

/** `why` is one clause for people, without a full stop. */
export type Action = { readonly why: string } & (
  | { readonly op: 'prepare'; readonly hook: Hook; readonly slots: number }
  | {
      readonly op: 'load';
      readonly hook: Hook;
      readonly pipeline: string;
      readonly modules: readonly string[];
      readonly params: Pipeline['params'];
    }
  | { readonly op: 'set-egress'; readonly interface: string; readonly ifindex: number }
  | ({ readonly op: 'attach' } & OnInterface)
  | ({ readonly op: 'set-slot'; readonly pipeline: string; readonly previous: string | undefined } & OnInterface)
  | ({ readonly op: 'clear-slot'; readonly previous: string | undefined } & Leaving)
  | ({ readonly op: 'detach' } & Leaving)
  | { readonly op: 'clear-egress'; readonly interface: string; readonly ifindex: number }
  | { readonly op: 'unload'; readonly hook: Hook; readonly pipeline: string }
  | { readonly op: 'dismantle'; readonly hook: Hook }
  | { readonly op: 'remove-stray'; readonly pin: string }
);

export type ActionOf<Op extends Action['op']> = Extract<Action, { op: Op }>;

export interface Plan {
  readonly actions: readonly Action[];
  /** Interfaces that become accelerated, change their pipeline, or stop being accelerated. */
  readonly summary: { readonly add: number; readonly change: number; readonly remove: number };
  /** Interfaces that wait for slots that this plan vacates. */
  readonly unplaced: readonly { readonly interface: string; readonly hook: Hook }[];
}

/** What became of one action. */
export type Outcome =
  | { readonly action: Action; readonly result: 'done' }
  | { readonly action: Action; readonly result: 'failed'; readonly error: Error }
  | { readonly action: Action; readonly result: 'undone' }
  | { readonly action: Action; readonly result: 'skipped'; readonly because: string };
