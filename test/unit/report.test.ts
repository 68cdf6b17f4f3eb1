// SPDX-License-Identifier: Apache-2.0
// What people and scripts read: tables, the plan, status and explanation, and the JSON that is a contract.

import fc from 'fast-check';
import t from 'tap';
import type { Derived } from '../../src/model/derived.js';
import type { DesiredInterface, Pipeline } from '../../src/model/desired.js';
import type { Graph } from '../../src/model/graph.js';
import type { Action, Plan } from '../../src/model/plan.js';
import { type Attachment, nothingDeployed } from '../../src/model/snapshot.js';
import { graphDot, graphJson, graphText } from '../../src/report/graph.js';
import { outcomeJson, outcomesText, planJson, planText } from '../../src/report/plan.js';
import { explainText, makeStatus, statusText } from '../../src/report/status.js';
import { plain, type Style, table } from '../../src/report/table.js';
import { fpm, libraryOf } from '../support/rule-set.js';

const mark = (letter: string) => (text: string) => `\u001b[${letter}m${text}\u001b[0m`;
const coloured: Style = { good: mark('1'), bad: mark('2'), change: mark('3'), dim: mark('4'), strong: mark('5') };
const stripped = (text: string) => text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9]m`, 'g'), '');

t.test('columns are aligned whatever they hold, and colours take no width', async (t) => {
  const word = fc.stringMatching(/^[a-z]{0,12}$/);
  const tables = fc
    .integer({ min: 1, max: 5 })
    .chain((n) => fc.array(fc.array(word, { minLength: n, maxLength: n }), { minLength: 1, maxLength: 6 }));
  let checked = 0;
  fc.assert(
    fc.property(tables, fc.boolean(), (rows, rightFirst) => {
      const columns = (rows[0] as readonly string[]).map((_, i) => ({
        head: `H${i}`,
        ...(i === 0 && rightFirst ? { align: 'right' as const } : {}),
      }));
      const lines = table(columns, rows, plain).split('\n');
      const widths = columns.map((column, i) =>
        Math.max(column.head.length, ...rows.map((row) => (row[i] as string).length)),
      );
      for (const [n, row] of [columns.map((column) => column.head), ...rows].entries()) {
        const cells = row.map((text, i) =>
          i === 0 && rightFirst ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number),
        );
        if (lines[n] !== cells.join('  ').trimEnd()) throw new Error(`${JSON.stringify(lines[n])} is not aligned`);
        checked++;
      }
      const painted = rows.map((row) => row.map((text) => ({ text, paint: coloured.good })));
      if (stripped(table(columns, painted, coloured)).replaceAll(/ +$/gm, '') !== lines.join('\n'))
        throw new Error('colours take width');
    }),
    { numRuns: 300, seed: 1 },
  );
  t.ok(checked > 300);
});

const tc1: Pipeline = { id: 'b10000000000', hook: 'tc', modules: ['frame', 'relay'], params: {} };

function desired(name: string, ifindex: number, changes: Partial<DesiredInterface> = {}): DesiredInterface {
  return {
    ...{ name, ifindex, services: [], pipeline: undefined, reasons: [], hookNotes: [], assumptions: [] },
    ...changes,
  };
}

const fast = desired('p1', 11, { services: ['relaying'], pipeline: tc1 });
const idle = desired('p2', 12, {
  reasons: [
    { code: 'down', message: 'p2 is down', hint: 'ip link set p2 up' },
    { code: 'hub-down', message: 'hub h is down', object: 'h' },
  ],
});

function planOf(actions: readonly Action[], changes: Partial<Plan> = {}): Plan {
  return { ...{ actions, summary: { add: 0, change: 0, remove: 0 }, unplaced: [] }, ...changes };
}

const on = { interface: 'p1', ifindex: 11, hook: 'tc' as const, slot: 0 };
const everyAction: readonly Action[] = [
  { op: 'prepare', hook: 'tc', slots: 256, why: 'w1' },
  { op: 'load', hook: 'tc', pipeline: tc1.id, modules: tc1.modules, params: { relay: { size: 5 } }, why: 'w2' },
  { op: 'set-egress', interface: 'p1', ifindex: 11, why: 'w3' },
  { op: 'attach', ...on, why: 'w4' },
  { op: 'set-slot', ...on, pipeline: tc1.id, previous: undefined, why: 'w5' },
  { op: 'set-slot', ...on, pipeline: tc1.id, previous: 'b00000000000', why: 'w6' },
  { op: 'clear-slot', ...on, previous: 'b00000000000', why: 'w7' },
  { op: 'detach', ...on, why: 'w8' },
  { op: 'clear-egress', interface: 'p1', ifindex: 11, why: 'w9' },
  { op: 'unload', hook: 'tc', pipeline: 'b00000000000', why: 'w10' },
  { op: 'dismantle', hook: 'tc', why: 'w11' },
  { op: 'remove-stray', pin: 'odd', why: 'w12' },
];

t.test('a plan reads as verdict, actions, pipelines and what is left to the kernel', async (t) => {
  const plan = planOf(everyAction, {
    summary: { add: 1, change: 2, remove: 3 },
    unplaced: [{ interface: 'p9', hook: 'xdp' }],
  });
  t.equal(
    planText(plan, { interfaces: [fast, idle], egress: [] }, plain),
    `Plan: 1 to add, 2 to change, 3 to remove (12 actions).

 #  ACTION          ON     WHAT                                     WHY
 1  + prepare       tc     256 slots                                w1
 2  + load          tc     b10000000000, 2 FPMs                     w2
 3  + set-egress    p1     ifindex 11                               w3
 4  + attach        p1 tc  slot 0                                   w4
 5  + set-slot      p1 tc  slot 0 = b10000000000                    w5
 6  ~ set-slot      p1 tc  slot 0 = b10000000000, was b00000000000  w6
 7  - clear-slot    p1 tc  slot 0, was b00000000000                 w7
 8  - detach        p1 tc  slot 0                                   w8
 9  - clear-egress  p1     ifindex 11                               w9
