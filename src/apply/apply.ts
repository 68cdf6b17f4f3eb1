// SPDX-License-Identifier: Apache-2.0
// The deployer: executes a plan action by action, contains a failure to the interface it concerns, and undoes that interface.

import type { Pipeline } from '../model/desired.js';
import { about, deviceGoneCode, TnaError } from '../model/error.js';
import type { Action, ActionOf, Outcome, Plan } from '../model/plan.js';
import type { Deployer } from '../model/ports.js';

/**
 * Runs the plan. A failing action undoes, backwards, what this plan did for the same interface and skips what depends on it;
 * the other interfaces go on. An interface whose new pipeline cannot be put in place falls back to the slow path, since the old
 * one was built for a configuration that is no more, or stays at the hook that it was to leave, if what it has there is right. Never
 * throws: the outcomes tell, in the order in which things happened; an undo is a second outcome of its action.
 *
 * What is `held`, by names as `heldAs` gives them, and what depends on that, is left out as well, without an outcome.
 */
export async function applyPlan(
  plan: Plan,
  deployer: Deployer,
  held: ReadonlySet<string> = new Set(),
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  /** Why there is no such resource; `undefined` when it is held, or lacks something that is. */
  const broken = new Map<string, string | undefined>();
  const done = new Map<string, Action[]>();
  const report = (outcome: Outcome) => void outcomes.push(outcome);
  const abandon = async (action: Action, because: string | undefined) => {
    for (const resource of provides(action)) {
      broken.set(resource, because);
      // Only a slot that was set is ever there to be undone: an attachment is the last thing that is done for an interface.
      for (const undo of (done.get(resource) ?? []).reverse())
        if (undo.op === 'set-slot' && (await emptied(undo, deployer))) report({ action: undo, result: 'undone' });
      done.delete(resource);
    }
    // Whatever was in the slot, even what no pin tells of, goes; worth a line only where something was known to be there.
    if (action.op !== 'set-slot') return;
    if ((await emptied(action, deployer)) && action.previous !== undefined) report({ action, result: 'undone' });
  };
  for (const action of plan.actions) {
    const lacking = dependsOn(action).filter((resource) => broken.has(resource));
    if (lacking.length > 0 || held.has(heldAs(action) ?? '')) {
      const because = lacking.map((resource) => broken.get(resource)).find((cause) => cause !== undefined);
      if (because !== undefined) report({ action, result: 'skipped', because });
      await abandon(action, because);
      continue;
    }
    try {
      await execute(action, deployer);
    } catch (thrown) {
      const failed = thrown instanceof Error ? thrown : new Error(String(thrown));
      const error = 'interface' in action ? about(action.interface, failed) : failed;
      const isGone = error instanceof TnaError && error.code === deviceGoneCode;
      report(isGone ? { action, result: 'skipped', because: error.message } : { action, result: 'failed', error });
      await abandon(action, error.message);
      continue;
    }
    report({ action, result: 'done' });
    for (const resource of provides(action)) done.set(resource, [...(done.get(resource) ?? []), action]);
  }
  return outcomes;
}

/** The one place where actions become effects. */
export async function execute(action: Action, deployer: Deployer): Promise<void> {
  switch (action.op) {
    case 'prepare':
      return deployer.prepare(action.hook, action.slots);
    case 'load':
      return deployer.load(pipelineOf(action));
    case 'set-egress':
      return deployer.setEgress(action.ifindex);
    case 'attach':
      return deployer.attach(action.hook, action.ifindex, action.slot);
    case 'set-slot':
      return deployer.setSlot(action.hook, action.slot, action.pipeline);
    case 'clear-slot':
      return deployer.clearSlot(action.hook, action.slot);
    case 'detach':
      return deployer.detach(action.hook, action.ifindex, action.slot);
    case 'clear-egress':
      return deployer.clearEgress(action.ifindex);
    case 'unload':
      return deployer.unload(action.hook, action.pipeline);
    case 'dismantle':
      return deployer.dismantle(action.hook);
    case 'remove-stray':
      return deployer.removeStray(action.pin);
  }
}

/** Gives an interface back to the kernel; false when that fails, too: it leaves drift, which the next pass sees. */
async function emptied(action: ActionOf<'set-slot'>, deployer: Deployer): Promise<boolean> {
  try {
    await deployer.clearSlot(action.hook, action.slot);
    return true;
  } catch {
    return false;
  }
}

/** Resources that a later action may depend on: the interface's hook, a pipeline, a hook's shared maps; or that one of them is free. */
function provides(action: Action): readonly string[] {
  switch (action.op) {
    // What holds on to shared maps has to go before these are made anew: a dispatcher that stays counts in a slot of the old ones.
    case 'detach':
      return [`free ${action.hook}`];
    case 'clear-slot':
      return action.after === undefined ? [] : [`unused ${action.hook} ${action.previous}`];
    case 'dismantle':
      return [`gone ${action.hook}`];
    case 'prepare':
      return [`hook ${action.hook}`];
    case 'load':
      return [`pipeline ${action.hook} ${action.pipeline}`];
    case 'attach':
    case 'set-slot':
      return [`interface ${action.hook} ${action.ifindex}`];
    default:
      return [];
  }
}

/**
 * What an action is held by when it has failed: a name that is the same in each plan, and no other action's. Slot and attachment of an
 * interface go by one: no slot is filled for a dispatcher that is not to come. Undefined of what is never held: a slot that has to be
 * cleared forwards what it should not.
 */
export function heldAs(action: Action): string | undefined {
  switch (action.op) {
    case 'clear-slot':
      return undefined;
    case 'attach':
    case 'set-slot':
      return `interface ${action.hook} ${action.ifindex}`;
    case 'detach':
      return `detach ${action.hook} ${action.ifindex} ${action.slot}`;
    case 'load':
    case 'unload':
      return `${action.op} ${action.hook} ${action.pipeline}`;
    case 'prepare':
    case 'dismantle':
      return `${action.op} ${action.hook}`;
    case 'set-egress':
    case 'clear-egress':
      return `${action.op} ${action.ifindex}`;
    case 'remove-stray':
      return `${action.op} ${action.pin}`;
  }
}

function dependsOn(action: Action): readonly string[] {
  switch (action.op) {
    case 'dismantle':
      return [`free ${action.hook}`];
    case 'prepare':
      return [`gone ${action.hook}`];
    case 'load':
      return [`hook ${action.hook}`];
    case 'attach':
      return [`hook ${action.hook}`, `interface ${action.hook} ${action.ifindex}`];
    case 'set-egress':
      return ['hook xdp'];
    case 'clear-slot':
    case 'detach':
      return action.after === undefined ? [] : [`interface ${action.after} ${action.ifindex}`];
    case 'unload':
      return [`unused ${action.hook} ${action.pipeline}`];
    case 'set-slot':
      return [`interface ${action.hook} ${action.ifindex}`, `pipeline ${action.hook} ${action.pipeline}`];
    default:
      return [];
  }
}

function pipelineOf(action: ActionOf<'load'>): Pipeline {
  return { id: action.pipeline, hook: action.hook, modules: action.modules, params: action.params };
}
