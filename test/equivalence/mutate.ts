// SPDX-License-Identifier: Apache-2.0
// The mutation script: for every check of every FPM, a library without it must be caught by the directed equivalence
// cases that aim at it, or be listed as equivalent, with the reason (equivalents.ts). Root, clang.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scriptArguments, wholeNumber } from '../support/script-arguments.js';
import { Judge, judgeAll, workshopIn } from './judge-mutant.js';
import { findMutations } from './mutations.js';
import { Resident } from './resident-accelerator.js';

const usage = `usage: npm run mutations -- [options]
  --only TEXT[,TEXT...]  checks whose FPM:reason contains one of these
  --jobs N               so many at once (1)
Exit code 1 if a check can be left out unnoticed.`;
const { values } = scriptArguments(usage, {
  options: { only: { type: 'string', default: '' }, jobs: { type: 'string', default: '1' } },
});
const jobs = wholeNumber('jobs', values.jobs, 1, usage);
const directory = mkdtempSync(join(tmpdir(), 'tna-mutants-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

const resident = new Resident();
const judge = new Judge(workshopIn(directory, resident));
process.exitCode = (await judgeAll(judge, findMutations(values.only.split(',')), jobs)) ? 0 : 1;
resident.close();
