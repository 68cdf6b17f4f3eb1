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
