// SPDX-License-Identifier: Apache-2.0
// `tna capabilities`: what this kernel offers, what it lacks, what that costs, and how to come by it.

import type { Capability } from '../../model/snapshot.js';
import { type CapabilityReport, probesToReport, reportCapabilities } from '../../pipeline/capabilities.js';
import { type Cell, table } from '../../report/table.js';
import { loadDomain, withHost } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';

/** Probes of TNA itself, whatever the rules. */
const always = [
  'btf:vmlinux',
  'jit',
  'prog:xdp',
  'prog:sched_cls',
  'attach:tcx | attach:clsact',
  'map:devmap_hash',
  'map:prog_array',
  'map:percpu_array',
];

export async function capabilitiesCommand(options: GlobalOptions): Promise<number> {
  const domain = await loadDomain(options);
  const { answers, kernel } = await withHost(options, domain, async (host) => ({
    answers: await host.capabilities(probesToReport(domain.library, always)),
    kernel: host.host().kernel,
  }));
  const report = reportCapabilities(domain.rules, domain.library, always, answers);
  if (options.output === 'json') {
    const neededBy = ({ probe }: Capability) => [
      ...new Set(report.needs.filter(({ need }) => need.split(' | ').includes(probe)).flatMap((need) => need.neededBy)),
    ];
    printJson({
      kernel,
      ...report,
      window: report.window ?? null,
      capabilities: answers.map((answer) => ({ ...answer, neededBy: neededBy(answer) })),
    });
    return 0;
  }
  printReport(kernel, report);
  return 0;
}

function printReport(kernel: string, { window, services, needs }: CapabilityReport): void {
  const style = styleFor(process.stdout);
  const missing = needs.filter(({ answer }) => answer !== 'yes');
  const names = (some: CapabilityReport['services']) => new Set(some.map(({ service }) => service));
  const affected = names(services.filter((service) => service.missing.length > 0));
  print(
    style.strong(
      missing.length === 0
        ? `Kernel ${kernel} has everything that the FPM library needs.`
        : `Kernel ${kernel} lacks ${missing.length} of ${needs.length} things that the FPM library can use; ` +
            (affected.size === 0
              ? 'no service needs them.'
              : `${affected.size} of ${names(services).size} services are not possible, or not everywhere.`),
    ),
  );
  print(
    `\nKernel memory is read ${window === undefined ? style.bad('by no means: nothing can be accelerated') : window.summary}.`,
  );
  const serviceRows = services.map(({ service, hook, possible, except, missing: without }): readonly Cell[] => [
    { text: possible ? 'yes' : 'no', paint: possible ? style.good : style.bad },
    service,
    hook,
    except.join(', '),
    without.join(', '),
  ]);
  print(
    `\n${table([{ head: 'POSSIBLE' }, { head: 'SERVICE' }, { head: 'HOOK' }, { head: 'EXCEPT IF' }, { head: 'FOR WANT OF' }], serviceRows, style)}`,
  );
  if (missing.length > 0) {
    const rows = missing.map(({ need, purpose, costs, remedy }): readonly Cell[] => [
      need,
      purpose ?? '',
      costs.join(', ') || 'nothing',
      remedy ?? '',
    ]);
    print(
      `\n${table([{ head: 'MISSING' }, { head: 'IS FOR' }, { head: 'COSTS' }, { head: 'COMES WITH' }], rows, style)}`,
    );
  }
  const paintFor = (answer: Capability['answer']) =>
    answer === 'yes' ? style.good : answer === 'no' ? style.bad : style.change;
  const rows = needs.map(({ need, answer, neededBy, evidence }): readonly Cell[] => [
    { text: answer, paint: paintFor(answer) },
    need,
    some(neededBy) || 'tna itself',
    evidence,
  ]);
  print(
    `\n${table([{ head: 'HAS' }, { head: 'CAPABILITY' }, { head: 'NEEDED BY' }, { head: 'EVIDENCE' }], rows, style)}`,
  );
}

/** What nearly every FPM needs would make the table wider than any terminal; JSON has all names. */
function some(names: readonly string[]): string {
  const shown = names.length > 4 ? 3 : names.length;
  return [...names.slice(0, shown), ...(shown < names.length ? [`and ${names.length - shown} more`] : [])].join(' ');
}
