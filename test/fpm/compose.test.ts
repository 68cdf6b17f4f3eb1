// SPDX-License-Identifier: Apache-2.0
// The composition as text, and its compile: errors of manifests, numbering, determinism, a user's own FPM.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { composeSource, FPM_COUNTERS, numberReasons } from '../../src/library/compose.js';
import { parseManifest } from '../../src/library/manifest.js';
import { TnaError } from '../../src/model/error.js';
import { type FpmManifest, fpmFlag, fpmParamVariable } from '../../src/model/library.js';
import { buildFpmLibrary } from '../../src/platform/clang.js';
import { checkLibrary, readFpmLibrary } from '../../src/platform/fpm-library.js';
import { fpmSource } from '../../src/platform/package-paths.js';
import { compileRules } from '../../src/rules/index.js';

// Compiles the library several times over, which takes as long as others leave it.
t.setTimeout(900_000);

const directory = mkdtempSync(join(tmpdir(), 'tna-compose-'));
t.teardown(() => rmSync(directory, { recursive: true }));

const minimal = { name: 'toy', order: 50, hooks: ['xdp', 'tc'], summary: 'A toy.' };

function manifest(extra: object): FpmManifest {
  return parseManifest({ ...minimal, ...extra }, 'toy.yaml');
}

/** All files of a directory. */
function contentsOf(of: string): Readonly<Record<string, string>> {
  return Object.fromEntries(readdirSync(of).map((name) => [name, readFileSync(join(of, name), 'latin1')]));
}

/** The error that `act` throws, as code, object and message. */
function errorOf(act: () => unknown): readonly [string, string | undefined, string] | string {
  try {
    act();
  } catch (error) {
    if (error instanceof TnaError) return [error.code, error.object, error.message];
    throw error;
  }
  return 'no error';
}

t.test('manifests that do not fit say where and why', async (t) => {
  const bad: readonly [object, string, RegExp][] = [
    [{ name: 'Toy' }, 'fpm-manifest', /^name: "Toy" is not lower-case/],
    [{ order: 1.5 }, 'fpm-manifest', /^order: expected an integer/],
    [{ hooks: ['xpd'] }, 'fpm-manifest', /^hooks\[0\]: unknown "xpd"/],
    [{ hooks: [] }, 'fpm-manifest', /^hooks: expected at least one/],
    [{ colour: 1 }, 'fpm-manifest', /^colour: unknown field/],
    [{ needs: ['jit', 'btff:net.ns'] }, 'fpm-manifest', /^needs\[1\]: unknown probe "btff:net.ns"/],
    [{ needs: ['attach:tcx | attach:clact'] }, 'fpm-manifest', /^needs\[0\]: unknown probe "attach:clact"/],
    [{ needs: ['helper:redirect_map'] }, 'fpm-manifest', /^needs\[0\]: unknown probe "helper:redirect_map"/],
    [
      { params: { age: { type: 'i32', default: 1, doc: 'x' } } },
      'fpm-manifest',
      /^params.age.type: unknown type "i32"/,
    ],
    [
      { params: { age: { type: 'u8', default: 256, doc: 'x' } } },
      'fpm-param-value',
      /^params.age.default: 256 is not a u8/,
    ],
    [{ params: { age: { type: 'u8', default: 1 } } }, 'fpm-manifest', /^params.age.doc: expected text/],
    [{ reasons: [{ code: 'No_Way', message: 'x' }] }, 'fpm-manifest', /^reasons\[0\].code: "No_Way" is not/],
    [
      {
        reasons: [
          { code: 'no', message: 'x' },
          { code: 'no', message: 'y' },
        ],
      },
      'fpm-duplicate-reason',
      /^reasons\[1\].code: "no" occurs twice/,
    ],
  ];
  for (const [extra, code, message] of bad) {
    t.match(
      errorOf(() => manifest(extra)),
      [code, 'toy.yaml', message],
      JSON.stringify(extra),
    );
  }
});

