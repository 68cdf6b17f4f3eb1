// SPDX-License-Identifier: Apache-2.0
// The planner: for any desired and any deployed state its actions, run on a model of the kernel, lead from one to the other,
// never through a state that would harm packets, and touch nothing that is right already.

import fc from 'fast-check';
import t from 'tap';
import type { Desired, DesiredInterface, Pipeline } from '../../src/model/desired.js';
import type { Action, Plan } from '../../src/model/plan.js';
import type { Hook } from '../../src/model/ruleset.js';
import { type Attachment, type Deployed, nothingDeployed } from '../../src/model/snapshot.js';
import { makePlan } from '../../src/plan/plan.js';

const hooks: readonly Hook[] = ['xdp', 'tc'];

function pipeline(hook: Hook, variant: number): Pipeline {
  return { id: `${hook === 'xdp' ? 'a' : 'b'}${variant}`.padEnd(12, '0'), hook, modules: ['frame'], params: {} };
}

function wanted(ifindex: number, wish: Pipeline | undefined): DesiredInterface {
  return {
    name: `p${ifindex}`,
    ifindex,
    services: wish === undefined ? [] : ['bridging'],
    pipeline: wish,
    reasons: wish === undefined ? [{ code: 'port-down', message: `p${ifindex} is down` }] : [],
    hookNotes: [],
    assumptions: [],
  };
}

/** What runs in the kernel, changed by actions; complains about every action that would fail or do harm there. */
class Kernel {
  readonly prepared = new Map<Hook, number>();
  readonly links: { hook: Hook; ifindex: number; slot: number; alive: boolean }[] = [];
  /** Program id by `HOOK SLOT`. */
  readonly slots = new Map<string, number>();
  /** Program id by `HOOK PIPELINE`. */
  readonly pins = new Map<string, number>();
  readonly egress = new Set<number>();
  readonly strays = new Set<string>();
  private nextProgram: number;

  constructor(deployed: Deployed) {
    this.nextProgram = 1 + Math.max(99, ...[...deployed.attachments, ...deployed.pipelines].map((p) => p.programId));
    for (const { hook, slots } of deployed.prepared) this.prepared.set(hook, slots);
    for (const { hook, id, programId } of deployed.pipelines) this.pins.set(`${hook} ${id}`, programId);
    for (const { hook, ifindex, slot, alive, programId, linkId } of deployed.attachments) {
      if (linkId !== 0) this.links.push({ hook, ifindex, slot, alive });
      if (programId !== 0) this.slots.set(`${hook} ${slot}`, programId);
    }
    for (const ifindex of deployed.egress) this.egress.add(ifindex);
    for (const pin of deployed.strays) this.strays.add(pin);
  }

  deployed(): Deployed {
    const pipelines = [...this.pins].map(([key, programId]) => {
      const [hook, id] = key.split(' ') as [Hook, string];
      return { hook, id, programId };
    });
    const orphans = [...this.slots.keys()].flatMap((key) => {
      const [hook, slot] = key.split(' ') as [Hook, string];
      if (this.links.some((l) => l.hook === hook && l.slot === Number(slot))) return [];
      return [{ hook, ifindex: 0, slot: Number(slot), alive: false, linkId: 0 }];
    });
    const links = this.links.map((link, i) => ({ ...link, linkId: i + 1 }));
    const attachments = [...links, ...orphans].map((link): Attachment => {
      const programId = this.slots.get(`${link.hook} ${link.slot}`) ?? 0;
      const held = pipelines.find((p) => p.hook === link.hook && p.programId === programId)?.id;
      return { ...link, programId, pipeline: held };
    });
    const order = (a: Attachment, b: Attachment) =>
      a.hook.localeCompare(b.hook) || a.ifindex - b.ifindex || a.slot - b.slot;
    return {
      prepared: [...this.prepared].map(([hook, slots]) => ({ hook, slots })),
      attachments: attachments.sort(order),
      pipelines,
      egress: [...this.egress],
      strays: [...this.strays],
    };
  }

