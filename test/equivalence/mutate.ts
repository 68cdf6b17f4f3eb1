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
import { Judge, judgeAll, workshopIn } from './judge-mutant.js';
import { findMutations } from './mutations.js';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, jobs: { type: 'string', default: '1' } },
});
const directory = mkdtempSync(join(tmpdir(), 'tna-mutants-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

const judge = new Judge(workshopIn(directory));
process.exitCode = (await judgeAll(judge, findMutations(values.only.split(',')), Number(values.jobs))) ? 0 : 1;
