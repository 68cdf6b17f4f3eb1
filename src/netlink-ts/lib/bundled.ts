// SPDX-License-Identifier: Apache-2.0
// The specs that come with this package, compiled when first used.
import type { Spec } from './codec.js';
import { type BundledOperations, bundledDocuments } from './generated/index.js';
import { compileSpec } from './spec-compile.js';

export type { BundledOperations };
export type BundledSpecName = keyof BundledOperations;

export const bundledSpecNames = Object.keys(bundledDocuments) as readonly BundledSpecName[];

const compiled = new Map<string, Spec>();

/** The compiled spec of that name. */
export function bundledSpec(name: BundledSpecName): Spec {
  let spec = compiled.get(name);
  if (spec === undefined) {
    spec = compileSpec(bundledDocuments[name], (path, problem) => {
      throw new Error(`bundled spec ${name}: ${path.join('.')}: ${problem}`);
    });
    compiled.set(name, spec);
  }
  return spec;
}
