// SPDX-License-Identifier: Apache-2.0
// Reads the manifest of an FPM (NAME.yaml).
import { TnaError } from '../model/error.js';
import { alternatives, type FpmManifest, type FpmParam, isParamType, paramHolds } from '../model/library.js';
import { HOOKS, type Hook } from '../model/ruleset.js';
import { type FieldReader, type Fields, fieldReader } from './fields.js';

/** What the loader can try of a kernel (src/bpf-loader-native/lib/probe.ts). A need that nobody can try would keep its FPM out everywhere. */
const PROBE =
  /^(jit|(prog|map):\w+|helper:\w+:\w+|kfunc:(\w+:)?\w+|btf:\w+(\.\w+)*|enum:\w+\.\w+|attach:(tcx|clsact|xdp-link|netfilter-link))$/;

/**
 * Checks one manifest, as parsed from YAML. `file` is named in errors.
 * Throws {@link TnaError} `fpm-manifest`, `fpm-param-value` or `fpm-duplicate-reason`.
 */
export function parseManifest(value: unknown, file: string): FpmManifest {
  const read = fieldReader('fpm-manifest', file);
  const known = ['name', 'order', 'hooks', 'summary', 'reproduces', 'guard', 'params', 'needs', 'reasons'];
  const source = read.fields(value, '', known);
  const name = read.text(source, 'name');
  if (!/^[a-z][a-z0-9_]*$/.test(name)) read.fail('name', `"${name}" is not lower-case letters, digits and underscores`);
  const { order, guard = false } = source;
  if (typeof order !== 'number' || !Number.isInteger(order)) return read.fail('order', 'expected an integer');
  if (typeof guard !== 'boolean') return read.fail('guard', 'expected true or false');
  return {
    name,
    order,
    hooks: hooksOf(source, read),
    summary: read.text(source, 'summary'),
    reproduces: read.texts(source.reproduces ?? [], 'reproduces'),
    guard,
    params: paramsOf(source, read, file),
    needs: needsOf(source, read),
    reasons: reasonsOf(source, read, file),
  };
}

function hooksOf(source: Fields, read: FieldReader): readonly Hook[] {
  const hooks = read
    .texts(source.hooks ?? [], 'hooks')
    .map((hook, i) => HOOKS.find((h) => h === hook) ?? read.fail(`hooks[${i}]`, `unknown "${hook}"`));
  return hooks.length > 0 ? hooks : read.fail('hooks', 'expected at least one of xdp, tc');
}

function paramsOf(source: Fields, read: FieldReader, file: string): Readonly<Record<string, FpmParam>> {
  const params: Record<string, FpmParam> = {};
  const given = source.params ?? {};
  for (const [param, raw] of Object.entries(read.fields(given, 'params', Object.keys(given)))) {
    const at = `params.${param}`;
    if (!/^[a-z][a-z0-9_]*$/.test(param)) read.fail(at, 'not lower-case letters, digits and underscores');
    const fields = read.fields(raw, at, ['type', 'default', 'doc', 'unit']);
    const type = read.text(fields, 'type', at);
    if (!isParamType(type)) return read.fail(`${at}.type`, `unknown type "${type}"`);
    const value = fields.default;
    if (!paramHolds(type, value))
      throw new TnaError('fpm-param-value', `${at}.default: ${String(value)} is not a ${type}`, { object: file });
    params[param] = {
      type,
      default: type === 'bool' ? Boolean(value) : value,
      doc: read.text(fields, 'doc', at),
      ...(fields.unit === undefined ? {} : { unit: read.text(fields, 'unit', at) }),
    };
  }
  return params;
}

function needsOf(source: Fields, read: FieldReader): readonly string[] {
  const needs = read.texts(source.needs ?? [], 'needs');
  for (const [i, need] of needs.entries())
    for (const probe of alternatives(need))
      if (!PROBE.test(probe)) read.fail(`needs[${i}]`, `unknown probe "${probe}"`);
  return needs;
}

function reasonsOf(source: Fields, read: FieldReader, file: string): FpmManifest['reasons'] {
  const seen = new Set<string>();
  return read.list(source.reasons ?? [], 'reasons').map((raw, i) => {
    const at = `reasons[${i}]`;
    const fields = read.fields(raw, at, ['code', 'message']);
    const code = read.text(fields, 'code', at);
    if (!/^[a-z][a-z0-9-]*$/.test(code))
      read.fail(`${at}.code`, `"${code}" is not lower-case letters, digits and hyphens`);
    if (seen.has(code))
      throw new TnaError('fpm-duplicate-reason', `${at}.code: "${code}" occurs twice`, { object: file });
    seen.add(code);
    return { code, message: read.text(fields, 'message', at) };
  });
}
