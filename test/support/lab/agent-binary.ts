// SPDX-License-Identifier: Apache-2.0
// Compiles the lab's agent (frames.c) when it is missing or older than its source.

import { mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './command.js';

const here = dirname(fileURLToPath(import.meta.url));
// Compiled, this file lies in dist/test/support/lab/.
const source = join(here, '../../../../test/support/lab/frames.c');
const binary = join(here, 'frames');

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

let built: Promise<string> | undefined;

async function build(): Promise<string> {
  if (modified(binary) <= modified(source)) {
    // Two test files may build at the same time: each writes its own file, the rename is atomic.
    const own = `${binary}.${process.pid}`;
    mkdirSync(here, { recursive: true });
    await run('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', own, source]);
    renameSync(own, binary);
  }
  return binary;
}

/** Path of the agent's executable, built if need be. Needs `cc`. */
export function agentBinary(): Promise<string> {
  built ??= build();
  return built;
}
