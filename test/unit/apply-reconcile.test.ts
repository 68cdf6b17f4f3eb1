// SPDX-License-Identifier: Apache-2.0
// What becomes of a plan when any one of its steps fails, and when the loop runs a pass: on a host in memory and a clock
// that moves only when the loop waits.

import t from 'tap';
import { applyPlan } from '../../src/apply/apply.js';
import { Repeats } from '../../src/cli/repeats.js';
import { RuleReload } from '../../src/cli/rule-reload.js';
import type { Desired, DesiredInterface, Pipeline } from '../../src/model/desired.js';
import { deviceGoneCode, TnaError } from '../../src/model/error.js';
import type { Outcome, Plan } from '../../src/model/plan.js';
import type { Clock, Domain, Waker } from '../../src/model/ports.js';
import type { Hook, RuleSet } from '../../src/model/ruleset.js';
import { makePlan } from '../../src/plan/plan.js';
import { defaultLoop, type LoopListener, runLoop } from '../../src/reconcile/loop.js';
import { type PassResult, runPass } from '../../src/reconcile/pass.js';
import { progressOf, progressText, stoppedText } from '../../src/report/controller.js';
import { summaryOf } from '../../src/report/done.js';
import { FakeHost } from '../support/fake-host.js';
import { fpm, libraryOf, ruleSet } from '../support/rule-set.js';

function pipeline(hook: Hook, variant: number): Pipeline {
  return { id: `${hook}${variant}`, hook, modules: ['frame'], params: {} };
}

function interfaceWith(ifindex: number, wish: Pipeline | undefined): DesiredInterface {
  const reasons = wish === undefined ? [{ code: 'down', message: 'it is down' }] : [];
  return { name: `p${ifindex}`, ifindex, services: ['s'], pipeline: wish, reasons, hookNotes: [], assumptions: [] };
}

const before: Desired = {
  interfaces: [
    interfaceWith(2, pipeline('tc', 1)),
    interfaceWith(3, pipeline('tc', 1)),
    interfaceWith(5, pipeline('tc', 2)),
  ],
  egress: [],
};
/** p1 and p4 are new, p2 changes, p3 goes, p5 stays, p6 is new at another hook. */
const after: Desired = {
  interfaces: [
    interfaceWith(1, pipeline('tc', 3)),
    interfaceWith(2, pipeline('tc', 3)),
    interfaceWith(3, undefined),
    interfaceWith(4, pipeline('tc', 2)),
    interfaceWith(5, pipeline('tc', 2)),
    interfaceWith(6, pipeline('xdp', 1)),
  ],
  egress: [{ name: 'p6', ifindex: 6 }],
};

async function hostBetween(): Promise<{ readonly host: FakeHost; readonly plan: Plan }> {
  const host = new FakeHost();
  host.addStray('odd');
  await applyPlan(makePlan(before, await host.deployed()), host);
  host.addStray('odd');
  host.calls.length = 0;
  return { host, plan: makePlan(after, await host.deployed()) };
}

const shown = (outcomes: readonly Outcome[]) =>
  outcomes.map(
    ({ action, result }) =>
      `${result} ${action.op}${'ifindex' in action ? ` p${action.ifindex}` : 'pipeline' in action ? ` ${action.pipeline}` : ''}`,
  );

t.test('a plan is carried out in order', async (t) => {
  const { host, plan } = await hostBetween();
  const outcomes = await applyPlan(plan, host);
  t.same(
    outcomes.map((outcome) => outcome.action),
    plan.actions,
  );
  t.ok(outcomes.every((outcome) => outcome.result === 'done'));
  t.same(makePlan(after, await host.deployed()).actions, [], 'the host is as desired');
});

