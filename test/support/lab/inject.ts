// SPDX-License-Identifier: Apache-2.0
// The real command line, except that something happens to it before one of the actions that change the kernel: it is killed, or a
// shell command runs meanwhile. `node inject.js STEP WHAT ARGUMENTS…`: STEP counts actions from 1, or is `OP` or `OP:N` for the
// N-th action of a kind; WHAT is `kill` or a shell command. It says `steps N` and `took SECONDS`, since the first of them, on stderr at
// the end, if it gets there.
// With INSIDE=1 in the environment, steps are the changes of the kernel that actions consist of: a program that is loaded but not
// pinned, a link that is made but not pinned, and so on.

import { execSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfLink, BpfMap, BpfProgram } from 'bpf-loader-native';
import { LiveHost } from '../../../src/platform/live-host.js';
import { PinDirectory } from '../../../src/platform/pin-directory.js';

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
let began: number | undefined;
const ofKind = new Map<string, number>();
const [wantedKind, wantedNumber = '1'] = step.split(':');

function before(operation: string): void {
  steps += 1;
  began ??= performance.now();
  const number = (ofKind.get(operation) ?? 0) + 1;
  ofKind.set(operation, number);
  const isNow = step === String(steps) || (wantedKind === operation && wantedNumber === String(number));
  if (!isNow) return;
  if (what === 'kill') process.kill(process.pid, 'SIGKILL');
  else execSync(what, { stdio: 'inherit' });
}

type Methods = Record<string, (...of: unknown[]) => unknown>;

/** The class is the one that the command line uses: it is loaded once per process. */
function intercept(prototype: object, name: string, operation: string): void {
  const methods = prototype as Methods;
  const original = methods[name];
  if (original === undefined) throw new Error(`there is no ${name}`);
  methods[name] = function (this: unknown, ...of: unknown[]) {
    before(operation);
    return original.apply(this, of);
  };
}

if (process.env.INSIDE === '1') {
  for (const name of ['ensure', 'settle', 'removeFile', 'leave']) intercept(PinDirectory.prototype, name, name);
  for (const name of ['set', 'setPerCpu', 'delete', 'pin']) intercept(BpfMap.prototype, name, `map-${name}`);
  intercept(BpfProgram.prototype, 'pin', 'program-pin');
  for (const name of ['pin', 'detach', 'close']) intercept(BpfLink.prototype, name, `link-${name}`);
} else for (const [name, operation] of Object.entries(operations)) intercept(LiveHost.prototype, name, operation);
process.on('exit', () => {
  const took = began === undefined ? 0 : (performance.now() - began) / 1000;
  process.stderr.write(`steps ${steps}\ntook ${took}\n`);
});
process.argv.splice(1, process.argv.length - 1, main, ...args);
await import(main);
