// SPDX-License-Identifier: Apache-2.0
// Routing rate of small packets on one core, for numbers of routes and of destinations.

import { atLeast, type Figure, figure } from './figure.js';
import type { BenchOptions } from './options.js';
import type { SectionReport } from './report.js';
import { measureRounds, mpps, type Rounds, type RoundsResult, type RoundsSize, roundsTable, speed } from './rounds.js';
import { type FamilyName, families } from './routed-family.js';
import { openRoutedPath } from './routed-path.js';
import { type Summary, summarise } from './statistics.js';
import { Tna } from './tna.js';
import { makeVariants, type RouterVariant, routerVariants, variantLabel } from './variants.js';

export type RoutingSize = RoundsSize &
  Pick<BenchOptions, 'cpu' | 'library' | 'families' | 'routes' | 'flows' | 'gateway'>;

export interface RoutingResult extends RoundsResult<RouterVariant> {
  readonly family: FamilyName;
  readonly gateway: boolean;
  readonly routes: number;
  readonly flows: number;
}

/** Frames of others than the generator, such as ARP: there are none, but a few may be; a bridge refreshes what it knows of the sender. */
const slowAllowed = (sent: number) => 10 + sent * 0.001;

export async function measureRouting(
  size: RoutingSize,
  progress: (text: string) => void,
): Promise<readonly RoutingResult[]> {
  const results: RoutingResult[] = [];
  for (const family of size.families.map((name) => families[name])) {
    for (const routes of new Set(size.routes.map((count) => Math.min(count, family.mostRoutes)))) {
      progress(`making ${routes} routes`);
      const path = await openRoutedPath(size.cpu, routes, family, size.gateway);
      try {
        const tna = new Tna(path.netns, size.library);
        const variants = makeVariants({
          names: variantsFor(size.gateway),
          path,
          tna,
          what: whatIt(size.gateway),
          slowAllowed,
        });
        for (const flows of size.flows) {
          await path.aim(flows);
          const told = (what: string) => progress(`${counts(family.name, routes, flows)}: ${what}`);
          const { gateway } = size;
          const measured = await measureRounds(variants, path, size, told);
          results.push({ family: family.name, gateway, routes, flows, ...measured });
        }
        await tna.close();
      } finally {
        progress(`removing ${routes} routes`);
        await path.close();
      }
    }
  }
  return results;
}

const whatIt = (gateway: boolean) => (gateway ? 'bridge and router' : 'router');

/** The peer asks for routes of the device that a frame comes in by, which a bridge's port has none of. */
function variantsFor(gateway: boolean): readonly RouterVariant[] {
  return routerVariants.filter((name) => name !== 'fib-xdp' || !gateway);
}

function counts(family: FamilyName, routes: number, flows: number): string {
  const text = (n: number, one: string) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;
  return `IPv${family}, ${text(routes, 'route')}, ${text(flows, 'flow')}`;
}

export function reportRouting(results: readonly RoutingResult[]): Omit<SectionReport, 'seconds'> {
  const tables = results.map(({ family, gateway, routes, flows, rounds }) => {
    const [[, ...head] = [], ...rows] = roundsTable(rounds, whatIt(gateway));
    return [[counts(family, routes, flows), ...head], ...rows];
  });
  const frames = results.reduce((sum, result) => sum + result.frames, 0);
  return {
    section: 'routing',
    title: `${results.some(({ gateway }) => gateway) ? 'Gateway on a bridge' : 'Routing'}: packets of 60 bytes (IPv4) or 80 (IPv6), veth, everything on one core`,
    figures: results.flatMap(figuresOf),
    table: tables.flat(),
    notes: [
      `${(frames / 1e6).toFixed(1)} million frames sent while timing, none lost; generator, forwarding and sink share the time per frame.`,
      'Medians of rounds; ratios are medians of the ratios within a round. rp_filter is off; early demux is on, as by default.',
    ],
    raw: results.map(({ rounds, frames: _, ...what }) => ({ ...what, nsPerFrame: rounds })),
  };
}

/** What XDP is to reach, against Linux: a bare FIB forwarder without any check reaches 2.65 and 2.0. */
const goals: Readonly<Record<FamilyName, number>> = { 4: 2.5, 6: 1.9 };

function figuresOf({ family, gateway, routes, flows, rounds }: RoutingResult): readonly Figure[] {
  const where = counts(family, routes, flows);
  const id = `${gateway ? 'gateway-' : ''}${family}-${routes}-${flows}`;
  const line = (of: Summary, name: string, label: string, unit: string, goal?: number) =>
    figure('routing', of, {
      ...{ id: `route.${id}.${name}`, label: `${label}: ${where}`, unit },
      ...(goal === undefined ? {} : { goal: atLeast(goal) }),
    });
  const ratio = (of: RouterVariant, against: RouterVariant) =>
    summarise(speed(rounds as Rounds<RouterVariant>, of, against));
  return [
    ...variantsFor(gateway).map((name) =>
      line(summarise(mpps(rounds[name])), `mpps.${name}`, variantLabel(name, whatIt(gateway)), 'Mpps'),
    ),
    line(ratio('tna-xdp', 'linux'), 'xdp-to-linux', 'TNA by XDP ÷ Linux', '×', goals[family]),
    ...(gateway
      ? []
      : [
          line(ratio('tna-xdp', 'fib-xdp'), 'xdp-to-fib', 'TNA by XDP ÷ FIB-only XDP', '×', 0.9),
          line(ratio('fib-xdp', 'linux'), 'fib-to-linux', 'FIB-only XDP ÷ Linux', '×'),
        ]),
    line(ratio('tna-xdp', 'redirect-xdp'), 'xdp-to-ceiling', 'TNA by XDP ÷ bare XDP redirect', '×'),
    line(ratio('reading-router-xdp', 'linux'), 'reading-to-linux', 'bare XDP redirect that reads as much ÷ Linux', '×'),
    line(ratio('tna-tc', 'linux'), 'tc-to-linux', 'TNA by TCX ÷ Linux', '×', 1.05),
    line(ratio('redirect-tc', 'linux'), 'bare-tc-to-linux', 'bare tc redirect ÷ Linux', '×'),
  ];
}
