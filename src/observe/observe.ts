// SPDX-License-Identifier: Apache-2.0
// Reads what the rules need of a host into a snapshot: first whole sources, then what depends on the objects found.

import type { DetailRequest, HostReader, SettingPaths } from '../model/ports.js';
import type { RuleSet } from '../model/ruleset.js';
import type { Capability, Deployed, Message, Settings, Snapshot } from '../model/snapshot.js';

/** Messages per source, and why optional sources are empty. */
export interface Observed {
  readonly sources: { readonly [source: string]: readonly Message[] };
  readonly absent: { readonly [source: string]: string };
}

/** What the objects of the first pass ask for in addition. */
export interface Details {
  readonly requests: readonly DetailRequest[];
  readonly settings: Settings;
}

/** Reads every source that needs no object. */
export async function observeSources(reader: HostReader, rules: RuleSet): Promise<Observed> {
  const sources: { [source: string]: readonly Message[] } = {};
  const absent: { [source: string]: string } = {};
  for (const source of rules.sources) {
    if (source.kind === 'per-object') continue;
    const answer = await reader.read(source);
    if ('absent' in answer) absent[source.name] = answer.absent;
    sources[source.name] = 'absent' in answer ? [] : answer.messages;
  }
  return { sources, absent };
}

/**
 * Reads the settings that are asked for. Where they decide themselves what more is (some objects exist by the settings of others), until nothing more is.
 */
export function observeSettings(
  reader: Pick<HostReader, 'sysctl' | 'sysfs'>,
  asked: (known: Settings) => SettingPaths,
  decisive: boolean,
): Settings {
  let sysctls: Settings['sysctls'] = {};
  let sysfs: Settings['sysctls'] = {};
  for (;;) {
    const known = { sysctls, sysfs };
    const paths = asked(known);
    sysctls = withMore(sysctls, paths.sysctl, (path) => reader.sysctl(path));
    sysfs = withMore(sysfs, paths.sysfs, (path) => reader.sysfs(path));
    if (!decisive || (sysctls === known.sysctls && sysfs === known.sysfs)) return { sysctls, sysfs };
  }
}

/** The same object if there is no more. */
function withMore(
  known: Settings['sysctls'],
  paths: readonly string[],
  read: (path: string) => string | null,
): Settings['sysctls'] {
  const more = paths.filter((path) => !Object.hasOwn(known, path));
  if (more.length === 0) return known;
  const all = [...Object.entries(known), ...more.map((path) => [path, read(path)] as const)];
  return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Reads the per-object sources, and joins all into a snapshot. */
export async function observeDetails(
  reader: HostReader,
  rules: RuleSet,
  first: Observed,
  details: Details,
  capabilities: readonly Capability[],
  deployed: Deployed,
): Promise<Snapshot> {
  const sources: { [source: string]: readonly Message[] } = { ...first.sources };
  const absent: { [source: string]: string } = { ...first.absent };
  for (const source of rules.sources) {
    if (source.kind !== 'per-object') continue;
    const requests = details.requests.filter((r) => r.source.name === source.name);
    const answer = requests.length === 0 ? [] : await reader.details(requests);
    if ('absent' in answer) absent[source.name] = answer.absent;
    sources[source.name] = 'absent' in answer ? [] : answer;
  }
  return {
    version: 1,
    host: reader.host(),
    namespace: reader.namespace(),
    sources,
    absent,
    ...details.settings,
    capabilities,
    deployed,
  };
}
