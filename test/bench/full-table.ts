// SPDX-License-Identifier: Apache-2.0
// What a full routing table costs the controller of a router: with ten routes of each family and with as many as a full table has, the
// time of its passes and its memory, and its processor time while a tenth of the routes are replaced.

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { RouterBed } from '../support/lab/router-bed.js';
import { addRoutes, addRoutes6, mostRoutes6 } from '../support/lab/routes.js';
import { supervise } from './background.js';
import { figure } from './figure.js';
import type { BenchOptions } from './options.js';
import { cpuNs, residentMiB } from './process-cost.js';
import type { SectionReport } from './report.js';
import { SlotWatch } from './slots.js';
import { summarise } from './statistics.js';
import { Tna } from './tna.js';

const ports = 3;
const few = 10;
const via = ['via 10.0.2.2', 'via fd00:2::2'] as const;
const elsewhere = ['via 10.0.3.2', 'via fd00:3::2'] as const;

interface Cost {
  readonly routes: readonly [number, number];
  /** `tna reconcile --once` of a router that nothing is deployed on, and of one where nothing is to do; milliseconds. */
  readonly coldMs: readonly number[];
  readonly noChangeMs: readonly number[];
  readonly residentMiB: number;
  /** Routes replaced, within which time, and the controller's processor time meanwhile. */
  readonly replaced: number;
  readonly replacingMs: number;
  readonly busyMs: number;
}

export async function measureFullTable(
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<Omit<SectionReport, 'seconds'>> {
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const bed = await RouterBed.make({ teardown: (action) => undo.push(action) }, { kind: 'tap', ports, ip6: true });
    const tna = new Tna(bed.netns, options.library, 'tc');
    const most = Math.max(...options.routes);
    const costs: Cost[] = [];
    for (const routes of [
      [few, few],
      [most, Math.min(most, mostRoutes6)],
    ] as const) {
      progress(`making ${routes[0]} and ${routes[1]} routes`);
      await replaceRoutes(bed, routes, via);
      costs.push(await measure(bed, tna, routes, options.quick ? 3 : 9, progress));
    }
    await tna.close();
    return report(costs);
  } finally {
    progress('removing routes');
    for (const action of undo.reverse()) await action();
  }
}

async function replaceRoutes(
  { netns }: RouterBed,
  [of4, of6]: readonly [number, number],
  [to4, to6]: readonly [string, string],
): Promise<void> {
  await addRoutes(netns, of4, to4, 'replace');
  await addRoutes6(netns, of6, to6, 'replace');
}

async function measure(
  bed: RouterBed,
  tna: Tna,
  routes: readonly [number, number],
  repeat: number,
  progress: (text: string) => void,
): Promise<Cost> {
  const [coldMs, noChangeMs] = [[], []] as [number[], number[]];
  for (let i = 0; i < repeat; i += 1) {
    progress(`${routes[0]} and ${routes[1]} routes, pass ${i + 1} of ${repeat}`);
    await tna.detach();
    coldMs.push((await tna.run('reconcile', '--once')).ms);
    noChangeMs.push((await tna.run('reconcile', '--once')).ms);
  }
  const daemon = await supervise(tna.daemon());
  try {
    const watch = SlotWatch.open(tna.pins);
    watch.waitFor(ports, 5000);
    watch.close();
    // Until it has subscribed to events and settled.
    await sleep(2000);
    const tenth = routes.map((count) => Math.max(Math.floor(count / 10), 1)) as [number, number];
    const resident = residentMiB(daemon.pid);
    progress('routes change');
    const [before, started] = [cpuNs(daemon.pid), performance.now()];
    await replaceRoutes(bed, tenth, elsewhere);
    await replaceRoutes(bed, tenth, via);
    const replacingMs = performance.now() - started;
    await sleep(500);
    return {
      ...{ routes, coldMs, noChangeMs, residentMiB: resident, replaced: 2 * (tenth[0] + tenth[1]), replacingMs },
      busyMs: (cpuNs(daemon.pid) - before) / 1e6,
    };
  } finally {
    await daemon.stop();
  }
}

function report(costs: readonly Cost[]): Omit<SectionReport, 'seconds'> {
  const number = (n: number) => n.toLocaleString('en');
  const ms = (values: readonly number[]) => summarise(values).median.toFixed(0);
  const row = (label: string, cell: (cost: Cost) => string) => [label, ...costs.map(cell)];
  return {
    section: 'table',
    title: `Controller of a router with ${ports} interfaces and a full routing table`,
    figures: costs.flatMap(({ routes, coldMs, noChangeMs, residentMiB: resident, busyMs }) => {
      const of = (id: string, label: string, unit: string, values: readonly number[]) =>
        figure('table', summarise(values), {
          ...{ id: `table.${routes[0]}.${id}`, label: `${label}, ${number(routes[0])} routes`, unit, decimals: 1 },
        });
      return [
        of('reconcile-cold', 'tna reconcile --once, cold', 'ms', coldMs),
        of('reconcile-no-change', 'tna reconcile --once, nothing to do', 'ms', noChangeMs),
        of('resident', 'controller, resident', 'MiB', [resident]),
        of('busy', 'controller while routes change', 'ms', [busyMs]),
      ];
    }),
    table: [
      ['', ...costs.map(({ routes }) => `${number(routes[0])} + ${number(routes[1])} routes`)],
      row('tna reconcile --once, cold, ms', ({ coldMs }) => ms(coldMs)),
      row('tna reconcile --once, nothing to do, ms', ({ noChangeMs }) => ms(noChangeMs)),
      row('controller, resident, MiB', ({ residentMiB: resident }) => resident.toFixed(0)),
      row('routes replaced', ({ replaced }) => number(replaced)),
      row('within, ms', ({ replacingMs }) => replacingMs.toFixed(0)),
      row('of which the controller works, ms', ({ busyMs }) => busyMs.toFixed(1)),
    ],
    notes: [
      'Routes of IPv4 + IPv6. Commands: wall time of the process. The controller’s work includes half a second after the changes.',
    ],
    raw: costs,
  };
}