t.test(
  'whatever step fails, only what depends on it is left out, and no interface keeps an outdated pipeline',
  async (t) => {
    const { plan } = await hostBetween();
    for (const [step, failing] of plan.actions.entries()) {
      const { host } = await hostBetween();
      let calls = 0;
      host.onCall = () => {
        if (calls++ === step) throw new Error('no luck');
      };
      const outcomes = await applyPlan(plan, host);
      host.onCall = () => {};
      const name = `${failing.op} ${JSON.stringify(failing)}`;
      t.equal(outcomes.filter((o) => o.result === 'failed').length, 1, `${name}: one failure`);
      t.match(
        outcomes.find((o) => o.result === 'failed'),
        { action: failing, error: { message: 'no luck' } },
      );
      for (const outcome of outcomes)
        if (outcome.result === 'skipped') t.equal(outcome.because, 'no luck', 'skipped for that reason');
      const told = new Set(outcomes.filter((o) => o.result !== 'undone').map((o) => o.action));
      t.equal(told.size, plan.actions.length, 'every action has an outcome');

      const state = await host.deployed();
      const ids = new Map(after.interfaces.map((i) => [i.ifindex, i.pipeline?.id]));
      for (const { ifindex, pipeline: held, programId } of state.attachments)
        t.ok(
          programId === 0 || held === ids.get(ifindex) || failing.op === 'clear-slot',
          `${name}: p${ifindex} holds ${held}`,
        );
      t.ok(
        state.attachments.some((a) => a.ifindex === 5 && a.pipeline === 'tc2'),
        'what was right stays as it is',
      );
      if ('ifindex' in failing && failing.ifindex !== 4 && failing.ifindex !== 6)
        t.ok(
          state.attachments.some((a) => a.ifindex === 4 && a.pipeline === 'tc2'),
          'other interfaces become fast',
        );

      await applyPlan(makePlan(after, state), host);
      t.same(makePlan(after, await host.deployed()).actions, [], `${name}: the next pass completes it`);
    }
  },
);

t.test('a pipeline that does not load', async (t) => {
  const { host, plan } = await hostBetween();
  host.onCall = (call) => {
    if (call === 'load tc tc3') throw new Error('verifier says no');
  };
  const outcomes = await applyPlan(plan, host);
  t.same(
    shown(outcomes).filter((line) => !line.startsWith('done')),
    ['failed load tc3', 'skipped set-slot p1', 'skipped attach p1', 'skipped set-slot p2', 'undone set-slot p2'],
    'the new interface is not attached, the changed one falls back to the kernel',
  );
  const state = await host.deployed();
  t.notOk(state.attachments.some((a) => a.ifindex === 1));
  t.match(
    state.attachments.find((a) => a.ifindex === 2),
    { programId: 0 },
    'its slot is empty',
  );
  t.ok(
    state.attachments.some((a) => a.ifindex === 6 && a.pipeline === 'xdp1'),
    'the other hook is not concerned',
  );
});

t.test('an interface that cannot be attached', async (t) => {
  const { host, plan } = await hostBetween();
  host.onCall = (call) => {
    if (call.startsWith('attach xdp 6')) throw new Error('busy');
  };
  t.same(
    shown(await applyPlan(plan, host)).filter((line) => !line.startsWith('done')),
    ['failed attach p6', 'undone set-slot p6'],
  );
});

t.test('a device that has gone meanwhile is no failure', async (t) => {
  const { host, plan } = await hostBetween();
  host.onCall = (call) => {
    if (call.startsWith('attach tc 4')) throw new TnaError(deviceGoneCode, 'gone');
  };
  const outcomes = await applyPlan(plan, host);
  t.notOk(outcomes.some(({ result }) => result === 'failed'));
  t.same(shown(outcomes.filter(({ result }) => result !== 'done')), ['skipped attach p4', 'undone set-slot p4']);
});

t.test('shared maps that cannot be made', async (t) => {
  const { host, plan } = await hostBetween();
  host.onCall = (call) => {
    if (call.startsWith('prepare xdp')) throw new Error('no memory');
  };
  t.same(
    shown(await applyPlan(plan, host)).filter((line) => !line.startsWith('done')),
    ['failed prepare', 'skipped load xdp1', 'skipped set-egress p6', 'skipped set-slot p6', 'skipped attach p6'],
  );
});

t.test('shared maps are not made anew while a dispatcher has the old ones', async (t) => {
  const host = new FakeHost();
  await host.prepare('tc', 2);
  const one: Desired = {
    interfaces: [interfaceWith(2, pipeline('tc', 1)), interfaceWith(3, pipeline('tc', 1))],
    egress: [],
  };
  await applyPlan(makePlan(one, await host.deployed()), host);
  const plan = makePlan(before, await host.deployed());
  host.onCall = (call) => {
    if (call.startsWith('detach tc 3')) throw new Error('no luck');
  };
  t.same(
    shown(await applyPlan(plan, host)).filter(
      (line) => !/^(done (clear-slot|detach|unload)|skipped (load|set-slot|attach))/.test(line),
    ),
    ['failed detach p3', 'skipped dismantle', 'skipped prepare'],
  );
  t.ok(
    (await host.deployed()).attachments.every(({ programId }) => programId === 0),
    'all is slow meanwhile',
  );
  host.onCall = () => {};
  await applyPlan(makePlan(before, await host.deployed()), host);
  const { attachments } = await host.deployed();
  t.equal(new Set(attachments.map(({ slot }) => slot)).size, 3, 'each has a slot of its own');
  t.same(makePlan(before, await host.deployed()).actions, []);
});

