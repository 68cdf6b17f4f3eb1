// SPDX-License-Identifier: Apache-2.0
// `tna reconcile`: makes the host as desired, once or for as long as it runs.

import { TnaError } from '../../model/error.js';
import { defaultLease, type LeasePolicy } from '../../model/lease.js';
import type { Domain } from '../../model/ports.js';
import { systemClock } from '../../platform/clock.js';
import type { LiveHost } from '../../platform/live-host.js';
import { isRenounced } from '../../platform/namespace.js';
import { pruningFor } from '../../platform/netlink-reader.js';
import { rulesDirectory, specDirectory } from '../../platform/package-paths.js';
import { protocolsIn } from '../../platform/protocols.js';
import { type RuleFileText, watchRuleFiles } from '../../platform/rule-files.js';
import { openWaker } from '../../platform/waker.js';
import { runLoop } from '../../reconcile/loop.js';
import { type PassResult, runPass } from '../../reconcile/pass.js';
import { summaryOf } from '../../report/done.js';
import { outcomeJson, outcomesText, planJson, planText } from '../../report/plan.js';
import { count } from '../../report/table.js';
import { compileRules } from '../../rules/index.js';
import { type LoadedDomain, loadDomain, withHost, withLock } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { errorJson, errorText, print, printJson, styleFor } from '../output.js';
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
  return reconcile(options, how.once, await loadDomain({ ...options, lease }));
}

export function reconcile(options: GlobalOptions, justOnce: boolean, domain: LoadedDomain): Promise<number> {
  return withHost(options, domain, async (host) => {
    return withLock(host, async () => {
      const gone = host.pruneOthers();
      if (gone > 0)
        process.stderr.write(`removed what was left in ${count(gone, 'network namespace')} that no longer exist\n`);
      return justOnce ? once(options, domain, host) : daemon(options, domain, host);
    });
  });
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
  const result = await runPass(domain, host, options.hooks, ({ plan, desired }) => {
    for (const line of unknownHooks(options.hooks, desired)) process.stderr.write(`${line}\n`);
    if (text) print(planText(plan, desired, style));
  });
  const failed = result.outcomes.filter((outcome) => outcome.result === 'failed');
  const converged = result.remaining.actions.length === 0;
  if (!text) printJson(resultJson(result));
  else if (result.outcomes.length > 0) {
    const problems = outcomesText(result.outcomes, style);
    if (problems !== '') print(`\n${problems}`);
    const { add, change, remove } = summaryOf(result.derived.snapshot.deployed, result.outcomes);
    print(
      converged
        ? `\n${style.good('Applied:')} ${add} added, ${change} changed, ${remove} removed.`
        : `\n${style.bad('Not converged:')} ${result.remaining.actions.length} actions remain.`,
    );
  }
  for (const outcome of failed)
    process.stderr.write(`${errorText(outcome.error, options.verbose, styleFor(process.stderr))}\n`);
  if (result.unseen !== undefined) throw result.unseen;
  if (domain.lease !== undefined) await host.holdLease(domain.lease, false);
  return failed.length === 0 && converged ? 0 : 1;
}

async function daemon(options: GlobalOptions, domain: LoadedDomain, host: LiveHost): Promise<number> {
  const { log, tell, warn } = journal(options);
  const directory = options.rules ?? rulesDirectory();
  const protocols = protocolsIn(specDirectory(directory));
  const waker = await openWaker(domain.rules, host.netlink);
  const reload = new RuleReload(domain.rules, {
    follow: (rules) => waker.follow(rules),
    wake: () => waker.wake(),
    prune: (rules) => host.netlink.prune(pruningFor(rules)),
    good: (isNew) => {
      const line = isNew
        ? `rules reloaded from ${directory}`
        : `the rules in ${directory} are good again, and as before`;
      tell(line, { event: 'rules', directory, changed: isNew });
    },
    warn,
  });
  const onRules = (files: readonly RuleFileText[]) => {
    // in a promise: whatever is wrong with the files, or with what reads them, must not end what is in force
    Promise.resolve(files)
      .then((texts) => reload.changed(compileRules(texts, domain.library, protocols)))
      .catch(warn);
  };
  const watcher = watchRuleFiles(directory, onRules, { known: domain.files, onError: warn });
  const stop = () => waker.stop();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.once('SIGHUP', stop);
  let watching = false;
  let looked = false;
  let renounced = false;
  const begin = () => {
    renounced = isRenounced(options.netns);
    if (renounced) waker.stop();
    return { ...domain, rules: reload.begin() };
  };
  try {
    await runLoop(begin, host, waker, systemClock, options.hooks, {
      passed: (result, tookMs) => {
        if (!looked) for (const line of unknownHooks(options.hooks, result.derived.desired)) log(line);
        looked = true;
        if (result.outcomes.length > 0) {
          if (options.output === 'json') tell('', { event: 'pass', ...resultJson(result), tookMs });
          else logPass(result, tookMs, options, log);
        }
        if (watching || result.remaining.actions.length > 0) return;
        watching = true;
        const accelerated = result.derived.desired.interfaces.filter(({ pipeline }) => pipeline !== undefined).length;
        tell(`watching, ${count(accelerated, 'interface')} accelerated`, { event: 'watching', accelerated });
      },
      failed: (error, retryInMs) => warn(error, retryInMs),
    });
  } finally {
    await watcher.close();
    waker.close();
  }
  if (renounced)
    throw new TnaError('no-namespace', `${options.netns} is not the name of this network namespace any more`, {
      hint: 'ip netns list',
    });
  tell('stopped; what is accelerated stays so', { event: 'stopped' });
  return 0;
}

/** Where a daemon says what happens: lines for people on stderr, or a JSON document on each line of stdout. */
function journal(options: GlobalOptions) {
  const style = styleFor(process.stderr);
  const json = options.output === 'json';
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const tell = (line: string, event: object) => {
    if (json) print(JSON.stringify(event));
    else log(line);
  };
  const warn = (error: unknown, retryInMs?: number) => {
    const next = retryInMs === undefined ? '' : `\n  next try in ${retryInMs} ms`;
    const event = { event: 'error', ...errorJson(error), ...(retryInMs === undefined ? {} : { retryInMs }) };
    tell(`${errorText(error, options.verbose, style)}${next}`, event);
  };
  return { log, tell, warn };
}

function resultJson(result: PassResult): object {
  return {
    ...planJson(result.derived.plan),
    summary: summaryOf(result.derived.snapshot.deployed, result.outcomes),
    outcomes: result.outcomes.map(outcomeJson),
    converged: result.remaining.actions.length === 0,
  };
}

function logPass(result: PassResult, tookMs: number, options: GlobalOptions, log: (line: string) => void): void {
  const { add, change, remove } = summaryOf(result.derived.snapshot.deployed, result.outcomes);
  log(
    `${add} added, ${change} changed, ${remove} removed (${result.outcomes.length} actions, ${tookMs.toFixed(0)} ms)`,
  );
  for (const { action, ...outcome } of result.outcomes) {
    if (outcome.result === 'done' && 'interface' in action) log(`  ${action.op} ${action.interface}: ${action.why}`);
  }
  const problems = outcomesText(result.outcomes, styleFor(process.stderr));
  if (problems !== '') log(problems);
  for (const outcome of result.outcomes)
    if (outcome.result === 'failed') log(errorText(outcome.error, options.verbose, styleFor(process.stderr)));
}
