// SPDX-License-Identifier: Apache-2.0
// `tna detach`: takes everything of TNA out of the kernel.

import { takeDown } from '../../reconcile/take-down.js';
import { outcomesText, planJson } from '../../report/plan.js';
import { withHost, withLock } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { errorText, print, printJson, styleFor } from '../output.js';

export function detachCommand(options: GlobalOptions): Promise<number> {
  return withHost(options, {}, async (host) => {
    return withLock(host, async () => {
      host.pruneOthers();
      const { plan, outcomes, left } = await takeDown(host, await host.interfaces());
      const remaining = left.actions.length;
      const style = styleFor(process.stdout);
      if (options.output === 'json') printJson({ ...planJson(plan), remaining });
      else {
        const problems = outcomesText(outcomes, style);
        if (problems !== '') print(problems);
        print(
          remaining > 0
            ? style.bad(`${remaining} things could not be removed.`)
            : plan.actions.length === 0
              ? 'Nothing of TNA is in this namespace.'
              : `Detached ${plan.summary.remove} interfaces; nothing of TNA is left.`,
        );
      }
      for (const outcome of outcomes)
        if (outcome.result === 'failed')
          process.stderr.write(`${errorText(outcome.error, options.verbose, styleFor(process.stderr))}\n`);
      return remaining === 0 ? 0 : 1;
    });
  });
}
