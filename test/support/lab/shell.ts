// SPDX-License-Identifier: Apache-2.0
// Short commands through shells that stay. Node forks itself for each child, and copying the page tables of a process of that
// size is most of what a short command costs on an emulated processor; a shell is small.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { CommandResult } from './command.js';

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

class Shell {
  readonly directory = mkdtempSync(join(tmpdir(), 'tna-shell-'));
  readonly #child: ChildProcess;
  readonly #stdout: Readable;

  constructor() {
    // A process group of its own, so that what it runs can be killed with it.
    this.#child = spawn('sh', [], { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    this.#stdout = this.#child.stdout as Readable;
    this.#child.stdin?.on('error', () => undefined);
    // An idle shell keeps nobody from ending.
    this.#child.unref();
    (this.#child.stdin as unknown as { unref(): void }).unref();
    this.#setBusy(false);
    process.once('exit', () => rmSync(this.directory, { recursive: true, force: true }));
  }

  #setBusy(busy: boolean): void {
    const handle = this.#stdout as unknown as { ref(): void; unref(): void };
    if (busy) handle.ref();
    else handle.unref();
  }

  /** Resolves to undefined when the shell has died. */
  run(file: string, args: readonly string[], input: string): Promise<CommandResult | undefined> {
    const [stdin, stdout, stderr] = ['in', 'out', 'err'].map((name) => join(this.directory, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(stdin, input);
    this.#setBusy(true);
    return new Promise((resolve) => {
      const end = (result: CommandResult | undefined): void => {
        this.#stdout.removeAllListeners('data');
        this.#child.removeAllListeners('close');
        this.#setBusy(false);
        resolve(result);
      };
      this.#child.once('close', () => end(undefined));
      this.#stdout.on('data', (data: Buffer) => {
        end({ code: Number(data), stdout: readFileSync(stdout, 'utf8'), stderr: readFileSync(stderr, 'utf8') });
      });
      const words = [file, ...args].map(quoted).join(' ');
      this.#child.stdin?.write(`${words} <${stdin} >${stdout} 2>${stderr}; echo $?\n`);
    });
  }

  kill(): void {
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
  }
}

const idle: Shell[] = [];

/** As `tryRun`. */
export async function runInShell(
  file: string,
  args: readonly string[],
  input: string,
  timeout: number,
): Promise<CommandResult> {
  const shell = idle.pop() ?? new Shell();
  const timer = setTimeout(() => shell.kill(), timeout);
  const result = await shell.run(file, args, input);
  clearTimeout(timer);
  if (result === undefined) return { code: 124, stdout: '', stderr: '' };
  idle.push(shell);
  return result;
}
