// SPDX-License-Identifier: Apache-2.0
// Where results and errors are printed: results on stdout, everything else on stderr, colour only on a terminal.

import pc from 'picocolors';
import { TnaError } from '../model/error.js';
import { plain, type Style } from '../report/table.js';

export const colourful: Style = { good: pc.green, bad: pc.red, change: pc.yellow, dim: pc.dim, strong: pc.bold };

export function styleFor(stream: NodeJS.WriteStream): Style {
  return stream.isTTY === true && pc.isColorSupported ? colourful : plain;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

let document: object | undefined;

/** Of a command that does not stay, whose output is one document: an error that comes after the result is in it, too. */
export function printJson(value: object): void {
  document = { ...document, ...value };
}

/** At the command's end. */
export function flushJson(): void {
  if (document !== undefined) print(JSON.stringify(document, null, 2));
  document = undefined;
}

/** Errors whose evidence is a list of errors: all of it is always shown. */
const lists = new Set(['rules']);

/** One message of one to three lines; all evidence and causes under --verbose. Never a stack trace for a user's mistake. */
export function errorText(error: unknown, verbose: boolean, style: Style): string {
  if (!(error instanceof TnaError)) {
    const text = error instanceof Error ? error.message : String(error);
    const stack = verbose && error instanceof Error ? `\n${error.stack}` : '';
    return `${style.bad('tna: internal error:')} ${text}${stack}`;
  }
  const lines = [`${style.bad('tna:')} ${error.object === undefined ? '' : `${error.object}: `}${error.message}`];
  if (error.evidence !== undefined && error.evidence !== '') {
    const evidence = error.evidence.trimEnd().split('\n');
    if (verbose || lists.has(error.code)) lines.push(...evidence.map((line) => `  ${line}`));
    else
      lines.push(
        `  ${evidence[0]}${evidence.length > 1 ? style.dim(` (${evidence.length - 1} more lines with --verbose)`) : ''}`,
      );
  }
  if (error.hint !== undefined) lines.push(`  ${style.dim('try:')} ${error.hint}`);
  if (verbose && error.cause instanceof Error) lines.push(`  ${style.dim('cause:')} ${error.cause.message}`);
  return lines.join('\n');
}

export function errorJson(error: unknown): object {
  if (!(error instanceof TnaError))
    return { error: { code: 'internal', message: error instanceof Error ? error.message : String(error) } };
  const { code, message, object, hint, evidence } = error;
  return { error: { code, message, object, hint, evidence } };
}
