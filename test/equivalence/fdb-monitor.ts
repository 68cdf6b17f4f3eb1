// SPDX-License-Identifier: Apache-2.0
// What the kernel tells user space of FDB entries while a case runs: learnt, moved, active again, gone.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

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
    await monitor.#until(() => monitor.#isWaiting());
    return monitor;
  }

  /**
   * Whether it has told all there was, and waits for more. Before it listens it reads the names of devices from the same socket, and drops what
   * is told meanwhile; that never makes it sleep, as the kernel answers while it asks.
   */
  #isWaiting(): boolean {
    const { pid, exitCode } = this.#process;
    if (exitCode !== null) throw new Error(`bridge monitor exited with ${exitCode}`);
    const joined = (groups = '') => !/^0*$/.test(groups);
    const rows = readFileSync(`/proc/${pid}/net/netlink`, 'latin1').split('\n').slice(1);
    // sk Eth Pid Groups Rmem …; the port id of a process's first socket is its process id.
    const listens = rows
      .map((row) => row.trim().split(/\s+/))
      .some(([, , port, groups, unread]) => port === String(pid) && joined(groups) && unread === '0');
    // pid (name) state …: S sleeps until something comes.
    return listens && readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[2] === 'S';
  }

  async #until(holds: () => boolean): Promise<void> {
    for (const end = performance.now() + 60_000; !holds(); await delay(5))
      if (performance.now() > end) throw new Error('bridge monitor does not listen');
  }

  /** Ends it. The events, sorted: stations that are heard at the same time may be told of in any order. */
  async stop(): Promise<string[]> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const closed = new Promise<void>((resolve) => this.#process.once('close', () => resolve()));
      // What a work queue tells.
      await delay(50);
      await this.#until(() => this.#isWaiting());
      this.#process.kill();
      await closed;
    }
    return this.#text
      .split('\n')
      .filter((line) => line !== '')
      .sort();
  }
}
