// SPDX-License-Identifier: Apache-2.0
// Hooks whose shared maps cannot stay: not all there, of another version, or too small. Programs hold on to the maps that they were
// loaded with, so all of the hook goes first; meanwhile its packets take the slow path.

import type { Action } from '../model/plan.js';
import { HOOKS, type Hook } from '../model/ruleset.js';
import type { Deployed } from '../model/snapshot.js';

export interface Salvage {
  /** What takes these hooks down, in order. */
  readonly actions: readonly Action[];
  /** What is deployed afterwards. */
  readonly rest: Deployed;
}

/** `needs` is how many entries a hook's maps must have. */
export function salvage(
  deployed: Deployed,
  needs: ReadonlyMap<Hook, number>,
  nameOf: (ifindex: number) => string,
): Salvage {
  const whys = new Map<Hook, string>();
  for (const hook of HOOKS) {
    const why = whyNot(deployed, hook, needs.get(hook) ?? 0);
    if (why !== undefined) whys.set(hook, why);
  }
  if (whys.size === 0) return { actions: [], rest: deployed };
  const goes = ({ hook }: { readonly hook: Hook }) => whys.has(hook);
  const stays = (of: { readonly hook: Hook }) => !goes(of);
  const why = (hook: Hook) => whys.get(hook) as string;
  const held = deployed.attachments.filter(goes);
  const on = ({ hook, ifindex, slot }: (typeof held)[number]) => ({ interface: nameOf(ifindex), ifindex, hook, slot });
  const actions: Action[] = [
    ...held
      .filter((a) => a.programId !== 0)
      .map((a): Action => ({ op: 'clear-slot', ...on(a), previous: a.pipeline, why: why(a.hook) })),
    ...held.filter((a) => a.linkId !== 0).map((a): Action => ({ op: 'detach', ...on(a), why: why(a.hook) })),
    ...deployed.pipelines
      .filter(goes)
      .map(({ hook, id }): Action => ({ op: 'unload', hook, pipeline: id, why: why(hook) })),
    ...deployed.prepared.filter(goes).map(({ hook }): Action => ({ op: 'dismantle', hook, why: why(hook) })),
  ];
  const rest: Deployed = {
    prepared: deployed.prepared.filter(stays),
    attachments: deployed.attachments.filter(stays),
    pipelines: deployed.pipelines.filter(stays),
    egress: whys.has('xdp') ? [] : deployed.egress,
    strays: deployed.strays,
  };
  return { actions, rest };
}

/** Zero slots are how a deployed state says that some maps are missing or do not fit; a hook that is not prepared has none. */
function whyNot(deployed: Deployed, hook: Hook, need: number): string | undefined {
  const slots = deployed.prepared.find((prepared) => prepared.hook === hook)?.slots ?? 0;
  const present = [...deployed.prepared, ...deployed.attachments, ...deployed.pipelines].some((of) => of.hook === hook);
  if (!present) return undefined;
  if (slots === 0) return 'shared maps are missing or of another version';
  return need > slots ? `the shared maps have ${slots} entries and ${need} are needed` : undefined;
}