10  - unload        tc     b00000000000                             w10
11  - dismantle     tc     shared maps                              w11
12  - remove-stray  pin    odd                                      w12

Pipeline b10000000000 (tc): frame → relay

p9: no slot of xdp is free before others are vacated; the next pass gives it one

Left to the kernel:
INTERFACE  REASON    WHY
p2         down      p2 is down (ip link set p2 up)
           hub-down  hub h is down`,
  );
});

t.test('many interfaces that share their reasons share the lines', async (t) => {
  const reason = { code: 'br-netfilter', message: 'frames through br0 are passed to iptables', hint: 'set a sysctl' };
  const ports = (n: number) => Array.from({ length: n }, (_, i) => desired(`p${i + 1}`, i + 3, { reasons: [reason] }));
  const text = (n: number) => {
    const interfaces = [
      ...ports(n),
      desired('up', 99, { reasons: [{ ...reason, message: 'frames through br1 are passed to iptables' }] }),
    ];
    return planText(planOf([]), { interfaces, egress: [] }, plain).split('\n').slice(4);
  };
  t.same(text(9), [
    'p1 and 8 more  br-netfilter  frames through br0 are passed to iptables (set a sysctl)',
    'up             br-netfilter  frames through br1 are passed to iptables (set a sysctl)',
  ]);
  t.equal(text(8).length, 9, 'a few are listed');
});

t.test('a plan without actions says which of two things that means', async (t) => {
  t.match(
    planText(planOf([]), { interfaces: [fast], egress: [] }, plain),
    /^Nothing to do: 1 interface accelerated as desired\.$/,
  );
  t.match(
    planText(planOf([]), { interfaces: [idle], egress: [] }, plain),
    /^Nothing to do: no interface can be accelerated\./,
  );
});

t.test('the JSON of a plan keeps its contract', async (t) => {
  const { actions, summary, ...rest } = planJson(
    planOf(everyAction, { summary: { add: 1, change: 2, remove: 3 } }),
  ) as {
    readonly actions: readonly { readonly [member: string]: unknown }[];
    readonly summary: unknown;
  };
  t.same(rest, {});
  t.same(summary, { add: 1, change: 2, remove: 3 });
  t.same(
    actions.map((action) => action.op),
    everyAction.map((action) => action.op),
  );
  t.same(actions[1], {
    op: 'load',
    hook: 'tc',
    pipeline: tc1.id,
    modules: ['frame', 'relay'],
    params: { relay: { size: 5 } },
    why: 'w2',
  });
  t.same(
    Object.keys(actions[4] as object).sort(),
    ['hook', 'ifindex', 'interface', 'op', 'pipeline', 'slot', 'why'],
    'nothing undefined',
  );
  t.equal(actions[5]?.previous, 'b00000000000');
});

t.test('what went wrong has a line each, what went well has none', async (t) => {
  const [prepare, load, , attach] = everyAction as [Action, Action, Action, Action];
  t.equal(
    outcomesText(
      [
        { action: prepare, result: 'done' },
        { action: load, result: 'failed', error: new Error('verifier says no') },
        { action: attach, result: 'undone' },
        { action: everyAction[4] as Action, result: 'skipped', because: 'verifier says no' },
      ],
      plain,
    ),
    'failed   load tc: verifier says no\nundone   attach p1 tc\nskipped  set-slot p1 tc: verifier says no',
  );
  t.equal(outcomesText([{ action: prepare, result: 'done' }], plain), '');
  const failed = outcomeJson({ action: attach, result: 'failed', error: new Error('no') });
  t.same(failed, { op: 'attach', interface: 'p1', hook: 'tc', slot: 0, result: 'failed', error: 'no' });
  t.match(outcomeJson({ action: load, result: 'done' }), { op: 'load', hook: 'tc', pipeline: String, result: 'done' });
});

const library = libraryOf(
  fpm('frame', { reasons: [{ id: 3, code: 'runt', message: 'the frame is a runt' }] }),
  fpm('relay', {
    reasons: [
      { id: 4, code: 'miss', message: 'the address is not known' },
      { id: 5, code: 'bad', message: 'the frame is bad' },
    ],
  }),
);

function derived(interfaces: readonly DesiredInterface[], attachments: readonly Attachment[], plan: Plan): Derived {
  return {
    snapshot: {
      ...{ version: 1, host: { kernel: '6.18', hostname: 'lab' }, namespace: { id: '42', name: 'lab' } },
      ...{ sources: {}, absent: {}, sysctls: {}, capabilities: [] },
      deployed: { ...nothingDeployed, attachments },
    },
    graph: { nodes: [], edges: [] },
    desired: { interfaces, egress: [] },
    plan,
  };
}

const attached: Attachment = {
  hook: 'tc',
  ifindex: 11,
  slot: 0,
  linkId: 1,
  alive: true,
  pipeline: tc1.id,
  programId: 7,
};
/** By reason id: fast, dropped, end, runt, miss, bad. Two of the bad ones were dropped, so they are not slow. */
const packets = [90, 2, 3, 0, 4, 3];

t.test('the status of an accelerated interface', async (t) => {
  const status = makeStatus(derived([fast, idle], [attached], planOf([])), () => packets, library, {
    pid: 99,
    command: 'tna reconcile',
  });
  t.same(JSON.parse(JSON.stringify(status)), {
    namespace: { id: '42', name: 'lab' },
    lease: null,
    controller: { pid: 99, command: 'tna reconcile' },
    interfaces: [
      {
        ...{ name: 'p1', ifindex: 11, accelerated: true, hook: 'tc', pipeline: tc1.id, services: ['relaying'] },
        ...{ modules: ['frame', 'relay'], reasons: [], hookNotes: [], assumptions: [], leased: false },
        counters: {
          ...{ fast: 90, slow: 8, drop: 2 },
          reasons: [
            { fpm: 'relay', code: 'miss', message: 'the address is not known', packets: 4 },
            { fpm: 'relay', code: 'bad', message: 'the frame is bad', packets: 3 },
            { fpm: 'pipeline', code: 'end', message: 'no FPM had anything to do with it', packets: 3 },
          ],
        },
      },
      {
        ...{ name: 'p2', ifindex: 12, accelerated: false, hook: null, pipeline: null, services: [], modules: [] },
        ...{ reasons: idle.reasons, hookNotes: [], assumptions: [], leased: false },
        counters: { fast: 0, slow: 0, drop: 0, reasons: [] },
      },
    ],
    pending: 0,
  });
  t.equal(
    statusText(status, plain),
    `1 of 2 interfaces accelerated, in sync, controller pid 99

