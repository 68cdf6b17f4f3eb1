// SPDX-License-Identifier: Apache-2.0
// Compares desired with deployed and orders the least actions that lead from one to the other.

import type { Desired, DesiredInterface, Pipeline } from '../model/desired.js';
import type { Action, ActionOf, Plan } from '../model/plan.js';
import type { Hook } from '../model/ruleset.js';
import type { Attachment, Deployed } from '../model/snapshot.js';
import { salvage } from './broken.js';
import { whyRemoved } from './removed.js';
import { placeSlots } from './slots.js';

/** Shared maps are made with at least this many slots, so that a growing host seldom outgrows them. */
const leastSlots = 256;

/** The ifindex of a slot that no dispatcher has. */
const nobody = 0;

/**
 * Build beside, flip last: what is in the way of our names goes, then everything new is loaded. A new interface's slot is filled before its dispatcher is attached, so
 * that it becomes fast at once and not only after the grace period that attaching waits for; then slots in use change, and what is
 * removed goes after. What an interface has at another hook goes only once it has its new place, if it is right until then.
 * An empty action list means that the host is in sync.
 */
export function makePlan(desired: Desired, found: Deployed): Plan {
  const wanted = desired.interfaces.filter((i): i is Accelerated => i.pipeline !== undefined);
  const names = new Map(desired.interfaces.map((i) => [i.ifindex, i.name]));
  const nameOf = (ifindex: number) => names.get(ifindex) ?? (ifindex === nobody ? 'nothing' : `ifindex ${ifindex}`);
  const needs = new Map<Hook, number>([
    ['xdp', Math.max(wanted.filter((w) => w.pipeline.hook === 'xdp').length, desired.egress.length)],
    ['tc', wanted.filter((w) => w.pipeline.hook === 'tc').length],
  ]);
  const { actions: salvaged, rest: deployed } = salvage(found, needs, nameOf);
  const wishes = new Set(wanted.map((w) => keyOf(w.pipeline, w.ifindex)));
  const keep = new Map<string, Attachment>();
  for (const attachment of deployed.attachments) {
    const key = keyOf(attachment);
    if (attachment.alive && wishes.has(key) && !keep.has(key)) keep.set(key, attachment);
  }
  const placed = placeSlots(
    wanted.map((w) => ({ hook: w.pipeline.hook, ifindex: w.ifindex })),
    [...keep.values()],
    deployed,
    needs,
    leastSlots,
  );
  const seated = wanted.filter((w) => placed.slots.has(keyOf(w.pipeline, w.ifindex)));
  const slotOf = (w: Accelerated) => placed.slots.get(keyOf(w.pipeline, w.ifindex)) as number;

  const prepare = placed.prepare.map(
    ({ hook, slots }): ActionOf<'prepare'> => ({ op: 'prepare', hook, slots, why: `the first interface uses ${hook}` }),
  );
  const load = loads(seated, deployed);
  const setEgress = desired.egress
    .filter((device) => !deployed.egress.includes(device.ifindex))
    .map(
      (device): ActionOf<'set-egress'> => ({
        op: 'set-egress',
        interface: device.name,
        ifindex: device.ifindex,
        why: `XDP may transmit through ${device.name}`,
      }),
    );
  const fill: Action[] = [];
  const attach: Action[] = [];
  const flip: Action[] = [];
  let add = 0;
  let change = 0;
  const again = new Set(found.attachments.map((a) => keyOf(a)));
  const fast = new Set(found.attachments.filter((a) => a.alive && a.programId !== 0).map((a) => a.ifindex));
  for (const w of seated) {
    const current = keep.get(keyOf(w.pipeline, w.ifindex));
    const on = { interface: w.name, ifindex: w.ifindex, hook: w.pipeline.hook, slot: slotOf(w) };
    if (current === undefined) attach.push({ op: 'attach', ...on, why: attachReason(w) });
    if (current?.pipeline === w.pipeline.id) continue;
    const previous = current?.pipeline;
    (current === undefined ? fill : flip).push({
      op: 'set-slot',
      ...on,
      pipeline: w.pipeline.id,
      previous,
      why: !fast.has(w.ifindex)
        ? `${w.services.join(', ')} on ${w.name} becomes fast`
        : current === undefined
          ? again.has(keyOf(w.pipeline, w.ifindex))
            ? `the shared maps of ${w.pipeline.hook} are made anew`
            : `${w.name} moves to ${w.pipeline.hook}`
          : `what ${w.name} needs has changed`,
    });
    if (fast.has(w.ifindex)) change++;
    else add++;
  }
  const removal = removals(deployed, keep, desired, seated, nameOf);
  const moved = new Set([nobody, ...seated.map((w) => w.ifindex)]);
  const remove = new Set(removal.clear.filter((a) => !moved.has(a.ifindex)).map((a) => a.ifindex)).size;
  return {
    actions: [
      ...found.strays.map((pin): Action => ({ op: 'remove-stray', pin, why: 'it is not part of any pipeline' })),
      ...salvaged,
      ...prepare,
      ...load,
      ...setEgress,
      ...fill,
      ...attach,
      ...flip,
      ...removal.clear,
      ...removal.detach,
      ...removal.rest,
    ],
    summary: { add, change, remove },
    unplaced: wanted
      .filter((w) => !placed.slots.has(keyOf(w.pipeline, w.ifindex)))
      .map((w) => ({ interface: w.name, hook: w.pipeline.hook })),
  };
}

