// SPDX-License-Identifier: Apache-2.0
// Status and explanation of interfaces, for people and for scripts.

import type { Derived } from '../model/derived.js';
import type { Assumption } from '../model/desired.js';
import { hasLease } from '../model/lease.js';
import type { FpmLibrary } from '../model/library.js';
import type { Attachment } from '../model/snapshot.js';
import type { Counters, InterfaceStatus, Status } from '../model/status.js';
import { type Cell, count, type Style, table } from './table.js';

/** Reads the packets of an attachment by reason id; empty when the interface has none. */
export type CountersOf = (attachment: Attachment) => readonly number[];

/** What a status is made of; there is no plan where the rules cannot say what is desired. */
export interface Seen {
  readonly snapshot: Pick<Derived['snapshot'], 'namespace' | 'deployed'>;
  readonly desired: Derived['desired'];
  readonly plan: Derived['plan'] | undefined;
}

/** Joins desired, deployed and counters into the status of every interface. */
export function makeStatus(
  derived: Seen,
  countersOf: CountersOf,
  library: FpmLibrary,
  controller: Status['controller'],
  replayed?: true,
): Status {
  const { deployed } = derived.snapshot;
  // A pipeline that one interface has still may be what another one wants.
  const modulesOf = new Map<string | undefined, readonly string[]>(
    derived.desired.interfaces.flatMap(({ pipeline }) =>
      pipeline === undefined ? [] : [[pipeline.id, pipeline.modules]],
    ),
  );
  const interfaces = derived.desired.interfaces.map((desired): InterfaceStatus => {
    const attachment =
      deployed.attachments.find((a) => a.alive && a.ifindex === desired.ifindex && a.programId !== 0) ??
      deployed.attachments.find((a) => a.alive && a.ifindex === desired.ifindex);
    const accelerated = attachment !== undefined && attachment.programId !== 0;
    const reasons = [...desired.reasons];
    if (!accelerated && desired.pipeline !== undefined)
      reasons.push({
        code: 'not-deployed',
        message: `${desired.name} can be accelerated, but is not yet: ${
          controller === null
            ? 'run `tna reconcile`'
            : `the controller, pid ${controller.pid}, has not done so, and says why in its log`
        }`,
      });
    const unplaced = derived.plan?.unplaced.some((u) => u.interface === desired.name) === true;
    const leased = hasLease(desired);
    if (accelerated && leased && (deployed.lease?.left ?? 0) <= 0)
      reasons.push({
        code: 'lease-expired',
        message: 'the controller has not renewed its lease, so every packet is left to the kernel',
        ...(controller === null ? { hint: 'run `tna reconcile`' } : {}),
      });
    if (unplaced) reasons.push({ code: 'slots-exhausted', message: 'it waits for a slot that others still hold' });
    return {
      name: desired.name,
      ifindex: desired.ifindex,
      accelerated,
      hook: accelerated ? attachment.hook : null,
      pipeline: accelerated ? (attachment.pipeline ?? null) : null,
      services: desired.services,
      modules: accelerated ? (modulesOf.get(attachment.pipeline) ?? []) : [],
      reasons,
      hookNotes: desired.hookNotes,
      assumptions: desired.assumptions,
      leased,
      counters: sumCounters(attachment === undefined ? [] : countersOf(attachment), library),
    };
  });
  const { id, name } = derived.snapshot.namespace;
  const policy = deployed.lease?.policy;
  return {
    namespace: { id, name: name ?? null },
    ...(replayed === true ? { replayed } : {}),
    controller,
    lease:
      policy === undefined || !interfaces.some((i) => i.accelerated && i.leased)
        ? null
        : { ...policy, left: deployed.lease?.left ?? null },
    interfaces,
    pending: derived.plan?.actions.length ?? null,
  };
}

/** Verdict first, then one line per interface. */
export function statusText(status: Status, style: Style): string {
  const fast = status.interfaces.filter((i) => i.accelerated).length;
  const counted = (i: InterfaceStatus, packets: number) =>
    i.accelerated && status.replayed !== true ? String(packets) : '-';
  const rows = status.interfaces.map((i): readonly Cell[] => [
    i.accelerated ? { text: i.name, paint: style.good } : i.name,
    i.hook ?? '-',
    i.services.join(',') || '-',
    counted(i, i.counters.fast),
    counted(i, i.counters.slow),
    counted(i, i.counters.drop),
    i.reasons.map((r) => r.message).join('; '),
  ]);
  const columns = [
    { head: 'INTERFACE' },
    { head: 'HOOK' },
    { head: 'SERVICE' },
    right('FAST'),
    right('SLOW'),
    right('DROP'),
    { head: 'WHY NOT' },
  ];
  return `${style.strong(`${fast} of ${count(status.interfaces.length, 'interface')} accelerated`)}, ${syncText(status.pending, style)}, ${controllerText(status)}${leaseText(status.lease, style)}\n\n${table(columns, rows, style)}`;
}

function syncText(pending: Status['pending'], style: Style): string {
  if (pending === null) return style.bad('the rules do not say what is wanted');
  return pending === 0 ? style.good('in sync') : style.change(`${count(pending, 'action')} pending`);
}

