// SPDX-License-Identifier: Apache-2.0
// Hooks whose shared maps are not all there, or of another version: programs that use what is left cannot be adopted, so all of it goes first.

import type { Action } from '../model/plan.js';
import type { Hook } from '../model/ruleset.js';
import type { Deployed } from '../model/snapshot.js';

export interface Salvage {
  /** What takes the broken hooks down, in order. */
  readonly actions: readonly Action[];
  /** What is deployed afterwards. */
  readonly rest: Deployed;
}

/** Zero slots are how a deployed state says that some maps are missing or do not fit; a hook that is not prepared has none. */
export function salvage(deployed: Deployed, nameOf: (ifindex: number) => string): Salvage {
  const whole = new Set(deployed.prepared.filter(({ slots }) => slots > 0).map(({ hook }) => hook));
  const found = [...deployed.prepared, ...deployed.attachments, ...deployed.pipelines];
  const broken = new Set<Hook>(found.flatMap(({ hook }) => (whole.has(hook) ? [] : [hook])));
  if (broken.size === 0) return { actions: [], rest: deployed };
  const why = 'shared maps are missing or of another version';
  const isBroken = ({ hook }: { readonly hook: Hook }) => broken.has(hook);
  const isWhole = (of: { readonly hook: Hook }) => !isBroken(of);
  const actions: Action[] = [
    ...deployed.attachments.filter(isBroken).map(
      ({ hook, ifindex, slot }): Action => ({
        op: 'detach',
        interface: nameOf(ifindex),
        ifindex,
        hook,
        slot,
        why,
      }),
    ),
    ...deployed.pipelines.filter(isBroken).map(({ hook, id }): Action => ({ op: 'unload', hook, pipeline: id, why })),
    ...deployed.prepared.filter(isBroken).map(({ hook }): Action => ({ op: 'dismantle', hook, why })),
  ];
  const rest: Deployed = {
    prepared: deployed.prepared.filter(isWhole),
    attachments: deployed.attachments.filter(isWhole),
    pipelines: deployed.pipelines.filter(isWhole),
    egress: broken.has('xdp') ? [] : deployed.egress,
    strays: deployed.strays,
  };
  return { actions, rest };
}
