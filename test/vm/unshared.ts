// SPDX-License-Identifier: Apache-2.0
// What a virtual machine does, on the running kernel instead, in namespaces of its own: some thirty times as fast, and with
// what that kernel has.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { MachineOptions, MachineResult } from './machine.js';

const script = join(dirname(fileURLToPath(import.meta.url)), '../../../test/vm/unshared.sh');

export type UnsharedOptions = Pick<MachineOptions, 'root' | 'command' | 'output'> & {
  readonly layer: string;
  /** Real time after which the command is stopped. */
  readonly timeoutSeconds: number;
};

/** Rejects only if the shell can't be started. The kernel's log is not read: it is everybody's. */
export function runUnshared(options: UnsharedOptions): Promise<Omit<MachineResult, 'processorSeconds'>> {
  const { root, command, output, layer, timeoutSeconds } = options;
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, 'command'), `${command}\n`);
  writeFileSync(join(output, 'stdout'), '');
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn('bash', [script, root, output, layer], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
    });
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      child.kill('SIGKILL');
    }, timeoutSeconds * 1000);
    const stop = () => child.kill('SIGKILL');
    process.once('exit', stop);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      process.off('exit', stop);
      resolve({
        end: expired ? 'timeout' : code === null ? 'died' : 'exited',
        code: code ?? -1,
        stdout: readFileSync(join(output, 'stdout'), 'utf8'),
        complaints: said === '' ? [] : said.trim().split('\n'),
        seconds: (performance.now() - started) / 1000,
      });
    });
  });
}
