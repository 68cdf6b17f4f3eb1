// SPDX-License-Identifier: Apache-2.0
// The sources of an FPM library: headers with their manifests, kernels and compositions, read and checked.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { numberReasons } from '../library/compose.js';
import { parseCompositions } from '../library/compositions.js';
import { parseKernels } from '../library/kernels.js';
import { parseManifest } from '../library/manifest.js';
import { TnaError } from '../model/error.js';
import type { FpmComposition, FpmKernels, FpmManifest, FpmModule } from '../model/library.js';
import type { LibraryContents } from './fpm-library.js';

export interface FpmSources {
  /** Directories with `NAME.bpf.h` and `NAME.yaml`, the project's own first. */
  readonly moduleDirs: readonly string[];
  /** YAML file: windows and capabilities. */
  readonly kernels: string;
  /** YAML file: pipelines that get a program of their own; without it none does. */
  readonly compositions?: string;
}

/** Throws TnaError `fpm-manifest`, `fpm-header-missing`, and whatever the parsers of single files throw. */
export async function readFpmSources(sources: FpmSources): Promise<LibraryContents> {
  const modules = numberReasons(await readManifests(sources.moduleDirs));
  const kernels = parseKernels(await readYaml(sources.kernels, 'fpm-kernels'), sources.kernels);
  return { modules, kernels, compositions: await readCompositions(sources.compositions, modules, kernels) };
}

async function readManifests(dirs: readonly string[]): Promise<FpmManifest[]> {
  const found: FpmManifest[] = [];
  for (const dir of dirs) {
    for (const file of (await readdir(dir)).filter((name) => name.endsWith('.yaml')).sort()) {
      const path = join(dir, file);
      const manifest = parseManifest(await readYaml(path, 'fpm-manifest'), path);
      const header = join(dir, `${manifest.name}.bpf.h`);
      if (basename(file, '.yaml') !== manifest.name) {
        throw new TnaError('fpm-manifest', `name: "${manifest.name}" is not the file's name`, { object: path });
      }
      try {
        await readFile(header);
      } catch (cause) {
        throw new TnaError('fpm-header-missing', `FPM ${manifest.name} has no header`, { object: header, cause });
      }
      found.push(manifest);
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
  return parseCompositions(await readYaml(file, 'fpm-compositions'), file, modules, taken);
}

async function readYaml(path: string, code: string): Promise<unknown> {
  const text = await readFile(path, 'utf8');
  try {
    return parse(text);
  } catch (cause) {
    throw new TnaError(code, cause instanceof Error ? cause.message : String(cause), { object: path, cause });
  }
}
