// SPDX-License-Identifier: Apache-2.0
// The rules engine under bad weather: hostile and random texts, random expressions, a thousand ports.

import fc from 'fast-check';
import t from 'tap';
import type { Attributes, Scope, Value } from '../../src/model/ruleset.js';
import { CelTypes } from '../../src/rules/cel.js';
import { compileRules } from '../../src/rules/index.js';
import { base, good, library, neutralAttributes, only, read, shipped, texts, withFile } from '../support/rule-sets.js';

/** Every run of the tests does the same. Whoever looks for trouble gives another one. */
const fuzzSeed = Number(process.env.TNA_FUZZ_SEED ?? 20261126);

t.test('hostile texts: an answer, soon', async (t) => {
  const million = 1 << 20;
  const hostile: { readonly [name: string]: string } = {
    brackets: '['.repeat(million - 1),
    dashes: '- '.repeat(million / 2 - 1),
    questions: '? '.repeat(million / 2 - 1),
    tags: '!!a '.repeat(30_000),
    aliases: `x-a: &a 1\nx-b: [${'*a, '.repeat(60_000)}1]`,
    'merges of itself': 'x-a: { <<: &a [*a] }',
    stairs: Array.from({ length: 1000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    backslashes: `x: "${'\\'.repeat(million - 10)}`,
    'too large': ' '.repeat(million + 1),
    'not text': '\0\x01\x7f\ufeff\ud800',
    negations: `apiVersion: tna/v1\nsubsystem: x\nobjects:\n  aa: { source: s, key: k, when: "${'!'.repeat(4000)}true" }`,
  };
  for (const [name, text] of Object.entries(hostile)) {
    const started = performance.now();
    t.ok(texts(compileRules([{ path: name, text }])).length > 0, `${name}: refused`);
    t.ok(performance.now() - started < 20_000, `${name}: ${(performance.now() - started).toFixed(0)} ms`);
  }
  t.equal(({} as { readonly polluted?: unknown }).polluted, undefined);
  withFile('x-a: { __proto__: { polluted: 1 } }\n');
  t.equal(({} as { readonly polluted?: unknown }).polluted, undefined, 'no prototype is touched');
});

t.test('fuzzed texts: errors or rules, never an exception', async (t) => {
  const sources = [...shipped, base, ...read('fixtures/rules/broken', '.yaml')].map(({ text }) => text);
  const pieces = sources
    .flatMap((text) => text.split(/(?<=[\s{}[\],:])/))
    .concat(['&a ', '*a', '<<: ', '${', '}', "'", '"', '|\n', '\t']);
  const mutated = fc
    .tuple(
      fc.constantFrom(...sources),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40), fc.constantFrom(...pieces)), {
        minLength: 1,
        maxLength: 6,
      }),
    )
    .map(([text, edits]) => {
      let result = text;
      for (const [where, cut, piece] of edits) {
        const at = Math.floor(where * result.length);
        result = result.slice(0, at) + piece + result.slice(at + cut);
      }
      return result;
    });
  let refused = 0;
  const check = (text: string) => {
    const result = compileRules([base, { path: 'fuzz.yaml', text }], library);
    if (!('errors' in result)) return;
    refused += 1;
    for (const error of result.errors) {
      const lines = error.file === 'fuzz.yaml' ? text.split('\n') : base.text.split('\n');
      if (error.line < 1 || error.line > lines.length || error.column < 1)
        throw new Error(`bad position: ${error.text}`);
      if (error.column > (lines[error.line - 1] ?? '').length + 1) throw new Error(`bad column: ${error.text}`);
    }
  };
  fc.assert(fc.property(mutated, check), { numRuns: 400, seed: fuzzSeed });
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), check), { numRuns: 200, seed: fuzzSeed });
  t.ok(refused > 300, `${refused} of 600 texts are refused`);
});

