// SPDX-License-Identifier: Apache-2.0
// The read-only half of a pass: looks at the host and derives the plan.

import { kernelModuleProbes } from '../library/kernels.js';
import type { Derived } from '../model/derived.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import type { TnaObject } from '../model/graph.js';
import { alternatives, leaseFpm } from '../model/library.js';
import type { Domain, HostReader, SettingPaths } from '../model/ports.js';
import type { RuleSet } from '../model/ruleset.js';
import type { Deployed, Settings, Snapshot } from '../model/snapshot.js';
import { buildObjects, settingPaths } from '../objects/build.js';
import { detailRequests, detailTypes, settingsDecide } from '../objects/details.js';
import { type Observed, observeDetails, observeSettings, observeSources } from '../observe/observe.js';
import { derive } from './derive.js';

/**
 * Reads the host completely; throws TnaError when it cannot, so that a partial view never removes anything. `forced` says for which
 * hooks also what only matters where somebody insists on them.
 */
export async function takeSnapshot(domain: Domain, reader: HostReader, forced: ForcedHooks | 'any'): Promise<Snapshot> {
  const { rules, library } = domain;
  // Probing is the work of other threads for the most part.
  const asked = reader.capabilities([...new Set([...probesOf(domain), ...kernelModuleProbes(library.kernels)])].sort());
  // Awaited last, so that no part of a pass that fails goes on into the next one.
  asked.catch(() => undefined);
  const [deployed, first] = await readSources(reader, rules);
  const capabilities = await asked;
  let objects: readonly TnaObject[] = [];
  const settings = observeSettings(
    reader,
    (known) => {
      objects = firstObjects(rules, first, known);
      return settingPaths(rules, objects);
    },
    settingsDecide(rules),
  );
  const details = { requests: detailRequests(rules, objects, forced), settings };
  return observeDetails(reader, rules, first, details, capabilities, deployed);
}

/** What is asked of the kernel for these rules, sorted, beside which of its modules are loaded. */
export function probesOf({ rules, library }: Domain): readonly string[] {
  const used = new Set([leaseFpm, ...rules.services.flatMap((service) => service.modules.map((module) => module.fpm))]);
  const needs = library.modules.filter((module) => used.has(module.name)).flatMap((module) => module.needs);
  return [...new Set(needs.flatMap(alternatives))].sort();
}

/** Settings that these rules read on a host with these messages and settings. */
export function settingsOf(rules: RuleSet, seen: Pick<Observed, 'sources'> & Settings): SettingPaths {
  return settingPaths(rules, firstObjects(rules, seen, seen));
}

/** The objects that give rise to further questions. */
function firstObjects(
  rules: RuleSet,
  { sources }: Pick<Observed, 'sources'>,
  { sysctls, sysfs }: Settings,
): readonly TnaObject[] {
  return buildObjects(rules, { sources, sysctls, ...(sysfs === undefined ? {} : { sysfs }) }, detailTypes(rules));
}

/** What is deployed comes first: by that, the programs of others are told from ours. */
async function readSources(reader: HostReader, rules: RuleSet): Promise<readonly [Deployed, Observed]> {
  const deployed = await reader.deployed();
  return [deployed, await observeSources(reader, rules)];
}

export async function survey(domain: Domain, reader: HostReader, forcedHooks: ForcedHooks): Promise<Derived> {
  return derive(domain, await takeSnapshot(domain, reader, forcedHooks), forcedHooks);
}
