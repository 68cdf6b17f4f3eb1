// SPDX-License-Identifier: Apache-2.0
// Runs the tna command line as a user would, in one network namespace.

import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { Hook } from '../../src/model/ruleset.js';
import { isRemoved, removeAtExit } from '../support/lab/cleanup.js';
import { tryRun } from '../support/lab/command.js';

// Compiled, this file lies in dist/test/bench/.
const cli = join(dirname(fileURLToPath(import.meta.url)), '../../bundle/tna/main.cjs');

// What tells Node.js itself to do more at its start is the machine's business: reading a file of certificates takes 40 ms.
const { NODE_EXTRA_CA_CERTS: _certificates, NODE_OPTIONS: _options, ...environment } = process.env;

/** The part of `tna status -o json` that the benchmark reads. */
export interface StatusInterface {
  readonly name: string;
  readonly accelerated: boolean;
  readonly hook: 'xdp' | 'tc' | null;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  readonly counters: {
    readonly fast: number;
    readonly slow: number;
    readonly drop: number;
    readonly reasons: readonly { readonly fpm: string; readonly code: string; readonly packets: number }[];
  };
}

export class Tna {
  /** Where TNA pins what it deploys in this namespace. */
  readonly pins: string;

  constructor(
    readonly netns: string,
    readonly library: string | undefined,
    /** Where it is not left to TNA. */
    readonly hook?: Hook,
  ) {
    this.pins = `/sys/fs/bpf/tna/${statSync(`/run/netns/${netns}`).ino}`;
    // A thousand ports take longer to detach than anybody waits after Ctrl-C; without its pins everything goes by itself.
    const detach = [process.execPath, ...this.#arguments(['detach'])].map((word) => `'${word}'`).join(' ');
    removeAtExit(`tna in ${netns}`, ['sh', '-c', `timeout 15 ${detach} || rm -rf ${this.pins}`]);
  }

  #arguments(args: readonly string[]): string[] {
    const library = this.library === undefined ? [] : ['--library', this.library];
    const hook = this.hook === undefined ? [] : ['--hook', this.hook];
    return [cli, '--netns', this.netns, ...library, ...hook, ...args];
  }

  /** Runs to the end; resolves to its output and wall time. Rejects with the command's own words when it fails. */
  async run(...args: readonly string[]): Promise<{ readonly stdout: string; readonly ms: number }> {
    const started = performance.now();
    const { code, stdout, stderr } = await tryRun(process.execPath, this.#arguments(args), {
      timeout: 180_000,
      env: environment,
    });
    const ms = performance.now() - started;
    if (code !== 0) throw new Error(`tna ${args.join(' ')} exited with ${code}: ${stderr.trim()}\n${stdout.trim()}`);
    return { stdout, ms };
  }

  async status(): Promise<readonly StatusInterface[]> {
    const { stdout } = await this.run('-o', 'json', 'status');
    return (JSON.parse(stdout) as { interfaces: readonly StatusInterface[] }).interfaces;
  }

  async statusOf(name: string): Promise<StatusInterface> {
    const found = (await this.status()).find((i) => i.name === name);
    if (found === undefined) throw new Error(`tna status does not mention ${name}`);
    return found;
  }

  /** Actions of a plan by operation, without doing anything. */
  async plannedActions(): Promise<number> {
    const { stdout } = await this.run('-o', 'json', 'plan');
    return (JSON.parse(stdout) as { actions: readonly unknown[] }).actions.length;
  }

  async detach(): Promise<{ readonly ms: number }> {
    return this.run('detach');
  }

  /** The last use: takes everything out of the kernel. */
  async close(): Promise<void> {
    await this.detach();
    isRemoved(`tna in ${this.netns}`);
  }

  /** Starts the controller. The caller ends it. */
  daemon(): ChildProcess {
    return spawn(process.execPath, this.#arguments(['reconcile']), { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