  run(action: Action): void {
    const must = (holds: boolean, what: string) => {
      if (!holds) throw new Error(`${action.op}: ${what}: ${JSON.stringify(action)}`);
    };
    switch (action.op) {
      case 'prepare':
        must(!this.prepared.has(action.hook), 'maps in use are not replaced');
        must(action.slots > 0, 'maps have slots');
        this.prepared.set(action.hook, action.slots);
        return;
      case 'load':
        must((this.prepared.get(action.hook) ?? 0) > 0, 'programs need the shared maps');
        must(!this.pins.has(`${action.hook} ${action.pipeline}`), 'nothing is loaded twice');
        this.pins.set(`${action.hook} ${action.pipeline}`, this.nextProgram++);
        return;
      case 'set-egress':
        must(
          (this.prepared.get('xdp') ?? 0) > 0 && !this.egress.has(action.ifindex),
          'a new entry of a map that exists',
        );
        this.egress.add(action.ifindex);
        return;
      case 'attach': {
        const { hook, ifindex, slot } = action;
        must(slot < (this.prepared.get(hook) ?? 0), 'the slot exists');
        must(!this.links.some((l) => l.hook === hook && l.slot === slot), 'no slot is used twice');
        must(!this.links.some((l) => l.hook === hook && l.ifindex === ifindex && l.alive), 'nothing is attached twice');
        must(this.slots.has(`${hook} ${slot}`), 'the slot was filled before');
        this.links.push({ hook, ifindex, slot, alive: true });
        return;
      }
      case 'set-slot': {
        const program = this.pins.get(`${action.hook} ${action.pipeline}`);
        must(program !== undefined, 'the pipeline is loaded');
        const user = this.links.find((l) => l.hook === action.hook && l.slot === action.slot);
        must(user === undefined || user.ifindex === action.ifindex, 'no slot is used twice');
        must(user !== undefined || action.previous === undefined, 'a slot that nobody uses holds nothing');
        const held = this.deployed().attachments.find((a) => a.hook === action.hook && a.slot === action.slot);
        must(held?.pipeline === action.previous, `${held?.pipeline} is what was there before`);
        this.slots.set(`${action.hook} ${action.slot}`, program as number);
        return;
      }
      case 'clear-slot':
        must(action.ifindex === 0 || this.link(action) !== undefined, 'a dispatcher uses the slot');
        must(this.slots.delete(`${action.hook} ${action.slot}`), 'there is something to clear');
        return;
      case 'detach': {
        const link = this.link(action);
        must(link !== undefined, 'it is attached');
        must(!this.slots.has(`${action.hook} ${action.slot}`), 'its slot was cleared before');
        this.links.splice(this.links.indexOf(link as (typeof this.links)[number]), 1);
        return;
      }
      case 'clear-egress':
        must(this.egress.delete(action.ifindex), 'there is something to clear');
        return;
      case 'unload': {
        const program = this.pins.get(`${action.hook} ${action.pipeline}`);
        must(program !== undefined, 'it is loaded');
        must(!this.deployed().attachments.some((a) => a.programId === program), 'no slot holds it');
        this.pins.delete(`${action.hook} ${action.pipeline}`);
        return;
      }
      case 'dismantle':
        must(this.prepared.delete(action.hook), 'there are maps');
        must(!this.links.some((l) => l.hook === action.hook), 'no dispatcher uses the maps');
        must(![...this.pins.keys()].some((key) => key.startsWith(`${action.hook} `)), 'no pipeline uses the maps');
        if (action.hook === 'xdp') this.egress.clear();
        for (const key of [...this.slots.keys()]) if (key.startsWith(`${action.hook} `)) this.slots.delete(key);
        return;
      case 'remove-stray':
        must(this.strays.delete(action.pin), 'it is there');
        return;
    }
  }

  private link(of: { readonly hook: Hook; readonly ifindex: number; readonly slot: number }) {
    return this.links.find((l) => l.hook === of.hook && l.ifindex === of.ifindex && l.slot === of.slot);
  }
}

