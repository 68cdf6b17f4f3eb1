// SPDX-License-Identifier: Apache-2.0
// Compiles the benchmark's BPF programs on first use, or when a source is newer.

import { mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../support/lab/command.js';

export type ProgramFile = 'generator' | 'sink' | 'redirect' | 'reading' | 'forward';

const here = dirname(fileURLToPath(import.meta.url));
// Compiled, this file lies in dist/test/bench/.
const sourceDirectory = join(here, '../../../test/bench/bpf');
const objectDirectory = join(here, 'bpf');

/** Debian keeps asm/ headers per architecture. */
const asmHeaders: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** Path of the object. Needs clang. */
export async function programObject(name: ProgramFile): Promise<string> {
  const source = join(sourceDirectory, `${name}.bpf.c`);
  const object = join(objectDirectory, `${name}.bpf.o`);
  if (modified(object) > modified(source)) return object;
  mkdirSync(objectDirectory, { recursive: true });
  // Two processes may compile at the same time: each writes its own file, the rename is atomic.
  const own = `${object}.${process.pid}`;
  const flags = ['-O2', '-g', '-mcpu=v3', '-target', 'bpf', '-Wall', '-Wextra', '-Wno-unused-parameter', '-Werror'];
  const asm = ['-idirafter', `/usr/include/${asmHeaders[process.arch] ?? process.arch}`];
  await run('clang', [...flags, ...asm, '-c', source, '-o', own]);
  renameSync(own, object);
  return object;
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
