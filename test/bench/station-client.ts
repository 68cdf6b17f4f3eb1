// SPDX-License-Identifier: Apache-2.0
// Starts the station on a core and talks to it, one request at a time.

import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Operation, Operations, Reply } from './station-protocol.js';

const program = join(dirname(fileURLToPath(import.meta.url)), 'station.js');

export class Station {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static start(cpu: number): Station {
    const command = ['--cpu-list', String(cpu), process.execPath, '--enable-source-maps', program];
    return new Station(spawn('taskset', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  }

  ask<K extends Operation>(op: K, args: Operations[K]['arguments']): Promise<Operations[K]['result']> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the station ended with code ${code} during ${op}`));
      const failed = (error: Error) => reject(error);
      this.#process.once('exit', ended);
      this.#process.once('error', failed);
      this.#process.once('message', (reply: Reply) => {
        this.#process.off('exit', ended);
        this.#process.off('error', failed);
        if ('error' in reply) reject(new Error(`station, ${op}: ${reply.error}`));
        else resolve(reply.result as Operations[K]['result']);
      });
      this.#process.send({ op, args });
    });
  }

  /** Ends the process and with it everything that it attached. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.disconnect();
    await ended;
  }
}
