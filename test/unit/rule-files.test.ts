// SPDX-License-Identifier: Apache-2.0
// Reading and watching rule directories, with real files: ordinary ones and mounted ConfigMaps.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type RuleFileText, readRuleFiles } from '../../src/platform/rule-files.js';
import { type WatchOptions, watchRuleFiles } from '../../src/platform/rule-watcher.js';

function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'tna-rule-files-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const names = (files: readonly RuleFileText[]) => files.map(({ path }) => path.split('/').at(-1));
const bodies = (files: readonly RuleFileText[]) => files.map(({ text }) => text).join('|');
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lays out a directory as the kubelet does: files are symlinks through `..data` into a dated directory. */
function mountConfigMap(path: string, version: string, files: { readonly [name: string]: string }): void {
  const dated = `..${version}`;
  mkdirSync(join(path, dated));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(path, dated, name), text);
    try {
      symlinkSync(join('..data', name), join(path, name));
    } catch {
      // The link is there already.
    }
  }
  symlinkSync(dated, join(path, '..data_tmp'));
  renameSync(join(path, '..data_tmp'), join(path, '..data'));
}

t.test('reads what is a rule file, in order', async (t) => {
  const path = directory(t);
  for (const name of ['b.yaml', 'a.yml', 'C.yaml', '.hidden.yaml', 'notes.txt', 'd.yaml.bak']) {
    writeFileSync(join(path, name), name);
  }
  mkdirSync(join(path, 'folder.yaml'));
  execFileSync('mkfifo', [join(path, 'pipe.yaml')]);
  symlinkSync('b.yaml', join(path, 'link.yaml'));
  t.same(names(readRuleFiles(path)), ['C.yaml', 'a.yml', 'b.yaml', 'link.yaml']);
  t.equal(bodies(readRuleFiles(path)), 'C.yaml|a.yml|b.yaml|b.yaml');
  writeFileSync(join(path, 'large.yaml'), 'x'.repeat(3 << 20));
  t.equal(readRuleFiles(path)[3]?.text.length, (1 << 20) + 1, 'no more is read than tells that it is too large');
});

t.test('what cannot be read is an error that names the directory', async (t) => {
  const path = directory(t);
  t.throws(() => readRuleFiles(join(path, 'nowhere')), { code: 'rules-directory', object: join(path, 'nowhere') });
  t.throws(() => readRuleFiles(path), { code: 'rules-directory', evidence: /no \*\.yaml/ }, 'an empty directory');
  symlinkSync('gone.yaml', join(path, 'dangling.yaml'));
  t.throws(() => readRuleFiles(path), { code: 'rules-directory', evidence: /dangling/ });
});

t.test('a ConfigMap: read through its links', async (t) => {
  const path = directory(t);
  mountConfigMap(path, '1', { 'a.yaml': 'one', 'b.yaml': 'two' });
  t.same(names(readRuleFiles(path)), ['a.yaml', 'b.yaml']);
  t.equal(bodies(readRuleFiles(path)), 'one|two');
});

