// SPDX-License-Identifier: Apache-2.0
// Rule files on disk: reading a directory of them as one consistent set.
import { closeSync, openSync, readdirSync, readlinkSync, readSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { TnaError } from '../model/error.js';
import { isMissing } from './failure.js';
import { isInOtherRoot } from './other-root.js';

/** One rule file: the path by which errors name it, and its text. */
export interface RuleFileText {
  readonly path: string;
  readonly text: string;
}

/** One byte more than the rules engine accepts, so that it can say that a file is too large. */
const maxBytes = (1 << 20) + 1;
const readAttempts = 5;

/**
 * Reads the rule files (*.yaml, *.yml, not dot-files) of a directory, sorted by name. Releases are switched by retargeting a symlink:
 * the directory itself or one above it, or `..data` in a mounted ConfigMap. All files are read where it led to at the start, and
 * reading starts over when it leads elsewhere at the end, so that no set mixes two versions.
 * @throws TnaError `rules-directory`
 */
export function readRuleFiles(directory: string): readonly RuleFileText[] {
  for (let attempt = 1; ; attempt++) {
    let before: string | undefined;
    try {
      before = versionOf(directory);
      const files = readAll(directory, placeOf(directory));
      if (versionOf(directory) === before) return files;
      if (attempt === readAttempts) throw new Error('it is replaced again and again while it is read');
    } catch (cause) {
      if (attempt < readAttempts && isMissing(cause) && versionOf(directory) !== before) continue;
      throw new TnaError('rules-directory', `cannot read the rules in ${directory}`, {
        object: directory,
        hint: '--rules names the directory with the rule files',
        evidence: textOf(cause),
        cause,
      });
    }
  }
}

/** Reads in `place`; names the files as in `directory`. */
function readAll(directory: string, place: string): readonly RuleFileText[] {
  const names = readdirSync(place).filter((name) => !name.startsWith('.') && /\.ya?ml$/.test(name));
  const files: RuleFileText[] = [];
  for (const name of names.sort()) {
    const path = join(place, name);
    // Entries may be symlinks: what counts is what they lead to. A pipe would block.
    if (statSync(path).isFile()) files.push({ path: shown(join(directory, name)), text: readBounded(path) });
  }
  // Without rules nothing would be accelerated: nobody means that, and it must not replace rules that are in force.
  if (files.length === 0) throw new Error('no *.yaml file in it');
  return files;
}

/** Relative to the working directory when that is shorter to read. */
function shown(path: string): string {
  if (!isAbsolute(path)) return path;
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}

function readBounded(path: string): string {
  const descriptor = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(Math.min(statSync(path).size + 1, maxBytes));
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(descriptor);
  }
}

function placeOf(directory: string): string {
  return isInOtherRoot(directory) ? directory : realpathSync(directory);
}

/** Where the directory leads to, and a ConfigMap's `..data` in it; nothing where it leads nowhere. */
function versionOf(directory: string): string | undefined {
  let place: string;
  try {
    place = placeOf(directory);
  } catch {
    return undefined;
  }
  try {
    return `${place} ${readlinkSync(join(place, '..data'))}`;
  } catch {
    return place;
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
