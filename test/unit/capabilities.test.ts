// SPDX-License-Identifier: Apache-2.0
// What a kernel can and cannot do, from the library's notes and the probes' answers.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BpfError, probe } from 'bpf-loader-native';
import { readModule } from 'bpf-loader-native/dist/loaded-module.js';
import { unknownBy } from 'bpf-loader-native/dist/probe.js';
import t from 'tap';
import { parse } from 'yaml';
import { always } from '../../src/cli/commands/capabilities.js';
import { kernelModuleProbes, parseKernels, remedy } from '../../src/library/kernels.js';
import { parseManifest } from '../../src/library/manifest.js';
import { alternatives, type FpmKernels } from '../../src/model/library.js';
import type { RuleSet } from '../../src/model/ruleset.js';
import type { Capability } from '../../src/model/snapshot.js';
import { probesToReport, reportCapabilities } from '../../src/pipeline/capabilities.js';
import { viewLibrary } from '../../src/pipeline/library-view.js';
import { probeCapabilities } from '../../src/platform/capabilities.js';
import { fpm, libraryOf } from '../support/rule-set.js';
import { read, root } from '../support/rule-sets.js';

const kernels: FpmKernels = parseKernels(
  {
    windows: [
      { name: 'own', summary: 'by itself', needs: ['kfunc:a'] },
      { name: 'helped', summary: 'by a module', define: 'HELPED', needs: ['kfunc:b'] },
    ],
    capabilities: [
      { probe: 'kfunc:a', purpose: 'reading', since: '6.2', option: 'CONFIG_A=y' },
      { probe: 'kfunc:b', purpose: 'reading, too', package: 'the module' },
      { probe: 'btf:c', purpose: 'seeing', option: 'CONFIG_C=y', module: 'c' },
    ],
  },
  'kernels.yaml',
);
const library = {
  ...libraryOf(
    fpm('reader', { needs: ['kfunc:a | kfunc:b'] }),
    fpm('seer', { needs: ['btf:c'] }),
    fpm('idle', { needs: ['btf:d'] }),
  ),
  kernels,
};
const rules = {
  services: [
    {
      name: 'relaying',
      hooks: ['xdp', 'tc'],
      modules: ['reader', 'seer'].map((fpm) => ({ fpm, hooks: ['xdp', 'tc'] })),
    },
  ],
} as unknown as RuleSet;

function answers(having: readonly string[]): readonly Capability[] {
  return probesToReport(library, ['jit']).map((probe) => ({
    probe,
    answer: having.includes(probe) ? 'yes' : 'no',
    evidence: `about ${probe}`,
  }));
}

t.test('everything there, by the second alternative', async (t) => {
  const report = reportCapabilities(rules, library, ['jit'], answers(['jit', 'kfunc:b', 'btf:c', 'btf:d']));
  t.same(report.window, { name: 'helped', summary: 'by a module' });
  t.ok(report.services.length === 2 && report.services.every(({ possible }) => possible));
  t.match(report.needs, [
    { need: 'jit', answer: 'yes', neededBy: [], remedy: undefined },
    { need: 'kfunc:a | kfunc:b', answer: 'yes', evidence: 'kfunc:b: about kfunc:b', neededBy: ['reader'] },
    { need: 'btf:c', answer: 'yes' },
    { need: 'btf:d', answer: 'yes' },
  ]);
});

t.test('what is missing, what it costs, how to come by it', async (t) => {
  const report = reportCapabilities(rules, library, ['jit'], answers(['jit', 'btf:c']));
  t.equal(report.window, undefined);
  t.same(
    report.services.map(({ service, hook, possible, missing }) => [service, hook, possible, missing]),
    [
      ['relaying', 'xdp', false, ['kfunc:a | kfunc:b']],
      ['relaying', 'tc', false, ['kfunc:a | kfunc:b']],
    ],
  );
  const [, reader, , idle] = report.needs;
  t.match(reader, {
    answer: 'no',
    purpose: 'reading',
    costs: ['relaying at xdp', 'relaying at tc'],
    remedy: 'Linux 6.2 or later with CONFIG_A=y; or the module',
    evidence: 'kfunc:a: about kfunc:a; kfunc:b: about kfunc:b',
  });
  t.match(idle, { answer: 'no', costs: [], remedy: undefined, purpose: undefined });
  t.equal(remedy(kernels, ['btf:c']), 'a kernel built with CONFIG_C=y; or modprobe -a c');
});

