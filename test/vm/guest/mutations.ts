// SPDX-License-Identifier: Apache-2.0
// Judges mutants whose libraries the host has built (test/vm/mutations.ts): mutations.js DIRECTORY TEXT[,TEXT…]

import { join } from 'node:path';
import { directoryName, Judge, judgeAll } from '../../equivalence/judge-mutant.js';
import { findMutations } from '../../equivalence/mutations.js';
import { Resident } from '../../equivalence/resident-accelerator.js';

const [directory = '', wanted = ''] = process.argv.slice(2);
const resident = new Resident();
const judge = new Judge({
  library: async (mutations) => join(directory, directoryName(mutations), 'library'),
  accelerator: (hook, library) => resident.accelerator(hook, library),
});
process.exitCode = (await judgeAll(judge, findMutations(wanted.split(',')), 1)) ? 0 : 1;
resident.close();
