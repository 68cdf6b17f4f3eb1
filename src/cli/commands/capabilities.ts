// SPDX-License-Identifier: Apache-2.0
// `tna capabilities`: what this kernel offers, what it lacks, what that costs, and how to come by it.

import { alternatives } from '../../model/library.js';
import type { Capability } from '../../model/snapshot.js';
import {
  type CapabilityReport,
  probesToReport,
  reportCapabilities,
  type ServiceReport,
} from '../../pipeline/capabilities.js';
import { type Cell, type Style, table } from '../../report/table.js';
import { loadDomain, withHost } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';

/** Probes of TNA itself, whatever the FPMs. */
export const always = [
  'btf:vmlinux',
  'jit',
  'prog:xdp',
  'prog:sched_cls',
  'attach:tcx | attach:clsact',
  'map:devmap_hash',
  'map:prog_array',
  'map:percpu_array',
  'btf:net_device.xdp_features',
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
      ...new Set(
        report.needs.filter(({ need }) => alternatives(need).includes(probe)).flatMap((need) => need.neededBy),
      ),
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

function printReport(kernel: string, report: CapabilityReport): void {
  const style = styleFor(process.stdout);
  const { window, services, needs } = report;
  const missing = needs.filter(({ answer }) => answer === 'no');
  const untold = needs.filter(({ answer }) => answer === 'unknown');
  const names = (some: CapabilityReport['services']) => new Set(some.map(({ service }) => service));
  const affected = names(services.filter((service) => service.missing.length > 0));
  const told = `things that the FPM library can use${untold.length === 0 ? '' : `, and of ${untold.length} it cannot be told`}`;
  print(
    style.strong(
      missing.length + untold.length === 0
        ? `Kernel ${kernel} has everything that the FPM library needs.`
        : `Kernel ${kernel} lacks ${missing.length} of ${needs.length} ${told}; ` +
            (affected.size === 0
              ? 'no service needs them.'
              : `${affected.size} of ${names(services).size} services are not possible, or not everywhere.`),
    ),
  );
  print(
    `\nKernel memory is read ${window === undefined ? style.bad('by no means: nothing can be accelerated') : window.summary}.`,
  );
  const serviceRows = services.map((service): readonly Cell[] => [
    possibility(service, style),
    service.service,
    service.hook,
    some(service.missing),
  ]);
  print(
    `\n${table([{ head: 'POSSIBLE' }, { head: 'SERVICE' }, { head: 'HOOK' }, { head: 'FOR WANT OF' }], serviceRows, style)}`,
  );
  if (missing.length > 0) {
    // What comes by the same way stands together, and that is said once.
    const ways = [...new Set(missing.map(({ remedy }) => remedy))];
    const rows = ways.flatMap((way) =>
      missing
        .filter(({ remedy }) => remedy === way)
        .map(({ need, purpose, neededBy }, n): readonly Cell[] => [
          need,
          purpose ?? '',
          // What TNA itself lacks is no single service's loss: the purpose says what is.
          neededBy.length === 0 ? '' : costsText(need, services),
          n === 0 ? (way ?? '') : '',
        ]),
    );
    print(
      `\n${table([{ head: 'MISSING' }, { head: 'IS FOR' }, { head: 'COSTS' }, { head: 'COMES WITH' }], rows, style)}`,
    );
  }
  if (untold.length > 0) {
    const rows = untold.map(({ need, evidence }): readonly Cell[] => [need, costsText(need, services), evidence]);
    print(`\n${table([{ head: 'NOT KNOWN' }, { head: 'MAY COST' }, { head: 'WHY NOT' }], rows, style)}`);
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

function possibility({ possible, except }: ServiceReport, style: Style): Cell {
  if (!possible) return { text: 'no', paint: style.bad };
  return except.length > 0 ? { text: 'in part', paint: style.change } : { text: 'yes', paint: style.good };
}

/** Services that cannot be had without it, or not everywhere. Conditions would fill the screen; JSON has them. */
function costsText(need: string, services: CapabilityReport['services']): string {
  const affected = services.filter(({ missing }) => missing.includes(need));
  const whole = new Set(affected.filter(({ possible }) => !possible).map(({ service }) => service));
  const parts = new Set(affected.map(({ service }) => service).filter((service) => !whole.has(service)));
  const costs = [...whole, ...(parts.size === 0 ? [] : [`parts of ${[...parts].join(', ')}`])];
  return costs.join(', ') || 'nothing';
}

/** What nearly every FPM needs would make the table wider than any terminal; JSON has all names. */
function some(names: readonly string[]): string {
  const shown = names.length > 4 ? 3 : names.length;
  return [...names.slice(0, shown), ...(shown < names.length ? [`and ${names.length - shown} more`] : [])].join(' ');
}
