// SPDX-License-Identifier: Apache-2.0
// Golden scenarios on disk: a directory each, with the set-up, the recording and what the stages make of it.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hook } from '../../../src/model/ruleset.js';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
export const main = join(root, 'dist', 'bundle', 'tna', 'main.cjs');
export const scenariosDirectory = join(root, 'fixtures', 'scenarios');
/** An FPM library without objects and with a fixed hash: pipeline ids depend on it, and must not change with every edit of an FPM. */
export const libraryDirectory = join(root, 'fixtures', 'library');
export const builtLibraryDirectory = join(root, 'fpm', 'build');

export interface Scenario {
  readonly name: string;
  readonly directory: string;
  readonly recording: string;
  /** Options of the command line, for instance `--hook xdp`. */
  readonly options: readonly string[];
}

export function listScenarios(): readonly Scenario[] {
  return readdirSync(scenariosDirectory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => {
      const directory = join(scenariosDirectory, name);
      const options =
        /^# options: (.*)$/m.exec(readFileSync(join(directory, 'setup.sh'), 'utf8'))?.[1]?.split(' ') ?? [];
      return { name, directory, recording: join(directory, 'snapshot.json'), options };
    });
}

/** The hooks that a scenario's `--hook` options ask for. */
export function hooksOf({ options }: Scenario): ReadonlyMap<string, Hook> {
  const hooks = new Map<string, Hook>();
  for (const option of options.filter((o) => o !== '--hook')) {
    const [name, hook] = option.includes('=') ? option.split('=') : ['*', option];
    if (name !== undefined && (hook === 'xdp' || hook === 'tc')) hooks.set(name, hook);
  }
  return hooks;
}

/** The hash of the fixed library. */
export const fixedHash = '0'.repeat(64);

/** What of the fixed library's manifest is the built one's. Without the list of modules, whose loadings would be in every pipeline's id. */
export function ofBuiltLibrary() {
  const file = join(builtLibraryDirectory, 'library.json');
  if (!existsSync(file)) throw new Error('build the FPM library first: tna fpm build');
  const built = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly version: number;
    readonly modules: readonly object[];
    readonly kernels: { readonly modules: unknown };
    readonly compositions: readonly object[];
  };
  const { version, modules, compositions } = built;
  const { modules: _, ...kernels } = built.kernels;
  return { version, modules, kernels, compositions };
}

/** Writes the fixed library's manifest anew: the same FPMs under a hash of zeros, one FPM per line. */
export function writeFixedLibrary(): void {
  const { version, ...parts } = ofBuiltLibrary();
  const fixed = { version, hash: fixedHash, inputs: fixedHash, ...parts };
  writeFileSync(join(libraryDirectory, 'library.json'), lines(fixed, 2, { kernels: 3 }));
}

/** How deep each part of a recording is broken into lines, one level being the default. */
export const recordingDepths = { sources: 2, sysctls: 1, sysfs: 1, capabilities: 1, deployed: 2 };

/**
 * JSON with the outermost `depth` levels broken into lines and everything below on one line: short, and diffs well.
 * Members of the outermost object may have depths of their own.
 */
export function lines(value: unknown, depth: number, own: { readonly [member: string]: number } = {}): string {
  return `${broken(value, depth, '', own)}\n`;
}

function broken(
  value: unknown,
  depth: number,
  indent: string,
  own: { readonly [member: string]: number } = {},
): string {
  if (depth === 0 || typeof value !== 'object' || value === null) return JSON.stringify(value);
  const list = Array.isArray(value);
  const inner = `${indent} `;
  const items = list
    ? value.map((item: unknown) => broken(item, depth - 1, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${JSON.stringify(key)}: ${broken(item, own[key] ?? depth - 1, inner)}`);
  const [open, close] = list ? '[]' : '{}';
  return items.length === 0 ? `${open}${close}` : `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
}
