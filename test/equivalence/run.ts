// SPDX-License-Identifier: Apache-2.0
// The equivalence script: many random configurations with TNA off and on. Root only; works in namespaces of its own.

import { oneOf, scriptArguments, wholeNumber } from '../support/script-arguments.js';
import { type Accelerator, noAccelerator, tnaAccelerator } from './accelerator.js';
import type { Hook, PortKind } from './configuration.js';
import { directedCases } from './directed.js';
import { runDirectedCase } from './directed-run.js';
import { vlanDevices, vlanFiltering, vrfDevices } from './features.js';
import { makers, sorts } from './makers.js';
import { addResult, emptyTotals, reproduction, totalsText } from './report.js';
import { Resident } from './resident-accelerator.js';
import { routerCases, vrfCases } from './routing/directed.js';
import { gatewayCases } from './routing/gateway.js';
import { vlanGatewayCases } from './routing/gateway-vlans.js';
import { runCase } from './runner.js';

const usage = `usage: npm run equivalence -- [options]
  --of WHAT        bridge, router, router6, gateway, gateway6; with VLANs: vlan-router, vlan-router6, vlan-gateway, vlan-gateway6;
                   with VRFs: vrf-router, vrf-router6, vrf-gateway, vrf-gateway6 (bridge)
  --seed N         the first configuration (1)
  --count N        configurations of each combination of ports and hook (200)
  --frames N       frames of each (200)
  --hook xdp|tc, --ports tap|veth   not all four combinations
  --directed TEXT  directed cases whose name contains it, instead of random ones ('' for all)
  --off            compare Linux with Linux
  --library DIR    FPM library instead of the built-in one
  --jobs N         at once (2)
  --resident       one process of TNA does all cases of a hook: less work where starting one takes long
  --keep-going     go on after a difference
  --verbose        a line for each case
Exit code 1 on a difference.`;
const { values } = scriptArguments(usage, {
  options: {
    of: { type: 'string', default: 'bridge' },
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '200' },
    frames: { type: 'string', default: '200' },
    hook: { type: 'string' },
    ports: { type: 'string' },
    jobs: { type: 'string', default: '2' },
    library: { type: 'string' },
    off: { type: 'boolean', default: false },
    directed: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    resident: { type: 'boolean', default: false },
  },
});

const allHooks: readonly Hook[] = ['xdp', 'tc'];
const allKinds: readonly PortKind[] = ['tap', 'veth'];
const hooks = values.hook === undefined ? allHooks : [oneOf('hook', values.hook, allHooks, usage)];
const kinds = values.ports === undefined ? allKinds : [oneOf('ports', values.ports, allKinds, usage)];
const number = (option: 'seed' | 'count' | 'frames' | 'jobs') => wholeNumber(option, values[option], 1, usage);
const [first, count, frames, jobs] = [number('seed'), number('count'), number('frames'), number('jobs')];
const make = makers[oneOf('of', values.of, sorts, usage)];
if (values.of.startsWith('vlan-') && !(vlanDevices && vlanFiltering)) {
  console.error(
    `--of ${values.of}: this kernel has no VLAN devices, or its bridges filter none: see npm run equivalence:vm -- --help`,
  );
  process.exit(2);
}
if (values.of.startsWith('vrf-') && !(vrfDevices && vlanDevices)) {
  console.error(`--of ${values.of}: this kernel has no VRFs, or no VLAN devices: see npm run equivalence:vm -- --help`);
  process.exit(2);
}
const options = values.library === undefined ? [] : ['--library', values.library];
let failed = 0;

const resident = values.resident && !values.off ? new Resident() : undefined;
function acceleratorOf(hook: Hook): Accelerator {
  return values.off ? noAccelerator : (resident?.accelerator(hook, values.library) ?? tnaAccelerator(hook, options));
}

async function runAll(kind: PortKind, hook: Hook): Promise<void> {
  const accelerator = acceleratorOf(hook);
  const totals = emptyTotals();
  let next = first;
  const worker = async () => {
    while (next < first + count && (failed === 0 || values['keep-going'])) {
      const seed = next;
      next += 1;
      const result = await runCase(make(seed, kind, hook, frames), accelerator).catch((error: unknown) => {
        throw new Error(`seed ${seed} (${kind}, ${hook})`, { cause: error });
      });
      addResult(totals, result);
      if (result.differences.length > 0) {
        failed += 1;
        console.log(reproduction(result, values.verbose));
      } else if (values.verbose) {
        console.log(`seed ${seed}: equal, ${result.milliseconds.toFixed(0)} ms`);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  console.log(totalsText(`${kind}, ${values.off ? 'off' : hook}, seeds from ${first}`, totals));
}

async function runDirected(text: string): Promise<void> {
  const totals = emptyTotals();
  const cases = [
    ...directedCases(),
    ...routerCases(),
    ...(vrfDevices ? vrfCases() : []),
    ...gatewayCases(),
    ...(vlanFiltering ? vlanGatewayCases() : []),
  ]
    .map((one) => ({ one, made: one.make() }))
    .filter(({ one, made }) => one.name.includes(text) && kinds.includes(made.kind) && hooks.includes(made.hook));
  let next = 0;
  const worker = async () => {
    for (let item = cases[next++]; item !== undefined; item = cases[next++]) {
      const { one, made } = item;
      const result = await (values.off ? runCase(made, noAccelerator) : runDirectedCase(one, acceleratorOf));
      addResult(totals, result);
      if (result.differences.length > 0) {
        failed += 1;
        console.log(`${one.name}\n${reproduction(result, values.verbose)}`);
      } else if (values.verbose) {
        console.log(`${one.name}: equal, ${result.milliseconds.toFixed(0)} ms`);
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  console.log(totalsText('directed', totals));
}

if (values.directed === undefined) {
  for (const kind of kinds) {
    for (const hook of hooks) {
      await runAll(kind, hook);
    }
  }
} else {
  await runDirected(values.directed);
}
resident?.close();
process.exitCode = failed === 0 ? 0 : 1;
