// SPDX-License-Identifier: Apache-2.0
// Text of the matrix: one line per test, one column per kernel; and what is worth reading of a machine that failed.

import type { TapCount } from '../support/tap-count.js';
import type { Kernel } from './kernels.js';
import type { MachineResult } from './machine.js';
import type { VmTest } from './tests.js';

export interface Result {
  readonly kernel: Kernel;
  readonly test: VmTest;
  readonly count: TapCount;
  /** Absent when the test was not run. */
  readonly machine: MachineResult | undefined;
}

function cell({ count, machine }: Result): string {
  if (machine === undefined) return 'skipped';
  if (machine.end === 'timeout') return `TIMEOUT after ${machine.seconds.toFixed(0)} s`;
  if (machine.end === 'died') return 'DIED';
  const time = `${machine.seconds.toFixed(0)} s`;
  const skipped = count.skipped === 0 ? '' : `, ${count.skipped} skipped`;
  return count.failed > 0
    ? `FAILED ${count.failed}, ok ${count.passed} (${time})`
    : `ok ${count.passed}${skipped} (${time})`;
}

export function tableText(kernels: readonly Kernel[], tests: readonly VmTest[], results: readonly Result[]): string {
  const rows = [
    ['', ...kernels.map((kernel) => (kernel.name === 'newest' ? 'newest' : kernel.name))],
    ['test', ...kernels.map((kernel) => kernel.release)],
    ...tests.map((test) => [
      test.name,
      ...kernels.map((kernel) => {
        const result = results.find((one) => one.test === test && one.kernel === kernel);
        return result === undefined ? '' : cell(result);
      }),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

/** Everything the test said, then the kernel's complaints. */
export function failureText({ machine }: Result): string {
  if (machine === undefined) return '';
  const lines = [machine.stdout.trimEnd()];
  if (machine.end === 'timeout') lines.push(`# not finished after ${machine.seconds.toFixed(0)} s`);
  if (machine.end === 'died') lines.push('# the machine died');
  lines.push(...machine.complaints.map((line) => `# kernel: ${line}`));
  return lines.join('\n');
}
