// SPDX-License-Identifier: Apache-2.0
// A process that runs while something is measured, and surely ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { isRemoved, removeAtExit } from '../support/lab/cleanup.js';

export interface Background {
  readonly pid: number;
  /** Its last words so far. */
  readonly output: string;
  /** Sends a line to its standard input. */
  write(line: string): void;
  /** Ends it and waits for that. */
  stop(): Promise<void>;
}

/** Starts a command; with `ready`, waits until it has printed that. */
export function startCommand([file = '', ...args]: readonly string[], ready?: string): Promise<Background> {
  return supervise(spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] }), ready);
}

/** Takes over a started process. */
export async function supervise(child: ChildProcess, ready?: string): Promise<Background> {
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${child.spawnfile}`);
  removeAtExit(`process ${pid}`, ['kill', '-KILL', String(pid)]);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let output = '';
  const prepared = new Promise<void>((resolve, reject) => {
    const take = (data: Buffer) => {
      // Only the beginning and the last words matter; a daemon may talk for long.
      output = (output + data.toString()).slice(-4000);
      if (ready !== undefined && output.includes(ready)) resolve();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (code) =>
      reject(new Error(`${child.spawnargs.join(' ')} ended with ${code}: ${output.trim()}`)),
    );
    if (ready === undefined) resolve();
  });
  prepared.catch(() => undefined);
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(patience);
    }
    isRemoved(`process ${pid}`);
  };
  try {
    await prepared;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pid,
    get output() {
      return output;
    },
    write: (line) => child.stdin?.write(`${line}\n`),
    stop,
  };
}