const ifindexes = [1, 2, 3, 4, 5, 6];
const arbitraryHook = fc.constantFrom(...hooks);
const arbitraryPipeline = fc.tuple(arbitraryHook, fc.nat(2)).map(([hook, variant]) => pipeline(hook, variant));

const arbitraryDesired: fc.Arbitrary<Desired> = fc
  .tuple(
    fc.array(fc.option(arbitraryPipeline, { nil: undefined }), { minLength: 6, maxLength: 6 }),
    fc.subarray(ifindexes),
  )
  .map(([wishes, egress]) => ({
    interfaces: wishes.map((wish, i) => wanted(ifindexes[i] as number, wish)),
    egress: wishes.some((wish) => wish?.hook === 'xdp')
      ? egress.map((ifindex) => ({ name: `p${ifindex}`, ifindex }))
      : [],
  }));

/** Whatever a crash, a user with `rm` or an older version can have left. */
const arbitraryDeployed: fc.Arbitrary<Deployed> = fc
  .tuple(
    fc.record({ xdp: fc.constantFrom(undefined, 0, 2, 256), tc: fc.constantFrom(undefined, 0, 3, 256) }),
    fc.array(
      fc.record({
        hook: arbitraryHook,
        ifindex: fc.constantFrom(...ifindexes, 90, 0),
        alive: fc.boolean(),
        holds: fc.constantFrom('nothing', 'a pipeline', 'something unknown'),
        variant: fc.nat(2),
      }),
      { maxLength: 8 },
    ),
    fc.uniqueArray(arbitraryPipeline, { selector: (p) => p.id, maxLength: 4 }),
    fc.subarray([...ifindexes, 91]),
    fc.subarray(['odd', 'map-unknown']),
  )
  .map(([sizes, found, loaded, egress, strays]) => {
    const pins = new Map(loaded.map((p, i) => [p.id, { id: p.id, hook: p.hook, programId: 10 + i }]));
    const attachments: Attachment[] = [];
    const prepared = hooks.flatMap((hook) =>
      sizes[hook] === undefined ? [] : [{ hook, slots: sizes[hook] as number }],
    );
    for (const { hook, ifindex, alive, holds, variant } of found) {
      const slots = sizes[hook];
      const slot = attachments.filter((a) => a.hook === hook).length;
      const twice = attachments.some((a) => a.hook === hook && a.ifindex === ifindex && a.alive);
      // Without maps the state is reported as dead and empty; XDP takes one program per device.
      if (slots === undefined || (slots > 0 && slot >= slots) || (hook === 'xdp' && alive && twice)) continue;
      // 0 stands for a slot that no dispatcher has; nobody tells of it when it is empty.
      if (ifindex === 0 && (slots === 0 || holds === 'nothing')) continue;
      const id = pipeline(hook, variant).id;
      if (holds === 'a pipeline' && slots > 0 && !pins.has(id)) pins.set(id, { id, hook, programId: 50 + pins.size });
      const programId =
        slots === 0 ? 0 : holds === 'nothing' ? 0 : holds === 'a pipeline' ? (pins.get(id)?.programId ?? 0) : 99;
      attachments.push({
        ...{
          hook,
          ifindex,
          slot,
          linkId: ifindex && attachments.length + 1,
          alive: alive && slots > 0 && ifindex > 0,
          programId,
        },
        pipeline: programId === 0 || programId === 99 ? undefined : id,
      });
    }
    return {
      prepared,
      attachments,
      pipelines: [...pins.values()],
      egress: sizes.xdp === undefined ? [] : egress,
      strays,
    };
  });

function simulate(plan: Plan, deployed: Deployed): Deployed {
  const kernel = new Kernel(deployed);
  for (const action of plan.actions) kernel.run(action);
  return kernel.deployed();
}

