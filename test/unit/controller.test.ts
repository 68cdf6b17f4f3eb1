// SPDX-License-Identifier: Apache-2.0
// What a controller says and when, and which rules it goes by while they change.

import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { Journal } from '../../src/cli/journal.js';
import { parseOptions } from '../../src/cli/options.js';
import { Repeats } from '../../src/cli/repeats.js';
import { RuleReload } from '../../src/cli/rule-reload.js';
import { TnaError } from '../../src/model/error.js';
import type { RuleSet } from '../../src/model/ruleset.js';
import { runPass } from '../../src/reconcile/pass.js';
import { progressOf, progressText, stoppedText } from '../../src/report/controller.js';
import { domain, link, rulesWith } from '../support/device-domain.js';
import { FakeHost } from '../support/fake-host.js';

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
  repeats.isWorthTelling('b');
  repeats.forget('a');
  t.same(
    ['a', 'b'].map((text) => repeats.isWorthTelling(text)),
    [true, false],
    'or when it was over meanwhile',
  );
  repeats.forget();
  t.ok(repeats.isWorthTelling('a'), 'or when all was well');
});

t.test('what could not be followed is tried again with each pass', async (t) => {
  const told: string[] = [];
  const second = rulesWith('d.up');
  let fails = 2;
  const reload = new RuleReload(domain.rules, {
    follow: async () => {
      told.push('follow');
      if (fails-- > 0) throw new Error('no descriptors');
    },
    wake: () => told.push('wake'),
    prune: () => undefined,
    good: () => undefined,
    bad: () => undefined,
    warn: (error) => told.push(error instanceof Error ? error.message : String(error)),
  });
  const heard = () => new Promise(setImmediate).then(() => told.splice(0));
  await reload.changed({ ruleSet: second });
  t.same(await heard(), ['follow', 'no descriptors', 'wake'], 'they are looked by all the same');
  reload.begin();
  t.same(await heard(), ['follow', 'no descriptors']);
  reload.begin();
  t.same(await heard(), ['follow', 'wake'], 'what happened meanwhile was no event');
  reload.begin();
  t.same(await heard(), []);
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
    bad: ({ message }) => told.push(message),
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
  t.same(
    await after(reload.changed({ ruleSet: second })),
    ['as before'],
    'or readable again: nothing else brings the same',
  );
});

t.test('a mistake in the rules is news again once they had another one, or none', async (t) => {
  const lines = t.capture(process.stderr, 'write', () => true);
  const said = () => lines().map(({ args }) => stripVTControlCharacters(String(args[0])).trim());
  const journal = new Journal({ ...parseOptions({}), rules: 'here' });
  const mistake = (text: string) => new TnaError('rules', `have errors: ${text}`);
  journal.badRules(mistake('a'));
  journal.badRules(mistake('a'));
  t.same(said(), ['tna: have errors: a'], 'while it lasts, it is not');
  journal.badRules(mistake('b'));
  journal.badRules(mistake('a'));
  t.same(said(), ['tna: have errors: b', 'tna: have errors: a'], 'one after another');
  journal.goodRules('here', false);
  journal.badRules(mistake('a'));
  journal.goodRules('here', true);
  t.same(said(), [
    'the rules in here are good again, and as before',
    'tna: have errors: a',
    'rules reloaded from here',
  ]);
});
