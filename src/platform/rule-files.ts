// SPDX-License-Identifier: Apache-2.0
// Rule files on disk: reading a directory of them as one consistent set, and noticing when it changes.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { TnaError } from '../model/error.js';

/** One rule file: the path by which errors name it, and its text. */
export interface RuleFileText {
  readonly path: string;
  readonly text: string;
}

/** One byte more than the rules engine accepts, so that it can say that a file is too large. */
const maxBytes = (1 << 20) + 1;
const readAttempts = 5;

/**
 * Reads the rule files (*.yaml, *.yml, not dot-files) of a directory, sorted by name. A mounted ConfigMap changes by
 * retargeting the symlink `..data`: reading starts over when that happens in between, so that no set mixes two versions.
 * @throws TnaError `rules-directory`
 */
export function readRuleFiles(directory: string): readonly RuleFileText[] {
  for (let attempt = 1; ; attempt++) {
    const before = dataLink(directory);
    try {
      const files = readAll(directory);
      if (dataLink(directory) === before || attempt === readAttempts) return files;
    } catch (cause) {
      if (attempt < readAttempts && isMissing(cause) && dataLink(directory) !== before) continue;
      throw new TnaError('rules-directory', `cannot read the rules in ${directory}`, {
        object: directory,
        hint: '--rules names the directory with the rule files',
        evidence: textOf(cause),
        cause,
      });
    }
  }
}

function readAll(directory: string): readonly RuleFileText[] {
  const names = readdirSync(directory).filter((name) => !name.startsWith('.') && /\.ya?ml$/.test(name));
  const files: RuleFileText[] = [];
  for (const name of names.sort()) {
    const path = join(directory, name);
    // Entries may be symlinks: what counts is what they lead to. A pipe would block.
    if (statSync(path).isFile()) files.push({ path: shown(path), text: readBounded(path) });
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

/** Target of a ConfigMap's `..data`, or nothing in an ordinary directory. */
function dataLink(directory: string): string | undefined {
  try {
    return readlinkSync(join(directory, '..data'));
  } catch {
    return undefined;
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** When a change is looked at, in milliseconds. */
export interface WatchTiming {
  /** Quiet time after the last event. */
  readonly debounce: number;
  /** Longest wait while events keep coming. */
  readonly patience: number;
  /** Time between looks without any event: a retargeted symlink to the directory itself gives none. */
  readonly rescan: number;
}

export interface WatchOptions {
  readonly timing?: Partial<WatchTiming>;
  /** What the caller has read already; read anew when absent. */
  readonly known?: readonly RuleFileText[];
  /** Told when the directory becomes unreadable, once until it is readable again, and when there will be no events. */
  readonly onError?: (error: TnaError) => void;
}

export interface RuleWatcher {
  /** Resolves once events are being received, or cannot be: changes without events are found by comparison. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

const usualTiming: WatchTiming = { debounce: 300, patience: 2000, rescan: 15_000 };

/**
 * Calls `onChange` with the new set whenever names or contents changed. Events are hints only: every decision is made
 * by comparing contents, so that touching a file changes nothing and a lost event costs at most one rescan.
 */
export function watchRuleFiles(
  directory: string,
  onChange: (files: readonly RuleFileText[]) => void,
  options: WatchOptions = {},
): RuleWatcher {
  const timing = { ...usualTiming, ...options.timing };
  let seen = options.known === undefined ? digestOf(directory) : digest(options.known);
  let failing = false;
  let closed = false;
  let quiet: NodeJS.Timeout | undefined;
  let firstHint: number | undefined;

  const look = (): void => {
    clearTimeout(quiet);
    firstHint = undefined;
    if (closed) return;
    let files: readonly RuleFileText[];
    try {
      files = readRuleFiles(directory);
    } catch (error) {
      if (!failing && error instanceof TnaError) options.onError?.(error);
      failing = true;
      return;
    }
    failing = false;
    const now = digest(files);
    if (now === seen) return;
    seen = now;
    onChange(files);
  };
  const hint = (): void => {
    const now = performance.now();
    firstHint ??= now;
    clearTimeout(quiet);
    const wait = Math.max(0, Math.min(timing.debounce, firstHint + timing.patience - now));
    if (!closed) quiet = setTimeout(look, wait);
  };
  const rescan = setInterval(look, timing.rescan);
  rescan.unref();

  let watcher: FSWatcher | undefined;
  const open = async (): Promise<void> => {
    try {
      // Loaded here, not at start-up: only the daemon watches.
      const { watch } = await import('chokidar');
      if (closed) return;
      watcher = watch(directory, { ignoreInitial: true, depth: 1 });
      const opened = new Promise<void>((resolve) => watcher?.once('ready', resolve));
      watcher.on('all', hint).on('raw', hint).on('error', hint);
      await opened;
      hint();
    } catch (cause) {
      // A lack of descriptors, say. Node.js keeps what an import has led to, so there is no second try: looking is left.
      const message = `changes of the rules are noticed late, by looking every ${timing.rescan / 1000} s: ${textOf(cause)}`;
      options.onError?.(new TnaError('rules-watch', message, { object: directory, cause }));
    }
  };
  return {
    ready: open(),
    async close() {
      closed = true;
      clearInterval(rescan);
      clearTimeout(quiet);
      await watcher?.close();
    },
  };
}

function digest(files: readonly RuleFileText[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(`${path.length} ${text.length} `).update(path).update(text);
  return hash.digest('hex');
}

function digestOf(directory: string): string {
  try {
    return digest(readRuleFiles(directory));
  } catch {
    return '';
  }
}
