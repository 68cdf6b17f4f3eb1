// SPDX-License-Identifier: Apache-2.0
// From offsets to lines and columns, also inside a YAML scalar, whose text differs from what the file holds.

/** Where in the rule files something was written. Lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One file's text with an index of its lines. */
export class SourceText {
  readonly #lineStarts: number[] = [0];

  constructor(
    readonly file: string,
    readonly text: string,
  ) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1);
  }

  /** Position of an offset in UTF-16 code units; offsets beyond the end count as the end. */
  position(offset: number): Position {
    const wanted = Math.min(Math.max(offset, 0), this.text.length);
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= wanted) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: wanted - (this.#lineStarts[low] ?? 0) + 1 };
  }
}

/** How a scalar is written. */
export type ScalarStyle = 'plain' | 'single' | 'double' | 'block';

const space = /\s/;
const escapeLengths: { readonly [letter: string]: number } = { x: 4, u: 6, U: 10 };

/**
 * Offset in the file of the `index`th character of a scalar's value. Walks value and source side by side: folding,
 * indentation and quoting only ever add or replace white space, quotes and escapes.
 */
export function offsetInScalar(
  source: string,
  start: number,
  style: ScalarStyle,
  value: string,
  index: number,
): number {
  let at = start;
  if (style === 'single' || style === 'double') at += 1;
  if (style === 'block') {
    const endOfHeader = source.indexOf('\n', start);
    at = endOfHeader < 0 ? source.length : endOfHeader + 1;
  }
  for (let i = 0; ; i++) {
    const wanted = value[i];
    if (wanted !== undefined && !space.test(wanted)) while (at < source.length && space.test(source[at] ?? '')) at += 1;
    if (i >= index || wanted === undefined) return Math.min(at, source.length);
    if (style === 'double' && source[at] === '\\') {
      // A backslash before a line break swallows the break: the value goes on behind it.
      while (source[at] === '\\' && /^\r?\n/.test(source.slice(at + 1, at + 3))) {
        at += 2;
        while (space.test(source[at] ?? '')) at += 1;
      }
      if (source[at] === '\\') at += escapeLengths[source[at + 1] ?? ''] ?? 2;
      else at += 1;
    } else if (style === 'single' && wanted === "'") at += 2;
    else at += 1;
  }
}
