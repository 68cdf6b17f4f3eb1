// SPDX-License-Identifier: Apache-2.0
// `npm run bench -- bridge`, `route` (and `guards`, see guards.ts): measures TNA against the Linux bridge or router, and against what the kernel can do at most.

import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { performance } from 'node:perf_hooks';
import { measureControl } from './control.js';
import { verdictOf } from './figure.js';
import { measureForwarding, reportForwarding } from './forwarding.js';
import { measureFullTable } from './full-table.js';
import { measureGuards } from './guards.js';
import { readMachine } from './machine.js';
import { type BenchOptions, parseOptions, type Section, UsageError } from './options.js';
import { measurePorts } from './ports.js';
import { goalsText, headerText, type Report, reportJson, type SectionReport, sectionText } from './report.js';
import { measureRouting, reportRouting } from './routing.js';
import { bridgedHosts, measureTcp, routed6Hosts, routedHosts } from './tcp.js';

type Measure = (options: BenchOptions, progress: (text: string) => void) => Promise<Omit<SectionReport, 'seconds'>>;

const measures: Readonly<Record<Section, Measure>> = {
  forwarding: async (options, progress) => reportForwarding(await measureForwarding(options, progress)),
  tcp: (options, progress) => measureTcp(options, progress, bridgedHosts),
  routing: async (options, progress) => reportRouting(await measureRouting(options, progress)),
  'routed-tcp': (options, progress) => measureTcp(options, progress, routedHosts),
  'routed-tcp6': (options, progress) => measureTcp(options, progress, routed6Hosts),
  table: measureFullTable,
  control: measureControl,
  ports: measurePorts,
};

/** Overwritten in place on a terminal, silent elsewhere. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (process.getuid?.() !== 0)
    throw new Error('the benchmark makes network namespaces and loads BPF programs: run it as root');
  if (options.what === 'guards') {
    console.log(`${headerText(readMachine())}\n\n${await measureGuards(options)}`);
    return 0;
  }
  const machine = readMachine();
  const started = new Date().toISOString();
  const text = options.output === 'text';
  if (text) console.log(`${headerText(machine)}\n`);
  const sections: SectionReport[] = [];
  for (const section of options.only) {
    const start = performance.now();
    const measured = await measures[section](options, (what) => progress(`${section}: ${what}`));
    progress('');
    const report = { ...measured, seconds: (performance.now() - start) / 1000 };
    sections.push(report);
    if (text) console.log(`${sectionText(report)}\n`);
  }
  const loadAverageAtEnd = loadavg()[0] ?? 0;
  const report: Report = { started, mode: options.quick ? 'quick' : 'full', machine, loadAverageAtEnd, sections };
  const json = `${JSON.stringify(reportJson(report), undefined, 2)}\n`;
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, json);
  if (text) console.log(goalsText(sections));
  else process.stdout.write(json);
  return sections.some(({ figures }) => figures.some((figure) => ['missed', 'unclear'].includes(verdictOf(figure))))
    ? 3
    : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  progress('');
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
