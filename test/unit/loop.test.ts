// SPDX-License-Identifier: Apache-2.0
// Passes and the loop that runs them: on a host in memory and a clock that moves only when the loop waits.

import t from 'tap';
import type { Clock, Domain, Waker } from '../../src/model/ports.js';
import type { RuleSet } from '../../src/model/ruleset.js';
import { defaultLoop, type LoopListener, runLoop } from '../../src/reconcile/loop.js';
import { type PassResult, runPass } from '../../src/reconcile/pass.js';
import { domain, hookedDomain, link, rulesWith } from '../support/device-domain.js';
import { FakeHost } from '../support/fake-host.js';
import { fpm, libraryOf } from '../support/rule-set.js';

t.test('a pass applies what it planned and looks again', async (t) => {
  const host = new FakeHost();
  host.links = [link(1), link(2, false)];
  const seen: string[] = [];
  const first = await runPass(domain, host, new Map(), {
    onPlan: ({ plan }) => seen.push(`${plan.actions.length} planned, ${host.calls.length} done`),
  });
  t.same(seen, ['4 planned, 0 done'], 'the plan is shown before anything is done');
  t.equal(first.outcomes.length, 4);
  t.same(first.remaining.actions, []);
  host.calls.length = 0;
  const second = await runPass(domain, host, new Map());
  t.same([second.outcomes, second.remaining.actions, host.calls], [[], [], []], 'a second pass finds nothing to do');
});

t.test('what was done is told even if nobody can look at it afterwards', async (t) => {
  const s = new Simulation([[50, 'stopped']]);
  let looks = 0;
  const deployed = s.host.deployed.bind(s.host);
  s.host.deployed = () => (++looks === 2 ? Promise.reject(new Error('no descriptors')) : deployed());
  await s.run();
  t.same(s.told, ['passed 4', 'no descriptors, again in 100']);
});

t.test('a host that cannot be read completely is left as it is', async (t) => {
  const host = new FakeHost();
  host.links = [link(1)];
  await runPass(domain, host, new Map());
  host.calls.length = 0;
  host.onRead = () => {
    throw new Error('interrupted');
  };
  await t.rejects(runPass(domain, host, new Map()), { message: 'interrupted' });
  t.same(host.calls, []);
});

type Signal = 'event' | 'stopped';

/** Time passes only while the loop waits, or when the host says that a pass took long. */
class Simulation implements Clock, Waker {
  time = 0;
  /** When passes began. */
  readonly passes: number[] = [];
  /** Which of them something had asked for. */
  readonly askedFor: boolean[] = [];
  readonly told: string[] = [];
  private readonly signals: { readonly at: number; readonly what: Signal }[];
  readonly host = new FakeHost();
  readonly listener: LoopListener = {
    passed: (result: PassResult) => this.told.push(`passed ${result.outcomes.length}`),
    failed: (error: unknown, retryInMs: number) =>
      this.told.push(`${error instanceof Error ? error.message : error}, again in ${retryInMs}`),
  };

  constructor(
    signals: readonly (readonly [number, Signal])[],
    passMs = 0,
    private readonly inForce: Domain = domain,
  ) {
    this.signals = signals.map(([at, what]) => ({ at, what })).sort((a, b) => a.at - b.at);
    this.host.links = [link(1)];
    this.host.onRead = () => {
      this.passes.push(this.time);
      this.time += passMs;
    };
  }

  now(): number {
    return this.time;
  }

  async next(timeoutMs: number): Promise<Signal | 'timeout'> {
    if (this.passes.length > 1000) throw new Error('the loop does not come to rest');
    const until = this.time + timeoutMs;
    const first = this.signals[0];
    if (first === undefined || first.at > until) {
      this.time = until;
      return 'timeout';
    }
    this.time = Math.max(this.time, first.at);
    let what: Signal = 'event';
    while (this.signals[0] !== undefined && this.signals[0].at <= this.time)
      if (this.signals.shift()?.what === 'stopped') what = 'stopped';
    return what;
  }

  close(): void {}