t.test('what only some configurations need does not stand against the others', async (t) => {
  const hooks = ['tc'];
  const modules = [
    { fpm: 'reader', hooks },
    { fpm: 'seer', hooks, when: { text: 'port.seen' } },
  ];
  const some = { services: [{ name: 'relaying', hooks: ['tc'], modules }] } as unknown as RuleSet;
  const reportOf = (having: readonly string[]) => reportCapabilities(some, library, [], answers(having)).services;
  t.match(reportOf(['kfunc:a']), [{ possible: true, except: ['port.seen'], missing: ['btf:c'] }]);
  t.match(reportOf(['kfunc:a', 'btf:c']), [{ possible: true, except: [], missing: [] }]);
  t.match(reportOf(['btf:c']), [{ possible: false, except: [], missing: ['kfunc:a | kfunc:b'] }]);
});

t.test('an interface is told the same', async (t) => {
  const given = answers(['btf:c']);
  const against = viewLibrary(library, given).against('tc', ['reader', 'seer']);
  t.match(against, [
    { code: 'kernel-lacks', message: /kfunc:a and kfunc:b, one of which FPM reader needs/, hint: /6\.2.*the module/ },
  ]);
  t.same(viewLibrary(library, answers(['kfunc:a', 'btf:c'])).against('tc', ['reader', 'seer']), []);
  t.same(viewLibrary(library, answers(['kfunc:b', 'btf:c'])).against('tc', ['reader', 'seer']), []);
});

t.test(
  'each thing that the shipped FPMs or TNA itself ask for has a note, and each note somebody who asks',
  async (t) => {
    const [text] = read('fpm', 'kernels.yaml').map((file) => file.text);
    const shipped = parseKernels(parse(text ?? ''), join(root, 'fpm/kernels.yaml'));
    const modules = read('fpm/modules', '.yaml').map((file) => parseManifest(parse(file.text), file.path));
    const asked = [
      ...always,
      ...modules.flatMap(({ needs }) => needs),
      ...shipped.windows.flatMap(({ needs }) => needs),
    ];
    const probes = new Set(asked.flatMap(alternatives));
    const noted = shipped.capabilities.map(({ probe }) => probe);
    t.same(
      [...probes].filter((probe) => !noted.includes(probe)),
      [],
      'without a note',
    );
    t.same(
      noted.filter((probe, i) => !probes.has(probe) || noted.indexOf(probe) !== i),
      [],
      'asked for by nobody, or noted twice',
    );
  },
);

const least = { windows: [{ name: 'a', summary: 'b', needs: [] }], capabilities: [] };

t.test('a file that does not fit is refused where it does not', async (t) => {
  for (const [value, field] of [
    [[], '(top)'],
    [{ windows: [], capabilities: [] }, 'windows'],
    [{ windows: [{ name: 'a', summary: 'b', needs: 'c' }], capabilities: [] }, 'windows[0].needs'],
    [{ windows: [{ name: 'a', summary: 'b', needs: [], more: 1 }], capabilities: [] }, 'windows[0].more'],
    [{ windows: [{ name: 'a', summary: 'b', needs: [] }], capabilities: [{ probe: 'x' }] }, 'capabilities[0].purpose'],
    [{ windows: [{ name: 'a', summary: 'b', needs: [] }], capabilities: [], other: 1 }, 'other'],
    [{ ...least, kernel_modules: 'veth' }, 'kernel_modules'],
    [{ ...least, kernel_modules: ['veth', 'xen-netfront'] }, 'kernel_modules[1]'],
    [{ ...least, kernel_modules: ['veth', 'tun', 'veth'] }, 'kernel_modules[2]'],
  ] as const)
    t.throws(() => parseKernels(value, 'k.yaml'), {
      code: 'fpm-kernels',
      object: 'k.yaml',
      message: new RegExp(`^${field.replace(/[^a-z.]/g, '.')}: `),
    });
});

