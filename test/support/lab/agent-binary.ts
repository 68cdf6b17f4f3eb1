// SPDX-License-Identifier: Apache-2.0
// Compiles the lab's agent (frames.c and the files that it includes) when it is missing or older than its sources.

import { mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.js';

const here = dirname(fileURLToPath(import.meta.url));
// Compiled, this file lies in dist/test/support/lab/.
const sources = ['frames.c', 'stream.c', 'stream.h', 'clsact.c', 'clsact.h', 'programs.c', 'programs.h'].map((file) =>
  join(here, '../../../../test/support/lab', file),
);
const binary = join(here, 'frames');

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

let built: Promise<string> | undefined;

async function build(): Promise<string> {
  if (modified(binary) <= Math.max(...sources.map(modified))) {
    // Two test files may build at the same time: each writes its own file, the rename is atomic.
    const own = `${binary}.${process.pid}`;
    mkdirSync(here, { recursive: true });
    const objects = sources.filter((file) => file.endsWith('.c'));
    await run('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', own, ...objects]);
    renameSync(own, binary);
  }
  return binary;
}

/** Path of the agent's executable, built if need be. Needs `cc`. */
export function agentBinary(): Promise<string> {
  built ??= build();
  return built;
}
