// SPDX-License-Identifier: Apache-2.0

import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const compiled = join(dirname(fileURLToPath(import.meta.url)), '..');
const scripts = [
  'equivalence/run',
  'equivalence/mutate',
  'vm/equivalence',
  'vm/main',
  'vm/mutations',
  'vm/selftests',
  'bench/main',
];

function start(script: string, ...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [join(compiled, `${script}.js`), ...args], (_error, stdout, stderr) =>
      done({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

void t.test('every script says what it takes, and starts nothing when it is given something else', async (t) => {
  for (const script of scripts) {
    const { code, stderr } = await start(script, '--nonsense');
    t.equal(code, 2, script);
    t.match(stderr, /'--nonsense'.*usage: npm run /s, script);
    t.notMatch(stderr, /\n {4}at /, `${script}: no stack trace`);
  }
});

void t.test('values that no option takes', async (t) => {
  const wrong: readonly (readonly [string, ...string[]])[] = [
    ['--of switch: bridge, ', '--of', 'switch'],
    ['--hook sideways: xdp, tc', '--hook', 'sideways'],
    ['--count 0: not a whole number', '--count', '0'],
    ['--frames many: not a whole number', '--frames', 'many'],
  ];
  for (const [message, ...args] of wrong) {
    const { code, stderr } = await start('equivalence/run', ...args);
    t.equal(code, 2, message);
    t.ok(stderr.startsWith(message), stderr);
  }
});

void t.test('--help', async (t) => {
  const { code, stdout } = await start('vm/main', '--help');
  t.equal(code, 0);
  t.ok(stdout.startsWith('usage: npm run test:vm -- '));
});
