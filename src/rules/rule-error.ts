// SPDX-License-Identifier: Apache-2.0
// An error in a rule file: where, what, and the name that was probably meant.

/** Codes are stable; scripts may match them. */
export type RuleErrorCode =
  | 'too-large'
  | 'yaml-syntax'
  | 'yaml-alias'
  | 'duplicate-key'
  | 'reserved-name'
  | 'unknown-key'
  | 'missing-key'
  | 'invalid-value'
  | 'invalid-combination'
  | 'duplicate-name'
  | 'unknown-name'
  | 'cycle'
  | 'type-mismatch'
  | 'cel-syntax'
  | 'cel-type'
  | 'cel-unknown-variable'
  | 'cel-unknown-attribute'
  | 'cel-forbidden'
  | 'cel-too-complex';

/** An error before it is put into words. */
export interface RuleFinding {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 code units. */
  readonly column: number;
  readonly code: RuleErrorCode;
  readonly message: string;
  /** The name that was probably meant. */
  readonly suggestion?: string;
  /** Text of the library that found the error, where it says more than the message. */
  readonly cause?: string;
}

export interface RuleError extends RuleFinding {
  /** All of it in one line: `rules/bridge.yaml:14:9: unknown attribute "vlan_filterin" of bridge; did you mean …?` */
  readonly text: string;
}

function textOf(error: RuleFinding): string {
  const suggestion = error.suggestion === undefined ? '' : `; did you mean "${error.suggestion}"?`;
  return `${error.file}:${error.line}:${error.column}: ${error.message}${suggestion}`;
}

/** In the order of reading: by file, line, column. Exact repetitions are dropped. */
export function sortErrors(findings: readonly RuleFinding[]): readonly RuleError[] {
  const byText = new Map(findings.map((finding) => [textOf(finding), { ...finding, text: textOf(finding) }]));
  return [...byText.values()].sort(
    (a, b) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      a.line - b.line ||
      a.column - b.column ||
      (a.text < b.text ? -1 : 1),
  );
}

/** The candidate that is most likely meant by a mistyped name, if one is near enough: a third of its length. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > 128) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (candidate.length > 128) continue;
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
