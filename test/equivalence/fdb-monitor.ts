// SPDX-License-Identifier: Apache-2.0
// What the kernel tells user space of FDB entries while a case runs: learnt, moved, active again, gone.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

export class FdbMonitor {
  readonly #process: ChildProcessByStdio<null, Readable, null>;
  #text = '';

  private constructor(process: ChildProcessByStdio<null, Readable, null>) {
    this.#process = process;
    process.stdout.on('data', (data: Buffer) => {
      this.#text += data.toString();
    });
  }

  static async start(netns: string): Promise<FdbMonitor> {
    const monitor = new FdbMonitor(
      spawn('bridge', ['-n', netns, 'monitor', 'fdb'], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    // It has nothing to say when it begins to listen.
    await new Promise((resolve) => setTimeout(resolve, 150));
    return monitor;
  }

  /** Ends it. The events, sorted: stations that are heard at the same time may be told of in any order. */
  async stop(): Promise<string[]> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const closed = new Promise<void>((resolve) => this.#process.once('close', () => resolve()));
      await new Promise((resolve) => setTimeout(resolve, 50));
      this.#process.kill();
      await closed;
    }
    return this.#text
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  }
}