t.test('an undo that fails as well is not reported as done, and what it leaves is seen by the next pass', async (t) => {
  const { host, plan } = await hostBetween();
  host.onCall = (call) => {
    if (call.startsWith('set-slot tc 0 ') || call.startsWith('attach tc 1 ') || call.startsWith('clear-slot tc 3'))
      throw new Error('no luck');
  };
  const lines = shown(await applyPlan(plan, host));
  t.ok(lines.includes('failed attach p1'));
  t.notOk(lines.includes('undone set-slot p1'));
  host.onCall = () => {};
  await applyPlan(makePlan(after, await host.deployed()), host);
  t.same(makePlan(after, await host.deployed()).actions, []);
});

t.test('a program that no pin tells of goes, too, when its successor cannot be set', async (t) => {
  const { host } = await hostBetween();
  host.loseProgram('tc', 'tc2');
  const plan = makePlan(after, await host.deployed());
  host.onCall = (call) => {
    if (call === 'load tc tc2') throw new Error('no luck');
  };
  await applyPlan(plan, host);
  t.match(
    (await host.deployed()).attachments.find((a) => a.ifindex === 5),
    { programId: 0 },
  );
});

t.test('what was done is counted, not what was planned', async (t) => {
  for (const [fails, summary] of [
    ['', { add: 3, change: 1, remove: 1 }],
    ['load tc tc3', { add: 2, change: 0, remove: 2 }],
    ['attach tc 4', { add: 2, change: 1, remove: 1 }],
    ['prepare xdp', { add: 2, change: 1, remove: 1 }],
  ] as const) {
    const { host, plan } = await hostBetween();
    t.same(plan.summary, { add: 3, change: 1, remove: 1 });
    const found = await host.deployed();
    host.onCall = (call) => {
      if (fails !== '' && call.startsWith(fails)) throw new Error('no');
    };
    const outcomes = await applyPlan(plan, host);
    t.equal(
      outcomes.some(({ result }) => result === 'failed'),
      fails !== '',
      fails,
    );
    t.same(summaryOf(found, outcomes), summary, fails);
  }
});

t.test('an error says which interface it is about, unless it says something else', async (t) => {
  const errorOf = async (error: TnaError) => {
    const { host, plan } = await hostBetween();
    host.onCall = (call) => {
      if (call.startsWith('attach')) throw error;
    };
    return (await applyPlan(plan, host)).find((o) => o.result === 'failed');
  };
  const details = { hint: 'a hint', evidence: 'a log', cause: 'a cause' };
  const { name } = after.interfaces[0] as DesiredInterface;
  t.match(await errorOf(new TnaError('conflict', 'busy', details)), {
    error: { code: 'conflict', message: 'busy', object: name, ...details },
  });
  t.match(await errorOf(new TnaError('conflict', 'busy', { object: 'a pin' })), { error: { object: 'a pin' } });
});

t.test('what is thrown need not be an error', async (t) => {
  const { host, plan } = await hostBetween();
  host.onCall = (call) => {
    if (call.startsWith('prepare')) throw 'text';
  };
  t.match(
    (await applyPlan(plan, host)).find((o) => o.result === 'failed'),
    { error: { message: 'text' } },
  );
});

const library = libraryOf(fpm('frame'));
const rulesWith = (condition: string, of = library): RuleSet =>
  ruleSet(
    `
sources:
  links: { spec: rt-link, dump: getlink }
objects:
  dev:
    source: links
    key: ifindex
    label: name
    attributes:
      ifindex: { path: ifi_index, type: int }
      name: { path: ifname, type: string }
      up: { path: up, type: bool, default: true }
attach:
  dev: { hooks: [{ hook: tc }] }
services:
  passing:
    on: { d: dev }
    blockedBy: [{ code: down, when: "${condition}", message: it is down }]
    modules: [{ fpm: frame }]
`,
    of,
  );
const unleased: Domain = { rules: rulesWith('!d.up'), library, lease: { scope: 'off', seconds: 0 } };
const domain = unleased;
const link = (ifindex: number, up = true) => ({ ifi_index: ifindex, ifname: `p${ifindex}`, up });

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

