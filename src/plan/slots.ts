// SPDX-License-Identifier: Apache-2.0
// Gives every accelerated interface its slot in the prog array of its hook.

import { HOOKS, type Hook } from '../model/ruleset.js';
import type { Attachment, Deployed } from '../model/snapshot.js';

export interface Placement {
  /** Slot by `HOOK IFINDEX`; an interface for which no slot is left is absent. */
  readonly slots: ReadonlyMap<string, number>;
  /** Hooks whose shared maps must be made, with their size. */
  readonly prepare: readonly { readonly hook: Hook; readonly slots: number }[];
}

/** `needs` is how many entries a hook's maps must have at least. Keeps the slots of what stays attached; others get the lowest number that no attachment holds. */
export function placeSlots(
  wanted: readonly { readonly hook: Hook; readonly ifindex: number }[],
  keep: readonly Attachment[],
  deployed: Deployed,
  needs: ReadonlyMap<Hook, number>,
  least: number,
): Placement {
  const slots = new Map(keep.map((attachment) => [`${attachment.hook} ${attachment.ifindex}`, attachment.slot]));
  const prepare: { hook: Hook; slots: number }[] = [];
  for (const hook of HOOKS) {
    const users = wanted.filter((w) => w.hook === hook);
    if (users.length === 0) continue;
    // A slot that is about to be vacated is not reused in the same plan: its old dispatcher still runs until it is detached.
    const taken = new Set(deployed.attachments.filter((a) => a.hook === hook).map((a) => a.slot));
    let capacity = deployed.prepared.find((p) => p.hook === hook)?.slots;
    if (capacity === undefined) {
      capacity = Math.max(least, 2 ** Math.ceil(Math.log2((needs.get(hook) ?? users.length) * 2)));
      prepare.push({ hook, slots: capacity });
    }
    let next = 0;
    for (const { ifindex } of users) {
      if (slots.has(`${hook} ${ifindex}`)) continue;
      while (taken.has(next)) next++;
      if (next >= capacity) break;
      taken.add(next);
      slots.set(`${hook} ${ifindex}`, next);
    }
  }
  return { slots, prepare };
}
