// SPDX-License-Identifier: Apache-2.0
// `tna reconcile`: makes the host as desired, once or for as long as it runs.

import { TnaError } from '../../model/error.js';
import { defaultLease, type LeasePolicy } from '../../model/lease.js';
import type { Domain } from '../../model/ports.js';
import { systemClock } from '../../platform/clock.js';
import { type HangUp, outliveHangUp } from '../../platform/hang-up.js';
import type { LiveHost } from '../../platform/live-host.js';
import { isRenounced } from '../../platform/namespace.js';
import { pruningFor } from '../../platform/netlink-reader.js';
import { rulesDirectory, specDirectory } from '../../platform/package-paths.js';
import { protocolsIn } from '../../platform/protocols.js';
import type { RuleFileText } from '../../platform/rule-files.js';
import { watchRuleFiles } from '../../platform/rule-watcher.js';
import { openWaker } from '../../platform/waker.js';
import { runLoop } from '../../reconcile/loop.js';
import { runOnce } from '../../reconcile/once.js';
import { leasedIn, progressOf, progressText, stoppedText } from '../../report/controller.js';
import { summaryOf } from '../../report/done.js';
import { outcomesText, planText } from '../../report/plan.js';
import { count } from '../../report/table.js';
import { compileRules } from '../../rules/index.js';
import { type LoadedDomain, loadDomain, withHost, withLock } from '../context.js';
import { Journal, resultJson } from '../journal.js';
import type { GlobalOptions } from '../options.js';
import { errorText, print, printJson, styleFor } from '../output.js';
import { RuleReload } from '../rule-reload.js';
import { unknownHooks } from '../unknown-hooks.js';
import { planCommand } from './plan.js';

export interface ReconcileOptions {
  readonly once: boolean;
  readonly dryRun: boolean;
}

export async function reconcileCommand(options: GlobalOptions, how: ReconcileOptions): Promise<number> {
  const lease = how.once ? leaseOfOnce(options) : (options.lease ?? defaultLease);
  if (how.dryRun) return planCommand({ ...options, lease }, false);
  // From the start: a signal that comes before there is anything to look at must not end it either.
  const hangUp = how.once ? undefined : outliveHangUp();
  return reconcile(options, await loadDomain({ ...options, lease }), hangUp);
}

/** Stays if it knows what SIGHUP means meanwhile. */
export function reconcile(options: GlobalOptions, domain: LoadedDomain, hangUp?: HangUp): Promise<number> {
  return withHost(options, domain, async (host) => {
    return withLock(host, async () => {
      pruneOthers(host);
      return hangUp === undefined ? once(options, domain, host) : daemon(options, domain, host, hangUp);
    });
  });
}

/** A device that has come back from there may have our program on it, which is somebody else's as long as it is pinned. */
function pruneOthers(host: LiveHost): void {
  const gone = host.pruneOthers();
  if (gone > 0)
    process.stderr.write(`removed what was left in ${count(gone, 'network namespace')} that no longer exist\n`);
}

/** No controller stays to renew a lease. @throws TnaError `usage` */
export function leaseOfOnce({ lease }: GlobalOptions): LeasePolicy {
  if (lease?.scope === 'all')
    throw new TnaError('usage', '--once leaves no controller behind that could renew a lease');
  return lease?.scope === 'off' ? lease : { scope: 'refused', seconds: 0 };
}

