// SPDX-License-Identifier: Apache-2.0
// Reads the values of a YAML file field by field, and says of which one is not what it should be.
import { TnaError } from '../model/error.js';

export type Fields = Readonly<Record<string, unknown>>;

export interface FieldReader {
  /** Throws {@link TnaError} with the reader's code; the file is its object. */
  fail(field: string, problem: string): never;
  /** A mapping without other keys than `known`, which stands at `at`; '' is the file itself. */
  fields(value: unknown, at: string, known: readonly string[]): Fields;
  list(value: unknown, at: string): readonly unknown[];
  /** The text under `key` of a mapping at `at`. */
  text(source: Fields, key: string, at?: string): string;
  /** A list of texts. */
  texts(value: unknown, at: string): readonly string[];
}

export function fieldReader(code: string, file: string): FieldReader {
  const below = (at: string, key: string) => (at === '' ? key : `${at}.${key}`);
  const fail = (field: string, problem: string): never => {
    throw new TnaError(code, `${field}: ${problem}`, { object: file });
  };
  const list = (value: unknown, at: string): readonly unknown[] =>
    Array.isArray(value) ? value : fail(at, 'expected a list');
  return {
    fail,
    fields(value, at, known) {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return fail(at === '' ? '(top)' : at, 'expected a mapping');
      for (const key of Object.keys(value)) if (!known.includes(key)) fail(below(at, key), 'unknown field');
      return value as Fields;
    },
    list,
    text(source, key, at = '') {
      const found = source[key];
      return typeof found === 'string' && found !== '' ? found : fail(below(at, key), 'expected text');
    },
    texts: (value, at) =>
      list(value, at).map((item, i) => (typeof item === 'string' ? item : fail(`${at}[${i}]`, 'expected text'))),
  };
}
