// SPDX-License-Identifier: Apache-2.0
// Finds the checks of the FPMs in their source and takes one out: a library without it must be caught as different.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildFpmLibrary } from '../../src/platform/clang.js';
import { fpmSource } from '../../src/platform/package-paths.js';

/** One check of an FPM: a place where it leaves a frame to Linux, or drops it, for a reason. */
export interface Mutation {
  /** `fpm:code`, with a number behind it where a reason is given in several places. */
  readonly id: string;
  /** `fpm:code` as `tna status` counts it. */
  readonly reason: string;
  readonly file: string;
  /** Line of the verdict, counted from 1. */
  readonly line: number;
  readonly text: string;
}

const verdict = /return tna_(?:slow|drop)\(p, TNA_R_(\w+)\);/;

/** `TNA_R_BRIDGE_FDB_FDB_MISS` of bridge_fdb.bpf.h is the reason `fdb-miss` of the FPM `bridge_fdb`. */
function reasonCode(fpm: string, constant: string): string {
  return constant
    .slice(fpm.length + 1)
    .toLowerCase()
    .replaceAll('_', '-');
}

/** Checks in the modules' headers, in the order of files and lines; those whose id contains one of the texts. */
export function findMutations(wanted: readonly string[] = [''], modules = fpmSource().modules): Mutation[] {
  const found: Mutation[] = [];
  const times = new Map<string, number>();
  for (const file of readdirSync(modules).sort()) {
    if (!file.endsWith('.bpf.h')) {
      continue;
    }
    const fpm = basename(file, '.bpf.h');
    for (const [index, text] of readFileSync(join(modules, file), 'utf8').split('\n').entries()) {
      const constant = verdict.exec(text)?.[1];
      if (constant !== undefined) {
        const reason = `${fpm}:${reasonCode(fpm, constant)}`;
        const nth = (times.get(reason) ?? 0) + 1;
        times.set(reason, nth);
        found.push({ id: nth === 1 ? reason : `${reason}#${nth}`, reason, file, line: index + 1, text: text.trim() });
      }
    }
  }
  return found.filter(({ id }) => wanted.some((text) => id.includes(text)));
}

/** Takes the check out: a verdict behind an `if` does nothing any more, one on its own lets the frame go on. */
function withoutCheck(source: string, mutation: Mutation): string {
  const lines = source.split('\n');
  const at = mutation.line - 1;
  const before = lines[at - 1]?.trim() ?? '';
  const conditional = /\)$/.test(before) || /^else$/.test(before) || /^\s*if \(/.test(lines[at] ?? '');
  lines[at] = (lines[at] ?? '').replace(verdict, conditional ? '(void)0;' : 'return TNA_NEXT;');
  return lines.join('\n');
}

/**
 * Builds the library without some checks into `directory`/library and returns that path. Needs clang. Without compositions, which hold
 * the same checks: pipelines run from the program with all FPMs, and two thirds of the compiler's time are saved.
 */
export async function buildMutant(mutations: readonly Mutation[], directory: string): Promise<string> {
  const source = fpmSource();
  const modules = join(directory, 'modules');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  cpSync(source.modules, modules, { recursive: true });
  for (const mutation of mutations) {
    const path = join(modules, mutation.file);
    writeFileSync(path, withoutCheck(readFileSync(path, 'utf8'), mutation));
  }
  const outDir = join(directory, 'library');
  await buildFpmLibrary({
    moduleDirs: [modules],
    includeDir: source.include,
    dispatcherDir: source.dispatcher,
    kernels: source.kernels,
    outDir,
  });
  return outDir;
}
