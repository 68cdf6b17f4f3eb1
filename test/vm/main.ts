// SPDX-License-Identifier: Apache-2.0
// `npm run test:vm`: TNA's tests inside Debian's kernels, in virtual machines.
// Ends with a table and `N passed, N failed, N skipped`; what each machine said lies in the run's own
// directory below dist/vm/runs, whose name is the first line.

import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { agentBinary } from '../support/lab/agent-binary.js';
import { scriptArguments, wholeNumber } from '../support/script-arguments.js';
import { countTap, type TapCount } from '../support/tap-count.js';
import { engine } from './engine.js';
import { prepareHelpers } from './helpers.js';
import { inParallel } from './in-parallel.js';
import { allKernels, forgetKernels, type Kernel, prepareKernels } from './kernels.js';
import { type MachineResult, runMachine } from './machine.js';
import { failureText, type Result, tableText } from './results.js';
import { makeRunDirectory } from './run-directory.js';
import { type Extent, includes, selectTests, type VmTest } from './tests.js';

const compiled = join(dirname(fileURLToPath(import.meta.url)), '..');
const root = join(compiled, '../..');
const directory = join(root, 'dist/vm');

const usage = `usage: npm run test:vm -- [options]
  --kernel NAME  6.1, 6.12 or newest (repeatable; all)
  --quick, --ci  a part of the tests; --ci: the one that .ci/run includes
  --test PART    tests whose name contains it (repeatable)
  --seed, --count N  of random configurations
  --jobs N       machines at once
  --fetch        replace cached kernels by the archive's present ones
  --run COMMAND  run a shell command in each machine instead of tests, and show what it says
Exit code 1 on any failure, 3 when nothing passed.`;
const { values } = scriptArguments(usage, {
  options: {
    kernel: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    ci: { type: 'boolean', default: false },
    test: { type: 'string', multiple: true, default: [] },
    jobs: { type: 'string' },
    fetch: { type: 'boolean', default: false },
    run: { type: 'string' },
    seed: { type: 'string' },
    count: { type: 'string' },
  },
});
const number = (option: 'seed' | 'count' | 'jobs') =>
  values[option] === undefined ? undefined : wholeNumber(option, values[option], 1, usage);
const [seed, count] = [number('seed'), number('count')];
const jobs = number('jobs') ?? (values.ci ? Math.min(2, availableParallelism()) : 1);
const extent: Extent = values.quick ? 'quick' : values.ci ? 'ci' : 'full';

/** Exit code, if any, and kernel trouble are failures whatever the tests say. */
function judge(counted: TapCount, machine: MachineResult): TapCount {
  const crashed = machine.end !== 'exited' || (machine.code !== 0 && counted.failed === 0);
  const silent = counted.passed + counted.failed + counted.skipped === 0;
  const extra = crashed || silent || machine.complaints.length > 0 ? 1 : 0;
  return { ...counted, failed: counted.failed + extra };
}

async function runTest(kernel: Kernel, test: VmTest): Promise<Result> {
  const reason = test.pointless[kernel.name];
  if (reason !== undefined) {
    return { kernel, test, count: { passed: 0, failed: 0, skipped: 1, skips: [reason] }, machine: undefined };
  }
  const environment = [
    `TNA_VM_EXTENT=${extent}`,
    // Limits that suit a real processor: those of the machine and of each file are what counts here.
    'TAP_TIMEOUT=36000 TNA_TEST_PATIENCE=10',
    ...Object.entries(test.environment).map(([name, value]) => `${name}=${value}`),
    ...(seed === undefined ? [] : [`TNA_VM_SEED=${seed}`]),
    ...(count === undefined ? [] : [`TNA_VM_COUNT=${count}`]),
  ];
  const machine = await runMachine({
    kernel,
    root,
    command: `${environment.join(' ')} exec '${process.execPath}' ${engine.join(' ')} --enable-source-maps 'dist/test/${test.file}'`,
    output: join(said, kernel.name, test.name.replaceAll('/', '-')),
    timeoutSeconds: test.timeoutSeconds,
    modules: test.helpers && kernel.helpers !== undefined ? [...test.modules, kernel.helpers] : test.modules,
    nicPairs: test.nicPairs,
  });
  return { kernel, test, count: judge(countTap(machine.stdout), machine), machine };
}

