// SPDX-License-Identifier: Apache-2.0
// `tna capabilities`: what this kernel offers, and which FPMs miss something.

import type { Capability } from '../../model/snapshot.js';
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
  'attach:tcx',
  'map:devmap_hash',
  'map:prog_array',
  'map:percpu_array',
];

export async function capabilitiesCommand(options: GlobalOptions): Promise<number> {
  const domain = await loadDomain(options);
  const users = new Map<string, string[]>(always.map((probe) => [probe, []]));
  for (const module of domain.library.modules)
    for (const need of module.needs) users.set(need, [...(users.get(need) ?? []), module.name]);
  const answers = await withHost(options, domain, (host) => host.capabilities([...users.keys()]));
  if (options.output === 'json') {
    printJson({ capabilities: answers.map((answer) => ({ ...answer, neededBy: users.get(answer.probe) ?? [] })) });
    return 0;
  }
  const style = styleFor(process.stdout);
  const missing = answers.filter((answer) => answer.answer !== 'yes');
  const rows = answers.map((answer): readonly Cell[] => [
    { text: answer.answer, paint: paintFor(answer) },
    answer.probe,
    (users.get(answer.probe) ?? []).join(' ') || 'tna itself',
    answer.evidence,
  ]);
  print(
    style.strong(
      missing.length === 0
        ? 'This kernel has everything that the FPM library can use.'
        : `This kernel lacks ${missing.length} of ${answers.length} capabilities.`,
    ),
  );
  print(
    `\n${table([{ head: 'HAS' }, { head: 'CAPABILITY' }, { head: 'NEEDED BY' }, { head: 'EVIDENCE' }], rows, style)}`,
  );
  return 0;

  function paintFor(answer: Capability) {
    return answer.answer === 'yes' ? style.good : answer.answer === 'no' ? style.bad : style.change;
  }
}
