// SPDX-License-Identifier: Apache-2.0
// The daemon: wakes on events, coalesces them, runs passes, backs off when passes fail. Level-triggered: an event carries no state.

import type { Pipeline } from '../model/desired.js';
import type { ForcedHooks } from '../model/forced-hooks.js';
import { defaultLease, isLeased } from '../model/lease.js';
import type { Clock, Deployer, Domain, HostReader, LeaseHolder, Waker } from '../model/ports.js';
import { Held } from './held.js';
import { type PassResult, runPass } from './pass.js';

export interface LoopOptions {
  /** A burst is over when nothing happened for this long. */
  readonly quietMs: number;
  /** A burst is not waited for longer than this. */
  readonly burstMs: number;
  /** A pass runs at least this often, for what no event tells. */
  readonly resyncMs: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** A lease is renewed at least this often, and four times while it lasts. */
  readonly renewMs: number;
}

export const defaultLoop: LoopOptions = {
  quietMs: 2,
  burstMs: 20,
  resyncMs: 30_000,
  backoffMs: 100,
  maxBackoffMs: 30_000,
  renewMs: 15_000,
};

/** What the daemon tells the outside. */
export interface LoopListener {
  passed(result: PassResult, tookMs: number): void;
  failed(error: unknown, retryInMs: number): void;
}

/**
 * Runs until the waker says `stopped`. `domain` is asked once, when a pass begins, so that new rules take effect on the next one,
 * and told whether anything has asked for that pass, or it is just time to look.
 * A failed or unconverged pass is repeated after a back-off that doubles up to a cap. An event cuts the wait short, but not below
 * the first step: what a failing pass did and undid may itself be the event. Nor is what failed then tried again before its own
 * back-off is over, unless the rules have changed or something forwards until then. While a storm of events lasts, the loop rests after a
 * pass for as long as that took, and so leaves at least half of a core to others.
 *
 * A lease is renewed after a pass that left nothing running that is not wanted, and between passes as long as this process
 * keeps time: after a pause (it was stopped, or the machine was) it looks first.
 */
export async function runLoop(
  domain: (isAskedFor: boolean) => Domain,
  host: HostReader & Deployer & LeaseHolder,
  waker: Waker,
  clock: Clock,
  forcedHooks: ForcedHooks,
  listener: LoopListener,
  options: LoopOptions = defaultLoop,
): Promise<void> {
  let failures = 0;
  /** Passes at whose end the next event was already there. */
  let chased = 0;
  let ready = false;
  let isAskedFor = true;
  const held = new Held((times) => backoff(times, options));
  let rules: Domain['rules'] | undefined;
  for (;;) {
    const started = clock.now();
    let wait = options.resyncMs;
    let renew: (() => Promise<void>) | undefined;
    const inForce = domain(isAskedFor);
    const lease = inForce.lease ?? defaultLease;
    if (inForce.rules !== rules) held.forget();
    rules = inForce.rules;
    let troubled = false;
    try {
      const result = await runPass(inForce, host, forcedHooks, { held: held.at(started) });
      held.note(result.derived.plan, result.outcomes, clock.now());
      if (result.unseen !== undefined) {
        listener.passed(result, clock.now() - started);
        throw result.unseen;
      }
      const converged = result.remaining.actions.length === 0;
      troubled = !converged && result.outcomes.length > 0;
      if (converged) failures = 0;
      else if (troubled) failures++;
      if (!converged) wait = Math.min(backoff(failures, options), held.waitMs(clock.now()));
      listener.passed(result, clock.now() - started);
      const leased = isLeased(result.derived.desired);
      await host.holdLease(lease, leased && nothingUnwanted(result));
      if (leased && nothingUnwanted(result)) renew = () => host.holdLease(lease, true);
      if (!ready) {
        // What runs was adopted, so nothing has been loaded yet: the first event should not wait for more than later ones do.
        ready = true;
        await host.ready(loadable(result));
      }
    } catch (error) {
      troubled = true;
      failures++;
      wait = backoff(failures, options);
      listener.failed(error, wait);
    }
    const ended = clock.now();
    const every = Math.min(options.renewMs, (lease.seconds * 1000) / 4);
    const woken = renew === undefined ? await waker.next(wait) : await waitUnderLease(waker, clock, wait, every, renew);
    chased = clock.now() - ended < options.quietMs ? chased + 1 : 0;
    const rest = chased > 1 ? ended - started : 0;
    const notBefore = ended + Math.max(troubled ? options.backoffMs : 0, rest);
    if (woken === 'stopped') return;
    isAskedFor = woken !== 'timeout';
    if (woken !== 'timeout' && (await settle(waker, clock, options, notBefore)) === 'stopped') return;
  }
}

/** The pipelines that are wanted, without those that were just refused. */
function loadable({ derived, outcomes }: PassResult): readonly Pipeline[] {
  const refused = new Set(
    outcomes.flatMap(({ action, result }) => (result === 'failed' && action.op === 'load' ? [action.pipeline] : [])),
  );
  return derived.desired.interfaces.flatMap(({ pipeline }) =>
    pipeline === undefined || refused.has(pipeline.id) ? [] : [pipeline],
  );
}

/** Whatever is still to be done, what runs now may run: a lease can be given for it. */
function nothingUnwanted({ remaining }: PassResult): boolean {
  return !remaining.actions.some(
    (action) =>
      (action.op === 'set-slot' || (action.op === 'clear-slot' && action.after === undefined)) &&
      action.previous !== undefined,
  );
}

/** As `waker.next(timeoutMs)`, with the lease renewed meanwhile; a renewal that fails or comes late ends the wait. */
async function waitUnderLease(
  waker: Waker,
  clock: Clock,
  timeoutMs: number,
  everyMs: number,
  renew: () => Promise<void>,
): Promise<'event' | 'timeout' | 'stopped'> {
  const due = clock.now() + timeoutMs;
  for (;;) {
    const before = clock.now();
    const woken = await waker.next(Math.max(0, Math.min(everyMs, due - before)));
    const now = clock.now();
    if (woken !== 'timeout' || now >= due || now - before > 2 * everyMs) return woken;
    try {
      await renew();
    } catch {
      return 'timeout';
    }
  }
}

/** Waits for the end of a burst of events, and in any case until `notBefore`. */
async function settle(
  waker: Waker,
  clock: Clock,
  options: LoopOptions,
  notBefore: number,
): Promise<'settled' | 'stopped'> {
  const deadline = Math.max(notBefore, clock.now() + options.burstMs);
  for (;;) {
    const now = clock.now();
    const left = now < notBefore ? notBefore - now : Math.min(options.quietMs, deadline - now);
    if (left <= 0) return 'settled';
    const woken = await waker.next(left);
    if (woken === 'stopped') return 'stopped';
    if (woken === 'timeout' && clock.now() >= notBefore) return 'settled';
  }
}

function backoff(failures: number, options: LoopOptions): number {
  return Math.min(options.maxBackoffMs, options.backoffMs * 2 ** Math.min(failures - 1, 20));
}
