// SPDX-License-Identifier: Apache-2.0
// What came of a plan: how many interfaces were in fact added, changed and removed.

import type { Outcome, Plan } from '../model/plan.js';
import type { Hook } from '../model/ruleset.js';
import type { Deployed } from '../model/snapshot.js';

/** `before` is what was deployed when the plan was made. */
export function summaryOf(before: Deployed, outcomes: readonly Outcome[]): Plan['summary'] {
  const had = before.attachments.filter((a) => a.programId !== 0 && a.ifindex !== 0);
  const fast = new Set(had.map(placeOf));
  const touched = new Set<number>();
  for (const { action, result } of outcomes) {
    if (!('slot' in action) || result === 'failed' || result === 'skipped') continue;
    const isSet = action.op === 'set-slot' && result === 'done';
    if (isSet) touched.add(action.ifindex);
    // What it has at another hook may have stayed.
    else if (action.op === 'set-slot') touched.delete(action.ifindex);
    if (isSet) fast.add(placeOf(action));
    else if (action.op !== 'attach' || result === 'undone') fast.delete(placeOf(action));
  }
  const was = new Set(had.map(({ ifindex }) => ifindex));
  const is = new Set([...fast].map((place) => Number(place.split(' ')[1])));
  return {
    add: [...is].filter((ifindex) => !was.has(ifindex)).length,
    change: [...is].filter((ifindex) => was.has(ifindex) && touched.has(ifindex)).length,
    remove: [...was].filter((ifindex) => !is.has(ifindex)).length,
  };
}

function placeOf({ hook, ifindex, slot }: { readonly hook: Hook; readonly ifindex: number; readonly slot: number }) {
  return `${hook} ${ifindex} ${slot}`;
}
