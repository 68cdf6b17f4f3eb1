// SPDX-License-Identifier: Apache-2.0
// From a snapshot to a plan: the pure half of a pass, the same for a live host and for a recorded one.

import { buildGraph } from '../graph/build.js';
import type { Derived } from '../model/derived.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import { defaultLease } from '../model/lease.js';
import type { Domain } from '../model/ports.js';
import type { Snapshot } from '../model/snapshot.js';
import { buildObjects } from '../objects/build.js';
import { assemble } from '../pipeline/assemble.js';
import { makePlan } from '../plan/plan.js';
import { withMeanwhile } from './meanwhile.js';

export function derive(domain: Domain, snapshot: Snapshot, forcedHooks: ForcedHooks): Derived {
  const graph = buildGraph(domain.rules, buildObjects(domain.rules, snapshot));
  const desiredWith = (hooks: ForcedHooks) =>
    assemble({
      rules: domain.rules,
      library: domain.library,
      graph,
      capabilities: snapshot.capabilities,
      forcedHooks: hooks,
      lease: domain.lease ?? snapshot.deployed.lease?.policy ?? defaultLease,
    });
  const desired = withMeanwhile(desiredWith(forcedHooks), snapshot.deployed, (hooks) =>
    desiredWith(new Map([...forcedHooks, ...hooks])),
  );
  return { snapshot, graph, desired, plan: makePlan(desired, snapshot.deployed) };
}
