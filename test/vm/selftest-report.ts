// SPDX-License-Identifier: Apache-2.0
// What a selftest said, compared between runs with TNA off and on, and the table of all of them. Pure.

export type CaseResult = 'OK' | 'FAIL' | 'SKIP' | 'XFAIL';

export interface Case {
  /** As the script calls it; the second one of a name has ` (2)` behind it. */
  readonly name: string;
  readonly result: CaseResult;
}

/** Packets at TNA's attachment points during one run. */
export interface FastPath {
  readonly fast: number;
  readonly dropped: number;
  /** By `FPM:code`. */
  readonly slow: Readonly<Record<string, number>>;
  readonly attachments: number;
}

export interface SelftestRun {
  readonly cases: readonly Case[];
  /** Exit code of the script; undefined when it did not come to its end. */
  readonly code: number | undefined;
  readonly seconds: number;
  readonly fastPath: FastPath | undefined;
  /** What is wrong besides the script's own result: controllers that died, complaints of the kernel. */
  readonly troubles: readonly string[];
}

export interface SelftestResult {
  readonly script: string;
  readonly off: readonly SelftestRun[];
  readonly on: readonly SelftestRun[];
  readonly remark: string | undefined;
}

/** The lines by which selftests report their cases. */
export function parseCases(output: string): readonly Case[] {
  const seen = new Map<string, number>();
  const cases: Case[] = [];
  for (const line of output.split('\n')) {
    const bracketed = /^\s*(?:TEST: )?(\S.*?)\s*\[\s*(OK|FAIL|SKIP|XFAIL)\s*\]\s*$/.exec(line);
    const led = /^(PASS|FAIL|SKIP): (.+?)\s*$/.exec(line);
    const [name, word] = bracketed ? [bracketed[1], bracketed[2]] : [led?.[2], led?.[1]];
    if (name === undefined || word === undefined) continue;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    cases.push({
      name: times === 1 ? name : `${name} (${times})`,
      result: (word === 'PASS' ? 'OK' : word) as CaseResult,
    });
  }
  return cases;
}

export interface Difference {
  readonly name: string;
  readonly off: readonly string[];
  readonly on: readonly string[];
}

function outcomes(runs: readonly SelftestRun[]): ReadonlyMap<string, readonly string[]> {
  const byName = new Map<string, string[]>();
  const names = new Set(runs.flatMap((run) => run.cases.map((one) => one.name)));
  for (const run of runs) {
    for (const name of names) {
      const result = run.cases.find((one) => one.name === name)?.result ?? 'missing';
      byName.set(name, [...(byName.get(name) ?? []), result]);
    }
    const exit = run.code === undefined ? 'did not end' : `exit ${run.code}`;
    byName.set('exit code', [...(byName.get('exit code') ?? []), exit]);
  }
  return byName;
}

/** Cases that came out with TNA as they never did without it. */
export function differences(off: readonly SelftestRun[], on: readonly SelftestRun[]): readonly Difference[] {
  if (off.length === 0 || on.length === 0) return [];
  const without = outcomes(off);
  const withTna = outcomes(on);
  const names = new Set([...without.keys(), ...withTna.keys()]);
  return [...names].flatMap((name) => {
    const a = without.get(name) ?? off.map(() => 'missing');
    const b = withTna.get(name) ?? on.map(() => 'missing');
    return b.some((result) => a.includes(result)) ? [] : [{ name, off: a, on: b }];
  });
}

/** Cases that came out in more than one way on one side. */
export function varying(runs: readonly SelftestRun[]): readonly string[] {
  return [...outcomes(runs)].flatMap(([name, results]) => (new Set(results).size > 1 ? [name] : []));
}

function counts(cases: readonly Case[]): string {
  const of = (result: CaseResult) => cases.filter((one) => one.result === result).length;
  const parts = [`${of('OK')} OK`];
  for (const result of ['FAIL', 'XFAIL', 'SKIP'] as const) if (of(result) > 0) parts.push(`${of(result)} ${result}`);
  return parts.join(', ');
}

function last<T>(list: readonly T[]): T | undefined {
  return list[list.length - 1];
}