t.test('releases behind one link: no set has files of two', async (t) => {
  const path = directory(t);
  for (const version of ['1', '2']) {
    mkdirSync(join(path, version, 'rules'), { recursive: true });
    for (let i = 0; i < 40; i++) writeFileSync(join(path, version, 'rules', `${i}.yaml`), version);
  }
  symlinkSync('1', join(path, 'current'));
  // By another process, as fast as it can, for as long as there is this one to read.
  const swap = `while kill -0 ${process.pid}; do for i in 2 1; do ln -s $i new; mv -T new current; done; done`;
  const swapping = spawn('bash', ['-c', swap], { cwd: path, stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  // With the command that it just runs, which would go on writing while the directory is removed: all have closed the pipe then.
  const end = async () => {
    if (swapping.exitCode === null && swapping.signalCode === null) process.kill(-(swapping.pid as number), 'SIGKILL');
    if (!swapping.stdout.closed) await once(swapping.stdout, 'close');
  };
  swapping.stdout.resume();
  t.teardown(end);
  const found = new Set<string>();
  let refused = 0;
  const begun = performance.now();
  // For two seconds, and longer where others compute, too, and it has not been come upon in both states.
  for (; performance.now() - begun < (found.size < 2 ? 20_000 : 2000); await pause(0)) {
    try {
      found.add([...new Set(bodies(readRuleFiles(join(path, 'current', 'rules'))).split('|'))].join('+'));
    } catch {
      refused++;
    }
  }
  await end();
  t.same([...found].sort(), ['1', '2'], `${refused} times it was replaced again and again`);
});

/** Watches with short times and collects what is reported. */
function watch(t: Test, path: string, options: WatchOptions = {}) {
  const seen: string[] = [];
  const watcher = watchRuleFiles(path, (files) => seen.push(bodies(files)), {
    ...options,
    timing: { debounce, rescan: 60_000, ...options.timing },
  });
  t.teardown(() => watcher.close());
  /** Waits for so many reports in all. */
  const reports = async (count: number) => {
    for (const end = performance.now() + 20_000; seen.length < count && performance.now() < end; ) await pause(10);
  };
  return { seen, reports, ready: watcher.ready, close: () => watcher.close() };
}

/** Long beside the pauses between writes that are one change, even where others compute, too. */
const debounce = 300;
/** By then a change would have been reported. */
const settled = 3 * debounce;

t.test('reports changes of contents once, after they settle', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'a.yaml'), '0');
  const { seen, reports, ready, close } = watch(t, path);
  await ready;
  for (const text of ['1', '2', '3']) {
    writeFileSync(join(path, 'a.yaml'), text);
    await pause(15);
  }
  await reports(1);
  await pause(settled);
  t.same(seen, ['3'], 'three writes, one report');
  const now = new Date();
  utimesSync(join(path, 'a.yaml'), now, now);
  writeFileSync(join(path, 'a.yaml'), '3');
  writeFileSync(join(path, 'notes.txt'), 'not a rule file');
  await pause(settled);
  t.same(seen, ['3'], 'same contents, no report');
  writeFileSync(join(path, 'b.yaml'), 'new');
  await reports(2);
  t.same(seen.slice(1), ['3|new'], 'a new file');
  unlinkSync(join(path, 'a.yaml'));
  await reports(3);
  t.same(seen.slice(2), ['new'], 'a file gone');
  await close();
  writeFileSync(join(path, 'b.yaml'), 'after');
  await pause(settled);
  t.equal(seen.length, 3, 'nothing after close');
});

t.test('a stream of events cannot put a report off for ever', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'a.yaml'), '0');
  const { seen, ready } = watch(t, path, { timing: { debounce: 150, patience: 400, rescan: 60_000 } });
  await ready;
  writeFileSync(join(path, 'a.yaml'), '1');
  for (let i = 1; i <= 40; i++) {
    writeFileSync(join(path, 'notes.txt'), String(i));
    await pause(40);
  }
  t.same(seen, ['1'], 'while events kept coming');
});

t.test('what is being written is not a set, however long it takes and whoever looks meanwhile', async (t) => {
  const path = directory(t);
  for (const name of ['a', 'b']) writeFileSync(join(path, `${name}.yaml`), name);
  const errors: string[] = [];
  const onError = (error: { readonly code: string }) => errors.push(error.code);
  const { seen, reports, ready } = watch(t, path, { timing: { patience: 400, rescan: 50 }, onError });
  await ready;
  await pause(settled);
  for (const name of ['b', 'a']) {
    unlinkSync(join(path, `${name}.yaml`));
    await pause(debounce / 2);
  }
  for (const name of ['a', 'b']) writeFileSync(join(path, `${name}.yaml`), name);
  await pause(settled);
  t.same([seen, errors], [[], []], 'files that are gone for a moment');
  const line = '0123456789\n';
  for (let lines = 1; lines <= 12; lines++) {
    writeFileSync(join(path, 'b.yaml'), line.repeat(lines));
    await pause(100);
  }
  await reports(1);
  t.same(seen, [`a|${line.repeat(12)}`], 'a file that grows line by line');
});

t.test('a ConfigMap swap is one change', async (t) => {
  const path = directory(t);
  mountConfigMap(path, '1', { 'a.yaml': 'a1', 'b.yaml': 'b1' });
  const { seen, reports, ready } = watch(t, path);
  await ready;
  mountConfigMap(path, '2', { 'a.yaml': 'a2', 'b.yaml': 'b2' });
  await reports(1);
  rmSync(join(path, '..1'), { recursive: true });
  await pause(settled);
  t.same(seen, ['a2|b2']);
  mountConfigMap(path, '3', { 'a.yaml': 'a3', 'b.yaml': 'b3' });
  await reports(2);
  t.same(seen, ['a2|b2', 'a3|b3'], 'and the next one too');
});

t.test('a retargeted link to the directory is found by looking', async (t) => {
  const path = directory(t);
  for (const version of ['v1', 'v2']) {
    mkdirSync(join(path, version));
    writeFileSync(join(path, version, 'a.yaml'), version);
  }
  symlinkSync('v1', join(path, 'rules'));
  const { seen, reports, ready } = watch(t, join(path, 'rules'), { timing: { rescan: 400 } });
  await ready;
  await pause(settled);
  symlinkSync('v2', join(path, 'rules.new'));
  renameSync(join(path, 'rules.new'), join(path, 'rules'));
  await reports(1);
  t.same(seen, ['v2']);
});

