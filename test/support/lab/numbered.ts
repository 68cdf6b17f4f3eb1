// SPDX-License-Identifier: Apache-2.0
// Numbered UDP packets from one network namespace to another at a steady rate, and which of them arrived.

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { fileURLToPath } from 'node:url';
import { isRemoved, removeAtExit } from './cleanup.js';

const port = 4000;
const everyMs = 2;
/** Who could not send for longer sends no more than so many at once: a socket has room for some 270 such packets. */
const mostAtOnce = 50;

/** What the receiver has seen since it was asked last. */
export interface Arrivals {
  readonly packets: number;
  readonly lost: number;
  /** The longest time between two packets, in milliseconds. */
  readonly longestGapMs: number;
}

export class NumberedStream {
  private constructor(
    private readonly sender: ChildProcess,
    private readonly receiver: ChildProcess,
  ) {}

  static start(from: string, to: string, address: string): NumberedStream {
    const start = (netns: string, ...args: readonly string[]) => {
      const words = ['netns', 'exec', netns, process.execPath, fileURLToPath(import.meta.url), ...args];
      const child = spawn('ip', words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      const name = `process ${child.pid}`;
      removeAtExit(name, ['kill', '-9', String(child.pid)]);
      child.once('close', () => isRemoved(name));
      return child;
    };
    return new NumberedStream(start(from, 'send', address), start(to, 'receive'));
  }

  async arrivals(): Promise<Arrivals> {
    return new Promise((resolve) => {
      this.receiver.once('message', (message) => resolve(message as Arrivals));
      this.receiver.send('report');
    });
  }

  stop(): void {
    for (const child of [this.sender, this.receiver]) child.kill('SIGKILL');
  }
}

function send(address: string): void {
  const socket = createSocket('udp4');
  let due = performance.now();
  let number = 0;
  socket.on('error', () => undefined);
  setInterval(() => {
    due = Math.max(due, performance.now() - mostAtOnce * everyMs);
    for (; due < performance.now(); due += everyMs, number += 1) {
      const packet = Buffer.alloc(64);
      packet.writeUInt32BE(number);
      // While there is no route, what the kernel answers is of no interest.
      socket.send(packet, port, address, () => undefined);
    }
  }, everyMs);
}

function receive(): void {
  let [packets, longestGapMs, first, last] = [0, 0, -1, -1];
  let before = performance.now();
  createSocket('udp4', (packet) => {
    const now = performance.now();
    const number = packet.readUInt32BE();
    if (first < 0) first = number;
    packets += 1;
    last = Math.max(last, number);
    longestGapMs = Math.max(longestGapMs, now - before);
    before = now;
  }).bind(port);
  process.on('message', () => {
    process.send?.({ packets, lost: first < 0 ? 0 : last - first + 1 - packets, longestGapMs } satisfies Arrivals);
    [packets, longestGapMs, first] = [0, 0, last < 0 ? -1 : last + 1];
  });
}

const [, script, what, address] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  process.on('disconnect', () => process.exit());
  if (what === 'send') send(address ?? '');
  else receive();
}
