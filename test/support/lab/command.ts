// SPDX-License-Identifier: Apache-2.0
// Runs a command to its end, with its input, output and exit code; the lab's only way to start short commands.

import { spawn } from 'node:child_process';
import { patience } from './patience.js';
import { runInShell } from './shell.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  /** Milliseconds after which the command is killed and its code is 124. */
  readonly timeout?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Where starting processes is slow. */
const throughShells = process.env.TNA_TEST_SHELLS !== undefined;

/** Runs `file` with `args` and resolves whatever its exit code; rejects only if it cannot be started. */
export function tryRun(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const timeout = (options.timeout ?? 300_000) * patience;
  if (throughShells && options.env === undefined && options.cwd === undefined)
    return runInShell(file, args, options.input ?? '', timeout);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: options.env, cwd: options.cwd });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      child.kill('SIGKILL');
    }, timeout);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.stdout.on('data', (data: Buffer) => stdout.push(data));
    child.stderr.on('data', (data: Buffer) => stderr.push(data));
    // A command that ends before it has read its input is judged by its exit code, not by the broken pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        code: expired ? 124 : (code ?? 128 + (signal === null ? 0 : 9)),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
}

/** As `tryRun`, but a non-zero exit code rejects with the command, its input and its error text. Resolves to stdout. */
export async function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await tryRun(file, args, options);
  if (result.code !== 0) {
    const input = options.input === undefined ? '' : `\n${options.input}`;
    throw new Error(`${[file, ...args].join(' ')} exited with ${result.code}: ${result.stderr.trim()}${input}`);
  }
  return result.stdout;
}
