// SPDX-License-Identifier: Apache-2.0
// Hooks that the user insists on with `--hook`.

import type { Hook } from './ruleset.js';

/** By interface name; `*` stands for all others. */
export type ForcedHooks = ReadonlyMap<string, Hook>;

export function forcedHook(forced: ForcedHooks, name: string): Hook | undefined {
  return forced.get(name) ?? forced.get('*');
}