INTERFACE  HOOK  SERVICE   FAST  SLOW  DROP  WHY NOT
p1         tc    relaying    90     8     2
p2         -     -            -     -     -  p2 is down; hub h is down`,
  );
});

t.test('an interface that could be accelerated but is not says what to do', async (t) => {
  const pending = planOf(everyAction.slice(3, 5));
  const reasons = (attachments: readonly Attachment[], plan = pending) =>
    makeStatus(derived([fast], attachments, plan), () => [], library, null).interfaces[0]?.reasons.map(
      (reason) => reason.code,
    );
  t.same(reasons([]), ['not-deployed']);
  const beside = makeStatus(derived([fast], [], pending), () => [], library, { pid: 7, command: 'tna' });
  t.match(beside.interfaces[0]?.reasons, [{ message: /the controller, pid 7, has not done so/ }], 'which is at it');
  t.same(
    reasons([{ ...attached, programId: 0, pipeline: undefined }]),
    ['not-deployed'],
    'an empty slot does not accelerate',
  );
  t.same(reasons([{ ...attached, alive: false }]), ['not-deployed'], 'nor does what is left of a device that is gone');
  t.same(reasons([], { ...pending, unplaced: [{ interface: 'p1', hook: 'tc' }] }), ['not-deployed', 'slots-exhausted']);
  t.match(
    statusText(
      makeStatus(derived([fast], [], pending), () => [], library, null),
      plain,
    ),
    /^0 of 1 interface accelerated, 2 actions pending, no controller running\n/,
  );
});

t.test('what is deployed may be older than what is wanted', async (t) => {
  const [older] = makeStatus(
    derived([fast], [{ ...attached, pipeline: 'b00000000000' }], planOf([])),
    () => [],
    library,
    null,
  ).interfaces;
  t.match(older, { accelerated: true, pipeline: 'b00000000000', modules: [] });
  t.match(
    explainText(older as never, plain),
    /Pipeline b00000000000\n {2}not what is wanted now: `tna reconcile` brings/,
  );
  const shared = { ...fast, name: 'p3', ifindex: 13, pipeline: { ...tc1, id: 'b00000000000' } };
  const [known] = makeStatus(
    derived([fast, shared], [{ ...attached, pipeline: 'b00000000000' }], planOf([])),
    () => [],
    library,
    null,
  ).interfaces;
  t.same(known?.modules, tc1.modules, 'what another interface still wants is known');
  const [unpinned] = makeStatus(
    derived([idle], [{ ...attached, ifindex: 12, pipeline: undefined }], planOf([])),
    () => [],
    library,
    null,
  ).interfaces;
  t.match(unpinned, { accelerated: true, pipeline: null });
  t.match(explainText(unpinned as never, plain), /^p2 is accelerated at tc: no longer wanted\n\nPipeline unknown\n/);
});

t.test('a recording tells neither of a controller nor of packets', async (t) => {
  const replayed = makeStatus(derived([fast], [attached], planOf([])), () => [], library, null, true);
  t.match(
    statusText(replayed, plain),
    /^1 of 1 interface accelerated, in sync, as recorded, without controller and packets\n/,
  );
  t.match(statusText(replayed, plain), /p1 +tc +relaying +- +- +-/);
  t.notMatch(explainText(replayed.interfaces[0] as never, plain, false), /Packets/);
});

t.test('an explanation has all that is known', async (t) => {
  const full: DesiredInterface = {
    ...fast,
    hookNotes: [{ hook: 'xdp', code: 'costs-much', message: 'XDP costs much', hint: 'use tc' }],
    assumptions: [
      { code: 'hub-down', condition: '!(hub.up)', coverage: 'live', fpm: 'relay' },
      { code: 'watched', condition: 'm.watched', coverage: 'guard', fpm: 'watch' },
      { code: 'foreign', condition: 'm.foreign', coverage: 'attachment' },
      { code: 'down', condition: '!(m.up)', coverage: 'controller', egress: true },
    ],
  };
  const [p1] = makeStatus(derived([full], [attached], planOf([])), () => packets, library, null).interfaces;
  t.equal(
    explainText(p1 as never, plain),
    `p1 is accelerated at tc: relaying