t.test('modules are ordered, reasons numbered, names unique', async (t) => {
  const reasons = [
    { code: 'one', message: '1' },
    { code: 'two-words', message: '2' },
  ];
  const modules = numberReasons([
    manifest({ name: 'late', order: 9, reasons }),
    manifest({ name: 'b', order: 1, reasons }),
    manifest({ name: 'a', order: 1 }),
  ]);
  t.strictSame(
    modules.map((m) => m.name),
    ['a', 'b', 'late'],
  );
  const ids = modules.flatMap((m) => m.reasons.map((r) => r.id));
  t.strictSame(ids, [3, 4, 5, 6], 'after the counters with a fixed meaning');
  t.match(
    errorOf(() => numberReasons([manifest({}), manifest({})])),
    ['fpm-duplicate-name', 'toy', /more than one FPM/],
  );
  const many = Array.from({ length: FPM_COUNTERS.slots }, (_, i) => ({ code: `r${i}`, message: 'x' }));
  t.match(
    errorOf(() => numberReasons([manifest({ reasons: many })])),
    ['fpm-too-many-reasons', 'library', new RegExp(`${many.length} reasons, at most ${many.length - 3}`)],
  );
});

const serviceOfToy = `apiVersion: tna/v1
subsystem: test
summary: A test.
sources:
  links: { spec: rt-link, dump: getlink }
objects:
  link:
    source: links
    key: ifindex
    attributes:
      ifindex: { path: ifi_index, type: int }
attach:
  link:
    hooks:
      - hook: tc
services:
  toying:
    on: { l: link }
    modules:
      - fpm: toy
`;

t.test('parameters of a rule are checked against the manifest', async (t) => {
  const toy = manifest({
    params: { age: { type: 'u32', default: 7, doc: 'x' }, on: { type: 'bool', default: true, doc: 'x' } },
  });
  const errors = (params: string) => {
    const compiled = compileRules([{ path: 'test.yaml', text: `${serviceOfToy}        params: { ${params} }\n` }], {
      modules: [toy],
    });
    return 'errors' in compiled ? compiled.errors.map(({ code, text }) => `${code} ${text}`) : [];
  };
  for (const good of ['', 'age: 9, on: true', 'age: 4294967295, on: l.ifindex == 1'])
    t.strictSame(errors(good), [], good);
  t.match(errors('agee: 1'), [
    /^unknown-name .*test\.yaml:\d+:\d+: unknown parameter "agee" of FPM toy; did you mean "age"/,
  ]);
  t.match(errors('age: -1'), [/^invalid-value .*parameter "age" cannot be -1, which is not a u32/]);
  t.match(errors('age: 4294967296'), [/^invalid-value .*cannot be 4294967296/]);
  t.match(errors('age: true'), [/^type-mismatch/]);
  t.match(errors('constructor: 1'), [/^reserved-name .*"constructor"/]);
});

t.test('the source has each FPM of its hook behind its flag', async (t) => {
  const modules = numberReasons([
    manifest({
      name: 'both',
      params: { age: { type: 'u32', default: 7, doc: 'x' } },
      reasons: [{ code: 'too-old', message: 'x' }],
    }),
    manifest({ name: 'only_tc', hooks: ['tc'], reasons: [{ code: 'no', message: 'x' }] }),
  ]);
  const xdp = composeSource(modules, 'xdp');
  t.match(xdp, `const volatile bool ${fpmFlag('both')} = false;`);
  t.match(xdp, `const volatile u32 ${fpmParamVariable('both', 'age')} = 7;`);
  t.match(xdp, 'TNA_R_BOTH_TOO_OLD = 3,');
  t.match(xdp, 'TNA_R_ONLY_TC_NO = 4,', 'ids are the same in both programs');
  t.notMatch(xdp, 'fpm_only_tc');
  t.match(composeSource(modules, 'tc'), 'fpm_only_tc(&packet)');
});

