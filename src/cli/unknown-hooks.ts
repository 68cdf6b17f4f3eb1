// SPDX-License-Identifier: Apache-2.0
// `--hook INTERFACE=…` for an interface that is not there: nothing is wrong with it yet, but it is seldom meant.

import type { Desired } from '../model/desired.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import { nearest } from '../model/nearest.js';

/** A line for each. */
export function unknownHooks(hooks: ForcedHooks, { interfaces }: Desired): readonly string[] {
  const names = interfaces.map(({ name }) => name);
  return [...hooks].flatMap(([name, hook]) => {
    if (name === '*' || names.includes(name)) return [];
    const guess = nearest(name, names);
    const meant = guess === undefined ? '' : `; did you mean ${guess}?`;
    return [`tna: --hook ${name}=${hook}: there is no interface ${name}${meant}`];
  });
}