Pipeline b10000000000
  frame → relay

Hooks passed over
HOOK  REASON      WHY             WHAT TO DO
xdp   costs-much  XDP costs much  use tc

Packets  fast 90  slow 8  drop 2 (90.0 % fast)
PACKETS  REASON        WHY NOT FAST
      4  relay/miss    the address is not known
      3  relay/bad     the frame is bad
      3  pipeline/end  no FPM had anything to do with it

Goes back to the kernel as soon as one of these holds
REASON    OF      NOTICED              CONDITION
hub-down  p1      live, by relay       !(hub.up)
watched   p1      guard, by watch      m.watched
foreign   p1      ends the attachment  m.foreign
down      egress  controller only      !(m.up)
Covered by the controller only: down (without a lease)`,
  );
  const [p2] = makeStatus(derived([idle], [], planOf([])), () => [], library, null).interfaces;
  t.equal(
    explainText(p2 as never, plain),
    `p2 is left to the kernel

Because
REASON    OBJECT  WHY            WHAT TO DO
down      p2      p2 is down     ip link set p2 up
hub-down  h       hub h is down`,
  );
});

t.test('text is the same with colours, apart from the colours', async (t) => {
  const plan = planOf(everyAction, { unplaced: [{ interface: 'p9', hook: 'xdp' }] });
  const both = (draw: (style: Style) => string) => {
    t.not(draw(coloured), draw(plain), 'there are colours');
    t.equal(stripped(draw(coloured)), draw(plain));
  };
  both((style) => planText(plan, { interfaces: [fast, idle], egress: [] }, style));
  const status = makeStatus(derived([fast, idle], [attached], planOf([])), () => packets, library, null);
  both((style) => statusText(status, style));
  for (const i of status.interfaces) both((style) => explainText(i, style));
});

t.test('graphs as text, JSON and DOT', async (t) => {
  const node = (id: string, type: string, label: string, base?: string) => ({
    ...{ id, type, key: id, label, attributes: { n: 1 } },
    base,
  });
  const graph: Graph = {
    nodes: [node('a:1', 'dev', 'p1'), node('b:1', 'port', 'p1', 'a:1'), node('c:1', 'note', 'say "hi" \\')],
    edges: [
      { name: 'is', from: 'b:1', to: 'a:1', label: 'is' },
      { name: 'about', from: 'c:1', to: 'b:1', label: 'about' },
      { name: 'also', from: 'c:1', to: 'a:1', label: 'also' },
    ],
  };
  t.equal(
    graphText(graph, plain),
    `3 objects, 3 dependencies