  run(rules: () => RuleSet = () => this.inForce.rules): Promise<void> {
    const begin = (isAskedFor: boolean) => {
      this.askedFor.push(isAskedFor);
      return { ...this.inForce, rules: rules() };
    };
    return runLoop(begin, this.host, this, this, new Map(), this.listener);
  }
}

const eventsAt = (...times: readonly number[]) => times.map((at) => [at, 'event'] as const);

t.test('events close to each other cause one pass', async (t) => {
  const s = new Simulation([...eventsAt(1000, 1001, 1002.5, 1004, 5000), [6000, 'stopped']]);
  await s.run();
  t.same(s.passes, [0, 1006, 5002], 'when nothing happened for the quiet time');
  t.same(s.told, ['passed 4', 'passed 0', 'passed 0']);
  t.equal(s.host.calls.filter((call) => call.startsWith('ready')).length, 1, 'once, before the first event');
});

t.test('a burst that does not end is not waited for', async (t) => {
  const s = new Simulation([...eventsAt(...Array.from({ length: 200 }, (_, i) => 1000 + i)), [2000, 'stopped']]);
  await s.run();
  t.equal(s.passes[1], 1000 + defaultLoop.burstMs);
  t.ok(s.passes.length >= 9 && s.passes.length <= 12, `${s.passes.length - 1} passes in 200 ms of events`);
});

t.test('events during a pass cause another one', async (t) => {
  const s = new Simulation([...eventsAt(1000, 1030), [9000, 'stopped']], 100);
  await s.run();
  t.same(s.passes, [0, 1002, 1104]);
});

t.test('a storm of events takes no more than half of the time, and ends with a pass', async (t) => {
  const events = Array.from({ length: 10_000 }, (_, i) => 1000 + i);
  const s = new Simulation([...eventsAt(...events), [20_000, 'stopped']], 100);
  await s.run();
  const during = s.passes.filter((at) => at >= 1000 && at < 11_000).length;
  t.ok(during >= 40 && during <= 55, `${during} passes of 100 ms in 10 s`);
  t.ok((s.passes.at(-1) as number) >= 10_999, 'nothing is missed');
  const later = new Simulation([...eventsAt(...events, 15_000), [20_000, 'stopped']], 100);
  await later.run();
  t.equal(later.passes.at(-1), 15_002, 'afterwards it is as quick as ever');
});

t.test('without events a pass runs every half minute', async (t) => {
  const s = new Simulation([[100_000, 'stopped']]);
  await s.run();
  t.same(s.passes, [0, 30_000, 60_000, 90_000]);
  t.same(s.askedFor, [true, false, false, false]);
});

t.test('whoever gives the rules knows which passes nothing asked for', async (t) => {
  const s = new Simulation([...eventsAt(1000, 32_000, 40_000), [41_000, 'stopped']]);
  await s.run();
  t.same(s.passes, [0, 1002, 31_002, 32_002, 40_002]);
  t.same(s.askedFor, [true, true, false, true, true]);
});

t.test('a failing pass is repeated ever more rarely, until it succeeds', async (t) => {
  const s = new Simulation([[200_000, 'stopped']]);
  const record = s.host.onRead;
  s.host.onRead = () => {
    record();
    if (s.time < 95_000) throw new Error('no netlink');
  };
  await s.run();
  const waits = s.passes.map((at, i) => at - (s.passes[i - 1] ?? 0)).slice(1);
  t.same(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000, 30_000]);
  t.equal(s.told[0], 'no netlink, again in 100');
  t.same(s.told.slice(-4), ['no netlink, again in 30000', 'passed 4', 'passed 0', 'passed 0']);
});

t.test('a pass that did not get there counts as failed', async (t) => {
  const s = new Simulation([[1000, 'stopped']]);
  s.host.onCall = (call) => {
    if (call.startsWith('load')) throw new Error('verifier says no');
  };
  await s.run();
  t.same(s.passes, [0, 100, 300, 700]);
  t.same(s.told, ['passed 4', 'passed 3', 'passed 3', 'passed 3'], 'and its outcomes are told');
});