async function runCommand(kernels: readonly Kernel[], command: string): Promise<number> {
  let code = 0;
  for (const kernel of kernels) {
    const output = join(said, kernel.name, 'run');
    const modules = kernel.helpers === undefined ? [] : [kernel.helpers];
    const machine = await runMachine({ kernel, root, command, output, timeoutSeconds: 1800, nicPairs: 4, modules });
    console.log(
      `--- ${kernel.release}: ${machine.end}, code ${machine.code}, ${machine.seconds.toFixed(1)} s, ${machine.processorSeconds.toFixed(1)} s of processor`,
    );
    console.log(machine.stdout + machine.complaints.map((line) => `! ${line}\n`).join(''));
    if (machine.end !== 'exited' || machine.code !== 0 || machine.complaints.length > 0) code = 1;
  }
  return code;
}

async function runTests(kernels: readonly Kernel[], tests: readonly VmTest[], jobs: number): Promise<number> {
  const results: Result[] = [];
  const started = performance.now();
  const pairs = tests.flatMap((test) =>
    kernels
      .filter((kernel) => values.test.length > 0 || includes(test, kernel.name, extent))
      .map((kernel) => ({ kernel, test })),
  );
  await inParallel(pairs, jobs, async ({ kernel, test }) => {
    const result = await runTest(kernel, test);
    results.push(result);
    const { passed, failed, skipped, skips } = result.count;
    const time =
      result.machine === undefined
        ? ''
        : `  (${result.machine.seconds.toFixed(0)} s, ${result.machine.processorSeconds.toFixed(0)} s of processor)`;
    console.log(
      `${failed === 0 ? 'ok    ' : 'FAILED'} ${kernel.name} ${test.name}  ${passed} passed, ${failed} failed, ${skipped} skipped${time}`,
    );
    for (const skip of skips) console.log(`    skipped: ${skip}`);
    if (failed > 0) console.log(failureText(result));
  });
  console.log(`\n${tableText(kernels, tests, results)}`);
  const processor = results.reduce((total, { machine }) => total + (machine?.processorSeconds ?? 0), 0);
  const minutes = (seconds: number) => (seconds / 60).toFixed(1);
  const real = minutes((performance.now() - started) / 1000);
  console.log(`${pairs.length} machines in ${real} minutes, ${minutes(processor)} minutes of processor time`);
  const sum = (of: keyof Omit<TapCount, 'skips'>) => results.reduce((total, { count }) => total + count[of], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  return sum('failed') > 0 ? 1 : sum('passed') === 0 ? 3 : 0;
}

/**
 * Without Debian's archive there is nothing to boot. Who declares to be CI has it, so that it is a failure there; for
 * anybody else it is a skip that says so.
 */
function kernelsOrEnd(): readonly Kernel[] {
  try {
    return prepareKernels(names, cache, join(root, 'test/vm'));
  } catch (error) {
    const ci = process.env.CI !== undefined;
    const missing = `no kernels to boot (${names.join(', ')}): Debian's archive is needed once, see above`;
    console.log(`${ci ? 'FAILED' : 'skipped:'} ${missing}: ${error instanceof Error ? error.message : String(error)}`);
    console.log(`0 passed, ${ci ? 1 : 0} failed, ${ci ? 0 : 1} skipped`);
    process.exit(ci ? 1 : 3);
  }
}

// By way of exit, so that no machine outlives this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
const said = makeRunDirectory(join(directory, 'runs'), 10);
console.log(`what the machines say: ${said}`);
const names = values.kernel ?? allKernels;
const cache = join(directory, 'kernels');
if (values.fetch) forgetKernels(names, cache);
const kernels = [...kernelsOrEnd()];
// Compiled here, not by each emulated processor.
await agentBinary();
for (const [i, kernel] of kernels.entries()) {
  const helpers = await prepareHelpers(kernel, root, join(said, kernel.name, 'btf'));
  if (helpers !== undefined) kernels[i] = { ...kernel, helpers };
}
process.exitCode =
  values.run === undefined
    ? await runTests(kernels, selectTests(compiled, extent, values.test), jobs)
    : await runCommand(kernels, values.run);
