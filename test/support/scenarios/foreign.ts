// SPDX-License-Identifier: Apache-2.0
// Compiles foreign.bpf.c, the programs that attach-foreign attaches.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../lab/command.js';
import { root } from './files.js';

/** Path of the object, which ends with this process. */
export async function compileForeign(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'tna-foreign-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const object = join(directory, 'foreign.bpf.o');
  const source = join(root, 'test', 'support', 'scenarios', 'foreign.bpf.c');
  await run('clang', ['-O2', '-target', 'bpf', '-c', source, '-o', object]);
  return object;
}
