// SPDX-License-Identifier: Apache-2.0
// Kills TNA before each action of the plans that lead between two states, to and fro, or within actions before each change of the
// kernel. Whatever was done by then, the bed forwards as Linux does; the same command run again needs nothing but itself to
// converge; and what was half done leaves nothing behind.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { Bed } from './bed.js';
import { tryRun } from './command.js';
import type { Footprint } from './footprint.js';
import { misdelivered } from './forwarding.js';
import { ip } from './netns.js';
import { tna } from './tna.js';

const inject = join(dirname(fileURLToPath(import.meta.url)), 'inject.js');

/** A state, and how to get there. */
export interface Goal {
  readonly name: string;
  /** Arguments of `tna`. */
  readonly command: readonly string[];
  /** Done to the host before. */
  readonly host?: string;
}

/** The bed is in the state `a`. `ports` are those that forward in both. Says how often it killed. With `inside`, also within actions. */
export async function killAtEachStep(
  t: Test,
  bed: Bed,
  footprint: Footprint,
  ports: readonly number[],
  a: Goal,
  b: Goal,
  inside = false,
): Promise<number> {
  let kills = 0;
  const open = new Set([a, b]);
  for (let step = 1; open.size > 0; step++) {
    for (const goal of [b, a]) {
      const args = [...goal.command, '--netns', bed.netns];
      if (goal.host !== undefined) await ip(bed.netns, goal.host);
      footprint.look();
      const killed = await tryRun(process.execPath, [inject, String(step), 'kill', ...args], {
        env: { ...process.env, INSIDE: inside ? '1' : '0' },
      });
      footprint.look();
      if (killed.code !== 137) {
        // There are no more steps.
        open.delete(goal);
        t.equal(killed.code, 0, `${goal.name} in ${step - 1} steps: ${killed.stderr}`);
        continue;
      }
      kills++;
      const where = `${goal.name}, killed before step ${step}`;
      t.same(await misdelivered(bed, ports), [], `${where}: forwards as Linux does`);
      const next = await tna(...args);
      t.equal(next.code, 0, `${where}: the next run converges: ${next.stderr}`);
      t.same(await footprint.leaks(), [], `${where}: nothing is left but what is pinned`);
    }
  }
  return kills;
}