type Accelerated = DesiredInterface & { readonly pipeline: Pipeline };

/** Loads each missing pipeline once, however many interfaces share it. */
function loads(seated: readonly Accelerated[], deployed: Deployed): ActionOf<'load'>[] {
  const missing = new Map<string, { pipeline: Pipeline; users: string[] }>();
  for (const w of seated) {
    if (deployed.pipelines.some((p) => p.id === w.pipeline.id && p.hook === w.pipeline.hook)) continue;
    const entry = missing.get(w.pipeline.id) ?? { pipeline: w.pipeline, users: [] };
    entry.users.push(w.name);
    missing.set(w.pipeline.id, entry);
  }
  return [...missing.values()].map(({ pipeline, users }) => ({
    op: 'load',
    hook: pipeline.hook,
    pipeline: pipeline.id,
    modules: pipeline.modules,
    params: pipeline.params,
    why: users.length === 1 ? `${users[0]} needs it` : `${users.length} interfaces share it`,
  }));
}

/** Everything deployed that nothing desired needs, in the order in which it can go. */
function removals(
  deployed: Deployed,
  keep: ReadonlyMap<string, Attachment>,
  desired: Desired,
  seated: readonly Accelerated[],
  nameOf: (ifindex: number) => string,
) {
  const kept = new Set(keep.values());
  const gone = deployed.attachments.filter((attachment) => !kept.has(attachment));
  const on = (a: Attachment) => ({ interface: nameOf(a.ifindex), ifindex: a.ifindex, hook: a.hook, slot: a.slot });
  const why = (a: Attachment) => whyRemoved(a, desired);
  const seats = new Map(seated.map((w) => [w.ifindex, w]));
  const waits = ({ ifindex, hook, alive, pipeline }: Attachment): { readonly after?: Hook } => {
    const wish = seats.get(ifindex);
    const isRight = alive && wish?.meanwhile?.hook === hook && wish.meanwhile.pipeline === pipeline;
    return isRight ? { after: wish.pipeline.hook } : {};
  };
  const used = new Set(seated.map((w) => `${w.pipeline.hook} ${w.pipeline.id}`));
  const hooks = new Set(seated.map((w) => w.pipeline.hook));
  const clear = gone
    .filter((a) => a.programId !== 0)
    .map(
      (a): ActionOf<'clear-slot'> => ({ op: 'clear-slot', ...on(a), ...waits(a), previous: a.pipeline, why: why(a) }),
    );
  const detach = gone
    .filter((a) => a.linkId !== 0)
    .map((a): ActionOf<'detach'> => ({ op: 'detach', ...on(a), ...waits(a), why: why(a) }));
  const rest: Action[] = [
    ...deployed.egress
      .filter((ifindex) => !desired.egress.some((device) => device.ifindex === ifindex))
      .map(
        (ifindex): Action => ({
          op: 'clear-egress',
          interface: nameOf(ifindex),
          ifindex,
          why: 'no pipeline transmits there',
        }),
      ),
    ...deployed.pipelines
      .filter((p) => !used.has(`${p.hook} ${p.id}`))
      .map((p): Action => ({ op: 'unload', hook: p.hook, pipeline: p.id, why: 'no interface needs it' })),
    ...deployed.prepared
      .filter(({ hook }) => !hooks.has(hook))
      .map(({ hook }): Action => ({ op: 'dismantle', hook, why: `no interface uses ${hook}` })),
  ];
  return { clear, detach, rest };
}

function attachReason(w: Accelerated): string {
  const passedOver = w.hookNotes[0];
  const services = w.services.join(', ');
  return passedOver === undefined ? services : `${services}; not ${passedOver.hook}: ${passedOver.message}`;
}

function keyOf(of: { readonly hook: Hook; readonly ifindex?: number }, ifindex = of.ifindex): string {
  return `${of.hook} ${ifindex}`;
}
