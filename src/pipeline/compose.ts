// SPDX-License-Identifier: Apache-2.0
// Composes FPM manifests into the C source of one program per hook, and into the reason table of the library manifest.
import { TnaError } from '../model/error.js';
import {
  alternatives,
  compositionFlag,
  type FpmComposition,
  type FpmCounters,
  type FpmManifest,
  type FpmModule,
  type FpmParam,
  type FpmParamType,
  fpmFlag,
  fpmParamVariable,
  isParamType,
  paramHolds,
} from '../model/library.js';
import type { Hook } from '../model/ruleset.js';

/** Must agree with fpm/include/tna.h. */
export const FPM_COUNTERS: FpmCounters = { slots: 320, fastId: 0, dropId: 1, endId: 2 };
const FIRST_REASON = 3;

const HOOKS: readonly Hook[] = ['xdp', 'tc'];
type ComposeErrorCode =
  | 'fpm-manifest'
  | 'fpm-duplicate-name'
  | 'fpm-duplicate-reason'
  | 'fpm-param-value'
  | 'fpm-too-many-reasons';

function composeError(code: ComposeErrorCode, object: string, field: string, reason: string): TnaError {
  return new TnaError(code, `${field}: ${reason}`, { object });
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the loader can try of a kernel (src/bpf-loader-native/lib/probe.ts). A need that nobody can try would keep its FPM out everywhere. */
const PROBE =
  /^(jit|(prog|map):\w+|helper:\w+:\w+|kfunc:(\w+:)?\w+|btf:\w+(\.\w+)*|enum:\w+\.\w+|attach:(tcx|clsact|xdp-link|netfilter-link))$/;

/** Checks one manifest, as parsed from YAML. `file` is named in errors. Throws {@link TnaError}. */
export function parseManifest(value: unknown, file: string): FpmManifest {
  const fail = (field: string, reason: string): never => {
    throw composeError('fpm-manifest', file, field, reason);
  };
  if (!isFields(value)) return fail('(top)', 'expected a mapping');
  const known = ['name', 'order', 'hooks', 'summary', 'reproduces', 'guard', 'params', 'needs', 'reasons'];
  for (const key of Object.keys(value)) if (!known.includes(key)) fail(key, 'unknown field');
  const text = (source: Fields, key: string, at: string): string => {
    const found = source[key];
    return typeof found === 'string' && found !== '' ? found : fail(at, 'expected text');
  };
  const texts = (key: string): string[] => {
    const found = value[key] ?? [];
    if (!Array.isArray(found)) return fail(key, 'expected a list');
    return found.map((item: unknown, i) => (typeof item === 'string' ? item : fail(`${key}[${i}]`, 'expected text')));
  };
  const name = text(value, 'name', 'name');
  if (!/^[a-z][a-z0-9_]*$/.test(name)) fail('name', `"${name}" is not lower-case letters, digits and underscores`);
  const order = value.order;
  if (typeof order !== 'number' || !Number.isInteger(order)) return fail('order', 'expected an integer');
  const hooks = texts('hooks').map(
    (hook, i) => HOOKS.find((h) => h === hook) ?? fail(`hooks[${i}]`, `unknown "${hook}"`),
  );
  if (hooks.length === 0) fail('hooks', 'expected at least one of xdp, tc');
  const params: Record<string, FpmParam> = {};
  const rawParams = value.params ?? {};
  if (!isFields(rawParams)) return fail('params', 'expected a mapping');
  for (const [param, raw] of Object.entries(rawParams)) {
    const at = `params.${param}`;
    if (!/^[a-z][a-z0-9_]*$/.test(param)) fail(at, 'not lower-case letters, digits and underscores');
    if (!isFields(raw)) return fail(at, 'expected a mapping');
    const type = text(raw, 'type', `${at}.type`);
    if (!isParamType(type)) return fail(`${at}.type`, `unknown type "${type}"`);
    const parsed = {
      type,
      default: paramValue(type, raw.default, file, `${at}.default`),
      doc: text(raw, 'doc', `${at}.doc`),
    };
    params[param] = raw.unit === undefined ? parsed : { ...parsed, unit: text(raw, 'unit', `${at}.unit`) };
  }
  const needs = texts('needs');
  for (const [i, need] of needs.entries())
    for (const probe of alternatives(need)) if (!PROBE.test(probe)) fail(`needs[${i}]`, `unknown probe "${probe}"`);
  const guard = value.guard ?? false;
  if (typeof guard !== 'boolean') return fail('guard', 'expected true or false');
  const rawReasons = value.reasons ?? [];
  if (!Array.isArray(rawReasons)) return fail('reasons', 'expected a list');
  const seen = new Set<string>();
  const reasons = rawReasons.map((raw: unknown, i) => {
    const at = `reasons[${i}]`;
    if (!isFields(raw)) return fail(at, 'expected a mapping');
    const code = text(raw, 'code', `${at}.code`);
    if (!/^[a-z][a-z0-9-]*$/.test(code)) fail(`${at}.code`, `"${code}" is not lower-case letters, digits and hyphens`);
    if (seen.has(code)) throw composeError('fpm-duplicate-reason', file, `${at}.code`, `"${code}" occurs twice`);
    seen.add(code);
    return { code, message: text(raw, 'message', `${at}.message`) };
  });
  return {
    name,
    order,
    hooks,
    summary: text(value, 'summary', 'summary'),
    reproduces: texts('reproduces'),
    guard,
    params,
    needs,
    reasons,
  };
}

function paramValue(type: FpmParamType, value: unknown, object: string, field: string): number | boolean {
  if (!paramHolds(type, value))
    throw composeError('fpm-param-value', object, field, `${String(value)} is not a ${type}`);
  return type === 'bool' ? Boolean(value) : value;
}

/** Sorts modules into pipeline order (ties by name) and numbers their reasons. Throws {@link TnaError}. */
export function numberReasons(manifests: readonly FpmManifest[]): readonly FpmModule[] {
  const names = new Set<string>();
  for (const { name } of manifests) {
    if (names.has(name)) throw composeError('fpm-duplicate-name', name, 'name', 'more than one FPM has this name');
    names.add(name);
  }
  const sorted = [...manifests].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  let id = FIRST_REASON;
  const modules = sorted.map((m) => ({ ...m, reasons: m.reasons.map((r) => ({ id: id++, ...r })) }));
  if (id > FPM_COUNTERS.slots) {
    const limit = FPM_COUNTERS.slots - FIRST_REASON;
    throw composeError('fpm-too-many-reasons', 'library', 'reasons', `${id - FIRST_REASON} reasons, at most ${limit}`);
  }
  return modules;
}

function reasonConstant(module: string, code: string): string {
  return `TNA_R_${module}_${code.replaceAll('-', '_')}`.toUpperCase();
}

function parameterLines(module: FpmModule): string[] {
  return Object.entries(module.params).map(
    ([name, { type, default: value }]) => `const volatile ${type} ${fpmParamVariable(module.name, name)} = ${value};`,
  );
}

/**
 * C source of the program of one hook: `tna_xdp` or `tna_tc`, with every FPM of the hook inlined behind its flag; or that of a
 * composition, whose FPMs are simply there, and which as a whole has a flag: loaded without it, as a template, it is nothing.
 * Headers are included as `NAME.bpf.h`, found on the compiler's include path.
 */
export function composeSource(modules: readonly FpmModule[], hook: Hook, composition?: FpmComposition): string {
  const fixed = new Set(composition?.fpms);
  const members = new Set([...(composition?.fpms ?? modules.map((m) => m.name)), ...(composition?.optional ?? [])]);
  const own = modules.filter((m) => m.hooks.includes(hook) && members.has(m.name));
  const reasons = modules.flatMap((m) => m.reasons.map((r) => `\t${reasonConstant(m.name, r.code)} = ${r.id},`));
  const lines = [
    '// SPDX-License-Identifier: GPL-2.0',
    '// Generated from the FPM manifests; changes here are lost.',
    `#define TNA_HOOK_${hook.toUpperCase()} 1`,
    ...modules.flatMap(({ name }) =>
      fixed.has(name) || !members.has(name) ? [`#define ${fpmFlag(name)} ${fixed.has(name)}`] : [],
    ),
    '#include "tna.h"',
    '',
    'enum tna_reason {',
    ...reasons,
    '};',
    '',
    ...(composition === undefined ? [] : [`const volatile bool ${compositionFlag} = false;`]),
    ...own.filter((m) => !fixed.has(m.name)).map((m) => `const volatile bool ${fpmFlag(m.name)} = false;`),
    ...own.flatMap(parameterLines),
    '',
    ...own.map((m) => `#include "${m.name}.bpf.h"`),
    '',
    `SEC("${hook}")`,
    `int tna_${hook}(TNA_CTX *ctx)`,
    '{',
    '\tstruct tna_pkt packet;',
    '\tint verdict = TNA_NEXT;',
    '',
    `\tif (${composition === undefined ? '' : `!${compositionFlag} || `}!tna_begin(&packet, ctx))`,
    '\t\treturn TNA_PASS;',
    ...own.flatMap((m) => (fixed.has(m.name) ? callLines(m, '\t') : flaggedLines(m))),
    'done:',
    '\treturn tna_end(&packet, verdict);',
    '}',
    '',
    'char tna_license[] SEC("license") = "GPL";',
    '',
  ];
  return lines.join('\n');
}

function callLines({ name }: FpmModule, indent: string): string[] {
  return [`verdict = fpm_${name}(&packet);`, 'if (verdict != TNA_NEXT)', '\tgoto done;'].map((line) => indent + line);
}

function flaggedLines(module: FpmModule): string[] {
  return [`\tif (${fpmFlag(module.name)}) {`, ...callLines(module, '\t\t'), '\t} else {', '\t\tTNA_OFF;', '\t}'];
}
