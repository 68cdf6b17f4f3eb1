// SPDX-License-Identifier: Apache-2.0
// kill -9 within actions: before each single change of the kernel that they consist of, and at random moments.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Bed, type Owner } from '../support/lab/bed.js';
import { tryRun } from '../support/lab/command.js';
import { Footprint } from '../support/lab/footprint.js';
import { misdelivered, teach } from '../support/lab/forwarding.js';
import { killAtEachStep } from '../support/lab/kill-steps.js';
import { patience } from '../support/lab/patience.js';
import { pinDirectory, tna } from '../support/lab/tna.js';

t.setTimeout(1_800_000 * patience);

/** Random moments per hook; the more, the longer it takes: a second and a half each. */
const trials = 12;

const inject = join(dirname(fileURLToPath(import.meta.url)), '../support/lab/inject.js');

async function makeBed(owner: Owner) {
  const bed = await Bed.make(owner, { kind: 'tap', ports: 2 });
  bed.accelerated();
  await teach(bed, [0, 1]);
  return { bed, footprint: new Footprint(pinDirectory(bed.netns)) };
}

const commands = (hook: string) => [['reconcile', '--once', '--hook', hook], ['detach']] as const;

for (const hook of ['xdp', 'tc'] as const) {
  t.test(`before each change of the kernel: ${hook}`, async (t) => {
    const { bed, footprint } = await makeBed(t);
    const [come, go] = commands(hook);
    const nothing = { name: 'detach', command: go };
    const all = { name: 'first deployment', command: come };
    const kills = await killAtEachStep(t, bed, footprint, [0, 1], nothing, all, true);
    t.ok(kills >= 40, `killed ${kills} times`);
    t.same(await footprint.remains(), [], 'in the end nothing at all is left');
    t.same(await misdelivered(bed, [0, 1]), []);
  });

  t.test(`at random moments: ${hook}`, async (t) => {
    const { bed, footprint } = await makeBed(t);
    let random = hook === 'xdp' ? 1 : 2;
    let killed = 0;
    /** Seconds that the actions of each command take on this machine, as of late. */
    const took: number[] = [];
    const noteTime = (command: number, stderr: string) => {
      const seconds = Number(/^took ([\d.]+)$/m.exec(stderr)?.[1]);
      if (seconds > 0) took[command] = seconds;
    };
    for (const [command, args] of commands(hook).entries())
      noteTime(command, (await tryRun(process.execPath, [inject, '0', '', ...args, '--netns', bed.netns])).stderr);
    t.equal(took.length, 2, `actions take ${took.join(' and ')} s`);
    for (let trial = 0; trial < trials; trial++) {
      const command = trial % 2;
      const args = [...(commands(hook)[command] ?? []), '--netns', bed.netns];
      random = (random * 48271) % 0x7fffffff;
      // The clock starts with the first action.
      const after = ((random / 0x7fffffff) * (took[command] ?? 0)).toFixed(6);
      const kill = `(sleep ${after}; kill -9 $PPID) >/dev/null 2>&1 &`;
      footprint.look();
      const { code, stderr } = await tryRun(process.execPath, [inject, '1', kill, ...args]);
      footprint.look();
      if (code === 137) killed++;
      else noteTime(command, stderr);
      const where = `trial ${trial}, ${args[0]} killed after ${after} s`;
      t.same(await misdelivered(bed, [0, 1]), [], `${where}: forwards as Linux does`);
      const next = await tna(...args);
      t.equal(next.code, 0, `${where}: the next run converges: ${next.stderr}`);
      t.same(await footprint.leaks(), [], `${where}: nothing is left but what is pinned`);
    }
    t.ok(killed >= trials / 3, `${killed} of ${trials} were killed in the middle`);
    await tna('detach', '--netns', bed.netns);
    t.same(await footprint.remains(), []);
  });
}
