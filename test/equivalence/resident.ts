// SPDX-License-Identifier: Apache-2.0
// TNA's one-shot commands in a process that stays: what resident-accelerator.ts starts. An emulated processor spends far more
// on starting Node, compiling the rules and reading the kernel's types than on what a command does. Each request is one command
// in one namespace, carried out by the command's own code; the answer is its exit code, or the status.

import { detachCommand } from '../../src/cli/commands/detach.js';
import { leaseOfOnce, reconcile } from '../../src/cli/commands/reconcile.js';
import { liveStatus } from '../../src/cli/commands/status.js';
import { type LoadedDomain, loadDomain } from '../../src/cli/context.js';
import { type GlobalOptions, parseOptions } from '../../src/cli/options.js';
import { enterNamespace } from '../../src/platform/namespace.js';
import { keepTemplates } from './kept-templates.js';
import type { Answer, Request } from './resident-accelerator.js';

keepTemplates();

const domains = new Map<string | undefined, Promise<LoadedDomain>>();

function domainOf({ library }: Request): Promise<LoadedDomain> {
  const known = domains.get(library) ?? loadDomain(parseOptions(library === undefined ? {} : { library }));
  domains.set(library, known);
  return known;
}

async function carryOut(request: Request, options: GlobalOptions): Promise<Omit<Answer, 'error'>> {
  const domain = await domainOf(request);
  switch (request.command) {
    case 'reconcile':
      return { code: await reconcile(options, { ...domain, lease: leaseOfOnce(options) }) };
    case 'status':
      return { code: 0, interfaces: (await liveStatus(options, domain)).interfaces };
    case 'detach':
      return { code: await detachCommand(options) };
  }
}

/** What a command says when it fails. */
let said = '';
process.stderr.write = (text: string | Uint8Array): boolean => {
  said += String(text);
  return true;
};

async function answer(request: Request): Promise<void> {
  let answer: Answer;
  said = '';
  try {
    answer = await carryOut(request, parseOptions({ netns: request.netns, hook: [request.hook] }));
  } catch (error) {
    answer = { code: 1, error: error instanceof Error ? error.message : String(error) };
  }
  if (answer.code !== 0) answer = { ...answer, error: answer.error ?? said };
  // A process in a namespace keeps it alive, and its devices: back to that of the parent.
  enterNamespace(`/proc/${process.ppid}/ns/net`);
  process.send?.(answer);
}

// One at a time: the namespace is the process's.
let last: Promise<void> = Promise.resolve();
process.on('message', (request: Request) => {
  last = last.then(() => answer(request));
});
