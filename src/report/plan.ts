// SPDX-License-Identifier: Apache-2.0
// A plan for people and for scripts.

import type { Desired, DesiredInterface } from '../model/desired.js';
import type { Action, Outcome, Plan } from '../model/plan.js';
import { type Cell, count, type Style, table } from './table.js';

/** The contract of `tna plan -o json`. */
export function planJson(plan: Plan): object {
  return { actions: plan.actions.map(actionJson), summary: plan.summary };
}

/** What became of an action, without what its plan says of it already. */
export function outcomeJson(outcome: Outcome): object {
  const { why: _why, ...action } = outcome.action;
  const place = ['interface', 'hook', 'slot', 'pipeline', 'pin'];
  return {
    op: action.op,
    ...Object.fromEntries(Object.entries(action).filter(([name]) => place.includes(name))),
    result: outcome.result,
    ...(outcome.result === 'failed' ? { error: outcome.error.message } : {}),
    ...(outcome.result === 'skipped' ? { because: outcome.because } : {}),
  };
}

/** Verdict, actions in order with their reasons, then what stays on the slow path and why. */
export function planText(plan: Plan, desired: Desired, style: Style): string {
  const idle = desired.interfaces.filter((i) => i.pipeline === undefined);
  const parts = [verdict(plan, desired, style)];
  if (plan.actions.length > 0) {
    const rows = plan.actions.map((action, i) => [
      String(i + 1),
      paintOp(action, style),
      target(action),
      detail(action),
      action.why,
    ]);
    parts.push(
      table(
        [{ head: '#', align: 'right' }, { head: 'ACTION' }, { head: 'ON' }, { head: 'WHAT' }, { head: 'WHY' }],
        rows,
        style,
      ),
    );
  }
  for (const action of plan.actions) {
    if (action.op === 'load')
      parts.push(`${style.dim(`Pipeline ${action.pipeline} (${action.hook}):`)} ${action.modules.join(' → ')}`);
  }
  for (const { interface: name, hook } of plan.unplaced)
    parts.push(style.bad(`${name}: no slot of ${hook} is free before others are vacated; the next pass gives it one`));
  if (idle.length > 0) parts.push(idleText(idle, style));
  return parts.join('\n\n');
}

/** One line per failed, undone or skipped action; empty when all went well. */
export function outcomesText(outcomes: readonly Outcome[], style: Style): string {
  return outcomes
    .filter((outcome) => outcome.result !== 'done')
    .map((outcome) => outcomeLine(outcome, style))
    .join('\n');
}

function outcomeLine(outcome: Outcome, style: Style): string {
  const what = `${outcome.action.op} ${target(outcome.action)}`;
  switch (outcome.result) {
    case 'done':
      return `done     ${what}`;
    case 'failed':
      return `${style.bad('failed')}   ${what}: ${outcome.error.message}`;
    case 'undone':
      return `${style.change('undone')}   ${what}`;
    case 'skipped':
      return `${style.dim('skipped')}  ${what}: ${outcome.because}`;
  }
}

function verdict(plan: Plan, desired: Desired, style: Style): string {
  const fast = desired.interfaces.filter((i) => i.pipeline !== undefined).length;
  if (plan.actions.length === 0) {
    return style.strong(
      fast === 0
        ? 'Nothing to do: no interface can be accelerated.'
        : `Nothing to do: ${count(fast, 'interface')} accelerated as desired.`,
    );
  }
  const { add, change, remove } = plan.summary;
  return (
    style.strong(`Plan: ${add} to add, ${change} to change, ${remove} to remove`) +
    style.dim(` (${count(plan.actions.length, 'action')}).`)
  );
}

/** What a sysctl keeps from a thousand ports is one thing to know: more interfaces than this that share all their reasons share the lines. */
const mostAlike = 8;

function idleText(idle: readonly DesiredInterface[], style: Style): string {
  const rows = foldAlike(idle).flatMap(({ name, reasons }) =>
    reasons.map((reason, n): readonly Cell[] => [
      n === 0 ? name : '',
      reason.code,
      reason.message + (reason.hint === undefined ? '' : style.dim(` (${reason.hint})`)),
    ]),
  );
  return `${style.dim('Left to the kernel:')}\n${table([{ head: 'INTERFACE' }, { head: 'REASON' }, { head: 'WHY' }], rows, style)}`;
}

/** In their order; many for the same reasons are one entry, in the place of the first. */
function foldAlike(idle: readonly DesiredInterface[]): readonly Pick<DesiredInterface, 'name' | 'reasons'>[] {
  const keyed = idle.map((one) => ({
    one,
    key: JSON.stringify(one.reasons.map(({ code, message, hint }) => [code, message, hint])),
  }));
  const sizes = new Map<string, number>();
  for (const { key } of keyed) sizes.set(key, (sizes.get(key) ?? 0) + 1);
  const shown = new Set<string>();
  return keyed.flatMap(({ one, key }) => {
    const alike = sizes.get(key) ?? 1;
    if (alike <= mostAlike) return [one];
    if (shown.has(key)) return [];
    shown.add(key);
    return [{ name: `${one.name} and ${alike - 1} more`, reasons: one.reasons }];
  });
}

function paintOp(action: Action, style: Style): Cell {
  switch (action.op) {
    case 'prepare':
    case 'load':
    case 'attach':
    case 'set-egress':
      return { text: `+ ${action.op}`, paint: style.good };
    case 'set-slot':
      return action.previous === undefined
        ? { text: `+ ${action.op}`, paint: style.good }
        : { text: `~ ${action.op}`, paint: style.change };
    case 'clear-slot':
    case 'detach':
    case 'clear-egress':
    case 'unload':
    case 'dismantle':
    case 'remove-stray':
      return { text: `- ${action.op}`, paint: style.bad };
  }
}

function target(action: Action): string {
  switch (action.op) {
    case 'prepare':
    case 'load':
    case 'unload':
    case 'dismantle':
      return action.hook;
    case 'set-egress':
    case 'clear-egress':
      return action.interface;
    case 'attach':
    case 'set-slot':
    case 'clear-slot':
    case 'detach':
      return `${action.interface} ${action.hook}`;
    case 'remove-stray':
      return 'pin';
  }
}

function detail(action: Action): string {
  switch (action.op) {
    case 'prepare':
      return count(action.slots, 'slot');
    case 'load':
      return `${action.pipeline}, ${count(action.modules.length, 'FPM')}`;
    case 'unload':
      return action.pipeline;
    case 'attach':
    case 'detach':
      return `slot ${action.slot}`;
    case 'set-slot':
      return `slot ${action.slot} = ${action.pipeline}${action.previous === undefined ? '' : `, was ${action.previous}`}`;
    case 'clear-slot':
      return `slot ${action.slot}${action.previous === undefined ? '' : `, was ${action.previous}`}`;
    case 'set-egress':
    case 'clear-egress':
      return `ifindex ${action.ifindex}`;
    case 'dismantle':
      return 'shared maps';
    case 'remove-stray':
      return action.pin;
  }
}

function actionJson(action: Action): object {
  return Object.fromEntries(Object.entries(action).filter(([, value]) => value !== undefined));
}
