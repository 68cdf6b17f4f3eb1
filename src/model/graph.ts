// SPDX-License-Identifier: Apache-2.0
// Objects of the host's configuration and how they depend on each other.

import type { Reason } from './desired.js';
import type { Attributes } from './ruleset.js';

/** One object: a device, a bridge, an address. A refined object (a bridge port) exists beside its base (the link). */
export interface TnaObject {
  /** `TYPE:KEY`, unique in a snapshot. */
  readonly id: string;
  readonly type: string;
  readonly key: string;
  /** What people call it. */
  readonly label: string;
  readonly attributes: Attributes;
  /** Id of the object that this one refines. */
  readonly base: string | undefined;
  /** Why it cannot be told whether there is this object, or all that it is. */
  readonly doubt?: Reason;
}

export interface Edge {
  /** Name of the dependency rule, or `is` between a refined object and its base. */
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly label: string;
}

/** Nodes sorted by id, edges by from, name, to. */
export interface Graph {
  readonly nodes: readonly TnaObject[];
  readonly edges: readonly Edge[];
}
