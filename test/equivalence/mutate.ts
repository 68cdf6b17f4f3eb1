// SPDX-License-Identifier: Apache-2.0
// The mutation script: for every check of every FPM, a library without it must be caught by the equivalence runs.
//
//   node dist/test/equivalence/mutate.js [--seed N] [--count N] [--only TEXT] [--tries N]
//
// First the directed cases and --count random ones per combination of ports and hook run with the real library, to
// learn which of them come upon which check. Then each mutant runs the configurations in which its check mattered most. Root, clang.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tnaAccelerator } from './accelerator.js';
import { type Directed, directedCases } from './directed.js';
import { buildMutant, findMutations, type Mutation } from './mutations.js';
import { type CaseResult, makeCase, runCase } from './runner.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '10' },
    tries: { type: 'string', default: '16' },
    only: { type: 'string', default: '' },
  },
});

const directory = mkdtempSync(join(tmpdir(), 'tna-mutants-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

function runWith(library: string, one: Directed): Promise<CaseResult> {
  const made = one.make();
  return runCase(made, tnaAccelerator(made.hook, ['--library', library]));
}

/** Two at a time, in order, until `stop` says so. */
async function inPairs<T>(items: readonly T[], work: (item: T) => Promise<void>, stop: () => boolean): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length && !stop()) {
      const item = items[next];
      next += 1;
      if (item !== undefined) {
        await work(item);
      }
    }
  };
  await Promise.all([worker(), worker()]);
}

/** Which case came upon which reason how often. */
async function survey(): Promise<Map<string, { one: Directed; packets: number }[]>> {
  const library = await buildMutant(undefined, join(directory, 'original'));
  const cases = directedCases(120);
  for (let i = 0; i < Number(values.count); i += 1) {
    for (const kind of ['tap', 'veth'] as const) {
      for (const hook of ['xdp', 'tc'] as const) {
        const seed = Number(values.seed) + i;
        cases.push({ name: `seed ${seed} (${kind}, ${hook})`, make: () => makeCase(seed, kind, hook, 200) });
      }
    }
  }
  const reasons = new Map<string, { one: Directed; packets: number }[]>();
  await inPairs(
    cases,
    async (one) => {
      const result = await runWith(library, one);
      if (result.differences.length > 0) {
        throw new Error(`${one.name} differs with the real library: see run.js`);
      }
      for (const claim of result.claims) {
        for (const [reason, packets] of Object.entries(claim.slowBy)) {
          const list = reasons.get(reason) ?? [];
          list.push({ one, packets });
          reasons.set(reason, list);
        }
      }
    },
    () => false,
  );
  return reasons;
}

async function judge(mutation: Mutation, seen: readonly { one: Directed; packets: number }[]): Promise<string> {
  const best = new Map<Directed, number>();
  for (const { one, packets } of seen) {
    best.set(one, (best.get(one) ?? 0) + packets);
  }
  const order = [...best].sort((a, b) => b[1] - a[1]).map(([one]) => one);
  if (order.length === 0) {
    return 'not exercised';
  }
  const library = await buildMutant(mutation, join(directory, 'mutant'));
  let tried = 0;
  let caught: { name: string; result: CaseResult } | undefined;
  await inPairs(
    order.slice(0, Number(values.tries)),
    async (one) => {
      const result = await runWith(library, one);
      tried += 1;
      if (result.differences.length > 0) {
        caught ??= { name: one.name, result };
      }
    },
    () => caught !== undefined,
  );
  if (caught === undefined) {
    return `SURVIVED ${tried} configurations`;
  }
  return `caught after ${tried} by ${caught.name}: ${caught.result.differences[0]?.what}`;
}

const mutations = findMutations().filter((mutation) => mutation.id.includes(values.only));
console.log(`${mutations.length} checks; looking for configurations that come upon them`);
const seen = await survey();
const counts = { caught: 0, refused: 0, SURVIVED: 0, not: 0 };
for (const mutation of mutations) {
  const verdict = await judge(mutation, seen.get(mutation.reason) ?? []).catch(
    // A mutant that the verifier refuses can't do harm: the check is needed for the program to load at all.
    (error: unknown) => `refused: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
  );
  counts[verdict.split(/[ :]/)[0] as keyof typeof counts] += 1;
  console.log(`${mutation.id.padEnd(44)} ${verdict}`);
}
console.log(
  `${counts.caught} caught, ${counts.refused} refused by the verifier, ${counts.SURVIVED} survived, ${counts.not} not exercised`,
);
process.exitCode = counts.SURVIVED === 0 ? 0 : 1;
