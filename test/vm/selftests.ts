// SPDX-License-Identifier: Apache-2.0
// `npm run selftests`: the kernel's own selftests of bridges and routers, in the newest kernel, with TNA off and on.
// Each script runs in a machine of its own (a few on the running kernel, in namespaces), first without TNA, then with it. Results are kept below
// dist/vm/results, so that an interrupted run goes on where it stopped: those without TNA for a kernel, those with TNA for a build as well. A
// script that ends differently is run again, up to three times on both sides, because some are not steady on an emulated processor. The table
// goes to docs/selftests.md.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scriptArguments, wholeNumber } from '../support/script-arguments.js';
import { inParallel } from './in-parallel.js';
import { type Kernel, prepareKernels } from './kernels.js';
import { runMachine } from './machine.js';
import { leftOut, narrowed, type Selftest, selftests } from './selftest-list.js';
import {
  differences,
  differenceText,
  type FastPath,
  parseCases,
  type SelftestResult,
  type SelftestRun,
  selftestTable,
  tableRows,
} from './selftest-report.js';
import { runUnshared } from './unshared.js';

const compiled = join(dirname(fileURLToPath(import.meta.url)), '..');
const root = join(compiled, '../..');
const directory = join(root, 'dist/vm');

const usage = `usage: npm run selftests -- [PART]... [options]
  PART           scripts whose name contains it (all)
  --kernel NAME  6.1, 6.12 or newest (newest)
  --jobs N       machines at once (1)
  --again        forget what is known
  --tests NAMES  only these of the scripts' own tests; both sides once, and nothing is kept
  --only-table   run nothing: write the table of what is known
Exit code 1 if a script does not end with TNA as it does without.`;
const { values, positionals } = scriptArguments(usage, {
  allowPositionals: true,
  options: {
    kernel: { type: 'string', default: 'newest' },
    jobs: { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
    tests: { type: 'string', default: '' },
    'only-table': { type: 'boolean', default: false },
  },
});

const jobs = wholeNumber('jobs', values.jobs, 1, usage);

/** Runs of one script and mode, newest last, valid for what `stamp` names. */
interface Kept {
  readonly stamp: string;
  readonly runs: readonly SelftestRun[];
}

/** Names the build: everything that decides what TNA does. */
function buildStamp(): string {
  const hash = createHash('sha256');
  const add = (path: string) => hash.update(path).update(readFileSync(path));
  add(join(root, 'fpm/build/library.json'));
  for (const part of ['rules', 'dist/src']) {
    const files = readdirSync(join(root, part), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => /\.(yaml|js)$/.test(name)).sort()) add(join(root, part, file));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Names of reasons by id: `FPM:code`. */
function reasonNames(): ReadonlyMap<string, string> {
  interface Library {
    readonly modules: readonly {
      readonly name: string;
      readonly reasons: readonly { readonly id: number; readonly code: string }[];
    }[];
  }
  const library = JSON.parse(readFileSync(join(root, 'fpm/build/library.json'), 'utf8')) as Library;
  return new Map([
    ['2', 'end of pipeline'],
    ...library.modules.flatMap(({ name, reasons }) =>
      reasons.map(({ id, code }): [string, string] => [String(id), `${name}:${code}`]),
    ),
  ]);
}

const reasons = reasonNames();

/** What the guest leaves (guest/selftest.ts). */
interface GuestReport extends FastPath {
  readonly code: number;
  readonly controllers: number;
  readonly died: readonly string[];
}

/** The longest script needs half an hour without TNA; with it, an emulated machine takes several times as long, whose controllers load programs. */
const timeoutSeconds = 5400;

const labModules = ['bridge', 'veth', 'tun', '8021q', 'vrf', 'sch_ingress', 'cls_bpf'];

async function runOnce(
  kernel: Kernel,
  sources: string,
  test: Selftest,
  mode: 'off' | 'on',
  run: number,
): Promise<SelftestRun> {
  const output = join(directory, 'results', kernel.name, 'selftests', nameOf(test), `${mode}-${run}`);
  const script = join(sources, 'selftests/net', test.script);
  const supervisor = join(compiled, 'vm/guest/selftest.js');
  const tests = values.tests === '' ? test.tests : values.tests;
  const part = tests === undefined ? { arguments: [] } : narrowed(test.script, tests);
  const environment = Object.entries({ ...test.environment, ...part.environment }).map(
    ([name, value]) => `${name}='${value}' `,
  );
  const parameters = part.arguments.map((one) => ` '${one}'`).join('');
  // The machine's root is a layer of its own, so that only its copy changes.
  const edit = test.edit === undefined ? '' : `sed -i '${test.edit}' '${script}' && `;
  const parts = {
    root,
    command: `cd '${dirname(script)}' && ${edit}exec env ${environment.join('')}'${process.execPath}' --enable-source-maps '${supervisor}' ${mode} '${script}'${parameters}`,
    output,
    timeoutSeconds,
    layer: join(sources, 'layer'),
  };
  // Controllers beside the script on one processor would slow it down, and some scripts count on what ages within seconds; others
  // on what their own senders reach.
  const machine = test.unshared
    ? await runUnshared(parts)
    : await runMachine({ ...parts, kernel, modules: labModules, memoryMiB: 2048, processors: 2 });
  const file = join(output, 'selftest.json');
  const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as GuestReport) : undefined;
  return {
    cases: parseCases(machine.stdout),
    code: report?.code,
    seconds: Math.round(machine.seconds),
    fastPath:
      report === undefined || mode === 'off'
        ? undefined
        : {
            fast: report.fast,
            dropped: report.dropped,
            attachments: report.attachments,
            slow: Object.fromEntries(
              Object.entries(report.slow).map(([id, packets]) => [reasons.get(id) ?? `reason ${id}`, packets]),
            ),
          },
    troubles: [
      ...(machine.end === 'exited' ? [] : [`the machine ${machine.end === 'died' ? 'died' : 'did not end in time'}`]),
      ...(report?.died ?? []).map((one) => `the controller of namespace ${one}`),
      ...machine.complaints.slice(0, 3),
    ],
  };
}

function nameOf(test: Selftest): string {
  return test.script.replace(/\.sh$/, '').replaceAll('/', '-');
}

function remarkOf({ remark, tests, unshared }: Selftest): string | undefined {
  const parts = [
    ...(unshared ? [`on a kernel ${release().replace(/-.*/, '')}, not emulated`] : []),
    ...(tests === undefined ? [] : [`only ${tests}`]),
    ...(remark === undefined ? [] : [remark]),
  ];
  return parts.length === 0 ? undefined : parts.join('; ');
}

function keptPath(kernel: Kernel, test: Selftest, mode: string): string {
  return join(directory, 'results', kernel.name, 'selftests', nameOf(test), `${mode}.json`);
}

function kept(kernel: Kernel, test: Selftest, mode: string, stamp: string): readonly SelftestRun[] {
  const path = keptPath(kernel, test, mode);
  if (values.again || values.tests !== '' || !existsSync(path)) return [];
  const { stamp: then, runs } = JSON.parse(readFileSync(path, 'utf8')) as Kept;
  return then === stamp || values['only-table'] ? runs : [];
}

function keep(kernel: Kernel, test: Selftest, mode: string, stamp: string, runs: readonly SelftestRun[]): void {
  mkdirSync(dirname(keptPath(kernel, test, mode)), { recursive: true });
  writeFileSync(keptPath(kernel, test, mode), JSON.stringify({ stamp, runs } satisfies Kept));
}

/** How many cases of a run were not OK. */
function unhappy(run: SelftestRun | undefined): number {
  return run?.code === undefined ? Infinity : run.cases.filter(({ result }) => result !== 'OK').length;
}

/**
 * Both sides once, and up to twice more while they differ, that side first which looks worse; what is known already is not run again.
 */
async function runBoth(kernel: Kernel, sources: string, test: Selftest, build: string): Promise<SelftestResult> {
  const tested = test.unshared ? `${release()} ${kernel.release}` : kernel.release;
  const stamps = { off: tested, on: `${tested} ${build}` };
  const runs = { off: [...kept(kernel, test, 'off', stamps.off)], on: [...kept(kernel, test, 'on', stamps.on)] };
  const add = async (mode: 'off' | 'on') => {
    const run = await runOnce(kernel, sources, test, mode, runs[mode].length + 1);
    runs[mode].push(run);
    if (run.code !== undefined && values.tests === '') keep(kernel, test, mode, stamps[mode], runs[mode]);
  };
  if (!values['only-table']) {
    for (const mode of ['off', 'on'] as const) if (runs[mode].length === 0) await add(mode);
    for (let left = values.tests === '' ? 4 : 0; left > 0 && differences(runs.off, runs.on).length > 0; left -= 1) {
      const { off, on } = runs;
      const worse = unhappy(off.at(-1)) > unhappy(on.at(-1)) ? 'off' : 'on';
      const mode = runs[worse].length < 3 ? worse : worse === 'on' ? 'off' : 'on';
      if (runs[mode].length < 3) await add(mode);
    }
  }
  return { script: test.script, ...runs, remark: remarkOf(test) };
}

function page(kernel: Kernel, results: readonly SelftestResult[], before: string): string {
  const rows = before.includes(`kernel ${kernel.release}\n`) ? tableRows(before) : new Map<string, string>();
  const notRun = Object.entries(leftOut)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([script, reason]) => `- ${script.replace(/\.sh$/, '')}: ${reason}`);
  const done = results.filter(({ script, off, on }) => (off.length > 0 && on.length > 0) || rows.has(script));
  const pending = results.filter((result) => !done.includes(result)).map(({ script }) => script.replace(/\.sh$/, ''));
  return `# The kernel's selftests of bridges and routers, with TNA off and on

Written by \`npm run selftests\`, which runs scripts of the kernel's \`tools/testing/selftests/net\` in Debian's kernel ${kernel.release}
(an emulated machine), first without TNA, then with a controller (\`--hook tc\`) in the first network namespace and in every one that the script makes; on two
processors, so that these do not slow the script down (rows that were made before that, and most runs without TNA, had one). What would take
hours there has run on the running kernel, in namespaces of its own, as its remark says.
A script is *equal* when each of its cases and its exit code come out with TNA as they do without it. Cases that fail or are skipped
do so on both sides. Where a script did not end the same, it was run again, up to three times on both sides, and a case differs if no run with TNA
came out as some run without. *Attached* are interfaces that were accelerated at some time, *Fast* frames that TNA forwarded, *Left to Linux* those that
it saw and did not, with the commonest reasons. No attachment means that all of the script's devices are slow path by rule.
A row stays until its script is run again, so rows may be of earlier builds of TNA than others, and than this one.

${selftestTable(done, rows)}${pending.length === 0 ? '' : `\nNot run for this table: ${pending.join(', ')}.\n`}
Scripts that make bridges or route and are not run:

${notRun.join('\n')}
`;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
const scripts = join(root, 'test/vm');
const [kernel] = prepareKernels([values.kernel], join(directory, 'kernels'), scripts);
if (kernel === undefined) throw new Error(`no kernel ${values.kernel}`);
execFileSync('bash', [join(scripts, 'fetch-selftests.sh'), join(directory, 'selftests'), kernel.release], {
  stdio: 'inherit',
});
const sources = join(directory, 'selftests', kernel.release);
const build = buildStamp();
const chosen = selftests.filter(
  ({ script }) => positionals.length === 0 || positionals.some((part) => script.includes(part)),
);
const results = new Map<Selftest, SelftestResult>();
await inParallel(chosen, jobs, async (test) => {
  const result = await runBoth(kernel, sources, test, build);
  results.set(test, result);
  const time = [...result.off, ...result.on].map((run) => `${run.seconds} s`).join(', ');
  const fast = result.on.at(-1)?.fastPath;
  const same = differences(result.off, result.on).length === 0;
  console.log(
    `${same ? 'equal ' : 'DIFFER'} ${test.script}  ${result.off.at(-1)?.cases.length ?? 0} cases, ${fast?.fast ?? 0} fast (${time})`,
  );
  process.stdout.write(differenceText(result));
  for (const run of result.on) for (const trouble of run.troubles) console.log(`    ${trouble}`);
});

// The table holds all that is known, whatever this run was narrowed to.
const document = join(root, 'docs/selftests.md');
const table = selftests.map((test): SelftestResult => {
  const known = (mode: 'off' | 'on') => {
    const path = keptPath(kernel, test, mode);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Kept).runs : [];
  };
  return results.get(test) ?? { script: test.script, off: known('off'), on: known('on'), remark: remarkOf(test) };
});
if (positionals.length === 0 || values['only-table'])
  writeFileSync(document, page(kernel, table, existsSync(document) ? readFileSync(document, 'utf8') : ''));
const different = [...results.values()].filter(({ off, on }) => differences(off, on).length > 0);
const compared = [...results.values()].filter(({ off, on }) => off.length > 0 && on.length > 0);
console.log(`${compared.length - different.length} equal, ${different.length} different`);
process.exitCode = different.length > 0 ? 1 : 0;
