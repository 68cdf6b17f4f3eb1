// SPDX-License-Identifier: Apache-2.0
// Reads what the rules need of a host into a snapshot: first whole sources, then what depends on the objects found.

import type { DetailRequest, HostReader } from '../model/ports.js';
import type { RuleSet } from '../model/ruleset.js';
import type { Capability, Deployed, Message, Snapshot } from '../model/snapshot.js';

/** Messages per source, and why optional sources are empty. */
export interface Observed {
  readonly sources: { readonly [source: string]: readonly Message[] };
  readonly absent: { readonly [source: string]: string };
}

/** What the objects of the first pass ask for in addition. */
export interface Details {
  readonly requests: readonly DetailRequest[];
  readonly settings: { readonly sysctl: readonly string[]; readonly sysfs: readonly string[] };
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

/** Reads the per-object sources and settings, and joins all into a snapshot. */
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
    sysctls: Object.fromEntries(details.settings.sysctl.map((path) => [path, reader.sysctl(path)])),
    sysfs: Object.fromEntries(details.settings.sysfs.map((path) => [path, reader.sysfs(path)])),
    capabilities,
    deployed,
  };
}
