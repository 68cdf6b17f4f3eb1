// SPDX-License-Identifier: Apache-2.0
// `tna detach`: takes everything of TNA out of the kernel. Pins and links say what that is: it needs neither rules nor a library, so that
// it works when these are broken, or of another version than what runs.

import { applyPlan } from '../../apply/apply.js';
import { type Desired, leftAlone } from '../../model/desired.js';
import { makePlan } from '../../plan/plan.js';
import { outcomesText, planJson } from '../../report/plan.js';
import { withHost, withLock } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { errorText, print, printJson, styleFor } from '../output.js';

export function detachCommand(options: GlobalOptions): Promise<number> {
  return withHost(options, {}, async (host) => {
    return withLock(host, async () => {
      host.pruneOthers();
      const deployed = await host.deployed();
      const nothing: Desired = {
        interfaces: leftAlone(await host.interfaces(), { code: 'detach', message: 'tna detach' }),
        egress: [],
      };
      const plan = makePlan(nothing, deployed);
      const outcomes = await applyPlan(plan, host);
      const left = makePlan(nothing, await host.deployed()).actions.length;
      const style = styleFor(process.stdout);
      if (options.output === 'json') printJson({ ...planJson(plan), remaining: left });
      else {
        const problems = outcomesText(outcomes, style);
        if (problems !== '') print(problems);
        print(
          left > 0
            ? style.bad(`${left} things could not be removed.`)
            : plan.actions.length === 0
              ? 'Nothing of TNA is in this namespace.'
              : `Detached ${plan.summary.remove} interfaces; nothing of TNA is left.`,
        );
      }
      for (const outcome of outcomes)
        if (outcome.result === 'failed')
          process.stderr.write(`${errorText(outcome.error, options.verbose, styleFor(process.stderr))}\n`);
      return left === 0 ? 0 : 1;
    });
  });
}
