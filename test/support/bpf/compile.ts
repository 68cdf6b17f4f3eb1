// SPDX-License-Identifier: Apache-2.0
// Compiles the small BPF sources beside this file for a test, into a directory that ends with the process.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..', 'test', 'support', 'bpf');
let directory: string | undefined;

/** Path of the compiled object of `NAME.bpf.c`. */
export function compileBpf(name: string, defines: readonly string[] = []): string {
  if (directory === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'bpf-loader-test-'));
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    directory = made;
  }
  const output = join(directory, [name, ...defines].join('-').concat('.bpf.o'));
  const flags = ['-O2', '-g', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'];
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const target = ['-target', 'bpf', '-mcpu=v3', `-I/usr/include/${machine}-linux-gnu`];
  execFileSync('clang', [
    ...flags,
    ...target,
    ...defines.map((d) => `-D${d}`),
    '-c',
    join(sources, `${name}.bpf.c`),
    '-o',
    output,
  ]);
  return output;
}
