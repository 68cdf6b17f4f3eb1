// SPDX-License-Identifier: Apache-2.0
// The mutation script: for every check of every FPM, a library without it must be caught by the directed equivalence
// cases that aim at it, or be listed as equivalent, with the reason (equivalents.ts).
//
//   node dist/test/equivalence/mutate.js [--only TEXT[,TEXT…]] [--jobs N]
//
// Root, clang.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Judge, type Kind } from './judge-mutant.js';
import { findMutations } from './mutations.js';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, jobs: { type: 'string', default: '1' } },
});
const directory = mkdtempSync(join(tmpdir(), 'tna-mutants-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

const wanted = values.only.split(',');
const mutations = findMutations().filter(({ id }) => wanted.some((text) => id.includes(text)));
const judge = new Judge(directory);
const counts = new Map<Kind, number>();
let next = 0;
const worker = async () => {
  for (let mutation = mutations[next++]; mutation !== undefined; mutation = mutations[next++]) {
    const { kind, text } = await judge.verdict(mutation);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    console.log(`${mutation.id.padEnd(38)} ${kind.padEnd(12)} ${text}`);
  }
};
await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
const count = (kind: Kind): number => counts.get(kind) ?? 0;
console.log(
  `${mutations.length} mutants: ${count('caught')} caught, ${count('refused')} refused by the verifier, ${count('equivalent')} equivalent (listed), ${count('survived')} survived, ${count('not aimed at')} not aimed at, ${count('wrong')} listed wrongly`,
);
process.exitCode = count('survived') + count('not aimed at') + count('wrong') === 0 ? 0 : 1;