t.test('a library is built once, the same everywhere, and takes FPMs of its user', async (t) => {
  const source = fpmSource();
  const toys = join(directory, 'toys');
  mkdirSync(toys);
  writeFileSync(
    join(toys, 'toy.yaml'),
    'name: toy\norder: 150\nhooks: [xdp]\nsummary: Leaves frames to Linux.\nreasons:\n  - { code: any, message: "it is a frame" }\n',
  );
  const header = join(toys, 'toy.bpf.h');
  writeFileSync(
    header,
    '#pragma once\n#include "tna.h"\nstatic __always_inline int fpm_toy(struct tna_pkt *p)\n{\n\treturn tna_slow(p, TNA_R_TOY_ANY);\n}\n',
  );
  const build = (outDir: string, moduleDirs: readonly string[], clang = 'clang') =>
    buildFpmLibrary({
      clang,
      moduleDirs,
      includeDir: source.include,
      dispatcherDir: source.dispatcher,
      kernels: source.kernels,
      compositions: source.compositions,
      outDir,
    });

  const own = await build(join(directory, 'own'), [source.modules]);
  const again = await build(join(directory, 'again'), [source.modules]);
  t.equal(again.hash, own.hash, 'the directory does not matter');
  t.strictSame(await readFpmLibrary(join(directory, 'own')), own);

  const stamp = new Date(2020, 0, 1);
  utimesSync(own.hooks.xdp.objects.cast as string, stamp, stamp);
  await build(join(directory, 'own'), [source.modules]);
  t.same(statSync(own.hooks.xdp.objects.cast as string).mtime, stamp, 'unchanged inputs: nothing is compiled');

  const extended = await build(join(directory, 'extended'), [source.modules, toys]);
  const names = extended.modules.map((m) => m.name);
  t.ok(
    names.indexOf('toy') > names.indexOf('frame') && names.length === own.modules.length + 1,
    'the toy has its place',
  );
  t.not(extended.hash, own.hash);
  t.match(readFileSync(join(directory, 'extended', 'compose_xdp.bpf.c'), 'utf8'), 'fpm_toy(&packet)');

  await t.rejects(build(join(directory, 'twice'), [source.modules, toys, toys]), {
    code: 'fpm-duplicate-name',
    object: 'toy',
  });
  const before = contentsOf(join(directory, 'again'));
  // Compiles all but the last but one.
  const clang = join(directory, 'clang');
  const copy = `while [ $# -gt 1 ]; do shift; done; cp ${own.hooks.xdp.dispatcher.object} $1`;
  writeFileSync(clang, `#!/bin/sh\ncase "$*" in --version) ;; *dispatcher_tc*) exit 1 ;; *) ${copy} ;; esac\n`, {
    mode: 0o755,
  });
  await t.rejects(build(join(directory, 'again'), [source.modules], clang), { code: 'clang-failed' });
  t.same(contentsOf(join(directory, 'again')), before, 'a build that fails leaves the library as it is');
  await checkLibrary(again);
  writeFileSync(again.lease.object, 'cut short');
  await t.rejects(checkLibrary(again), {
    message: 'its objects do not match library.json',
    hint: 'run `tna fpm build`',
  });

  writeFileSync(header, '#pragma once\nstatic int fpm_toy(struct tna_pkt *p)\n{\n\treturn undefined_thing;\n}\n');
  await t.rejects(build(join(directory, 'broken'), [source.modules, toys]), {
    code: 'clang-failed',
    evidence: /undefined_thing/,
  });
  await t.rejects(readFpmLibrary(join(directory, 'broken')), { code: 'fpm-library-missing' });
  rmSync(header);
  await t.rejects(build(join(directory, 'headless'), [source.modules, toys]), {
    code: 'fpm-header-missing',
    object: header,
  });
});
