// SPDX-License-Identifier: Apache-2.0
// Builds the FPM library with clang: composed source and objects per hook, dispatchers, library.json.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { composeSource, FPM_COUNTERS } from '../library/compose.js';
import { TnaError } from '../model/error.js';
import type { FpmLibrary, FpmWindow } from '../model/library.js';
import { HOOKS } from '../model/ruleset.js';
import { errnoOf, isMissing } from './failure.js';
import {
  bestWindow,
  builtLibrary,
  compositionObject,
  dispatcherName,
  LEASE_OBJECT,
  LIBRARY_FILE,
  LIBRARY_VERSION,
  type LibraryContents,
  objectName,
  readFpmLibrary,
  storeLibrary,
} from './fpm-library.js';
import { type FpmSources, readFpmSources } from './fpm-sources.js';

const run = promisify(execFile);
const FLAGS = ['-O2', '-g', '-mcpu=v3', '-target', 'bpf', '-Wall', '-Wextra', '-Werror'];

export interface FpmBuild extends FpmSources {
  readonly includeDir: string;
  readonly dispatcherDir: string;
  readonly outDir: string;
  /** Compiler; default `clang`. */
  readonly clang?: string;
}

/**
 * Builds the library unless `outDir` holds one made from the same inputs.
 * Throws TnaError: a manifest that does not fit, files that cannot be read or written (`fpm-files`), `fpm-header-missing`, `clang-missing`, `clang-failed` (evidence: its output).
 */
export async function buildFpmLibrary(build: FpmBuild): Promise<FpmLibrary> {
  try {
    return await buildOrFind(build);
  } catch (cause) {
    if (cause instanceof TnaError || errnoOf(cause) === undefined) throw cause;
    throw new TnaError('fpm-files', `cannot build the FPM library: ${(cause as Error).message}`, { cause });
  }
}

async function buildOrFind(build: FpmBuild): Promise<FpmLibrary> {
  const outDir = resolve(build.outDir);
  const clang = build.clang ?? 'clang';
  const contents = await readFpmSources(build);
  const inputs = await hashInputs(build, contents, clang);
  const known = await builtLibrary(outDir, inputs);
  if (known !== undefined) return known;

  await makeDirectory(outDir);
  // Inside, so that it is on the same file system whatever that directory is; what is in use stays whole until all is there.
  const made = join(outDir, `.new-${process.pid}`);
  await rm(made, { recursive: true, force: true });
  await mkdir(made);
  try {
    await compileAll(build, clang, made, contents);
    await storeLibrary(made, contents, inputs);
    const names = (await readdir(made)).filter((name) => name !== LIBRARY_FILE);
    for (const name of [...names, LIBRARY_FILE]) await rename(join(made, name), join(outDir, name));
    return await readFpmLibrary(outDir);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function compileAll(build: FpmBuild, clang: string, outDir: string, contents: LibraryContents): Promise<void> {
  const { modules, kernels, compositions } = contents;
  const include = [build.includeDir, ...build.moduleDirs];
  for (const hook of HOOKS) {
    const source = join(outDir, `compose_${hook}.bpf.c`);
    await writeFile(source, composeSource(modules, hook));
    for (const window of kernels.windows)
      await compile(clang, source, join(outDir, objectName(hook, window)), include, definesOf(window));
    for (const composition of compositions) {
      const own = join(outDir, `compose_${hook}.${composition.name}.bpf.c`);
      await writeFile(own, composeSource(modules, hook, composition));
      await compile(
        clang,
        own,
        join(outDir, compositionObject(hook, composition)),
        include,
        definesOf(bestWindow(kernels)),
      );
    }
    const dispatcher = join(build.dispatcherDir, `dispatcher_${hook}.bpf.c`);
    await compile(clang, dispatcher, join(outDir, dispatcherName(hook)), [build.includeDir]);
  }
  await compile(clang, join(build.dispatcherDir, 'lease.bpf.c'), join(outDir, LEASE_OBJECT), [build.includeDir]);
}

/** With what is above it. Node's own recursive way never ends where nothing can be made, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EEXIST') return;
    if (errno !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path);
  }
}

function definesOf({ define }: FpmWindow): readonly string[] {
  return define === undefined ? [] : [`-D${define}`];
}

/** Debian keeps asm/ headers per architecture; other distributions do not need this. */
const ASM_HEADERS: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

async function compile(
  clang: string,
  source: string,
  object: string,
  includeDirs: readonly string[],
  defines: readonly string[] = [],
): Promise<void> {
  const temporary = `${object}.new`;
  const asm = ['-idirafter', `/usr/include/${ASM_HEADERS[process.arch] ?? process.arch}`];
  const include = [...includeDirs.map((dir) => `-I${resolve(dir)}`), ...asm];
  // Absolute paths in debug information, part of which is kept as BTF, would make the object depend on where it was built.
  const places = [dirname(resolve(source)), ...includeDirs.map((dir) => resolve(dir))];
  const relative = ['-fdebug-compilation-dir=.', ...places.map((dir, i) => `-fdebug-prefix-map=${dir}=./${i}`)];
  const args = [...FLAGS, ...defines, ...relative, ...include, '-c', resolve(source), '-o', temporary];
  try {
    await run(clang, args);
  } catch (cause) {
    if (isMissing(cause)) {
      throw new TnaError('clang-missing', `${clang} is not installed`, {
        object: source,
        hint: 'install clang 14 or newer',
        cause,
      });
    }
    const output = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : String(cause);
    throw new TnaError('clang-failed', 'the FPM library does not compile', { object: source, evidence: output, cause });
  }
  await stripDwarf(temporary);
  await rename(temporary, object);
}

/** DWARF is three quarters of an object and of no use at load. Without the tool the object is merely larger. */
async function stripDwarf(object: string): Promise<void> {
  try {
    await run('llvm-strip', ['-g', object]);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
}

async function hashInputs(build: FpmBuild, contents: LibraryContents, clang: string): Promise<string> {
  const { modules, compositions } = contents;
  const hash = createHash('sha256');
  hash.update(JSON.stringify([LIBRARY_VERSION, FLAGS, FPM_COUNTERS, contents, await compilerVersion(clang)]));
  const own = [build.includeDir, build.dispatcherDir];
  const files = (
    await Promise.all(own.map(async (dir) => (await readdir(dir)).sort().map((name) => join(dir, name))))
  ).flat();
  const headers = (
    await Promise.all(
      build.moduleDirs.map(async (dir) =>
        (
          await readdir(dir)
        )
          .filter((n) => n.endsWith('.h'))
          .sort()
          .map((n) => join(dir, n)),
      ),
    )
  ).flat();
  for (const file of [...files, ...headers]) hash.update(`\0${basename(file)}\0`).update(await readFile(file));
  for (const hook of HOOKS)
    for (const composition of [undefined, ...compositions]) hash.update(composeSource(modules, hook, composition));
  return hash.digest('hex');
}

async function compilerVersion(clang: string): Promise<string> {
  try {
    return (await run(clang, ['--version'])).stdout;
  } catch (cause) {
    throw new TnaError('clang-missing', `${clang} does not run`, {
      object: clang,
      hint: 'install clang 14 or newer',
      cause,
    });
  }
}
