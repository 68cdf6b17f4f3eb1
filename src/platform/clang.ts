// SPDX-License-Identifier: Apache-2.0
// Builds the FPM library with clang: composed source and objects per hook, dispatchers, library.json.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { TnaError } from '../model/error.js';
import type {
  FpmComposition,
  FpmHook,
  FpmKernels,
  FpmLibrary,
  FpmManifest,
  FpmModule,
  FpmWindow,
} from '../model/library.js';
import type { Hook } from '../model/ruleset.js';
import { composeSource, FPM_COUNTERS, numberReasons, parseManifest } from '../pipeline/compose.js';
import { parseCompositions } from '../pipeline/compositions.js';
import { parseKernels } from '../pipeline/kernels.js';
import { errnoOf } from './failure.js';

const run = promisify(execFile);
const VERSION = 4;
const libraryFile = 'library.json';
const HOOKS: readonly Hook[] = ['xdp', 'tc'];
const FLAGS = ['-O2', '-g', '-mcpu=v3', '-target', 'bpf', '-Wall', '-Wextra', '-Werror'];

export interface FpmBuild {
  /** Directories with `NAME.bpf.h` and `NAME.yaml`, the project's own first. */
  readonly moduleDirs: readonly string[];
  readonly includeDir: string;
  readonly dispatcherDir: string;
  /** YAML file: windows and capabilities. */
  readonly kernels: string;
  /** YAML file: pipelines that get a program of their own; without it none does. */
  readonly compositions?: string;
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
  const sources = await readModules(build.moduleDirs);
  const modules = numberReasons(sources.map((s) => s.manifest));
  const kernels = parseKernels(parseYaml(await readFile(build.kernels, 'utf8'), build.kernels), build.kernels);
  const compositions = await readCompositions(build.compositions, modules, kernels);
  const contents: Contents = { modules, kernels, compositions };
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
    const hash = await hashOutputs(made, contents);
    const stored: StoredLibrary = { version: VERSION, hash, inputs, ...contents };
    await writeFile(join(made, libraryFile), `${JSON.stringify(stored, undefined, 2)}\n`);
    const names = (await readdir(made)).filter((name) => name !== libraryFile);
    for (const name of [...names, libraryFile]) await rename(join(made, name), join(outDir, name));
    return toLibrary(stored, outDir);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function compileAll(build: FpmBuild, clang: string, outDir: string, contents: Contents): Promise<void> {
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
      await compile(clang, own, join(outDir, compositionObject(hook, composition)), include, definesOf(best(kernels)));
    }
    const dispatcher = join(build.dispatcherDir, `dispatcher_${hook}.bpf.c`);
    await compile(clang, dispatcher, join(outDir, dispatcherName(hook)), [build.includeDir]);
  }
  await compile(clang, join(build.dispatcherDir, 'lease.bpf.c'), join(outDir, 'lease.bpf.o'), [build.includeDir]);
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

/** The object of a window without a macro has the plain name. */
function objectName(hook: Hook, window: FpmWindow): string {
  return window.define === undefined ? `tna_${hook}.bpf.o` : `tna_${hook}.${window.name}.bpf.o`;
}

function compositionObject(hook: Hook, composition: FpmComposition): string {
  return `tna_${hook}.${composition.name}.bpf.o`;
}

function definesOf({ define }: FpmWindow): readonly string[] {
  return define === undefined ? [] : [`-D${define}`];
}

/** Old kernels have more to lose elsewhere than compositions could gain there. */
function best({ windows }: FpmKernels): FpmWindow {
  return windows[0] as FpmWindow;
}

function dispatcherName(hook: Hook): string {
  return `dispatcher_${hook}.bpf.o`;
}

/** Debian keeps asm/ headers per architecture; other distributions do not need this. */
const ASM_HEADERS: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

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

