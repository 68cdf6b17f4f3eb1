// SPDX-License-Identifier: Apache-2.0
// Composes FPMs into the C source of one program per hook, and into the reason table of library.json.
import { TnaError } from '../model/error.js';
import {
  compositionFlag,
  type FpmComposition,
  type FpmCounters,
  type FpmManifest,
  type FpmModule,
  fpmFlag,
  fpmParamVariable,
} from '../model/library.js';
import type { Hook } from '../model/ruleset.js';

/** Must agree with fpm/include/tna.h. */
export const FPM_COUNTERS: FpmCounters = { slots: 320, fastId: 0, dropId: 1, endId: 2 };
const FIRST_REASON = 3;

/** Sorts modules into pipeline order (ties by name) and numbers their reasons. Throws {@link TnaError}. */
export function numberReasons(manifests: readonly FpmManifest[]): readonly FpmModule[] {
  const names = new Set<string>();
  for (const { name } of manifests) {
    if (names.has(name))
      throw new TnaError('fpm-duplicate-name', 'name: more than one FPM has this name', { object: name });
    names.add(name);
  }
  const sorted = [...manifests].sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1));
  let id = FIRST_REASON;
  const modules = sorted.map((m) => ({ ...m, reasons: m.reasons.map((r) => ({ id: id++, ...r })) }));
  if (id > FPM_COUNTERS.slots) {
    const limit = FPM_COUNTERS.slots - FIRST_REASON;
    const problem = `reasons: ${id - FIRST_REASON} reasons, at most ${limit}`;
    throw new TnaError('fpm-too-many-reasons', problem, { object: 'library' });
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