dev p1
├─ is: port p1
│  └─ about: note say "hi" \\
└─ also: note say "hi" \\`,
  );
  t.same(graphJson(graph), {
    nodes: graph.nodes.map(({ id, type, label, attributes }) => ({ id, type, label, attributes })),
    edges: graph.edges,
  });
  const dot = graphDot(graph, { interfaces: [fast], egress: [] });
  t.match(dot, '"c:1" [label="note\\nsay \\"hi\\" \\\\"];');
  t.match(dot, /"a:1" \[label="dev\\np1", style="rounded,filled"/);
  t.match(dot, '"c:1" -> "b:1" [label="about"];');
});

t.test('a lease is shown with the time that is left', async (t) => {
  const pipeline = { ...(fast.pipeline as Pipeline), modules: ['lease', 'frame', 'relay'] };
  const state = (left: number | undefined) => {
    const lease = { policy: { scope: 'needed', seconds: 60 }, left } as const;
    const seen = derived([{ ...fast, pipeline }], [attached], planOf([]));
    const deployed = { ...seen.snapshot.deployed, lease };
    return makeStatus({ ...seen, snapshot: { ...seen.snapshot, deployed } }, () => packets, library, null);
  };
  t.match(state(43), { lease: { scope: 'needed', seconds: 60, left: 43 } });
  t.match(statusText(state(43), plain), /, no controller running, lease 60 s, 43 s left\n/);
  t.match(statusText(state(-12), plain), /, lease expired 12 s ago\n/);
  t.match(statusText(state(undefined), plain), /, lease never renewed\n/);
  const codes = (left: number) => state(left).interfaces[0]?.reasons.map((reason) => reason.code);
  t.same([codes(43), codes(-12)], [[], ['lease-expired']]);
  const unleased = makeStatus(derived([fast], [attached], planOf([])), () => packets, library, null);
  t.same([unleased.lease, unleased.interfaces[0]?.leased], [null, false], 'nobody needs one');
});
