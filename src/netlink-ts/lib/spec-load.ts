// SPDX-License-Identifier: Apache-2.0
// Loads a spec from YAML text, with file, line and column in every complaint.
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { Spec } from './codec.js';
import { compileSpec } from './spec-compile.js';
import type { SpecPath } from './spec-document.js';

/** A spec file that cannot be used. `message` begins with `file:line:column: `. */
export class SpecError extends Error {
  override readonly name = 'SpecError';
  readonly code = 'invalid-spec';

  constructor(
    readonly file: string,
    readonly line: number,
    readonly column: number,
    /** Path in the document, e.g. `attribute-sets.0.attributes.3.type`. */
    readonly path: string,
    problem: string,
  ) {
    super(`${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${problem}`);
  }
}

/**
 * Compiles the YAML text of a spec in the kernel's YNL schema.
 * @param fileName only used in messages
 * @throws SpecError at the first problem
 */
export function loadSpec(yamlText: string, fileName: string): Spec {
  const lines = new LineCounter();
  const document = parseDocument(yamlText, { lineCounter: lines, merge: true });
  const fail = (path: string, offset: number, problem: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new SpecError(fileName, line, col, path, problem);
  };
  const broken = document.errors[0];
  if (broken !== undefined) fail('', broken.pos[0], broken.message.split('\n')[0] ?? broken.code);
  const complain = (path: SpecPath, problem: string): never => {
    // The nearest existing node: a key that is missing has no position of its own.
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range != null) fail(path.join('.'), node.range[0], problem);
    }
    return fail(path.join('.'), 0, problem);
  };
  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    fail('', 0, cause instanceof Error ? cause.message : String(cause));
  }
  return compileSpec(value, complain);
}
