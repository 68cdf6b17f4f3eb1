// SPDX-License-Identifier: Apache-2.0
// Rule files on disk: reading a directory of them as one consistent set, and noticing when it changes.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readlinkSync, readSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { TnaError } from '../model/error.js';
import { isMissing } from './failure.js';

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
      const files = readAll(directory, realpathSync(directory));
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

/** Where the directory leads to, and a ConfigMap's `..data` in it; nothing where it leads nowhere. */
function versionOf(directory: string): string | undefined {
  let place: string;
  try {
    place = realpathSync(directory);
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

/** When a change is looked at, in milliseconds. */
export interface WatchTiming {
  /** Quiet time after the last event, and then once more: a set counts when it was found twice, so far apart. */
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
  /** Looks now rather than at the next rescan. */
  look(): void;
  close(): Promise<void>;
}

const usualTiming: WatchTiming = { debounce: 300, patience: 2000, rescan: 15_000 };

/**
 * Calls `onChange` with the new set whenever names or contents changed. Events are hints only: every decision is made
 * by comparing contents, so that touching a file changes nothing and a lost event costs at most one rescan.
 *
 * Files are seldom replaced all at once (git pull, rsync, an editor), and a part of them may be rules as well. So a set, or that
 * there is none to read, counts only when two looks in a row have found it; events put off the second as they did the first.
 */
export function watchRuleFiles(
  directory: string,
  onChange: (files: readonly RuleFileText[]) => void,
  options: WatchOptions = {},
): RuleWatcher {
  const timing = { ...usualTiming, ...options.timing };
  let inForce = options.known === undefined ? find(directory).digest : digest(options.known);
  /** What the last look found, if not what is in force. */
  let candidate: string | undefined;
  let failing = false;
  let closed = false;
  let due: NodeJS.Timeout | undefined;
  let firstHint: number | undefined;

  const look = (): void => {
    clearTimeout(due);
    due = undefined;
    firstHint = undefined;
    if (closed) return;
    const found = find(directory);
    if (!('error' in found) && found.digest === inForce) {
      candidate = undefined;
      failing = false;
    } else if (found.digest !== candidate) {
      candidate = found.digest;
      hint();
    } else if ('error' in found) {
      if (!failing) options.onError?.(found.error);
      failing = true;
    } else {
      inForce = found.digest;
      candidate = undefined;
      failing = false;
      onChange(found.files);
    }
  };
  const hint = (): void => {
    const now = performance.now();
    firstHint ??= now;
    clearTimeout(due);
    const wait = Math.max(0, Math.min(timing.debounce, firstHint + timing.patience - now));
    if (!closed) due = setTimeout(look, wait);
  };
  const lookUnlessDue = (): void => {
    if (due === undefined) look();
  };
  const rescan = setInterval(lookUnlessDue, timing.rescan);
  rescan.unref();

  let isLate = false;
  /** A lack of watches or descriptors. Some events may come all the same; looking makes up for the others. */
  const late = (cause: unknown): void => {
    if (isLate) return;
    isLate = true;
    const message = `changes of the rules are noticed late, by looking every ${timing.rescan / 1000} s: ${textOf(cause)}`;
    options.onError?.(
      new TnaError('rules-watch', message, {
        object: directory,
        hint: 'raise fs.inotify.max_user_watches, fs.inotify.max_user_instances or the limit of open files, and restart',
        cause,
      }),
    );
  };
  let watcher: FSWatcher | undefined;
  const open = async (): Promise<void> => {
    try {
      // Loaded here, not at start-up: only the daemon watches.
      const { watch } = await import('chokidar');
      if (closed) return;
      watcher = watch(directory, { ignoreInitial: true, depth: 1 });
      const opened = new Promise<void>((resolve) => watcher?.once('ready', resolve).once('error', () => resolve()));
      watcher.on('all', hint).on('raw', hint).on('error', hint).on('error', late);
      await opened;
      hint();
    } catch (cause) {
      // Node.js keeps what an import has led to, so there is no second try: looking is left.
      late(cause);
    }
  };
  return {
    ready: open(),
    look: lookUnlessDue,
    async close() {
      closed = true;
      clearInterval(rescan);
      clearTimeout(due);
      await watcher?.close();
    },
  };
}

function digest(files: readonly RuleFileText[]): string {
  const hash = createHash('sha256');
  for (const { path, text } of files) hash.update(`${path.length} ${text.length} `).update(path).update(text);
  return hash.digest('hex');
}

/** What is there now. Whatever makes it unreadable is one state, which is no set of files. */
function find(
  directory: string,
):
  | { readonly digest: string; readonly files: readonly RuleFileText[] }
  | { readonly digest: ''; readonly error: TnaError } {
  try {
    const files = readRuleFiles(directory);
    return { digest: digest(files), files };
  } catch (error) {
    if (error instanceof TnaError) return { digest: '', error };
    throw error;
  }
}
