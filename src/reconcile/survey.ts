// SPDX-License-Identifier: Apache-2.0
// The read-only half of a pass: looks at the host and derives the plan.

import type { Derived } from '../model/derived.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import { alternatives, leaseFpm } from '../model/library.js';
import type { Domain, HostReader } from '../model/ports.js';
import type { RuleSet } from '../model/ruleset.js';
import type { Deployed, Snapshot } from '../model/snapshot.js';
import { buildObjects, sysctlPaths } from '../objects/build.js';
import { detailRequests, detailTypes } from '../objects/details.js';
import { type Observed, observeDetails, observeSources } from '../observe/observe.js';
import { moduleProbes } from '../pipeline/kernels.js';
import { derive } from './derive.js';

/**
 * Reads the host completely; throws TnaError when it cannot, so that a partial view never removes anything. `forced` says for which
 * hooks also what only matters where somebody insists on them.
 */
export async function takeSnapshot(domain: Domain, reader: HostReader, forced: ForcedHooks | 'any'): Promise<Snapshot> {
  const { rules, library } = domain;
  const used = new Set([leaseFpm, ...rules.services.flatMap((service) => service.modules.map((module) => module.fpm))]);
  const needs = library.modules.filter((module) => used.has(module.name)).flatMap((module) => module.needs);
  const probes = new Set([...needs.flatMap(alternatives), ...moduleProbes(library.kernels)]);
  // Probing is the work of other threads for the most part.
  const asked = reader.capabilities([...probes].sort());
  // Awaited last, so that no part of a pass that fails goes on into the next one.
  asked.catch(() => undefined);
  const [deployed, first] = await readSources(reader, rules);
  const capabilities = await asked;
  const objects = buildObjects(rules, { sources: first.sources, sysctls: {} }, detailTypes(rules));
  const details = { requests: detailRequests(rules, objects, forced), sysctls: sysctlPaths(rules, objects) };
  return observeDetails(reader, rules, first, details, capabilities, deployed);
}

/** What is deployed comes first: by that, the programs of others are told from ours. */
async function readSources(reader: HostReader, rules: RuleSet): Promise<readonly [Deployed, Observed]> {
  const deployed = await reader.deployed();
  return [deployed, await observeSources(reader, rules)];
}

export async function survey(domain: Domain, reader: HostReader, forcedHooks: ForcedHooks): Promise<Derived> {
  return derive(domain, await takeSnapshot(domain, reader, forcedHooks), forcedHooks);
}
