// SPDX-License-Identifier: Apache-2.0
// A built FPM library on disk: which files it is made of, reading it, and whether it still is what was read.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { FPM_COUNTERS } from '../library/compose.js';
import { TnaError } from '../model/error.js';
import type { FpmComposition, FpmHook, FpmKernels, FpmLibrary, FpmWindow } from '../model/library.js';
import { HOOKS, type Hook } from '../model/ruleset.js';
import { errnoOf, isMissing } from './failure.js';

export const LIBRARY_VERSION = 5;
export const LIBRARY_FILE = 'library.json';
export const LEASE_OBJECT = 'lease.bpf.o';

/** What a library holds, however it is stored. */
export type LibraryContents = Pick<FpmLibrary, 'modules' | 'kernels' | 'compositions'>;

/** library.json: everything but the paths, so that a built directory can be moved. */
interface StoredLibrary extends LibraryContents {
  readonly version: number;
  readonly hash: string;
  readonly inputs: string;
}

/** The object of a window without a macro has the plain name. */
export function objectName(hook: Hook, window: FpmWindow): string {
  return window.define === undefined ? `tna_${hook}.bpf.o` : `tna_${hook}.${window.name}.bpf.o`;
}

export function compositionObject(hook: Hook, composition: FpmComposition): string {
  return `tna_${hook}.${composition.name}.bpf.o`;
}

export function dispatcherName(hook: Hook): string {
  return `dispatcher_${hook}.bpf.o`;
}

/** Of compositions: old kernels have more to lose elsewhere than compositions could gain there. */
export function bestWindow({ windows }: FpmKernels): FpmWindow {
  return windows[0] as FpmWindow;
}

/** Completes a library whose objects are in `directory`: writes library.json beside them. */
export async function storeLibrary(directory: string, contents: LibraryContents, inputs: string): Promise<void> {
  const hash = await hashOutputs(directory, contents);
  const stored: StoredLibrary = { version: LIBRARY_VERSION, hash, inputs, ...contents };
  await writeFile(join(directory, LIBRARY_FILE), `${JSON.stringify(stored, undefined, 2)}\n`);
}

/** Reads a built library. Throws TnaError `fpm-library-missing` or `fpm-library-unreadable`. */
export async function readFpmLibrary(outDir: string): Promise<FpmLibrary> {
  const stored = await readStored(resolve(outDir));
  if (stored === undefined) {
    throw new TnaError('fpm-library-missing', 'no built FPM library here', {
      object: outDir,
      hint: 'run `tna fpm build`',
    });
  }
  return toLibrary(stored, resolve(outDir));
}

/**
 * A controller runs for months: when its library was rebuilt or removed meanwhile, what it would load is not what its pipelines'
 * identities say. Nor is it where a copy or a build was cut short. @throws TnaError `fpm-library-changed`
 */
export async function checkLibrary(library: FpmLibrary): Promise<void> {
  const outDir = dirname(library.hooks.xdp.dispatcher.object);
  let found: string | undefined;
  try {
    found = await hashOutputs(outDir, library);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
  if (found === library.hash) return;
  const stored = await readStored(outDir).catch(() => undefined);
  if (found !== undefined && stored?.hash === library.hash)
    throw new TnaError('fpm-library-changed', 'its objects do not match library.json', {
      object: outDir,
      hint: 'run `tna fpm build`',
    });
  throw new TnaError(
    'fpm-library-changed',
    found === undefined ? 'the FPM library is gone' : 'the FPM library is not the one that was read at the start',
    { object: outDir, hint: 'restart the controller; `tna fpm build` makes a library anew' },
  );
}

/** The library in `outDir`, if it is whole and was made from `inputs`. */
export async function builtLibrary(outDir: string, inputs: string): Promise<FpmLibrary | undefined> {
  const stored = await readStored(outDir).catch(() => undefined);
  if (stored?.inputs !== inputs) return undefined;
  const intact = await hashOutputs(outDir, stored).catch(() => undefined);
  return intact === stored.hash ? toLibrary(stored, outDir) : undefined;
}

async function readStored(outDir: string): Promise<StoredLibrary | undefined> {
  const file = join(outDir, LIBRARY_FILE);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause) || errnoOf(cause) === 'ENOTDIR') return undefined;
    throw new TnaError('fpm-library-unreadable', (cause as Error).message, { object: file, cause });
  }
  try {
    const stored = JSON.parse(text) as StoredLibrary;
    const lists = [stored.modules, stored.compositions, stored.kernels?.windows];
    if (stored.version === LIBRARY_VERSION && lists.every(Array.isArray)) return stored;
  } catch (cause) {
    throw new TnaError('fpm-library-unreadable', 'not valid JSON', {
      object: file,
      cause,
      hint: 'run `tna fpm build`',
    });
  }
  throw new TnaError('fpm-library-unreadable', 'built by another version', {
    object: file,
    hint: 'run `tna fpm build`',
  });
}

function toLibrary(stored: StoredLibrary, outDir: string): FpmLibrary {
  const hookOf = (hook: Hook): FpmHook => ({
    objects: Object.fromEntries(
      stored.kernels.windows.map((window) => [window.name, join(outDir, objectName(hook, window))]),
    ),
    compositions: stored.compositions.map((composition) => ({
      ...composition,
      window: bestWindow(stored.kernels).name,
      object: join(outDir, compositionObject(hook, composition)),
    })),
    program: `tna_${hook}`,
    dispatcher: { object: join(outDir, dispatcherName(hook)), program: `tna_dispatch_${hook}` },
  });
  return {
    version: stored.version,
    hash: stored.hash,
    hooks: { xdp: hookOf('xdp'), tc: hookOf('tc') },
    lease: { object: join(outDir, LEASE_OBJECT), program: 'tna_lease_renew' },
    modules: stored.modules,
    kernels: stored.kernels,
    compositions: stored.compositions,
    counters: FPM_COUNTERS,
  };
}

async function hashOutputs(outDir: string, { modules, kernels, compositions }: LibraryContents): Promise<string> {
  const hash = createHash('sha256').update(
    JSON.stringify([LIBRARY_VERSION, FPM_COUNTERS, modules, kernels, compositions]),
  );
  for (const hook of HOOKS) {
    const windows = kernels.windows.map((window) => objectName(hook, window));
    const own = compositions.map((composition) => compositionObject(hook, composition));
    for (const object of [...windows, ...own, dispatcherName(hook)]) hash.update(await readFile(join(outDir, object)));
  }
  hash.update(await readFile(join(outDir, LEASE_OBJECT)));
  return hash.digest('hex');
}
