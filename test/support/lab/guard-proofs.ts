// SPDX-License-Identifier: Apache-2.0
// That a guard holds on a host that nobody watches, and that it would not without the check that it needs.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { buildMutant, findMutations } from '../../equivalence/mutations.js';
import type { Guard, Ports, Unwatched } from './unwatched.js';

/** A guard against one command that says what it does; `undo` takes it back. */
export function change(fate: Guard['fate'], text: string, ...undo: readonly string[]): Guard {
  return { name: text, fate, change: text, undo };
}

/** Runs a guard and says how long it took, since these are most of what CI waits for. */
export async function holds(t: Test, host: Unwatched<Ports>, guard: Guard, trials: number): Promise<void> {
  const started = performance.now();
  const { leaked, frames } = await host.run(guard, trials);
  const took = ((performance.now() - started) / 1000).toFixed(1);
  t.equal(leaked, 0, `${guard.name}: ${leaked} of ${frames} leaked, ${trials} trials, ${took} s`);
}

/**
 * The proof proves something only if it fails without the guard: one library without several checks, each of which the guard of that
 * name needs, on a host that is made with it.
 */
export async function leaksWithout(
  t: Test,
  needed: Readonly<Record<string, string>>,
  guards: readonly Guard[],
  makeHost: (library: string) => Promise<Unwatched<Ports>>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tna-guards-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const all = findMutations();
  const mutations = Object.keys(needed).map((id) => {
    const found = all.find((one) => one.id === id);
    if (found === undefined) throw new Error(`no check ${id}`);
    return found;
  });
  const host = await makeHost(await buildMutant(mutations, directory));
  for (const [id, name] of Object.entries(needed)) {
    const guard = guards.find((one) => one.name === name);
    if (guard === undefined) throw new Error(`no guard ${name}`);
    const { leaked, frames } = await host.run(guard, 3);
    t.ok(leaked > 0, `without ${id}, ${name}: ${leaked} of ${frames} leaked`);
  }
}
