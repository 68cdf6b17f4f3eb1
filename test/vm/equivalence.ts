// SPDX-License-Identifier: Apache-2.0
// Many random configurations with TNA off and on, on one of Debian's kernels: more than one machine can do in its time.
// Each machine's figures are kept below dist/vm/TEST/KERNEL/SEED, so that a run goes on where another was interrupted.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addTotals, emptyTotals, type Totals, totalsOf, totalsText } from '../equivalence/report.js';
import { agentBinary } from '../support/lab/agent-binary.js';
import { oneOf, scriptArguments, wholeNumber } from '../support/script-arguments.js';
import { engine } from './engine.js';
import { prepareHelpers } from './helpers.js';
import { inParallel } from './in-parallel.js';
import { type Kernel, prepareKernels } from './kernels.js';
import { runMachine } from './machine.js';
import { selectTests } from './tests.js';

const allPairs = ['tap-xdp', 'tap-tc', 'veth-xdp', 'veth-tc'];
const usage = `usage: npm run equivalence:vm -- [options]
  --of TEST      a test of the machines that samples: equivalence (bridges), router-equivalence, vlan-router-equivalence, ... (equivalence)
  --kernel NAME  6.1, 6.12 or newest (newest)
  --count N      configurations of each combination of ports (tap, veth) and hook (xdp, tc) (500)
  --frames N     frames of each (200)
  --pairs PAIRS  some of these combinations, as tap-xdp,veth-tc
  --seed S       the first one (20000)
  --chunk N      configurations that one machine does (25)
  --jobs N       machines at once (2)
  --report       run nothing: sum up what is there
Exit code 1 on a difference, and when a machine came to no end.`;
const { values } = scriptArguments(usage, {
  options: {
    of: { type: 'string', default: 'equivalence' },
    kernel: { type: 'string', default: 'newest' },
    frames: { type: 'string', default: '200' },
    pairs: { type: 'string', default: allPairs.join(',') },
    count: { type: 'string', default: '500' },
    seed: { type: 'string', default: '20000' },
    chunk: { type: 'string', default: '25' },
    jobs: { type: 'string', default: '2' },
    report: { type: 'boolean', default: false },
  },
});
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const tests = selectTests(join(root, 'dist/test'), 'full', ['equivalence']);
const samples = tests.map(({ name }) => name).filter((name) => !name.startsWith('nic'));
const of = oneOf('of', values.of, samples, usage);
const pairs = values.pairs.split(',').map((pair) => oneOf('pairs', pair, allPairs, usage));
const number = (option: 'count' | 'frames' | 'seed' | 'chunk' | 'jobs') =>
  wholeNumber(option, values[option], 1, usage);
const [count, frames, first] = [number('count'), number('frames'), number('seed')];
const [chunk, jobs] = [number('chunk'), number('jobs')];
const results = join(root, 'dist/vm', of, values.kernel);
/** What is kept of the configurations from a seed on: other combinations of them are other runs. */
const runName = (seed: number): string =>
  pairs.length === allPairs.length ? String(seed) : `${seed}-${[...pairs].sort().join('+')}`;

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(130));

async function bootKernel(): Promise<Kernel> {
  const [kernel] = prepareKernels([values.kernel], join(root, 'dist/vm/kernels'), join(root, 'test/vm'));
  if (kernel === undefined) throw new Error(`no kernel ${values.kernel}`);
  await agentBinary();
  const helpers = await prepareHelpers(kernel, root, join(root, 'dist/vm/results', kernel.name, 'btf'));
  return helpers === undefined ? kernel : { ...kernel, helpers };
}

/** The configurations from a seed on; whether the machine came to its end without a difference. */
async function runChunk(kernel: Kernel, seed: number, configurations: number): Promise<boolean> {
  const test = tests.find(({ name }) => name === of);
  if (test === undefined) throw new Error('no such test');
  const output = join(root, 'dist/vm/results', kernel.name, `${of}-${runName(seed)}`);
  const own = Object.entries(test.environment).map(([name, value]) => `${name}=${value} `);
  const environment = `${own.join('')}TNA_VM_SEED=${seed} TNA_VM_COUNT=${configurations} TNA_VM_FRAMES=${frames} TNA_VM_PAIRS=${pairs.join(',')} TAP_TIMEOUT=36000 TNA_TEST_PATIENCE=10 TNA_TEST_SHELLS=1`;
  const machine = await runMachine({
    kernel,
    root,
    command: `${environment} exec '${process.execPath}' ${engine.join(' ')} --enable-source-maps 'dist/test/${test.file}'`,
    output,
    timeoutSeconds: test.timeoutSeconds,
    modules: kernel.helpers === undefined ? test.modules : [...test.modules, kernel.helpers],
  });
  const kept = join(results, runName(seed));
  const ended = machine.end === 'exited';
  mkdirSync(kept, { recursive: true });
  cpSync(output, ended ? kept : `${kept}.failed`, { recursive: true });
  console.log(
    `${values.kernel}, seeds from ${seed}: ${machine.end}, code ${machine.code}, ${machine.seconds.toFixed(0)} s, ${machine.processorSeconds.toFixed(0)} s of processor`,
  );
  for (const line of machine.complaints) console.log(`! ${line}`);
  const differing = machine.stdout.split('\n').filter((line) => /not ok .*seed \d+ differs/.test(line));
  for (const line of differing) console.log(`  ${line.trim()}, see ${kept}/stdout`);
  return ended && machine.code === 0 && machine.complaints.length === 0;
}

function report(): void {
  const sums = new Map<string, Totals>();
  const seeds = existsSync(results) ? readdirSync(results).filter((name) => /^\d+(-[\w+-]+)?$/.test(name)) : [];
  for (const seed of seeds) {
    for (const file of readdirSync(join(results, seed)).filter((name) => name.startsWith('totals-'))) {
      const name = file.slice('totals-'.length, -'.json'.length);
      const totals = sums.get(name) ?? emptyTotals();
      addTotals(totals, totalsOf(JSON.parse(readFileSync(join(results, seed, file), 'utf8'))));
      sums.set(name, totals);
    }
  }
  for (const [name, totals] of [...sums].sort()) console.log(totalsText(`${values.kernel}, ${name}`, totals));
}

let good = true;
if (!values.report) {
  const kernel = await bootKernel();
  const seeds = Array.from({ length: Math.ceil(count / chunk) }, (_, i) => first + i * chunk);
  const left = seeds.filter((seed) => !existsSync(join(results, runName(seed), 'code')));
  // Machines of one processor each: emulated processors that share memory wait for each other.
  await inParallel(left, jobs, async (seed) => {
    good = (await runChunk(kernel, seed, Math.min(chunk, first + count - seed))) && good;
  });
}
report();
process.exitCode = good ? 0 : 1;
