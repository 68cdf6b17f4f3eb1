// SPDX-License-Identifier: Apache-2.0
// Everything that one look at a host led to.

import type { Desired } from './desired.js';
import type { Graph } from './graph.js';
import type { Plan } from './plan.js';
import type { Snapshot } from './snapshot.js';

export interface Derived {
  readonly snapshot: Snapshot;
  readonly graph: Graph;
  readonly desired: Desired;
  readonly plan: Plan;
}