t.test('direct evaluation gives what the CEL library gives', async (t) => {
  const types = new Map([
    [
      'thing',
      new Map([
        ['number', 'int'],
        ['other', 'int'],
        ['text', 'string'],
        ['flag', 'bool'],
        ['list', 'list'],
      ] as const),
    ],
  ]);
  const variables = new Map([
    ['a', { type: 'thing', many: false }],
    ['all', { type: 'thing', many: true }],
  ]);
  const direct = new CelTypes(types).scope(variables);
  const thorough = new CelTypes(types, false).scope(variables);
  const { expression } = fc.letrec<{ expression: string; int: string; text: string }>((tie) => ({
    int: fc.oneof(
      fc.constantFrom('a.number', 'a.other', 'x.number', 'y.other', 'size(a.list)', '9007199254740993'),
      fc.integer({ min: 0, max: 3 }).map(String),
    ),
    text: fc.constantFrom('a.text', 'x.text', "'one'", "''"),
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('a.flag', 'x.flag', 'true', 'false'),
      fc.tuple(tie('int'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('int')).map((p) => p.join(' ')),
      fc.tuple(tie('text'), fc.constantFrom('==', '!=', '<', '>='), tie('text')).map((p) => p.join(' ')),
      fc.tuple(fc.oneof(tie('int'), tie('text')), fc.constantFrom('a.list', 'x.list')).map((p) => p.join(' in ')),
      tie('expression').map((e) => `!(${e})`),
      fc
        .tuple(tie('expression'), fc.constantFrom('&&', '||', '==', '!='), tie('expression'))
        .map(([l, op, r]) => `(${l}) ${op} (${r})`),
      fc
        .tuple(tie('expression'), tie('expression'), tie('expression'))
        .map(([c, y, n]) => `((${c}) ? (${y}) : (${n}))`),
      fc.tuple(fc.constantFrom('x', 'y', 'a'), tie('expression')).map(([v, e]) => `all.exists(${v}, ${e})`),
    ),
  }));
  const int = fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, fc.constantFrom(0.5, 2 ** 53, -1));
  const thing = fc.record(
    {
      number: int,
      other: int,
      text: fc.constantFrom('', 'one', 'two'),
      flag: fc.boolean(),
      list: fc.oneof(
        fc.constant([]),
        fc.array(fc.nat(3)),
        fc.array(fc.constantFrom('one', 'two')),
        fc.constant(['one', 1]),
      ),
    },
    { noNullPrototype: true, requiredKeys: ['text', 'flag', 'list'] },
  );
  const outcome = (evaluate: (scope: Scope) => Value, scope: Scope): Value | 'error' => {
    try {
      return evaluate(scope);
    } catch {
      return 'error';
    }
  };
  let compared = 0;
  const compare = (text: string, a: object, all: readonly object[]) => {
    const [fast, slow] = [direct.compile(text), thorough.compile(text)];
    if ('problem' in fast || 'problem' in slow) {
      if (!('problem' in fast) || !('problem' in slow)) throw new Error('one compiles, the other does not');
      return;
    }
    compared += 1;
    const scope = { a: a as Attributes, all: all as readonly Attributes[] };
    const expected = outcome(slow.evaluate, scope);
    // A long list is looked through when it is met first, and then by the values in it.
    for (const time of ['first', 'second', 'third']) {
      const found = outcome(fast.evaluate, scope);
      if (found !== expected)
        throw new Error(`${text}: directly ${found} the ${time} time, by the library ${expected}`);
    }
  };
  const wrapped = fc
    .tuple(fc.boolean(), expression)
    .map(([loop, e]) => (loop ? `all.exists(x, all.exists(y, ${e}))` : e));
  fc.assert(fc.property(wrapped, thing, fc.array(thing, { maxLength: 3 }), compare), {
    numRuns: 3000,
    seed: fuzzSeed,
  });
  t.ok(compared > 500, `${compared} expressions compared`);
  const equal = [
    'all.exists(x, x.number == a.number)',
    'all.exists(x, a.number == x.number && x.flag)',
    "all.exists(x, x.text == 'one' && x.other == a.number && x.flag)",
    'all.exists(x, x.flag && (x.number == 3 && x.other == 3))',
    'all.exists(x, x.number == x.other)',
    'all.exists(x, x.flag || x.number == a.number)',
    'all.exists(x, !(x.number == a.number))',
    'all.exists(x, x.number == size(a.list) && a.flag)',
    'all.exists(a, a.number == a.other)',
    'all.exists(x, all.exists(y, y.number == x.other && x.flag))',
    'all.exists(x, all.exists(y, x.number == 2 && y.other == x.number))',
    'all.exists(x, all.exists(x, x.number == a.other && x.flag))',
  ];
  // Most of them are as their types promise, or nothing would be looked up.
  const sound = {
    ...{ number: fc.nat(20), other: fc.nat(20), text: fc.constantFrom('', 'one', 'two') },
    flag: fc.boolean(),
  };
  const soundThing = fc.record({ ...sound, list: fc.constant([1]) }, { noNullPrototype: true });
  const some = fc.oneof(
    { weight: 4, arbitrary: fc.array(soundThing, { minLength: 9, maxLength: 12 }) },
    fc.array(fc.oneof({ weight: 9, arbitrary: soundThing }, thing), { minLength: 9, maxLength: 12 }),
  );
  for (const text of equal)
    fc.assert(
      fc.property(soundThing, some, (a, all) => compare(text, a, all)),
      { numRuns: 200, seed: fuzzSeed },
    );
});

t.test('speed', async (t) => {
  const cold = performance.now();
  const rules = good(compileRules(shipped));
  const compileTime = performance.now() - cold;
  const bridging = only(rules.services, ({ name }) => name === 'bridging');
  const attributes = neutralAttributes(rules, 'bridge_port');
  const bridge = { ...neutralAttributes(rules, 'bridge'), up: true };
  const ports = Array.from({ length: 1000 }, (_, i) => ({
    ...attributes,
    ifindex: i,
    name: `p${i}`,
    kind: 'veth',
    up: true,
    state: 3,
  }));
  const evaluate = (): number => {
    let holding = 0;
    for (const port of ports) {
      const scope = { port, bridge, bridge_chains: [], ingress_chains: [] };
      for (let twice = 0; twice < 2; twice++)
        for (const condition of bridging.blockedBy) if (condition.holds(scope)) holding += 1;
    }
    return holding;
  };
  const times: number[] = [];
  for (let round = 0; round < 7; round++) {
    const started = performance.now();
    t.equal(evaluate(), 0);
    times.push(performance.now() - started);
  }
  const best = Math.min(...times);
  t.comment(`compile (warm process) ${compileTime.toFixed(1)} ms`);
  t.comment(`1000 ports x 30 conditions: first ${times[0]?.toFixed(1)} ms, best ${best.toFixed(1)} ms`);
  t.ok(best < 200);
});
