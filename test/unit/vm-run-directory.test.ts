// SPDX-License-Identifier: Apache-2.0
// Where runs of the machines keep what they said.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makeRunDirectory } from '../vm/run-directory.js';

/** No process has this number: it is above the kernel's highest. */
const ended = 2 ** 22 + 1;

t.test('runs at the same time have directories of their own; of those that ended, the last are kept', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'tna-runs-'));
  t.teardown(() => rmSync(parent, { recursive: true }));
  const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second));
  mkdirSync(join(parent, 'kernels'));
  const running = makeRunDirectory(parent, 2, at(0), process.pid);
  t.equal(running, join(parent, `2026-01-02T03.04.00-${process.pid}`));
  t.not(makeRunDirectory(parent, 2, at(0), ended), running);
  for (let second = 1; second < 5; second++)
    writeFileSync(join(makeRunDirectory(parent, 2, at(second), ended + second), 'stdout'), 'text');
  t.same(readdirSync(parent).sort(), [
    `2026-01-02T03.04.00-${process.pid}`,
    `2026-01-02T03.04.02-${ended + 2}`,
    `2026-01-02T03.04.03-${ended + 3}`,
    `2026-01-02T03.04.04-${ended + 4}`,
    'kernels',
  ]);
});
