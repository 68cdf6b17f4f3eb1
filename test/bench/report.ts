// SPDX-License-Identifier: Apache-2.0
// The benchmark's output: machine, tables, figures against goals, as text or JSON.

import { type Figure, verdictOf } from './figure.js';
import type { Machine } from './machine.js';
import type { Section } from './options.js';

export interface SectionReport {
  readonly section: Section;
  readonly title: string;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** Rows of cells, the first row is the head. */
  readonly table: readonly (readonly string[])[];
  /** Sentences on how it was measured. */
  readonly notes: readonly string[];
  /** All values that the figures were made from, for whoever wants to compute others. */
  readonly raw: unknown;
}

export interface Report {
  readonly started: string;
  readonly mode: 'full' | 'quick';
  readonly machine: Machine;
  readonly loadAverageAtEnd: number;
  readonly sections: readonly SectionReport[];
}

export function headerText(machine: Machine): string {
  const { kernel, processor, cores, memoryMiB, node } = machine;
  const mitigations = Object.entries(machine.mitigations).map(([name, text]) => `  ${name}: ${text}`);
  return [
    `Linux ${kernel}, ${cores} × ${processor}, ${memoryMiB} MiB, Node ${node}, load ${machine.loadAverage.toFixed(1)}`,
    ...(mitigations.length === 0 ? [] : ['mitigations:', ...mitigations]),
  ].join('\n');
}

export function sectionText(report: SectionReport): string {
  return [
    `${report.title}  (${report.seconds.toFixed(0)} s)`,
    ...align(report.table).map((line) => `  ${line}`),
    ...report.notes.map((note) => `  ${note}`),
  ].join('\n');
}

export function goalsText(reports: readonly SectionReport[]): string {
  const judged = reports.flatMap((report) => report.figures).filter((figure) => figure.goal !== undefined);
  const rows = judged.map((figure) => {
    const { relation, value } = figure.goal as NonNullable<Figure['goal']>;
    return [
      verdictOf(figure) === 'missed' ? 'MISSED' : verdictOf(figure),
      figure.label,
      `${figure.value.toFixed(figure.decimals)} ${figure.unit}`,
      `${relation === 'at least' ? '≥' : '≤'} ${value} ${figure.unit}`,
      `${figure.low.toFixed(figure.decimals)}–${figure.high.toFixed(figure.decimals)}`,
      String(figure.samples),
    ];
  });
  return ['Goals', ...align([['', '', 'measured', 'goal', 'min–max', 'n'], ...rows]).map((line) => `  ${line}`)].join(
    '\n',
  );
}

export function reportJson(report: Report): object {
  const { sections, ...rest } = report;
  return {
    ...rest,
    figures: sections.flatMap(({ figures }) =>
      figures.map(({ decimals: _, ...figure }) => ({ ...figure, verdict: verdictOf({ decimals: _, ...figure }) })),
    ),
    sections: sections.map(({ section, title, seconds, notes, raw }) => ({ section, title, seconds, notes, raw })),
  };
}

/** Columns padded to their widest cell: the first two to the left, numbers to the right. */
export function align(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column]))));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - width(cell));
        return isText(rows, column) ? cell + space : space + cell;
      })
      .join('  ')
      .trimEnd(),
  );
}

/** A column whose cells below the head do not begin with a digit or a sign of comparison. */
function isText(rows: readonly (readonly string[])[], column: number): boolean {
  return rows.slice(1).some((row) => !/^[\d≥≤–-]/.test(row[column] ?? ''));
}

function width(cell: string | undefined): number {
  return [...(cell ?? '')].length;
}
