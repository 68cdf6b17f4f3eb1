// SPDX-License-Identifier: Apache-2.0
// Runs every compiled test file in a process of its own and ends with `N passed, N failed, N skipped`.
// Arguments are parts of file names: `npm test -- unit/rules` runs what matches. Exit code 1 on any failure, 3 when no test ran.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { isBpffs, mountBpffs, unmountBpffs } from 'bpf-loader-native';
import { countTap, type TapCount } from './tap-count.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Levels in the order in which a failure is cheapest to understand. The next begins while the last files of one are at work. */
const levels = ['unit', 'scenario', 'fpm', 'netns', 'equivalence'];
/** Files at once. Those that work with the kernel have namespaces of their own, and spend half their time waiting for it. */
const jobs = 2;
/** For a file that hangs: those that work may take long where others compute, too. */
const timeoutMs = 30 * 60_000;

interface FileResult extends TapCount {
  readonly file: string;
  readonly output: string;
  readonly seconds: number;
}

function testFiles(level: string): readonly string[] {
  const directory = join(root, level);
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.js'))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function runFile(file: string): Promise<FileResult> {
  return new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(process.execPath, ['--enable-source-maps', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Half a minute for a file, which is tap's own limit, is little on a busy machine.
      env: { TAP_TIMEOUT: '600', ...process.env },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', (code, signal) => {
      const output = Buffer.concat(chunks).toString('utf8');
      const counted = countTap(output);
      // A file that dies, or says nothing, has failed whatever it had printed before.
      const crashed = (code !== 0 && counted.failed === 0) || counted.passed + counted.failed + counted.skipped === 0;
      const seconds = (performance.now() - started) / 1000;
      const note = crashed ? `\n# ended with ${signal ?? `exit code ${code}`}` : '';
      resolve({
        file: relative(root, file),
        ...counted,
        failed: counted.failed + (crashed ? 1 : 0),
        output: output + note,
        seconds,
      });
    });
  });
}

async function runAll(files: readonly string[], onResult: (result: FileResult) => void): Promise<void> {
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) onResult(await runFile(file));
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

/**
 * The BPF filesystem for as long as the tests run. A test that is alone mounts and unmounts it, as TNA does; of two at once, one
 * would mount it over what the other has pinned.
 */
function holdBpffs(): () => void {
  const path = '/sys/fs/bpf';
  if (process.getuid?.() !== 0 || isBpffs(path)) return () => undefined;
  mountBpffs(path, 'tna-tests');
  return () => unmountBpffs(path);
}

const filters = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
const letGo = holdBpffs();
const files = levels
  .flatMap(testFiles)
  .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)));
await runAll(files, (result) => {
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  const skips = result.skips.map((skip) => `\n    skipped: ${skip}`).join('');
  console.log(
    `${result.failed === 0 ? 'ok    ' : 'FAILED'} ${result.file}  ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped  (${result.seconds.toFixed(1)} s)${skips}`,
  );
  if (result.failed > 0) console.log(result.output);
});
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : total.passed === 0 ? 3 : 0;
letGo();