t.test(
  'after a failure an event brings the next try forward, but a storm of them does not make the loop spin',
  async (t) => {
    const fail = (s: Simulation) => {
      const record = s.host.onRead;
      s.host.onRead = () => {
        record();
        throw new Error('no netlink');
      };
      return s;
    };
    const one = fail(new Simulation([...eventsAt(6000), [6050, 'stopped']]));
    await one.run();
    t.same(one.passes.slice(-2), [3100, 6002], 'not at 6300');
    const storm = fail(new Simulation([...eventsAt(...Array.from({ length: 1000 }, (_, i) => i)), [1000, 'stopped']]));
    await storm.run();
    t.ok(storm.passes.length <= 1 + 1000 / defaultLoop.backoffMs, `${storm.passes.length} passes in a second`);
  },
);

t.test('what fails is tried as often as its back-off says, whatever happens elsewhere', async (t) => {
  const s = new Simulation([...eventsAt(...Array.from({ length: 100 }, (_, i) => 500 * i + 50)), [50_000, 'stopped']]);
  const tries: number[] = [];
  s.host.links = [link(1), link(2)];
  s.host.onCall = (call) => {
    if (!call.startsWith('attach tc 1')) return;
    tries.push(s.time);
    if (s.time < 20_000) throw new Error('busy');
  };
  await s.run();
  const waits = tries.map((at, i) => at - (tries[i - 1] ?? at)).slice(1);
  for (const [i, wait] of waits.entries()) t.ok(wait >= 100 * 2 ** i - 2, `try ${i + 2} after ${wait} ms`);
  t.ok(tries.length >= 8 && tries.length <= 9, `${tries.length} tries`);
  t.ok(s.passes.length >= 100, 'each event is looked at');
  t.ok(s.passes.includes(10_052), 'at once');
  t.equal(s.told.filter((line) => line !== 'passed 0').length, tries.length, 'what is not tried is not told');
  t.match((await s.host.deployed()).attachments, { length: 2 }, 'and in the end it is there');

  const stricter = rulesWith('!d.up || false');
  const reloaded = new Simulation([...eventsAt(5000), [5100, 'stopped']]);
  const again: number[] = [];
  reloaded.host.onCall = (call) => {
    if (!call.startsWith('attach tc 1')) return;
    again.push(reloaded.time);
    throw new Error('busy');
  };
  await reloaded.run(() => (reloaded.time < 5000 ? domain.rules : stricter));
  t.equal(again.at(-1), 5002, 'new rules are a new chance');
});

t.test('so is what cannot be removed, except what still forwards', async (t) => {
  const triesOf = async (call: string, other = call) => {
    const events = Array.from({ length: 100 }, (_, i) => 500 * i + 50);
    const s = new Simulation([...eventsAt(...events), [50_000, 'stopped']]);
    s.host.addStray('odd');
    const record = s.host.onRead;
    s.host.onRead = () => {
      record();
      s.host.links = [link(1, s.time < 50)];
    };
    const tries: number[] = [];
    s.host.onCall = (said) => {
      if (said.startsWith(call)) tries.push(s.time);
      if ((said.startsWith(call) || said.startsWith(other)) && s.time < 20_000) throw new Error('no luck');
    };
    await s.run();
    t.same((await s.host.deployed()).prepared, [], `${call}: in the end all is gone`);
    t.ok(s.passes.length >= 100, `${call}: each event is looked at`);
    return tries;
  };
  for (const call of ['remove-stray', 'detach', 'unload', 'dismantle']) {
    const tries = await triesOf(call);
    const waits = tries.map((at, i) => at - (tries[i - 1] ?? at)).slice(1);
    for (const [i, wait] of waits.entries()) t.ok(wait >= 100 * 2 ** i - 2, `${call}: try ${i + 2} after ${wait} ms`);
    t.ok(tries.length >= 8 && tries.length <= 9, `${call}: ${tries.length} tries`);
  }
  const clears = (await triesOf('clear-slot', 'detach')).length;
  t.ok(clears >= 40, `a slot that forwards what it should not is to be cleared with each event: ${clears} tries`);
});