function controllerText({ controller, replayed }: Status): string {
  if (replayed === true) return 'as recorded, without controller and packets';
  return controller === null ? 'no controller running' : `controller pid ${controller.pid}`;
}

function leaseText(lease: Status['lease'], style: Style): string {
  if (lease === null) return '';
  if (lease.left !== null && lease.left > 0) return `, lease ${lease.seconds} s, ${lease.left} s left`;
  return `, ${style.bad(lease.left === null ? 'lease never renewed' : `lease expired ${-lease.left} s ago`)}`;
}

/** All that is known of one interface. `counted`: whether anybody has looked at its counters. */
export function explainText(i: InterfaceStatus, style: Style, counted = true): string {
  const parts: string[] = [];
  if (i.accelerated) {
    const why = i.services.join(', ') || 'no longer wanted';
    parts.push(style.strong(`${i.name} is accelerated at ${i.hook}: ${why}`));
    parts.push(
      `Pipeline ${i.pipeline ?? 'unknown'}\n  ${i.modules.join(' → ') || style.change('not what is wanted now: `tna reconcile` brings it up to date')}`,
    );
  } else parts.push(style.strong(`${i.name} is left to the kernel`));
  if (i.reasons.length > 0) {
    const rows = i.reasons.map((r): readonly Cell[] => [r.code, r.object ?? i.name, r.message, r.hint ?? '']);
    parts.push(
      `${style.dim(i.accelerated ? 'But' : 'Because')}\n${table([{ head: 'REASON' }, { head: 'OBJECT' }, { head: 'WHY' }, { head: 'WHAT TO DO' }], rows, style)}`,
    );
  }
  if (i.hookNotes.length > 0 && i.accelerated) {
    const rows = i.hookNotes.map((r): readonly Cell[] => [r.hook, r.code, r.message, r.hint ?? '']);
    parts.push(
      `${style.dim('Hooks passed over')}\n${table([{ head: 'HOOK' }, { head: 'REASON' }, { head: 'WHY' }, { head: 'WHAT TO DO' }], rows, style)}`,
    );
  }
  if (i.accelerated && counted) parts.push(countersText(i.counters, style));
  if (i.assumptions.length > 0) parts.push(assumptionsText(i, style));
  return parts.join('\n\n');
}

/** Each assumption with what notices its end; then what nobody but the controller would, which ought to be nothing. */
function assumptionsText(i: InterfaceStatus, style: Style): string {
  const noticed = (a: Assumption): Cell => {
    switch (a.coverage) {
      case 'live':
        return { text: `live, by ${a.fpm}`, paint: style.good };
      case 'guard':
        return { text: `guard, by ${a.fpm}`, paint: style.good };
      case 'attachment':
        return { text: 'ends the attachment', paint: style.good };
      case 'controller':
        return { text: 'controller only', paint: style.change };
    }
  };
  const rows = i.assumptions.map((a): readonly Cell[] => [
    a.code,
    a.egress === true ? 'egress' : i.name,
    noticed(a),
    a.condition,
  ]);
  const unseen = i.assumptions.filter((a) => a.coverage === 'controller').map((a) => a.code);
  const lease = i.leased ? 'under its lease' : 'without a lease';
  return [
    style.dim('Goes back to the kernel as soon as one of these holds'),
    table([{ head: 'REASON' }, { head: 'OF' }, { head: 'NOTICED' }, { head: 'CONDITION' }], rows, style),
    `Covered by the controller only: ${unseen.length === 0 ? 'nothing' : `${unseen.join(', ')} (${lease})`}`,
  ].join('\n');
}

function countersText(counters: Counters, style: Style): string {
  const total = counters.fast + counters.slow + counters.drop;
  const share = total === 0 ? '' : ` (${((100 * counters.fast) / total).toFixed(1)} % fast)`;
  const head = `Packets  fast ${counters.fast}  slow ${counters.slow}  drop ${counters.drop}${share}`;
  if (counters.reasons.length === 0) return head;
  const rows = counters.reasons.map((r): readonly Cell[] => [String(r.packets), `${r.fpm}/${r.code}`, r.message]);
  return `${head}\n${table([right('PACKETS'), { head: 'REASON' }, { head: 'WHY NOT FAST' }], rows, style)}`;
}

/** A dropped packet is counted twice, as dropped and by its reason; one that no FPM decided on went to the kernel. */
function sumCounters(values: readonly number[], library: FpmLibrary): Counters {
  const end = { id: library.counters.endId, code: 'end', message: 'no FPM had anything to do with it' };
  const reasons = [...library.modules, { name: 'pipeline', reasons: [end] }]
    .flatMap((module) =>
      module.reasons.map((reason) => ({
        fpm: module.name,
        code: reason.code,
        message: reason.message,
        packets: values[reason.id] ?? 0,
      })),
    )
    .filter((reason) => reason.packets > 0)
    .sort((a, b) => b.packets - a.packets || (a.code < b.code ? -1 : 1));
  const drop = values[library.counters.dropId] ?? 0;
  const slow = reasons.reduce((sum, reason) => sum + reason.packets, 0) - drop;
  return { fast: values[library.counters.fastId] ?? 0, slow, drop, reasons };
}

function right(head: string) {
  return { head, align: 'right' as const };
}
