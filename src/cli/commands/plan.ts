// SPDX-License-Identifier: Apache-2.0
// `tna plan`: what a reconcile would do, and why.

import { planJson, planText } from '../../report/plan.js';
import { loadDomain, look } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';

/** @returns the exit code: 2 with `detailedExitcode` when there are changes */
export async function planCommand(options: GlobalOptions, detailedExitcode: boolean): Promise<number> {
  const { plan, desired } = await look(options, await loadDomain(options));
  if (options.output === 'json') printJson(planJson(plan));
  else print(planText(plan, desired, styleFor(process.stdout)));
  return detailedExitcode && plan.actions.length > 0 ? 2 : 0;
}