t.test('the templates are made ready after the first pass, of what was not refused just now', async (t) => {
  const s = new Simulation([[150, 'stopped']]);
  s.host.onCall = (call) => {
    if (call.startsWith('attach')) throw new Error('busy');
  };
  await s.run();
  t.equal(s.host.calls.filter((call) => /^ready \S+/.test(call)).length, 1, 'although an interface fails');
  const refused = new Simulation([[150, 'stopped']]);
  refused.host.onCall = (call) => {
    if (call.startsWith('load')) throw new Error('verifier says no');
  };
  await refused.run();
  t.ok(refused.host.calls.includes('ready'), 'with nothing');
});

t.test('the loop stops when told: while it waits, in a burst, and right after a failure', async (t) => {
  const waiting = new Simulation([[700, 'stopped']]);
  await waiting.run();
  t.same([waiting.time, waiting.passes], [700, [0]]);
  const bursting = new Simulation([...eventsAt(500), [501, 'stopped']]);
  await bursting.run();
  t.same([bursting.time, bursting.passes], [501, [0]]);
  const failing = new Simulation([...eventsAt(10), [50, 'stopped']]);
  failing.host.onRead = () => {
    throw new Error('no netlink');
  };
  await failing.run();
  t.equal(failing.time, 50);
});

t.test('new rules are in force from the next pass on', async (t) => {
  const s = new Simulation([...eventsAt(500), [1000, 'stopped']]);
  const stricter = rulesWith('d.up');
  let asked = 0;
  await s.run(() => {
    asked++;
    return s.passes.length === 0 ? domain.rules : stricter;
  });
  t.equal(asked, s.passes.length, 'no pass begins with some and goes on with others');
  t.same(s.told, ['passed 4', 'passed 4']);
  t.same((await s.host.deployed()).attachments, []);
});

t.test('a lease is renewed while all is well, and only then', async (t) => {
  const withLease = libraryOf(fpm('frame'), fpm('lease', { order: 5 }));
  const leased: Domain = {
    rules: rulesWith('!d.up', withLease),
    library: withLease,
    lease: { scope: 'needed', seconds: 8 },
  };
  const renewals = (s: Simulation) => {
    const times: number[] = [];
    s.host.onRenew = () => times.push(s.time);
    return times;
  };

  const calm = new Simulation([[7000, 'stopped']], 0, leased);
  const calmly = renewals(calm);
  await calm.run();
  t.same(calmly, [0, 2000, 4000, 6000], 'four times while it lasts');
  t.same(calm.passes, [0], 'without another look');

  const failing = new Simulation([...eventsAt(5000), [20_000, 'stopped']], 0, leased);
  const until = renewals(failing);
  failing.host.onRead = () => {
    failing.passes.push(failing.time);
    if (failing.time > 4000) throw new Error('blind');
  };
  await failing.run();
  t.same(until, [0, 2000, 4000], 'not any more when the host cannot be seen');

  const paused = new Simulation([[20_000, 'stopped']], 0, leased);
  const around = renewals(paused);
  const next = paused.next.bind(paused);
  paused.next = async (timeoutMs) => {
    const woken = await next(timeoutMs);
    if (paused.time === 4000) paused.time += 9000;
    return woken;
  };
  await paused.run();
  t.same(paused.passes.slice(0, 2), [0, 13_000], 'after a pause it looks first');
  t.same(around.slice(0, 4), [0, 2000, 13_000, 15_000], 'and renews then');

  const stuck = new Simulation([[1000, 'stopped']], 0, leased);
  const never = renewals(stuck);
  stuck.host.onCall = (call) => {
    if (call.startsWith('setSlot')) throw new Error('full');
  };
  await stuck.run();
  t.ok(never.length > 0, 'what cannot be added harms nobody who runs');

  const moving = new Simulation([...eventsAt(3000), [10_000, 'stopped']], 0, {
    ...hookedDomain,
    lease: { scope: 'all', seconds: 8 },
  });
  const still = renewals(moving);
  moving.host.onRead = () => {
    moving.host.links = [{ ...link(1), refused: moving.time < 3000 }];
  };
  moving.host.onCall = (call) => {
    if (call.startsWith('load xdp')) throw new Error('verifier says no');
  };
  await moving.run();
  t.ok((still.at(-1) ?? 0) > 8000, 'what stays at its hook meanwhile is right there');
});
