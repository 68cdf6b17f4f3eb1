// SPDX-License-Identifier: Apache-2.0
// Directories of pins that nobody needs any more are removed by whoever comes by. That never keeps out a controller that begins at
// that very moment in the same place.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import t, { type Test } from 'tap';
import { readLifeMark } from '../../src/platform/life-mark.js';
import { PinDirectory } from '../../src/platform/pin-directory.js';
import { addNetns, deleteNetns, netnsName } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { makePinDirectory } from '../support/lab/pins.js';
import { Controller, detachAtExit, detached, pinDirectory, tna, until } from '../support/lab/tna.js';
import { root } from '../support/scenarios/files.js';

t.setTimeout(300_000 * patience);

const markOf = (directory: string) => join(directory, 'map-tna_alive');

async function makeNetns(t: Test): Promise<string> {
  const name = netnsName('begins');
  await addNetns(name);
  detachAtExit(name);
  t.teardown(async () => {
    await tna('detach', '--netns', name);
    detached(name);
    await deleteNetns(name);
  });
  return name;
}

/** Node runs the script, which may use the workspaces, no longer than the test; resolves when it has written something. */
async function inProcess(t: Test, script: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, ended, said: said.toString().trim() };
}

/** Holds the lock of a directory as long as no clearing up takes, then removes it. Others on this machine may have been faster. */
const clearUp = (t: Test, directory: string) =>
  inProcess(
    t,
    `
    import { rmSync } from 'node:fs';
    import { lockDirectory } from 'bpf-loader-native';
    const path = ${JSON.stringify(directory)};
    let lock = {};
    try { lock = lockDirectory(path); } catch {}
    console.log('release' in lock ? 'held' : 'gone');
    const remove = () => { rmSync(path, { recursive: true }); lock.release(); };
    if ('release' in lock) setTimeout(remove, 1500);`,
  );

/** What a controller leaves that was killed in a namespace which then ended, in the place of `directory`. */
async function leaveDead(directory: string): Promise<void> {
  const gone = netnsName('gone');
  await addNetns(gone);
  const left = pinDirectory(gone);
  const controller = Controller.start(gone);
  await until('it has begun', () => existsSync(markOf(left)));
  await controller.stop('SIGKILL');
  renameSync(left, directory);
  detached(gone);
  await deleteNetns(gone);
  await until('the namespace has ended', () => readLifeMark(markOf(directory)) !== 'alive');
}

t.test('a controller begins while its place is being cleared up', async (t) => {
  const netns = await makeNetns(t);
  const directory = pinDirectory(netns);
  const places: Readonly<Record<string, () => Promise<void>>> = {
    'an empty directory': async () => {
      makePinDirectory(directory);
    },
    'what a namespace with the same number has left': () => leaveDead(directory),
  };
  for (const [what, make] of Object.entries(places)) {
    const hold = async () => {
      await make();
      return clearUp(t, directory);
    };
    let holder = await hold();
    while (holder.said !== 'held') holder = await hold();
    const began = await tna('reconcile', '--once', '--netns', netns);
    t.same([began.code, began.stderr], [0, ''], `${what}: it waits for that`);
    await holder.ended;
    t.notOk(existsSync(directory), `${what}: and leaves nothing`);
  }
});

t.test('a second controller is told at once', async (t) => {
  const netns = await makeNetns(t);
  const controller = Controller.start(netns);
  t.teardown(() => controller.stop());
  await until('the first one has begun', () => existsSync(markOf(pinDirectory(netns))));
  const second = new PinDirectory(basename(pinDirectory(netns)));
  const began = performance.now();
  await t.rejects(second.lock(), {
    code: 'locked',
    message: new RegExp(`another controller works on this namespace: pid ${controller.pid} `),
  });
  // It would for three seconds if that one cleared up.
  t.ok(performance.now() - began < 2500 * patience, 'it does not wait for a controller to end');
});

t.test('who has lost the lock to another asks for it each time, and does nothing without', async (t) => {
  const [first, second] = [new PinDirectory('21'), new PinDirectory('21')];
  t.teardown(() => {
    for (const directory of [first, second]) directory.leave();
  });
  await first.lock();
  rmSync(first.path, { recursive: true });
  await second.lock();
  for (const time of ['first', 'second']) await t.rejects(first.keepLock(), { code: 'locked' }, time);
  second.leave();
  await first.keepLock();
  await t.rejects(second.lock(), { code: 'locked' }, 'it has it again');
});

t.test('who works on a namespace can be asked while somebody comes and goes', async (t) => {
  const directory = new PinDirectory('20');
  t.teardown(() => rmSync(directory.path, { recursive: true, force: true }));
  const { child, ended } = await inProcess(
    t,
    `
    import { PinDirectory } from ${JSON.stringify(join(root, 'dist/src/platform/pin-directory.js'))};
    const directory = new PinDirectory('20');
    console.log('begins');
    for (;;) { await directory.lock(); directory.leave(); }`,
  );
  const holders = new Set<number | undefined>();
  for (const end = performance.now() + 1000; performance.now() < end; ) holders.add(directory.holder()?.pid);
  child.kill('SIGKILL');
  await ended;
  t.same(
    [...holders].filter((pid) => pid !== undefined),
    [child.pid],
    'nobody else',
  );
});

t.test('beginning and leaving a thousand times while others clear up without pause', async (t) => {
  // Any number: the directory is that of a namespace that only this test knows of.
  const directory = new PinDirectory('17');
  t.teardown(() => rmSync(directory.path, { recursive: true, force: true }));
  const others = await Promise.all(
    [18, 19].map((number) =>
      inProcess(
        t,
        `
        import { PinDirectory } from ${JSON.stringify(join(root, 'dist/src/platform/pin-directory.js'))};
        const directory = new PinDirectory('${number}');
        console.log('begins');
        for (;;) directory.pruneOthers();`,
      ),
    ),
  );
  let failed: unknown;
  let times = 0;
  for (; times < 1000 && failed === undefined; times++) {
    try {
      await directory.lock();
      directory.leave();
    } catch (error) {
      failed = error;
    }
  }
  for (const { child, ended } of others) {
    child.kill('SIGKILL');
    await ended;
  }
  t.equal(failed, undefined, `${times} times`);
});
