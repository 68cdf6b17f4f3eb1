// SPDX-License-Identifier: Apache-2.0
// Splits text with ${CEL} parts.

export interface TemplatePart {
  readonly kind: 'text' | 'expression';
  readonly text: string;
  /** Of `text` in the template, in UTF-16 code units. */
  readonly offset: number;
}

export type TemplateResult =
  | { readonly parts: readonly TemplatePart[] }
  | { readonly problem: string; readonly offset: number };

/** An expression ends at the brace that closes it: braces and quotes inside it are skipped. */
export function splitTemplate(text: string): TemplateResult {
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('${', at);
    if (open < 0) break;
    if (open > at) parts.push({ kind: 'text', text: text.slice(at, open), offset: at });
    const close = closingBrace(text, open + 2);
    if (close === undefined) return { problem: 'an expression is not closed by }', offset: open };
    const expression = text.slice(open + 2, close);
    if (expression.trim() === '') return { problem: 'an expression is missing between { and }', offset: open };
    parts.push({ kind: 'expression', text: expression, offset: open + 2 });
    at = close + 1;
  }
  if (at < text.length) parts.push({ kind: 'text', text: text.slice(at), offset: at });
  return { parts };
}

function closingBrace(text: string, from: number): number | undefined {
  let depth = 0;
  let quote: string | undefined;
  for (let i = from; i < text.length; i++) {
    const c = text[i];
    if (quote !== undefined) {
      if (c === '\\') i += 1;
      else if (c === quote) quote = undefined;
    } else if (c === '"' || c === "'") quote = c;
    else if (c === '{') depth += 1;
    else if (c === '}') {
      if (depth === 0) return i;
      depth -= 1;
    }
  }
  return undefined;
}