/** Whether the shared maps have room for all that is desired: else they are made anew. */
function isRoomFor(hook: Hook, desired: Desired, deployed: Deployed): boolean {
  const users = desired.interfaces.filter((i) => i.pipeline?.hook === hook).length;
  const need = hook === 'xdp' ? Math.max(users, desired.egress.length) : users;
  return (deployed.prepared.find((p) => p.hook === hook)?.slots ?? need) >= need;
}

const runs = { numRuns: 1500, seed: 20261123 };

t.test('the actions lead from any deployed state to any desired one, and then there is nothing to do', async (t) => {
  let withActions = 0;
  fc.assert(
    fc.property(arbitraryDesired, arbitraryDeployed, (desired, deployed) => {
      const plan = makePlan(desired, deployed);
      if (plan.actions.length > 0) withActions++;
      const after = simulate(plan, deployed);
      const again = makePlan(desired, after);
      if (again.actions.length > 0) {
        // Slots that were held until the end of the first plan are free only now.
        if (plan.unplaced.length === 0) throw new Error(`left to do: ${JSON.stringify(again.actions)}`);
        const last = makePlan(desired, simulate(again, after));
        if (last.actions.length > 0) throw new Error(`still left to do: ${JSON.stringify(last.actions)}`);
      } else {
        for (const i of desired.interfaces.filter((d) => !again.unplaced.some((u) => u.interface === d.name))) {
          const held = after.attachments.filter((a) => a.ifindex === i.ifindex);
          if (i.pipeline === undefined ? held.length > 0 : held[0]?.pipeline !== i.pipeline.id)
            throw new Error(`${i.name} is not as desired`);
        }
      }
    }),
    runs,
  );
  t.ok(withActions > 1000, `${withActions} plans had actions`);
});

t.test('an interface that is as desired gets no action', async (t) => {
  let untouched = 0;
  fc.assert(
    fc.property(arbitraryDesired, arbitraryDeployed, (desired, deployed) => {
      const { actions, summary } = makePlan(desired, deployed);
      let touched = 0;
      for (const i of desired.interfaces) {
        const own = actions.filter((a) => 'slot' in a && a.ifindex === i.ifindex);
        const held = deployed.attachments.filter((a) => a.ifindex === i.ifindex);
        const right =
          i.pipeline === undefined
            ? held.length === 0
            : held.length === 1 &&
              held[0]?.pipeline === i.pipeline.id &&
              held[0].hook === i.pipeline.hook &&
              held[0].alive &&
              isRoomFor(i.pipeline.hook, desired, deployed);
        if (right) {
          untouched++;
          if (own.length > 0) throw new Error(`${i.name} is right already: ${JSON.stringify(own)}`);
        }
        if (own.some((a) => a.op === 'set-slot')) touched++;
      }
      if (summary.add + summary.change !== touched) throw new Error(`the summary does not count ${touched} flips`);
    }),
    runs,
  );
  t.ok(untouched > 500, `${untouched} interfaces were as desired`);
});

t.test('the order is: build beside, fill, attach, flip, clear, remove', async () => {
  const rank: { readonly [op in Action['op']]: number } = {
    ...{ prepare: 1, load: 2, 'set-egress': 3, attach: 5, 'set-slot': 6, 'clear-slot': 7, detach: 8 },
    ...{ 'clear-egress': 9, unload: 10, dismantle: 11, 'remove-stray': 0 },
  };
  const filled = 4; // the slot of an interface that is attached in the same plan
  fc.assert(
    fc.property(arbitraryDesired, arbitraryDeployed, (desired, deployed) => {
      // A hook whose maps cannot stay is taken down before anything is built; without one, ranks ascend.
      fc.pre(hooks.every((hook) => isRoomFor(hook, desired, deployed)));
      fc.pre(hooks.every((hook) => (deployed.prepared.find((p) => p.hook === hook)?.slots ?? -1) !== 0));
      fc.pre(deployed.pipelines.every((p) => deployed.prepared.some(({ hook }) => hook === p.hook)));
      const { actions } = makePlan(desired, deployed);
      const isNew = (of: Action) =>
        of.op === 'set-slot' &&
        actions.some((a) => a.op === 'attach' && a.hook === of.hook && a.ifindex === of.ifindex);
      const ranks = actions.map((action) => (isNew(action) ? filled : rank[action.op]));
      if (ranks.some((r, i) => i > 0 && r < (ranks[i - 1] as number))) throw new Error(JSON.stringify(ranks));
    }),
    runs,
  );
});