t.test('the modules of which programs see what was loaded when they were', async (t) => {
  t.same(kernelModuleProbes(parseKernels(least, 'k.yaml')), [], 'a file without a list has none');
  const kernels = parseKernels({ ...least, kernel_modules: ['veth', '8021q'] }, 'k.yaml');
  t.same(kernelModuleProbes(kernels), ['module:veth', 'module:8021q']);
  const idWith = (has: FpmKernels, ...loaded: readonly (readonly [string, string])[]) =>
    viewLibrary({ ...libraryOf(fpm('reader')), kernels: has }, [
      { probe: 'module:8021q', answer: 'no', evidence: 'it is not' },
      ...loaded.map(([name, evidence]) => ({ probe: `module:${name}`, answer: 'yes' as const, evidence })),
    ]).pipeline('tc', new Map([['reader', {}]])).id;
  const none = idWith(kernels);
  const once = idWith(kernels, ['veth', 'inode 1']);
  t.not(once, none, 'one that comes makes another pipeline');
  t.not(idWith(kernels, ['veth', 'inode 2']), once, 'one that was loaded again, too');
  t.equal(idWith(kernels, ['veth', 'inode 1']), once);
  t.equal(idWith(kernels, ['bridge', 'inode 1']), none, 'one that is not on the list does not');
  const { kernelModules: _, ...old } = kernels;
  t.equal(idWith(old, ['veth', 'inode 1']), none, 'nor any where a library has no list');
});

t.test('whether a module is loaded, in a directory as the kernel makes it', async (t) => {
  const directory = join(t.testdir(), 'module');
  t.equal(readModule('veth', directory).answer, 'unknown', 'without sysfs nobody can tell');
  mkdirSync(join(directory, 'proper'), { recursive: true });
  t.equal(readModule('veth', directory).answer, 'no');
  t.equal(readModule('proper', directory).answer, 'no', 'what is part of the kernel has no state');
  const load = (state: string) => {
    mkdirSync(join(directory, 'veth'));
    writeFileSync(join(directory, 'veth', 'initstate'), `${state}\n`);
    return readModule('veth', directory);
  };
  const first = load('live');
  t.equal(first.answer, 'yes');
  t.same(readModule('veth', directory), first, 'the same as long as it stays');
  // Kept under another name, so that the file system cannot give the number again; kernfs counts on.
  renameSync(join(directory, 'veth'), join(directory, 'before'));
  const second = load('coming');
  t.equal(second.answer, 'yes');
  t.not(second.evidence, first.evidence, 'another one after it was loaded again');
  rmSync(join(directory, 'veth'), { recursive: true });
  t.equal(load('going').answer, 'no');
  t.throws(() => readModule('../x', directory), { code: 'unknown-name' });
  t.equal((await probe('module:no_such_module')).answer, 'no', 'as a probe of this kernel');
});

t.test('what a kernel had is not taken away because it cannot be asked any more', async (t) => {
  let given: Capability['answer'] | Error = 'unknown';
  const ask = async () => {
    if (given instanceof Error) throw given;
    return { answer: given, evidence: `it says ${given}` };
  };
  const asked = async () => (await probeCapabilities(['btf:some.field'], ask))[0]?.answer;
  const refused = { code: 'capabilities', message: /btf:some\.field/ };
  t.equal(await asked(), 'unknown', 'what nobody knew before is not known');
  given = 'yes';
  t.equal(await asked(), 'yes');
  given = 'unknown';
  await t.rejects(asked(), { ...refused, evidence: 'it says unknown' });
  given = new BpfError({ code: 'EPERM', errno: 1, operation: 'BPF_PROG_LOAD' });
  await t.rejects(asked(), refused);
  await t.rejects(asked(), refused, 'each time');
  given = 'no';
  t.equal(await asked(), 'no', 'only a no takes it away');
  given = 'unknown';
  t.equal(await asked(), 'unknown');
});

t.test('no memory for machine code says nothing about the kernel', async (t) => {
  const notSupported = { errno: 524, operation: 'BPF_PROG_LOAD' };
  const short = new BpfError({ ...notSupported, code: 'ENOTSUPP', log: 'processed 2 insns' });
  t.throws(() => unknownBy(short, 'a program'), { code: 'ENOTSUPP' });
  await t.rejects(
    probeCapabilities(['jit'], async () => unknownBy(short, 'a program')),
    { code: 'capabilities', message: /ENOTSUPP/ },
  );
  const refusal = new BpfError({ ...notSupported, code: 'verifier', summary: 'JIT does not support it' });
  t.match(unknownBy(refusal, 'a program'), { answer: 'unknown', evidence: /JIT does not support it/ });
  const forbidden = new BpfError({ code: 'EPERM', errno: 1, operation: 'BPF_PROG_LOAD' });
  t.equal(unknownBy(forbidden, 'a program').answer, 'unknown');
});