type Signal = 'event' | 'resync' | 'stopped';

/** Time passes only while the loop waits, or when the host says that a pass took long. */
class Simulation implements Clock, Waker {
  time = 0;
  /** When passes began. */
  readonly passes: number[] = [];
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
    private readonly domain: Domain = unleased,
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
    const rank = { event: 0, resync: 1, stopped: 2 };
    let what: Signal = 'event';
    while (this.signals[0] !== undefined && this.signals[0].at <= this.time) {
      const signal = this.signals.shift() as { readonly what: Signal };
      if (rank[signal.what] > rank[what]) what = signal.what;
    }
    return what;
  }

  close(): void {}

  run(rules: () => RuleSet = () => domain.rules): Promise<void> {
    return runLoop(() => ({ ...this.domain, rules: rules() }), this.host, this, this, new Map(), this.listener);
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
});

t.test('lost events cause a pass at once', async (t) => {
  const s = new Simulation([
    [500, 'resync'],
    [1000, 'stopped'],
  ]);
  await s.run();
  t.same(s.passes, [0, 502]);
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

t.test('what a controller says of its state', async (t) => {
  const host = new FakeHost();
  host.links = [link(1), link(2), link(3, false)];
  host.onCall = (call) => {
    if (call.startsWith('attach tc 1')) throw new Error('busy');
  };
  const { derived, remaining } = await runPass(domain, host, new Map());
  const progress = progressOf(derived.desired, remaining);
  t.same(progress, { accelerated: 1, failed: 1 });
  t.equal(progressText(progress), 'watching, 1 interface accelerated, 1 interface not as desired');
  t.equal(progressText({ accelerated: 2, failed: 0 }), 'watching, 2 interfaces accelerated');
  t.equal(stoppedText([], 60), 'stopped; what is accelerated stays so');
  t.match(stoppedText(['p1', 'p2'], 60), /stays so, but p1, p2 only under a lease: for 60 s/);
  t.match(
    stoppedText(
      Array.from({ length: 10 }, (_, i) => `p${i}`),
      9,
    ),
    /p7 and 2 more only under a lease: for 9 s/,
  );
});

t.test('the same trouble is told when it begins and now and then', async (t) => {
  let now = 0;
  const repeats = new Repeats({ now: () => now });
  const told = ['a', 'a', 'b', 'a'].map((text) => repeats.isWorthTelling(text));
  t.same(told, [true, false, true, false]);
  now += 9 * 60_000;
  t.notOk(repeats.isWorthTelling('a'));
  now += 60_000;
  t.ok(repeats.isWorthTelling('a'), 'after ten minutes');
  repeats.forget();
  t.ok(repeats.isWorthTelling('a'), 'or when all was well meanwhile');
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

t.test('what rules name is followed before they are looked by, and read for from the start of a pass on', async (t) => {
  const told: string[] = [];
  const [first, second] = [domain.rules, rulesWith('d.up')];
  const nameOf = (rules: RuleSet) => (rules === first ? 'first' : 'second');
  let followed = () => {};
  const reload = new RuleReload(first, {
    follow: (rules) => {
      told.push(`follow ${nameOf(rules)}`);
      return new Promise((resolve) => {
        followed = resolve;
      });
    },
    wake: () => told.push('wake'),
    prune: (rules) => told.push(`prune ${nameOf(rules)}`),
    good: (isNew) => told.push(isNew ? 'new' : 'as before'),
    warn: (error) => told.push(error instanceof Error ? error.message : String(error)),
  });
  const after = (what: Promise<void> | undefined) =>
    Promise.all([what, new Promise(setImmediate)]).then(() => told.splice(0));
  reload.begin();
  const change = reload.changed({ ruleSet: second });
  t.same(await after(undefined), ['new', 'follow second'], 'a pass may be under way');
  followed();
  t.same(await after(change), ['wake']);
  t.equal(reload.begin(), second);
  t.equal(reload.begin(), second);
  t.same(told.splice(0), ['prune second']);
  const errors = [{ file: 'a.yaml', line: 1, column: 1, code: 'cycle', message: 'no', text: 'no' }] as const;
  t.match(await after(reload.changed({ errors })), [/^the rules changed but have errors/]);
  t.same(await after(reload.changed({ ruleSet: second })), ['as before'], 'good again');
  t.same(await after(reload.changed({ ruleSet: second })), [], 'which is no news twice');
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
});