t.test('interfaces with equal pipelines share one program', async (t) => {
  const desired: Desired = { interfaces: [1, 2, 3].map((i) => wanted(i, pipeline('tc', 0))), egress: [] };
  const { actions, summary } = makePlan(desired, nothingDeployed);
  t.same(
    actions.map((a) => a.op),
    ['prepare', 'load', 'set-slot', 'set-slot', 'set-slot', 'attach', 'attach', 'attach'],
  );
  t.match(actions[1], { op: 'load', why: '3 interfaces share it' });
  t.same(summary, { add: 3, change: 0, remove: 0 });
});

t.test('a change of pipeline is one load, one flip and one unload', async (t) => {
  const before = simulate(
    makePlan({ interfaces: [wanted(1, pipeline('tc', 0))], egress: [] }, nothingDeployed),
    nothingDeployed,
  );
  const plan = makePlan({ interfaces: [wanted(1, pipeline('tc', 1))], egress: [] }, before);
  t.match(plan.actions, [
    { op: 'load', pipeline: 'b10000000000', why: 'p1 needs it' },
    { op: 'set-slot', slot: 0, previous: 'b00000000000', pipeline: 'b10000000000', why: 'what p1 needs has changed' },
    { op: 'unload', pipeline: 'b00000000000', why: 'no interface needs it' },
  ]);
  t.equal(plan.actions.length, 3);
  t.same(plan.summary, { add: 0, change: 1, remove: 0 });
});

t.test('moving to another hook is a change, and the interface is never without a fast path', async (t) => {
  const before = simulate(
    makePlan({ interfaces: [wanted(1, pipeline('xdp', 0))], egress: [] }, nothingDeployed),
    nothingDeployed,
  );
  const plan = makePlan({ interfaces: [wanted(1, pipeline('tc', 0))], egress: [] }, before);
  t.same(plan.summary, { add: 0, change: 1, remove: 0 });
  t.match(
    plan.actions.filter((a) => a.op === 'set-slot' || a.op === 'clear-slot').map((a) => [a.op, a.hook, a.why]),
    [
      ['set-slot', 'tc', 'p1 moves to tc'],
      ['clear-slot', 'xdp', 'p1 moves to tc'],
    ],
  );
});

t.test('when slots run out, the shared maps are made anew with room for more', async (t) => {
  const before = simulate(
    makePlan(
      { interfaces: [1, 2].map((i) => wanted(i, pipeline('tc', 0))), egress: [] },
      {
        ...nothingDeployed,
        prepared: [{ hook: 'tc', slots: 2 }],
      },
    ),
    { ...nothingDeployed, prepared: [{ hook: 'tc', slots: 2 }] },
  );
  const plan = makePlan({ interfaces: [1, 2, 3].map((i) => wanted(i, pipeline('tc', 0))), egress: [] }, before);
  t.same(plan.unplaced, []);
  t.same(plan.summary, { add: 1, change: 2, remove: 0 });
  t.same(
    plan.actions.slice(0, 7).map((a) => a.op),
    ['clear-slot', 'clear-slot', 'detach', 'detach', 'unload', 'dismantle', 'prepare'],
  );
  t.match(plan.actions[0], { why: 'the shared maps have 2 entries and 3 are needed' });
  t.match(plan.actions[6], { slots: 256 });
});

t.test('the map of egress devices has room for all of them, however few use XDP', async (t) => {
  const egress = Array.from({ length: 300 }, (_, i) => ({ name: `p${i + 1}`, ifindex: i + 1 }));
  const desired: Desired = { interfaces: [wanted(1, pipeline('xdp', 0))], egress };
  t.match(makePlan(desired, nothingDeployed).actions[0], { op: 'prepare', slots: 1024 });
  const small = simulate(makePlan({ ...desired, egress: [] }, nothingDeployed), nothingDeployed);
  t.match(
    makePlan(desired, small).actions.find((a) => a.op === 'prepare'),
    { slots: 1024 },
  );
});