async function once(options: GlobalOptions, domain: Domain, host: LiveHost): Promise<number> {
  const style = styleFor(process.stdout);
  const text = options.output === 'text';
  let isFirst = true;
  const { whole, last } = await runOnce(domain, host, options.hooks, {
    planned: ({ plan, desired }) => {
      if (isFirst) for (const line of unknownHooks(options.hooks, desired)) process.stderr.write(`${line}\n`);
      if (text)
        print(isFirst ? planText(plan, desired, style) : `\nLooking once more.\n\n${planText(plan, desired, style)}`);
      isFirst = false;
    },
    passed: ({ outcomes }) => {
      const problems = outcomesText(outcomes, style);
      if (text && problems !== '') print(`\n${problems}`);
      for (const outcome of outcomes)
        if (outcome.result === 'failed')
          process.stderr.write(`${errorText(outcome.error, options.verbose, styleFor(process.stderr))}\n`);
    },
  });
  const converged = last.remaining.actions.length === 0;
  if (!text) printJson(resultJson(whole));
  else if (whole.outcomes.length > 0) {
    const { add, change, remove } = summaryOf(whole.derived.snapshot.deployed, whole.outcomes);
    print(
      converged
        ? `\n${style.good('Applied:')} ${add} added, ${change} changed, ${remove} removed.`
        : `\n${style.bad('Not converged:')} ${last.remaining.actions.length} actions remain.`,
    );
  }
  if (last.unseen !== undefined) throw last.unseen;
  if (domain.lease !== undefined) await host.holdLease(domain.lease, false);
  return converged && !last.outcomes.some(({ result }) => result === 'failed') ? 0 : 1;
}

async function daemon(options: GlobalOptions, domain: LoadedDomain, host: LiveHost, hangUp: HangUp): Promise<number> {
  const journal = new Journal(options);
  const warn = (error: unknown) => journal.warn(error);
  const bad = (error: unknown) => journal.badRules(error);
  const directory = options.rules ?? rulesDirectory();
  const protocols = protocolsIn(specDirectory(directory));
  const prune = () => {
    try {
      pruneOthers(host);
    } catch (error) {
      warn(error);
    }
  };
  host.forgetRefusals();
  const waker = await openWaker(domain.rules, host.netlink);
  const reload = new RuleReload(domain.rules, {
    follow: (rules) => waker.follow(rules),
    wake: () => waker.wake(),
    prune: (rules) => host.netlink.prune(pruningFor(rules)),
    good: (isNew) => journal.goodRules(directory, isNew),
    bad,
    warn,
  });
  const onRules = (files: readonly RuleFileText[]) => {
    // in a promise: whatever is wrong with the files, or with what reads them, must not end what is in force
    Promise.resolve(files)
      .then((texts) => reload.changed(compileRules(texts, domain.library, protocols)))
      .catch(warn);
  };
  const watcher = watchRuleFiles(directory, onRules, { known: domain.files, onError: bad });
  const stop = () => waker.stop();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  hangUp.means(() => {
    if (hangUp.ends) return stop();
    journal.log('SIGHUP: looking at rules and host');
    host.forgetRefusals();
    prune();
    watcher.look();
    waker.wake();
  });
  let watching = false;
  let leased: readonly string[] = [];
  let renounced = false;
  const begin = (isAskedFor: boolean) => {
    renounced = isRenounced(options.netns);
    if (renounced) waker.stop();
    // No event of this namespace tells that another one has ended.
    if (!isAskedFor) prune();
    return { ...domain, rules: reload.begin() };
  };
  try {
    await runLoop(begin, host, waker, systemClock, options.hooks, {
      passed: (result, tookMs) => {
        const { desired } = result.derived;
        leased = leasedIn(desired);
        if (!watching) for (const line of unknownHooks(options.hooks, desired)) journal.log(line);
        journal.passed(result, tookMs);
        if (watching) return;
        // Whatever may have failed: it is tried again, and who waits for the controller must not wait for that.
        watching = true;
        const progress = progressOf(desired, result.remaining);
        journal.tell(progressText(progress), { event: 'watching', ...progress });
      },
      failed: (error, retryInMs) => journal.failed(error, retryInMs),
    });
  } finally {
    await watcher.close();
    waker.close();
  }
  if (renounced)
    throw new TnaError('no-namespace', `${options.netns} is not the name of this network namespace any more`, {
      hint: 'ip netns list',
    });
  const { seconds } = domain.lease ?? defaultLease;
  journal.tell(stoppedText(leased, seconds), {
    event: 'stopped',
    ...(leased.length === 0 ? {} : { leased, leaseSeconds: seconds }),
  });
  return 0;
}
