// SPDX-License-Identifier: Apache-2.0
// A command that ends within a second never earns back what V8's optimising compiler costs: with a thousand ports
// a pass over an unchanged host takes little more than half the CPU time without it.

import { setFlagsFromString } from 'node:v8';

/** For commands that end by themselves; the daemon is not one of them. */
export function prepareShortRun(): void {
  setFlagsFromString('--no-opt');
}