t.test('slots that others vacate in the same plan are given in the next', async (t) => {
  const deployed = simulate(
    makePlan(
      { interfaces: [1, 2].map((i) => wanted(i, pipeline('tc', 0))), egress: [] },
      {
        ...nothingDeployed,
        prepared: [{ hook: 'tc', slots: 2 }],
      },
    ),
    { ...nothingDeployed, prepared: [{ hook: 'tc', slots: 2 }] },
  );
  const desired: Desired = {
    interfaces: [wanted(1, undefined), wanted(2, pipeline('tc', 0)), wanted(3, pipeline('tc', 0))],
    egress: [],
  };
  const plan = makePlan(desired, deployed);
  t.same(plan.unplaced, [{ interface: 'p3', hook: 'tc' }]);
  const next = makePlan(desired, simulate(plan, deployed));
  t.same(next.unplaced, []);
  t.match(
    next.actions.find((a) => a.op === 'attach'),
    { interface: 'p3', slot: 0 },
  );
});

t.test('a slot that no dispatcher has is emptied before its program goes', async (t) => {
  const id = pipeline('tc', 0).id;
  const deployed: Deployed = {
    ...nothingDeployed,
    prepared: [{ hook: 'tc', slots: 256 }],
    attachments: [{ hook: 'tc', ifindex: 0, slot: 3, linkId: 0, alive: false, pipeline: id, programId: 9 }],
    pipelines: [{ hook: 'tc', id, programId: 9 }],
  };
  const plan = makePlan({ interfaces: [wanted(1, undefined)], egress: [] }, deployed);
  t.same(
    plan.actions.map((a) => a.op),
    ['clear-slot', 'unload', 'dismantle'],
  );
  t.match(plan.actions[0], { interface: 'nothing', slot: 3, why: 'no dispatcher has this slot' });
  t.same(plan.summary, { add: 0, change: 0, remove: 0 });
});

t.test('new maps have room for twice the interfaces', async (t) => {
  const slotsFor = (n: number) => {
    const interfaces = Array.from({ length: n }, (_, i) => wanted(i + 1, pipeline('tc', 0)));
    const [first] = makePlan({ interfaces, egress: [] }, nothingDeployed).actions;
    return first?.op === 'prepare' ? first.slots : 0;
  };
  t.equal(slotsFor(1), 256);
  t.equal(slotsFor(200), 512);
  t.equal(slotsFor(1000), 2048);
});

t.test('maps of which some are missing are made anew, programs and all', async (t) => {
  const deployed: Deployed = {
    ...nothingDeployed,
    prepared: [{ hook: 'tc', slots: 0 }],
    attachments: [{ hook: 'tc', ifindex: 1, slot: 0, linkId: 1, alive: false, pipeline: undefined, programId: 0 }],
    pipelines: [{ hook: 'tc', id: pipeline('tc', 0).id, programId: 9 }],
  };
  const plan = makePlan({ interfaces: [wanted(1, pipeline('tc', 0))], egress: [] }, deployed);
  t.same(
    plan.actions.map((a) => a.op),
    ['detach', 'unload', 'dismantle', 'prepare', 'load', 'set-slot', 'attach'],
  );
  t.match(plan.actions[0], { why: 'shared maps are missing or of another version' });
  t.same(plan.summary, { add: 1, change: 0, remove: 0 });

  // What can be read of the slots may say that all forwards.
  const running = deployed.attachments.map((a) => ({
    ...a,
    alive: true,
    pipeline: pipeline('tc', 0).id,
    programId: 9,
  }));
  const again = makePlan(
    { interfaces: [wanted(1, pipeline('tc', 0))], egress: [] },
    { ...deployed, attachments: running },
  );
  t.equal(again.actions[0]?.op, 'clear-slot', 'the slow path first');
  t.match(
    again.actions.find((a) => a.op === 'set-slot'),
    { why: 'the shared maps of tc are made anew' },
  );
  t.same(again.summary, { add: 0, change: 1, remove: 0 });
});