t.test('changes before watching began, and a directory that comes and goes', async (t) => {
  const path = join(directory(t), 'rules');
  mkdirSync(path);
  writeFileSync(join(path, 'a.yaml'), 'new');
  const errors: string[] = [];
  const { seen, reports } = watch(t, path, {
    known: [{ path: join(path, 'a.yaml'), text: 'old' }],
    onError: (error) => errors.push(error.code),
    timing: { rescan: 100 },
  });
  await reports(1);
  t.same(seen, ['new'], 'what changed since the caller read the files');
  rmSync(path, { recursive: true });
  for (const end = performance.now() + 20_000; errors.length === 0 && performance.now() < end; ) await pause(10);
  await pause(settled);
  t.same(errors, ['rules-directory'], 'told once');
  t.same(seen, ['new'], 'an unreadable directory is no change');
  for (const text of ['new', 'back']) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'a.yaml'), text);
    await reports(text === 'new' ? 2 : 3);
  }
  t.same(seen, ['new', 'new', 'back'], 'that it is back is news, as it was or otherwise');
});

t.test('without descriptors to begin with, changes are found by looking', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'a.yaml'), 'one');
  const script = `
    import { closeSync, openSync, writeFileSync } from 'node:fs';
    import { watchRuleFiles } from ${JSON.stringify(new URL('../../src/platform/rule-watcher.js', import.meta.url).href)};
    const taken = [];
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    const errors = [];
    const changes = [];
    const known = [{ path: ${JSON.stringify(join(path, 'a.yaml'))}, text: 'one' }];
    const timing = { debounce: 5, patience: 50, rescan: 20 };
    const watcher = watchRuleFiles(${JSON.stringify(path)}, (files) => changes.push(files[0].text), {
      timing, known, onError: (error) => errors.push(error.code),
    });
    await watcher.ready;
    const failed = [...errors];
    taken.forEach((one) => closeSync(one));
    writeFileSync(${JSON.stringify(join(path, 'a.yaml'))}, 'two');
    const end = performance.now() + 20_000;
    while (changes.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
    await watcher.close();
    console.log(JSON.stringify({ failed, changes }));
  `;
  const command = [process.execPath, '--input-type=module', '-e', script];
  const { failed, changes } = JSON.parse(
    execFileSync('prlimit', ['--nofile=60:60', ...command], { encoding: 'utf8' }),
  ) as { failed: readonly string[]; changes: readonly string[] };
  // A look may fall into the time without descriptors, too.
  t.ok(failed.includes('rules-watch'), failed.join());
  t.same(changes, ['two']);
});

t.test('without inotify watches it is said once, and changes are found by looking', async (t) => {
  const path = directory(t);
  for (const name of ['a.yaml', 'b.yaml']) writeFileSync(join(path, name), 'one');
  const script = `
    import { writeFileSync } from 'node:fs';
    import { watchRuleFiles } from ${JSON.stringify(new URL('../../src/platform/rule-watcher.js', import.meta.url).href)};
    const errors = [];
    const changes = [];
    const watcher = watchRuleFiles(${JSON.stringify(path)}, (files) => changes.push(files[0].text), {
      timing: { debounce: 20, patience: 50, rescan: 40 },
      onError: ({ code, message, hint }) => errors.push({ code, message, hint }),
    });
    await watcher.ready;
    writeFileSync(${JSON.stringify(join(path, 'a.yaml'))}, 'two');
    const end = performance.now() + 20_000;
    while (changes.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
    await watcher.close();
    console.log(JSON.stringify({ errors, changes }));
  `;
  // The limit is one of the user namespace: a process in one of its own has none left, and nobody else is concerned.
  const limit = 'echo 0 >/proc/sys/user/max_inotify_watches && exec "$0" "$@"';
  const command = ['-Ur', 'sh', '-c', limit, process.execPath, '--input-type=module', '-e', script];
  const { errors, changes } = JSON.parse(execFileSync('unshare', command, { encoding: 'utf8' })) as {
    readonly errors: readonly { readonly code: string; readonly message: string; readonly hint: string }[];
    readonly changes: readonly string[];
  };
  t.equal(errors.length, 1, 'not once per file');
  t.match(errors[0], { code: 'rules-watch', message: /looking every 0\.04 s: ENOSPC/, hint: /max_user_watches/ });
  t.same(changes, ['two']);
});
