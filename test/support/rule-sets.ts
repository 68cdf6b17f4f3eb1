// SPDX-License-Identifier: Apache-2.0
// What tests of the rules engine share: the shipped files, the base of the broken ones, a small FPM library.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Attributes, ObjectRule, RuleSet } from '../../src/model/ruleset.js';
import { type CompileResult, compileRules, type Library, type RuleText } from '../../src/rules/index.js';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export function read(directory: string, ending: string): readonly RuleText[] {
  return readdirSync(join(root, directory))
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, directory, path), 'utf8') }));
}

export const shipped = read('rules', '.yaml');
export const base = { path: 'base.yaml', text: readFileSync(join(root, 'fixtures/rules/base.yaml'), 'utf8') };
export const library: Library = {
  modules: [
    { name: 'egress', hooks: ['xdp', 'tc'], params: {} },
    { name: 'guard_ingress', hooks: ['xdp', 'tc'], params: {} },
    {
      name: 'offload',
      hooks: ['xdp', 'tc'],
      params: { veth: { type: 'bool' }, mark: { type: 'u32' }, kind: { type: 'u8' }, flag: { type: 'u8' } },
    },
    { name: 'xdp_only', hooks: ['xdp'], params: {} },
  ],
};

export function good(result: CompileResult): RuleSet {
  if ('errors' in result) throw new Error(result.errors.map((error) => error.text).join('\n'));
  return result.ruleSet;
}

export function texts(result: CompileResult): readonly string[] {
  return 'errors' in result ? result.errors.map((error) => error.text) : [];
}

/** The base fixture with one more file. */
export function withFile(text: string): CompileResult {
  return compileRules([base, { path: 'x.yaml', text: `apiVersion: tna/v1\nsubsystem: x\n${text}` }], library);
}

export function only<T>(list: readonly T[], matches: (element: T) => boolean): T {
  const found = list.filter(matches);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} matches`);
  return found[0];
}

export function objectOf(rules: RuleSet, type: string): ObjectRule {
  return only(rules.objects, (object) => object.type === type);
}

/** An object of a type of which the kernel says nothing. */
export const neutralAttributes = (rules: RuleSet, type: string): Attributes =>
  Object.fromEntries(
    objectOf(rules, type).attributes.map(({ name, type: kind, default: value }) => [
      name,
      value ?? (kind === 'int' ? 0 : kind === 'bool' ? false : kind === 'list' ? [] : ''),
    ]),
  );