t.test('every removal says why', async (t) => {
  const on = { slot: 0, linkId: 1, alive: true, pipeline: undefined, programId: 7 };
  const deployed: Deployed = {
    prepared: [{ hook: 'tc', slots: 256 }],
    attachments: [
      { hook: 'tc', ifindex: 1, ...on },
      { hook: 'tc', ifindex: 8, ...on, slot: 1 },
      { hook: 'tc', ifindex: 9, ...on, slot: 2, alive: false },
      { hook: 'tc', ifindex: 2, ...on, slot: 3, pipeline: pipeline('tc', 0).id, programId: 5 },
      { hook: 'tc', ifindex: 2, ...on, slot: 4 },
    ],
    pipelines: [{ hook: 'tc', id: pipeline('tc', 0).id, programId: 5 }],
    egress: [],
    strays: ['odd'],
  };
  const desired: Desired = { interfaces: [wanted(1, undefined), wanted(2, pipeline('tc', 0))], egress: [] };
  const { actions, summary } = makePlan(desired, deployed);
  t.same(
    actions.filter((a) => a.op === 'clear-slot').map((a) => [a.interface, a.why]),
    [
      ['p1', 'p1 is down'],
      ['ifindex 8', 'no rule asks for it'],
      ['ifindex 9', 'the device is gone'],
      ['p2', 'it is attached twice'],
    ],
  );
  t.match(actions[0], { op: 'remove-stray', pin: 'odd', why: 'it is not part of any pipeline' });
  t.same(summary, { add: 0, change: 0, remove: 3 });
});

t.test('what is taken off an interface is told by what speaks against that, not against something else', async (t) => {
  const shared = pipeline('tc', 0);
  const lost = (wish: Partial<DesiredInterface>, others: readonly DesiredInterface[] = []) => {
    const deployed: Deployed = {
      ...nothingDeployed,
      prepared: [{ hook: 'tc', slots: 256 }],
      attachments: [{ hook: 'tc', ifindex: 1, slot: 0, linkId: 1, alive: true, pipeline: shared.id, programId: 5 }],
      pipelines: [{ hook: 'tc', id: shared.id, programId: 5 }],
    };
    const { actions } = makePlan(
      { interfaces: [{ ...wanted(1, undefined), ...wish }, ...others], egress: [] },
      deployed,
    );
    return actions.flatMap((a) => (a.op === 'clear-slot' || a.op === 'detach' ? [a.why] : []));
  };
  const both = (why: string) => [why, why];
  const xdp = { code: 'xdp-local-traffic', message: 'XDP costs much' };
  const tc = { code: 'tc-filters', message: 'p1 has a clsact qdisc' };
  const hookNotes = [
    { ...xdp, hook: 'xdp' as const },
    { ...tc, hook: 'tc' as const },
  ];
  t.same(lost({ reasons: [xdp, tc], hookNotes }), both('p1 has a clsact qdisc'), 'of its hook');
  const routing = { code: 'not-forwarding', message: 'forwarding is off', services: ['routing'] };
  const bridging = { code: 'port-down', message: 'p1 is down', services: ['bridging'] };
  const still = [wanted(2, shared)];
  t.same(lost({ reasons: [routing, bridging] }, still), both('p1 is down'), 'of the service that it had');
  t.same(
    lost({ reasons: [routing] }, still),
    both('p1 is no longer one that bridging is for'),
    'of none of the others',
  );
  t.same(lost({ reasons: [routing] }), both('forwarding is off'), 'the only one that there is');
  t.same(
    lost({ reasons: [routing, bridging] }),
    both('p1 can have no routing, bridging: `tna explain p1` says why'),
    'which it was cannot be told',
  );
});
