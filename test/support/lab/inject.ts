// SPDX-License-Identifier: Apache-2.0
// The real command line, except that something happens to it before one of the actions that change the kernel: it is killed, or a
// shell command runs meanwhile. `node inject.js STEP WHAT ARGUMENTS…`: STEP counts actions from 1, or is `OP` or `OP:N` for the
// N-th action of a kind; WHAT is `kill` or a shell command. It says `steps N` on stderr at the end, if it gets there.

import { execSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LiveHost } from '../../../src/platform/live-host.js';

const [step = '', what = '', ...args] = process.argv.slice(2);
// The command line in its modules: the bundle would bring a LiveHost of its own.
const main = join(dirname(fileURLToPath(import.meta.url)), '../../../src/main.js');
const operations = {
  prepare: 'prepare',
  load: 'load',
  unload: 'unload',
  attach: 'attach',
  detach: 'detach',
  setSlot: 'set-slot',
  clearSlot: 'clear-slot',
  setEgress: 'set-egress',
  clearEgress: 'clear-egress',
  dismantle: 'dismantle',
  removeStray: 'remove-stray',
  leave: 'leave',
} as const;

let steps = 0;
const ofKind = new Map<string, number>();
const [wantedKind, wantedNumber = '1'] = step.split(':');

function before(operation: string): void {
  steps += 1;
  const number = (ofKind.get(operation) ?? 0) + 1;
  ofKind.set(operation, number);
  const isNow = step === String(steps) || (wantedKind === operation && wantedNumber === String(number));
  if (!isNow) return;
  if (what === 'kill') process.kill(process.pid, 'SIGKILL');
  else execSync(what, { stdio: 'inherit' });
}

// The class is the one that the command line uses: it is loaded once per process.
const methods = LiveHost.prototype as unknown as Record<string, (...of: unknown[]) => unknown>;
for (const [name, operation] of Object.entries(operations)) {
  const original = methods[name];
  if (original === undefined) throw new Error(`LiveHost has no ${name}`);
  methods[name] = function (this: LiveHost, ...of: unknown[]) {
    before(operation);
    return original.apply(this, of);
  };
}
process.on('exit', () => process.stderr.write(`steps ${steps}\n`));
process.argv.splice(1, process.argv.length - 1, main, ...args);
await import(main);
