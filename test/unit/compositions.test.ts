// SPDX-License-Identifier: Apache-2.0
// Programs with just the FPMs of a pipeline: their sources, which pipelines run from them, what is wrong with a file of them.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { composeSource } from '../../src/library/compose.js';
import { parseCompositions, programOf } from '../../src/library/compositions.js';
import type { Desired } from '../../src/model/desired.js';
import type { FpmHook, FpmModule } from '../../src/model/library.js';
import { readFpmLibrary } from '../../src/platform/fpm-library.js';
import { fpmSource } from '../../src/platform/package-paths.js';
import { libraryDirectory, scenariosDirectory } from '../support/scenarios/files.js';

function moduleOf(name: string, order: number): FpmModule {
  const id = 3 + order;
  const reasons = [{ id, code: 'no', message: 'x' }];
  const common = { summary: 'x', reproduces: [], guard: false, params: {}, needs: [] };
  return { name, order, hooks: ['xdp', 'tc'], reasons, ...common };
}

const modules = ['first', 'second', 'third', 'fourth'].map(moduleOf);

t.test(
  'the source of a composition has its FPMs without flags, the optional ones behind theirs, and no others',
  async (t) => {
    const source = composeSource(modules, 'tc', { name: 'some', fpms: ['first', 'fourth'], optional: ['second'] });
    const declared = [...source.matchAll(/^(?:const volatile bool|#define) (on\S*) ?=? ?(true|false)/gm)];
    t.strictSame(
      declared.map(([, name, value]) => [name, value]),
      [
        ['on_first', 'true'],
        ['on_third', 'false'],
        ['on_fourth', 'true'],
        ['on', 'false'],
        ['on_second', 'false'],
      ],
    );
    const calls = [...source.matchAll(/(if \(on_\w+\)|fpm_\w+)/g)].map(([found]) => found);
    t.strictSame(calls, ['fpm_first', 'if (on_second)', 'fpm_second', 'fpm_fourth']);
    t.match(source, 'if (!on || !tna_begin(&packet, ctx))', 'a template is nothing until it is switched on');
    t.match(source, 'TNA_R_THIRD_NO = 5', 'reasons have the same numbers in every program');
  },
);

t.test('a pipeline runs from the program with just its FPMs, if there is one for the window', async (t) => {
  const composition = { name: 'some', fpms: ['first', 'fourth'], optional: ['second'] };
  const hook: FpmHook = {
    program: 'tna_tc',
    objects: { best: 'all.o', other: 'all-other.o' },
    compositions: [{ ...composition, window: 'best', object: 'some.o' }],
    dispatcher: { object: 'dispatcher.o', program: 'tna_dispatch_tc' },
  };
  const all = (object: string, ...flags: string[]) => ({ object, flags });
  t.strictSame(programOf(hook, 'best', ['first', 'fourth']), { object: 'some.o', flags: ['on'] });
  t.strictSame(programOf(hook, 'best', ['first', 'second', 'fourth']), {
    object: 'some.o',
    flags: ['on', 'on_second'],
  });
  t.strictSame(programOf(hook, 'other', ['first', 'fourth']), all('all-other.o', 'on_first', 'on_fourth'));
  t.strictSame(programOf(hook, 'best', ['first']), all('all.o', 'on_first'), 'one is missing');
  t.strictSame(
    programOf(hook, 'best', ['first', 'third', 'fourth']),
    all('all.o', 'on_first', 'on_third', 'on_fourth'),
    'one too many',
  );
});

t.test('what most hosts have runs from programs of its own', async (t) => {
  const { hooks } = await readFpmLibrary(libraryDirectory);
  for (const [scenario, names] of Object.entries({
    bridge: ['bridge'],
    'forced-xdp': ['bridge'],
    'vlan-filtering': ['bridge-vlan'],
    router: ['router4'],
    'router-ip6': ['router6'],
    'router-both': ['router', 'router4'],
  })) {
    const desired = JSON.parse(readFileSync(join(scenariosDirectory, scenario, 'desired.json'), 'utf8')) as Desired;
    const pipelines = desired.interfaces.flatMap(({ pipeline }) => (pipeline === undefined ? [] : [pipeline]));
    const objects = pipelines.map(({ hook, modules }) =>
      basename(programOf(hooks[hook], 'cast', modules).object).replace(`tna_${hook}.`, ''),
    );
    t.strictSame(
      [...new Set(objects)].sort(),
      names.map((name) => `${name}.bpf.o`),
      scenario,
    );
  }
});

t.test('a file of compositions that cannot be meant is refused, with the place', async (t) => {
  const { modules: known } = await readFpmLibrary(libraryDirectory);
  const { compositions } = fpmSource();
  t.not(parseCompositions(parse(readFileSync(compositions, 'utf8')), compositions, known, []).length, 0);
  const some = { name: 'some', fpms: ['first'] };
  for (const [value, message] of [
    ['text', /^\(top\): expected a mapping/],
    [{ compositions: {} }, /^compositions: expected a list/],
    [{ compositions: [some], more: 1 }, /^more: unknown field/],
    [{ compositions: [some, some] }, /^compositions\[1\]\.name: "some" is taken/],
    [{ compositions: [{ ...some, name: 'kmod' }] }, /^compositions\[0\]\.name: "kmod" is taken/],
    [{ compositions: [{ ...some, name: 'a/b' }] }, /^compositions\[0\]\.name: expected lower-case/],
    [{ compositions: [{ ...some, fpms: ['fifth'] }] }, /^compositions\[0\]\.fpms: no FPM is called "fifth"/],
    [{ compositions: [{ ...some, optional: 'second' }] }, /^compositions\[0\]\.optional: expected a list/],
  ] as const) {
    t.throws(() => parseCompositions(value, 'c.yaml', modules, ['kmod']), {
      code: 'fpm-compositions',
      object: 'c.yaml',
      message,
    });
  }
});
