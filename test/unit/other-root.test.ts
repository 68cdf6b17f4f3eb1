// SPDX-License-Identifier: Apache-2.0
// What paths lead to that another process was given, which has other mounts or another root.

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { pathsOf } from '../../src/platform/other-root.js';
import { readRuleFiles } from '../../src/platform/rule-files.js';

/** Runs until the test ends, in a user and mount namespace of its own; there once the script has come to its `exec sleep`. */
async function elsewhere(t: Test, cwd: string, script: string): Promise<ChildProcess> {
  const child = spawn('unshare', ['-rm', 'sh', '-ec', `${script}exec sleep 600`], { cwd, stdio: 'inherit' });
  t.teardown(() => child.kill('SIGKILL'));
  const isThere = () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n';
  for (const end = performance.now() + 20_000; !isThere(); await new Promise((turn) => setTimeout(turn, 5)))
    if (child.exitCode !== null || performance.now() > end) throw new Error('it has not begun');
  return child;
}

const texts = (directory: string) => readRuleFiles(directory).map(({ text }) => text);

/** The same names lead to other rules there. */
function directories(t: Test): string {
  const links = { relative: t.fixture('symlink', 'seen'), loop: t.fixture('symlink', 'loop') };
  const directory = t.testdir({
    own: { 'a.yaml': 'theirs' },
    seen: { 'a.yaml': 'ours' },
    below: {},
    root: {},
    ...links,
  });
  return realpathSync(directory);
}

t.test('of a process that has what we have', async (t) => {
  const paths = pathsOf(process.pid);
  t.equal(paths('x'), resolve('x'));
  t.equal(paths('/etc/../tmp'), '/tmp');
});

t.test('of one with other mounts', async (t) => {
  const directory = directories(t);
  const seen = join(directory, 'seen');
  const { pid = 0 } = await elsewhere(
    t,
    directory,
    `mount --bind own seen; mount -t tmpfs none below; ln -s ${seen} below/absolute; cd below; `,
  );
  const paths = pathsOf(pid);
  for (const path of [
    seen,
    `${directory}/relative`,
    '../seen',
    'absolute',
    './/absolute/.',
    `${seen}/../below/absolute`,
  ]) {
    t.equal(paths(path), `/proc/${pid}/root${seen}`, path);
    t.same(texts(paths(path)), ['theirs'], path);
  }
  t.same(texts(seen), ['ours']);
  t.throws(() => texts(paths('nowhere')), { code: 'rules-directory' });
  t.throws(() => texts(paths('../loop')), { code: 'rules-directory' });
});

t.test('of one with another root', async (t) => {
  const directory = directories(t);
  const script = `mount --rbind / root; mount --bind own seen; exec chroot root sh -ec 'cd ${directory}; exec sleep 600'; `;
  const { pid = 0 } = await elsewhere(t, directory, script);
  t.equal(readlinkSync(`/proc/${pid}/root`), join(directory, 'root'));
  const paths = pathsOf(pid);
  t.equal(paths('relative'), `/proc/${pid}/root${directory}/seen`);
  t.equal(paths(directory), `/proc/${pid}/root${directory}`);
});