function slowText({ slow }: FastPath): string {
  const sorted = Object.entries(slow).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const total = sorted.reduce((sum, [, packets]) => sum + packets, 0);
  if (total === 0) return '0';
  return `${total} (${sorted
    .slice(0, 3)
    .map(([reason, packets]) => `${reason} ${packets}`)
    .join(', ')})`;
}

function verdict({ off, on }: SelftestResult): string {
  const different = differences(off, on);
  if (off.length === 0 || on.length === 0) return 'not run';
  if (different.length > 0) return `**${different.length} differ**`;
  const unstable = new Set([...varying(off), ...varying(on)]);
  unstable.delete('exit code');
  return unstable.size === 0 ? 'equal' : `equal; ${unstable.size} vary from run to run`;
}

function row(result: SelftestResult): string {
  const off = last(result.off);
  const on = last(result.on);
  const path = on?.fastPath;
  const remarks = [
    ...(result.remark === undefined ? [] : [result.remark]),
    ...(on?.troubles ?? []),
    ...(off !== undefined && off.cases.length === 0 && off.code === 4 ? ['skips itself'] : []),
  ];
  const cells = [
    result.script.replace(/\.sh$/, ''),
    off === undefined ? '' : counts(off.cases),
    on === undefined ? '' : counts(on.cases),
    verdict(result),
    path === undefined ? '' : String(path.attachments),
    path === undefined ? '' : String(path.fast),
    path === undefined ? '' : slowText(path),
    remarks.join('; '),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** Rows of a table that was written before, by script. */
export function tableRows(page: string): ReadonlyMap<string, string> {
  const rows = page.split('\n').filter((line) => /^\| [^|]+ \| \d+ OK/.test(line));
  return new Map(rows.map((line) => [`${line.slice(2, line.indexOf(' |'))}.sh`, line]));
}

/** Sums up what several cells like `19 OK, 2 XFAIL` count. */
function sumOfCounts(cells: readonly string[]): { readonly total: number; readonly text: string } {
  const sums = new Map<string, number>([['OK', 0]]);
  for (const [, number, result] of cells.join(', ').matchAll(/(\d+) ([A-Z]+)/g))
    sums.set(result ?? '', (sums.get(result ?? '') ?? 0) + Number(number));
  const order = ['OK', 'FAIL', 'XFAIL', 'SKIP'].filter((result) => sums.has(result));
  return {
    total: order.reduce((total, result) => total + (sums.get(result) ?? 0), 0),
    text: order.map((result) => `${sums.get(result)} ${result}`).join(', '),
  };
}

/**
 * The table, and sums under it.
 *
 * @param before rows for scripts without runs (`tableRows`)
 */
export function selftestTable(results: readonly SelftestResult[], before?: ReadonlyMap<string, string>): string {
  const rows = results.map((result) => {
    const ran = result.off.length > 0 && result.on.length > 0;
    return (ran ? undefined : before?.get(result.script)) ?? row(result);
  });
  // Cells, with what `row` escaped out of the way.
  const cells = rows.map((line) => line.replaceAll('\\|', ' ').split(' | '));
  const ran = cells.filter(([, , , verdict]) => verdict !== 'not run');
  const cases = sumOfCounts(ran.map(([, off]) => off ?? ''));
  const different = ran.filter(([, , , verdict]) => verdict?.startsWith('**'));
  const fast = ran.map((row) => Number(row[5])).filter((packets) => packets > 0);
  return [
    '| Selftest | TNA off | TNA on | Result | Attached | Fast | Left to Linux | Remark |',
    '|---|---|---|---|--:|--:|---|---|',
    ...rows,
    '',
    `Scripts: ${ran.length}, with ${cases.total} cases (${cases.text} without TNA).`,
    `The same with TNA: ${ran.length - different.length}; not the same: ${different.length}.`,
    `Frames took the fast path in ${fast.length} of them, ${fast.reduce((sum, packets) => sum + packets, 0)} in all.`,
    '',
  ].join('\n');
}

/** What differs, in words, for the terminal. */
export function differenceText(result: SelftestResult): string {
  return differences(result.off, result.on)
    .map(({ name, off, on }) => `    ${name}: ${off.join(' ')} without TNA, ${on.join(' ')} with\n`)
    .join('');
}
