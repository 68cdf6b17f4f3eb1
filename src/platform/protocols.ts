// SPDX-License-Identifier: Apache-2.0
// Netlink specs: ours, and those that users put beside their rules.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answerMembers, type BundledSpecName, bundledSpec, bundledSpecNames, loadSpec, type Spec } from 'netlink-ts';
import { TnaError } from '../model/error.js';
import type { Protocol, Protocols } from '../model/protocols.js';

/** @throws TnaError `spec` when there is none of the name; SpecError for one of a user that is wrong */
export function readSpec(directory: string, name: string): Spec {
  const spec = findSpec(directory, name);
  if (spec !== undefined) return spec;
  throw new TnaError('spec', `there is no netlink spec ${name}`, {
    object: fileOf(directory, name),
    hint: `known specs: ${bundledSpecNames.join(', ')}, and those in ${directory}`,
  });
}

/** What the rules engine checks rules against; a user's spec is read when a rule names it. */
export function protocolsIn(directory: string): Protocols {
  return {
    names: bundledSpecNames,
    hidden: () =>
      bundledSpecNames.map((name) => ({ name, file: fileOf(directory, name) })).filter(({ file }) => existsSync(file)),
    find: (name) => {
      try {
        const spec = findSpec(directory, name);
        return spec === undefined ? undefined : protocolOf(spec);
      } catch (error) {
        return { problem: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

function findSpec(directory: string, name: string): Spec | undefined {
  if (isBundled(name)) return bundledSpec(name);
  const file = fileOf(directory, name);
  return existsSync(file) ? loadSpec(readFileSync(file, 'utf8'), file) : undefined;
}

function protocolOf(spec: Spec): Protocol {
  const groups = [...spec.groups.keys()];
  return {
    operations: (how) =>
      [...spec.operations.values()].filter(({ modes }) => modes.has(how === 'get' ? 'do' : 'dump')).map((o) => o.name),
    groups: spec.generic && groups.length === 0 ? undefined : groups,
    members: (operation, path) => answerMembers(spec, operation, path),
  };
}

function fileOf(directory: string, name: string): string {
  return join(directory, `${name}.yaml`);
}

function isBundled(name: string): name is BundledSpecName {
  return (bundledSpecNames as readonly string[]).includes(name);
}