/** library.json: everything but the paths, so that a built directory can be moved. */
interface StoredLibrary extends Contents {
  readonly version: number;
  readonly hash: string;
  readonly inputs: string;
}

type Contents = Pick<FpmLibrary, 'modules' | 'kernels' | 'compositions'>;

interface ModuleSource {
  readonly manifest: FpmManifest;
  readonly header: string;
  readonly files: readonly string[];
}

async function readModules(dirs: readonly string[]): Promise<ModuleSource[]> {
  const found: ModuleSource[] = [];
  for (const dir of dirs) {
    for (const file of (await readdir(dir)).filter((name) => name.endsWith('.yaml')).sort()) {
      const path = join(dir, file);
      const manifest = parseManifest(parseYaml(await readFile(path, 'utf8'), path), path);
      const header = join(dir, `${manifest.name}.bpf.h`);
      if (basename(file, '.yaml') !== manifest.name) {
        throw new TnaError('fpm-manifest', `name: "${manifest.name}" is not the file's name`, { object: path });
      }
      try {
        await readFile(header);
      } catch (cause) {
        throw new TnaError('fpm-header-missing', `FPM ${manifest.name} has no header`, { object: header, cause });
      }
      found.push({ manifest, header, files: [path, header] });
    }
  }
  return found;
}

async function readCompositions(
  file: string | undefined,
  modules: readonly FpmModule[],
  { windows }: FpmKernels,
): Promise<readonly FpmComposition[]> {
  if (file === undefined) return [];
  const taken = windows.map(({ name }) => name);
  return parseCompositions(parseYaml(await readFile(file, 'utf8'), file), file, modules, taken);
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new TnaError('fpm-manifest', cause instanceof Error ? cause.message : String(cause), { object: path, cause });
  }
}

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

function isMissing(cause: unknown): boolean {
  return errnoOf(cause) === 'ENOENT';
}

async function hashInputs(build: FpmBuild, contents: Contents, clang: string): Promise<string> {
  const { modules, compositions } = contents;
  const hash = createHash('sha256');
  hash.update(JSON.stringify([VERSION, FLAGS, FPM_COUNTERS, contents, await compilerVersion(clang)]));
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

async function hashOutputs(outDir: string, { modules, kernels, compositions }: Contents): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([VERSION, FPM_COUNTERS, modules, kernels, compositions]));
  for (const hook of HOOKS) {
    const windows = kernels.windows.map((window) => objectName(hook, window));
    const own = compositions.map((composition) => compositionObject(hook, composition));
    for (const object of [...windows, ...own, dispatcherName(hook)]) hash.update(await readFile(join(outDir, object)));
  }
  hash.update(await readFile(join(outDir, 'lease.bpf.o')));
  return hash.digest('hex');
}

async function builtLibrary(outDir: string, inputs: string): Promise<FpmLibrary | undefined> {
  const stored = await readStored(outDir).catch(() => undefined);
  if (stored?.inputs !== inputs) return undefined;
  const intact = await hashOutputs(outDir, stored).catch(() => undefined);
  return intact === stored.hash ? toLibrary(stored, outDir) : undefined;
}

async function readStored(outDir: string): Promise<StoredLibrary | undefined> {
  const file = join(outDir, libraryFile);
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
    if (stored.version === VERSION && lists.every(Array.isArray)) return stored;
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
      window: best(stored.kernels).name,
      object: join(outDir, compositionObject(hook, composition)),
    })),
    program: `tna_${hook}`,
    dispatcher: { object: join(outDir, dispatcherName(hook)), program: `tna_dispatch_${hook}` },
  });
  return {
    version: stored.version,
    hash: stored.hash,
    hooks: { xdp: hookOf('xdp'), tc: hookOf('tc') },
    lease: { object: join(outDir, 'lease.bpf.o'), program: 'tna_lease_renew' },
    modules: stored.modules,
    kernels: stored.kernels,
    compositions: stored.compositions,
    counters: FPM_COUNTERS,
  };
}
