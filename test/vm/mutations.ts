// SPDX-License-Identifier: Apache-2.0
// The mutation script for what only another kernel shows, such as VLAN filtering: libraries without a check are built
// here, and judged in a machine.

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { directoryName, partnerOf } from '../equivalence/judge-mutant.js';
import { buildMutant, findMutations, type Mutation } from '../equivalence/mutations.js';
import { agentBinary } from '../support/lab/agent-binary.js';
import { scriptArguments } from '../support/script-arguments.js';
import { engine } from './engine.js';
import { prepareHelpers } from './helpers.js';
import { prepareKernels } from './kernels.js';
import { runMachine } from './machine.js';
import { selectTests } from './tests.js';

const usage = `usage: npm run mutations:vm -- [options]
  --kernel NAME          6.1, 6.12 or newest (newest)
  --only TEXT[,TEXT...]  checks whose FPM:reason contains one of these (those that only such a kernel comes upon)
Exit code 1 if a check can be left out unnoticed.`;
const { values } = scriptArguments(usage, {
  options: {
    kernel: { type: 'string', default: 'newest' },
    only: { type: 'string', default: 'vlan,bridge_port:mst,frame:,egress-below' },
  },
});
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const mutants = join(root, 'dist/vm/mutants');

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(130));

const mutations = findMutations(values.only.split(','));
const wanted: (readonly Mutation[])[] = [[], ...mutations.map((one) => [one])];
for (const one of mutations) {
  const partner = partnerOf(one);
  if (partner !== undefined) wanted.push([one, partner]);
}
rmSync(mutants, { recursive: true, force: true });
for (const one of wanted) await buildMutant(one, join(mutants, directoryName(one)));
const [kernel] = prepareKernels([values.kernel], join(root, 'dist/vm/kernels'), join(root, 'test/vm'));
if (kernel === undefined) throw new Error(`no kernel ${values.kernel}`);
await agentBinary();
const helpers = await prepareHelpers(kernel, root, join(root, 'dist/vm/results', kernel.name, 'btf'));
const modules = selectTests(join(root, 'dist/test'), 'full', ['equivalence'])[0]?.modules ?? [];
const machine = await runMachine({
  kernel,
  root,
  command: `TNA_TEST_PATIENCE=10 TNA_TEST_SHELLS=1 exec '${process.execPath}' ${engine.join(' ')} --enable-source-maps dist/test/vm/guest/mutations.js '${mutants}' '${values.only}'`,
  output: join(root, 'dist/vm/results', kernel.name, 'mutations'),
  timeoutSeconds: 7200,
  modules: helpers === undefined ? [...modules, '8021q'] : [...modules, '8021q', helpers],
});
console.log(machine.stdout);
for (const line of machine.complaints) console.log(`! ${line}`);
console.log(
  `${kernel.release}: ${machine.end}, ${machine.seconds.toFixed(0)} s, ${machine.processorSeconds.toFixed(0)} s of processor`,
);
process.exitCode = machine.code === 0 && machine.complaints.length === 0 ? 0 : 1;
