// SPDX-License-Identifier: Apache-2.0
// As tnaAccelerator, by one process for all cases (resident.ts): for machines on which starting one takes seconds.

import { type ChildProcess, fork } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { detachAtExit, detached, type InterfaceStatus } from '../support/lab/tna.js';
import { type Accelerator, claimOf } from './accelerator.js';
import type { Hook } from './configuration.js';

export interface Request {
  readonly command: 'reconcile' | 'status' | 'detach';
  readonly netns: string;
  readonly hook: Hook;
  /** As --library; the built-in one when absent. */
  readonly library?: string;
}

export interface Answer {
  readonly code: number;
  readonly error?: string;
  readonly interfaces?: readonly InterfaceStatus[];
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const script = join(dirname(fileURLToPath(import.meta.url)), 'resident.js');

export class Resident {
  readonly #child: ChildProcess;
  readonly #waiting: Waiting[] = [];
  #gone: Error | undefined;

  constructor() {
    // What commands print is of no use, and stdout may be a protocol.
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    this.#child = fork(script, [], { stdio: [...stdio] });
    this.#child.on('message', (answer: Answer) => this.#waiting.shift()?.resolve(answer));
    this.#child.on('close', (code) => {
      this.#gone = new Error(`the resident TNA ended with code ${code}`);
      for (const { reject } of this.#waiting.splice(0)) reject(this.#gone);
    });
  }

  accelerator(hook: Hook, library?: string): Accelerator {
    const ask = (command: Request['command'], netns: string) =>
      this.#ask({ command, netns, hook, ...(library === undefined ? {} : { library }) });
    return {
      start: async (netns) => {
        detachAtExit(netns);
        await ask('reconcile', netns);
      },
      status: async (netns) => ((await ask('status', netns)).interfaces ?? []).map(claimOf),
      stop: async (netns) => {
        await ask('detach', netns);
        detached(netns);
      },
    };
  }

  /** Ends the process. */
  close(): void {
    this.#child.disconnect();
  }

  async #ask(request: Request): Promise<Answer> {
    if (this.#gone !== undefined) throw this.#gone;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.send(request);
    });
    if (answer.code !== 0)
      throw new Error(`tna ${request.command} in ${request.netns}: ${answer.error ?? `code ${answer.code}`}`);
    return answer;
  }
}
