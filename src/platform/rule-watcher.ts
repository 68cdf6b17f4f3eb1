// SPDX-License-Identifier: Apache-2.0
// Notices when the rule files of a directory have changed, and what they are then.
import { createHash } from 'node:crypto';
import type { FSWatcher } from 'chokidar';
import { TnaError } from '../model/error.js';
import { type RuleFileText, readRuleFiles } from './rule-files.js';

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
 * Calls `onChange` with the new set whenever names or contents changed, and with the old one when it can be read again. Events are hints only: every decision is made
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
      if (failing) onChange(found.files);
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
    const message = `changes of the rules are noticed late, by looking every ${timing.rescan / 1000} s: ${cause instanceof Error ? cause.message : String(cause)}`;
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
