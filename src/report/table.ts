// SPDX-License-Identifier: Apache-2.0
// Aligned columns and the few colours that the text output has.

/** Colouring functions; `plain` for pipes and files. */
export interface Style {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly change: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly strong: (text: string) => string;
}

const same = (text: string) => text;
export const plain: Style = { good: same, bad: same, change: same, dim: same, strong: same };

export interface Column {
  readonly head: string;
  readonly align?: 'right';
}

/**
 * Rows under dim heads, two spaces apart, without trailing blanks. A cell may carry a colour, which takes no width.
 * @returns lines without a final newline
 */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], style: Style): string {
  const widths = columns.map((column, i) => Math.max(column.head.length, ...rows.map((row) => textOf(row[i]).length)));
  const line = (cells: readonly Cell[], paint: (text: string) => string) =>
    columns
      .map((column, i) => {
        const cell = cells[i];
        const text = textOf(cell);
        const blanks = ' '.repeat((widths[i] as number) - text.length);
        const coloured = typeof cell === 'object' ? cell.paint(text) : paint(text);
        return column.align === 'right' ? blanks + coloured : coloured + (i === columns.length - 1 ? '' : blanks);
      })
      .join('  ')
      .trimEnd();
  return [
    line(
      columns.map((column) => column.head),
      style.dim,
    ),
    ...rows.map((row) => line(row, same)),
  ].join('\n');
}

export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

function textOf(cell: Cell | undefined): string {
  return cell === undefined ? '' : typeof cell === 'string' ? cell : cell.text;
}

/** `1 interface`, `2 interfaces`. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
