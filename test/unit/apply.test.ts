// SPDX-License-Identifier: Apache-2.0
// What becomes of a plan when any one of its steps fails: on a host in memory.

import t from 'tap';
import { applyPlan, heldAs } from '../../src/apply/apply.js';
import type { Desired, DesiredInterface, Pipeline } from '../../src/model/desired.js';
import { deviceGoneCode, TnaError } from '../../src/model/error.js';
import type { Outcome, Plan } from '../../src/model/plan.js';
import type { Hook } from '../../src/model/ruleset.js';
import { makePlan } from '../../src/plan/plan.js';
import { summaryOf } from '../../src/report/done.js';
import { FakeHost } from '../support/fake-host.js';

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

t.test(
  'what is held is left out and not told of, with what depends on it; slots are cleared all the same',
  async (t) => {
    const nothing: Desired = {
      interfaces: after.interfaces.map(({ ifindex }) => interfaceWith(ifindex, undefined)),
      egress: [],
    };
    const { plan } = await hostBetween();
    const ops = new Set<string>();
    for (const held of [...plan.actions, ...(await allGoes()).plan.actions]) {
      const { host, plan: whole } = plan.actions.includes(held) ? await hostBetween() : await allGoes();
      const name = heldAs(held);
      ops.add(held.op);
      t.equal(name === undefined, held.op === 'clear-slot', held.op);
      const outcomes = await applyPlan(whole, host, new Set(name === undefined ? [] : [name]));
      const told = outcomes.flatMap(({ action, result }) => (result === 'done' ? [JSON.stringify(action)] : []));
      t.equal(told.includes(JSON.stringify(held)), name === undefined, `${held.op} ${name}`);
      t.ok(
        outcomes.every(({ action, result }) => result === 'done' || (result === 'undone' && action.op === 'set-slot')),
        `${held.op}: what is undone is a slot`,
      );
      for (const action of whole.actions.filter((one) => one.op === 'clear-slot'))
        t.ok(told.includes(JSON.stringify(action)), `${held.op}: slots are cleared`);
    }
    t.equal(ops.size, 11, 'of each kind');

    async function allGoes() {
      const { host, plan: first } = await hostBetween();
      await applyPlan(first, host);
      return { host, plan: makePlan(nothing, await host.deployed()) };
    }
  },
);

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
