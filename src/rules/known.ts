// SPDX-License-Identifier: Apache-2.0
// Rule files that need not be parsed and checked again.
import { createHash } from 'node:crypto';
import type { RuleFile } from './generated/rule-file.js';

/**
 * The project's own rule files, parsed and found valid when it was built, by the key of their text. Only the bundle has them
 * (src/bundle.mjs puts them here): parsing YAML takes longer than looking at a host with hundreds of interfaces.
 */
export const knownRules: ReadonlyMap<string, RuleFile> = new Map();

/** SHA-256: an edited file is another one. */
export function ruleTextKey(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
