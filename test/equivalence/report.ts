// SPDX-License-Identifier: Apache-2.0
// Text of the results: totals over many cases, and a reproduction for each case that differs.

import type { Configuration } from './configuration.js';
import type { CaseResult } from './runner.js';

export interface Totals {
  cases: number;
  frames: number;
  accelerated: number;
  changed: number;
  fast: number;
  slow: number;
  drop: number;
  mustBeFast: number;
  refused: number;
  different: number;
  unsteady: number;
  milliseconds: number;
  readonly slowBy: Map<string, number>;
  readonly blockedBy: Map<string, number>;
}

export function emptyTotals(): Totals {
  return {
    cases: 0,
    frames: 0,
    accelerated: 0,
    changed: 0,
    fast: 0,
    slow: 0,
    drop: 0,
    mustBeFast: 0,
    refused: 0,
    different: 0,
    unsteady: 0,
    milliseconds: 0,
    slowBy: new Map(),
    blockedBy: new Map(),
  };
}

export function addResult(totals: Totals, result: CaseResult): void {
  totals.cases += 1;
  totals.frames += result.case.frames.length;
  totals.accelerated += result.claims.some((claim) => claim.accelerated) ? 1 : 0;
  totals.changed += result.case.configuration.changes.length > 0 ? 1 : 0;
  totals.mustBeFast += result.mustBeFast;
  totals.refused += result.refused;
  totals.different += result.differences.length > 0 ? 1 : 0;
  totals.unsteady += result.unsteady ? 1 : 0;
  totals.milliseconds += result.milliseconds;
  for (const claim of result.claims) {
    totals.fast += claim.counters.fast;
    totals.slow += claim.counters.slow;
    totals.drop += claim.counters.drop;
    for (const [reason, count] of Object.entries(claim.slowBy)) {
      totals.slowBy.set(reason, (totals.slowBy.get(reason) ?? 0) + count);
    }
    for (const code of claim.reasons) {
      totals.blockedBy.set(code, (totals.blockedBy.get(code) ?? 0) + 1);
    }
  }
}

/** What JSON.stringify makes into text that `totalsOf` reads. */
export function totalsJson(totals: Totals): object {
  return { ...totals, slowBy: [...totals.slowBy], blockedBy: [...totals.blockedBy] };
}

export function totalsOf(json: ReturnType<typeof JSON.parse>): Totals {
  return { ...json, slowBy: new Map(json.slowBy), blockedBy: new Map(json.blockedBy) };
}

/** Adds what another run has counted. */
export function addTotals(totals: Totals, more: Totals): void {
  for (const name of Object.keys(totals) as (keyof Totals)[]) {
    if (name === 'slowBy' || name === 'blockedBy')
      for (const [code, count] of more[name]) totals[name].set(code, (totals[name].get(code) ?? 0) + count);
    else totals[name] += more[name];
  }
}

function ranking(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.length === 0 ? '—' : sorted.map(([name, count]) => `${name} ${count}`).join(', ');
}

export function totalsText(name: string, totals: Totals): string {
  const seen = totals.fast + totals.slow + totals.drop;
  const share = seen === 0 ? '0' : ((100 * totals.fast) / seen).toFixed(1);
  return [
    `${name}: ${totals.cases} configurations, ${totals.frames} frames, ${totals.different} different, ${totals.unsteady} only once`,
    `  accelerated in ${totals.accelerated} configurations; ${totals.changed} changed in the middle of traffic`,
    `  fast ${totals.fast} (${share} % of frames on accelerated ports; at least ${totals.mustBeFast} were due), slow ${totals.slow}, dropped ${totals.drop}`,
    `  slow because: ${ranking(totals.slowBy)}`,
    `  not accelerated because: ${ranking(totals.blockedBy)}`,
    `  commands refused by the kernel on both sides: ${totals.refused}; ${(totals.milliseconds / Math.max(1, totals.cases)).toFixed(0)} ms each`,
  ].join('\n');
}

const cut = (text: string): string => (text.length > 600 ? `${text.slice(0, 600)}… (${text.length} characters)` : text);

/** Of which sort the random case was. */
function ofText({ own, bridges, namespace, links }: Configuration): string {
  if (own === undefined) return '';
  const six = namespace.some(({ text }) => text.startsWith('net/ipv6/icmp/')) ? '6' : '';
  const vlans = links.some(({ text }) => / type vlan |vlan_filtering/.test(text)) ? 'vlan-' : '';
  return ` --of ${vlans}${bridges.length > 0 ? 'gateway' : 'router'}${six}`;
}

/** Everything needed to see a difference again: how to run it, the commands, the frame, what was expected. */
export function reproduction(result: CaseResult, all = false): string {
  const { case: one, differences } = result;
  const { configuration } = one;
  const lines = [
    `seed ${one.seed}: node dist/test/equivalence/run.js${ofText(configuration)} --seed ${one.seed} --count 1 --hook ${one.hook} --ports ${one.kind} --frames ${one.frames.length}`,
    `  ports: ${configuration.ports.map((port) => `${port.name} ${port.mac}`).join(', ')}${configuration.gro ? '; receivers with GRO' : ''}`,
    ...[...configuration.namespace, ...configuration.links, ...configuration.setup].map(
      (step) => `  ${step.tool} ${step.text}`,
    ),
    ...configuration.changes.flatMap((change) =>
      change.steps.map((step) => `  before frame ${change.before}: ${step.tool} ${step.text}`),
    ),
  ];
  for (const claim of result.claims.filter((one) => configuration.ports.some((port) => port.name === one.name))) {
    const how = claim.accelerated ? `accelerated by ${claim.hook}` : claim.reasons.join(' and ');
    const slow = Object.entries(claim.slowBy).map(([reason, count]) => `${reason} ${count}`);
    lines.push(`  ${claim.name}: ${how}; fast ${claim.counters.fast}, slow: ${slow.join(', ') || 'none'}`);
  }
  for (const difference of differences.slice(0, all ? 50 : 4)) {
    lines.push(`  DIFFERENT: ${difference.what}`);
    const frame = difference.frame === undefined ? undefined : one.frames[difference.frame];
    if (frame !== undefined) {
      const extra = `${frame.mark === undefined ? '' : ` mark ${frame.mark.toString(16)}`}${frame.virtio === true ? ' virtio' : ''}`;
      const name = configuration.ports[frame.port]?.name;
      lines.push(
        `    frame ${difference.frame} into ${name}, ${frame.bytes.length / 2} bytes${extra}: ${cut(frame.bytes)}`,
      );
    }
    lines.push(
      `    expected ${cut(difference.expected) || 'nothing more'}`,
      `    got      ${cut(difference.actual) || 'nothing more'}`,
    );
  }
  return lines.join('\n');
}
