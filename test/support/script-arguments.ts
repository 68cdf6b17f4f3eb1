// SPDX-License-Identifier: Apache-2.0
// Arguments of the scripts that npm starts: what they take is shown on --help, and when something else is given.

import { type ParseArgsConfig, parseArgs } from 'node:util';

type Parsed<T extends ParseArgsConfig> = ReturnType<typeof parseArgs<T>>;

/** What the script was given. Otherwise it ends here: with `usage` and exit code 0 on --help, or with what is wrong, `usage` and exit code 2. */
export function scriptArguments<T extends ParseArgsConfig>(usage: string, config: T): Parsed<T> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    return wrongArguments(error instanceof Error ? error.message : String(error), usage);
  }
}

/** Ends the script for what it was given. */
export function wrongArguments(problem: string, usage: string): never {
  console.error(`${problem}\n\n${usage}`);
  process.exit(2);
}

/** A whole number, at least `least`. Ends the script if `text` is none. */
export function wholeNumber(option: string, text: string, least: number, usage: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < least)
    wrongArguments(`--${option} ${text}: not a whole number from ${least} on`, usage);
  return number;
}

/** One of the words that an option takes. Ends the script if `text` is none. */
export function oneOf<T extends string>(option: string, text: string, words: readonly T[], usage: string): T {
  const found = words.find((word) => word === text);
  return found ?? wrongArguments(`--${option} ${text}: ${words.join(', ')}`, usage);
}
