// SPDX-License-Identifier: Apache-2.0
// Runs one of the kernel's selftests in a virtual machine: selftest.js off|on SCRIPT [ARGUMENT]...
//
// `on`: a controller runs in the first network namespace before the script starts, and one in each namespace that the
// script makes, before it gets to use it (an `ip` of our own, first in the path, waits for that). What the fast path
// did is read from its counters all along, because most scripts remove their bridges before they end.
// Leaves selftest.json and the controllers' logs beside the machine's other output.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { main } from '../../support/scenarios/files.js';
import { engine } from '../engine.js';
import { FastPathMeter } from './fast-path-meter.js';

const output = '/run/output';
const names = '/run/netns';
const ready = '/run/tna-ready';
const programs = '/run/tna-bin';

/**
 * `ip`, but a new namespace is handed out only once TNA is in it. A dead controller must not stop the script. By bash, since other shells drop the
 * functions that scripts export for what they run in a namespace.
 */
const ipScript = `#!/bin/bash
[ "$1 $2" = "netns add" ] || exec /usr/sbin/ip "$@"
rm -f "${ready}/$3" # of one that had the name before
/usr/sbin/ip "$@" || exit
left=600
while [ ! -e "${ready}/$3" ] && [ $left -gt 0 ]; do
  sleep 0.1
  left=$((left - 1))
done
`;

/** The controller of one namespace; undefined stands for the first one. */
class Controlled {
  readonly process: ChildProcess;
  readonly inode: number;
  log = '';
  expectedToEnd = false;
  diedWith: string | undefined;

  constructor(readonly netns: string | undefined) {
    this.inode = statSync(netns === undefined ? '/proc/self/ns/net' : join(names, netns)).ino;
    // The scripts' devices are of kinds that tc is for; whether that is worth it on this processor is not the question.
    const where = ['--hook', 'tc', ...(netns === undefined ? [] : ['--netns', netns])];
    this.process = spawn(process.execPath, [...engine, main, 'reconcile', ...where], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on('data', (data: Buffer) => {
        this.log += data.toString();
      });
    this.process.once('exit', (code, signal) => {
      // Scripts end all processes of a namespace before they remove it.
      if (!this.expectedToEnd && code !== 0) this.diedWith = signal ?? `exit code ${code}`;
    });
  }

  /** It has taken its directory, so it has read its rules and looks at the namespace from now on. */
  get runs(): boolean {
    return existsSync(`/sys/fs/bpf/tna/${this.inode}`) || this.process.exitCode !== null;
  }

  end(signal: NodeJS.Signals): void {
    this.expectedToEnd = true;
    this.process.kill(signal);
  }
}

/** Keeps a controller in each namespace that exists. */
class Supervisor {
  readonly all: Controlled[] = [];
  readonly #present = new Map<string, Controlled>();

  start(netns: string | undefined): Controlled {
    const controlled = new Controlled(netns);
    this.all.push(controlled);
    return controlled;
  }

  look(): void {
    const now = new Set(readdirSync(names));
    for (const [netns, controlled] of this.#present) {
      if (now.has(netns) && inodeOf(netns) === controlled.inode) continue;
      // At once: its descriptors keep the namespace alive, and with it the devices.
      controlled.end('SIGKILL');
      this.#present.delete(netns);
    }
    for (const netns of now) {
      // Before `ip` has mounted the namespace there is a plain file of that name.
      if (!this.#present.has(netns) && isNamespace(netns)) this.#present.set(netns, this.start(netns));
    }
    for (const [netns, controlled] of this.#present) {
      if (controlled.runs && !existsSync(join(ready, netns))) writeFileSync(join(ready, netns), '');
    }
  }
}

function inodeOf(netns: string): number | undefined {
  return statSync(join(names, netns), { throwIfNoEntry: false })?.ino;
}

function isNamespace(netns: string): boolean {
  const own = statSync('/proc/self/ns/net');
  return statSync(join(names, netns), { throwIfNoEntry: false })?.dev === own.dev;
}

const [mode, script, ...parameters] = process.argv.slice(2);
if ((mode !== 'on' && mode !== 'off') || script === undefined)
  throw new Error('usage: selftest.js off|on SCRIPT [ARGUMENT]...');

for (const directory of [names, ready, programs]) mkdirSync(directory, { recursive: true });
writeFileSync(join(programs, 'ip'), ipScript, { mode: 0o755 });
const supervisor = new Supervisor();
const meter = new FastPathMeter();
if (mode === 'on') {
  const first = supervisor.start(undefined);
  while (!first.runs) await delay(50);
  // The first pass follows within this time even on an emulated processor; nothing depends on it.
  await delay(1000);
}

const child = spawn('bash', [script, ...parameters], {
  stdio: ['ignore', 'inherit', 'inherit'],
  env: {
    // Says to the script that a failure to keep up is no failure, and how long to wait for things, in seconds.
    KSFT_MACHINE_SLOW: 'yes',
    WAIT_TIMEOUT: '60',
    PING_TIMEOUT: '20',
    ...process.env,
    ...(mode === 'on' ? { PATH: `${programs}:${process.env.PATH}` } : {}),
  },
});
let code: number | undefined;
child.once('exit', (exitCode) => {
  code = exitCode ?? 255;
});
while (code === undefined) {
  if (mode === 'on') {
    supervisor.look();
    meter.read();
  }
  await delay(100);
}
meter.read();

for (const controlled of supervisor.all) {
  const { netns, log, diedWith } = controlled;
  controlled.end('SIGTERM');
  writeFileSync(join(output, `controller-${netns ?? 'first'}.log`), log + (diedWith ? `died: ${diedWith}\n` : ''));
}
writeFileSync(
  join(output, 'selftest.json'),
  JSON.stringify({
    code,
    ...meter.total,
    controllers: supervisor.all.length,
    died: supervisor.all.flatMap(({ netns, diedWith }) => (diedWith ? [`${netns ?? 'first'}: ${diedWith}`] : [])),
  }),
);
process.exit(code);
