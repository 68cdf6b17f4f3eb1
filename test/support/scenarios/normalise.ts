// SPDX-License-Identifier: Apache-2.0
// Takes out of a recording what differs from run to run, so that a new recording of the same set-up equals the old one.

import type { Deployed, Message, MessageValue, Snapshot } from '../../../src/model/snapshot.js';

/** Members that count, measure time or are long and binary; nobody decides anything by them. */
const dropped = new Set([
  ...['stats', 'stats64', 'stats2', 'map', 'af_spec', 'cacheinfo', 'carrier_changes', 'carrier_up_count'],
  ...['carrier_down_count', 'hello_timer', 'tcn_timer', 'topology_change_timer', 'gc_timer', 'message_age_timer'],
  ...['forward_delay_timer', 'hold_timer', 'topology_change', 'topology_change_detected', 'topology_change_ack'],
  ...['config_pending', 'fdb_n_learned', 'mcast_n_groups', 'hw', 'wanted', 'nochange'],
]);
const programMembers = new Set(['prog_id', 'drv_prog_id', 'skb_prog_id', 'hw_prog_id']);

/** What the recording host could not be made to report: members of a message, that it has a capability, or what a file of sysfs says. */
export type Edit = MessageEdit | CapabilityEdit | SysfsEdit;

interface SysfsEdit {
  readonly why: string;
  readonly sysfs: string;
  readonly text: string;
}

interface CapabilityEdit {
  readonly why: string;
  readonly capability: string;
}

interface MessageEdit {
  readonly why: string;
  readonly source: string;
  readonly where: { readonly [member: string]: MessageValue };
  /** By dotted path. */
  readonly set: { readonly [path: string]: MessageValue };
}

export function normalise(snapshot: Snapshot): Snapshot {
  const sources = Object.fromEntries(
    Object.entries(snapshot.sources).map(([name, messages]) => [name, messages.map((message) => strip(message))]),
  );
  const programs = renumber(programIds(sources, snapshot.deployed), 101);
  const links = renumber(
    snapshot.deployed.attachments.map((attachment) => attachment.linkId),
    201,
  );
  return {
    ...snapshot,
    host: { kernel: snapshot.host.kernel.replace(/^(\d+\.\d+).*$/, '$1'), hostname: 'lab' },
    namespace: { id: '4026532000', name: undefined },
    sources: Object.fromEntries(
      Object.entries(sources).map(([name, messages]) => [
        name,
        messages.map((message) => renameIds(message, name === 'attachments', programs)),
      ]),
    ),
    // the processor of the recording machine is not what a scenario is about
    sysfs: Object.fromEntries(Object.keys(snapshot.sysfs ?? {}).map((path) => [path, null])),
    // How a probe came to its yes differs from kernel to kernel; why it says no is shown to users. What was loaded is
    // a matter of the recording machine.
    capabilities: snapshot.capabilities
      .filter(({ probe }) => !probe.startsWith('module:'))
      .map((capability) => (capability.answer === 'yes' ? { ...capability, evidence: '' } : capability)),
    deployed: {
      ...snapshot.deployed,
      attachments: snapshot.deployed.attachments.map((attachment) => ({
        ...attachment,
        programId: programs.get(attachment.programId) ?? 0,
        linkId: links.get(attachment.linkId) ?? 0,
      })),
      pipelines: snapshot.deployed.pipelines.map((pipeline) => ({
        ...pipeline,
        programId: programs.get(pipeline.programId) ?? 0,
      })),
    },
  };
}

export function applyEdits(snapshot: Snapshot, edits: readonly Edit[]): Snapshot {
  const sources: { [source: string]: readonly Message[] } = { ...snapshot.sources };
  const sysfs: { [path: string]: string | null } = { ...snapshot.sysfs };
  const able = new Set(edits.flatMap((edit) => ('capability' in edit ? [edit.capability] : [])));
  for (const edit of edits) {
    if ('capability' in edit) continue;
    if ('sysfs' in edit) {
      if (!Object.hasOwn(sysfs, edit.sysfs)) throw new Error(`nobody read the file ${edit.sysfs}`);
      sysfs[edit.sysfs] = edit.text;
      continue;
    }
    const { source, where, set } = edit;
    let found = false;
    sources[source] = (sources[source] ?? []).map((message) => {
      if (!Object.entries(where).every(([member, value]) => message[member] === value)) return message;
      found = true;
      return Object.entries(set).reduce((edited, [path, value]) => withMember(edited, path.split('.'), value), message);
    });
    if (!found) throw new Error(`no message of ${source} is as the edit wants: ${JSON.stringify(where)}`);
  }
  const capabilities = snapshot.capabilities.map((one) =>
    able.delete(one.probe) ? { ...one, answer: 'yes' as const, evidence: '' } : one,
  );
  if (able.size > 0) throw new Error(`nobody asked for the capability ${[...able].join(', ')}`);
  return { ...snapshot, sources, sysfs, capabilities };
}

function withMember(message: Message, [first, ...rest]: readonly string[], value: MessageValue): Message {
  const member = first as string;
  const inner = message[member];
  return { ...message, [member]: rest.length === 0 ? value : withMember(isMessage(inner) ? inner : {}, rest, value) };
}

function strip(message: Message): Message {
  return Object.fromEntries(
    Object.entries(message)
      .filter(([member]) => !dropped.has(member))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([member, value]) => [
        member,
        Array.isArray(value)
          ? value.map((item: MessageValue) => (isMessage(item) ? strip(item) : item))
          : isMessage(value)
            ? strip(value)
            : value,
      ]),
  );
}

/** Kernel ids grow for as long as the host is up; what matters is which are equal. */
function renumber(ids: readonly number[], first: number): ReadonlyMap<number, number> {
  const distinct = [...new Set(ids.filter((id) => id !== 0))].sort((a, b) => a - b);
  return new Map(distinct.map((id, i) => [id, first + i]));
}

function programIds(sources: Snapshot['sources'], deployed: Deployed): readonly number[] {
  const ids: number[] = [...deployed.attachments, ...deployed.pipelines].map((user) => user.programId);
  const visit = (value: MessageValue, member: string, every: boolean): void => {
    if (typeof value === 'number') {
      if (programMembers.has(member) || (every && member !== 'ifindex')) ids.push(value);
    } else if (Array.isArray(value)) for (const item of value as readonly MessageValue[]) visit(item, member, every);
    else if (isMessage(value)) for (const [name, item] of Object.entries(value)) visit(item, name, every);
  };
  for (const [name, messages] of Object.entries(sources))
    for (const message of messages) visit(message, '', name === 'attachments');
  return ids;
}

function renameIds(message: Message, every: boolean, programs: ReadonlyMap<number, number>): Message {
  const rename = (value: MessageValue, member: string): MessageValue => {
    if (typeof value === 'number')
      return programMembers.has(member) || (every && member !== 'ifindex') ? (programs.get(value) ?? 0) : value;
    if (Array.isArray(value)) return (value as readonly MessageValue[]).map((item) => rename(item, member));
    return isMessage(value) ? renameIds(value, every, programs) : value;
  };
  return Object.fromEntries(Object.entries(message).map(([member, value]) => [member, rename(value, member)]));
}

function isMessage(value: MessageValue | undefined): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
