// SPDX-License-Identifier: Apache-2.0
// What TNA is not given: file descriptors, privileges, room in its maps. It says so, harms nothing, and goes on once it has them.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfMap, BpfObject, type MapType } from 'bpf-loader-native';
import t from 'tap';
import { Bed } from '../support/lab/bed.js';
import { run, tryRun } from '../support/lab/command.js';
import { Footprint, restingDescriptors } from '../support/lab/footprint.js';
import { misdelivered, misdeliveredTwice, teach } from '../support/lab/forwarding.js';
import { addNetns, deleteNetns, ip, netnsName } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { makePinDirectory } from '../support/lab/pins.js';
import { Controller, fastFrames, pinDirectory, tna, tnaOk, until } from '../support/lab/tna.js';
import { builtLibraryDirectory, main } from '../support/scenarios/files.js';

t.setTimeout(1_500_000 * patience);

const here = dirname(fileURLToPath(import.meta.url));
const noTrace = /^ +at .*:\d+|internal error/m;
const waitMs = 60_000;
const outOfDescriptors = /EMFILE|Too many open files/;

t.test('a controller runs out of file descriptors', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const footprint = new Footprint(pinDirectory(bed.netns));
  await teach(bed, [0, 1]);
  const controller = Controller.start(bed.netns);
  t.teardown(() => controller.stop());
  await until('it has attached', () => controller.log.includes('set-slot p2'), waitMs);
  await until(
    'it rests',
    async () => (await tna('plan', '--detailed-exitcode', '--netns', bed.netns)).code === 0,
    waitMs,
  );
  // It goes on to load what later passes will want.
  const open = await restingDescriptors(controller.pid);
  const limit = (files: number | string) => run('prlimit', ['--pid', String(controller.pid), `--nofile=${files}:`]);

  // The lowest free numbers count, so a little more than nothing is left: each run gets further before it fails.
  for (const spare of [0, 2, 5, 9]) {
    await limit(open + spare);
    const length = controller.log.length;
    const name = `p${3 + [0, 2, 5, 9].indexOf(spare)}`;
    await bed.addPort();
    await until(
      `${spare} left: it says so, or makes do`,
      () => {
        const news = controller.log.slice(length);
        return news.includes('out of file descriptors') || news.includes(`set-slot ${name}`);
      },
      waitMs,
    );
    t.equal(controller.process.exitCode, null, `${spare} left: it goes on`);
    t.same(await misdelivered(bed, [0, 1]), [], `${spare} left: forwards as Linux does`);
    await limit(4096);
    await until(`it goes on with ${name}`, () => controller.log.includes(`set-slot ${name}:`), waitMs);
  }
  t.match(controller.log, /EMFILE/);
  t.notMatch(controller.log, /^ {2}(clear-slot|detach) /m, 'what it could not see it left as it was');
  t.notMatch(controller.log, noTrace);
  await until(
    'in sync',
    async () => (await tna('plan', '--detailed-exitcode', '--netns', bed.netns)).code === 0,
    waitMs,
  );
  const after = await restingDescriptors(controller.pid);
  t.ok(after <= open + 2, `${open} descriptors before, ${after} after`);
  // Its templates are programs too, and end with it.
  await controller.stop();
  t.same(await footprint.leaks(), []);
});

t.test('a kernel that cannot be asked for want of descriptors is not one that lacks something', async (t) => {
  // Each try has one descriptor more.
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { kernelBtf } from 'bpf-loader-native';
    const { probeCapabilities } = await import(${JSON.stringify(join(here, '../../src/platform/capabilities.js'))});
    const probes = ['kfunc:bpf_rdonly_cast', 'map:devmap_hash', 'attach:tcx', 'btf:net_device.ifindex', 'btf:net_bridge_port'];
    await kernelBtf();
    const answers = {};
    for (const probe of probes) {
      answers[probe] = [];
      for (let spare = 0; spare < 8; spare++) {
        const taken = [];
        try { for (;;) taken.push(openSync('/dev/null')); } catch {}
        for (let i = 0; i < spare; i++) closeSync(taken.pop());
        answers[probe].push(await probeCapabilities([probe]).then(([one]) => one.answer, (error) => error.message));
        for (const fd of taken) closeSync(fd);
      }
    }
    process.stdout.write(JSON.stringify(answers));`;
  const command = `ulimit -n 128; exec ${process.execPath} --input-type=module -e '${script.replaceAll("'", `'\\''`)}'`;
  const { stdout, stderr } = await tryRun('sh', ['-c', command], { cwd: join(here, '../../..') });
  t.not(stdout, '', stderr);
  const answers = JSON.parse(stdout || '{}') as Record<string, readonly string[]>;
  for (const [probe, seen] of Object.entries(answers)) {
    const told = seen.at(-1);
    const short = seen.filter((answer) => answer !== told);
    t.ok(told === 'yes' || told === 'no', `${probe}: ${told} with enough of them`);
    t.ok(
      short.every((answer) => outOfDescriptors.test(answer)),
      `${probe}: ${[...new Set(short)].join(', ') || 'needs none'}`,
    );
  }
  const failed = Object.values(answers)
    .flat()
    .filter((answer) => outOfDescriptors.test(answer)).length;
  t.ok(failed > 3, `${failed} could not be asked`);
});

t.test('a run with too few file descriptors', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  bed.accelerated();
  await teach(bed, [0, 1]);
  const footprint = new Footprint(pinDirectory(bed.netns));
  const inject = join(here, '../support/lab/inject.js');
  const command = ['reconcile', '--once', '--netns', bed.netns];
  let failed = 0;
  // The limit falls when the plan begins: later with each run, so that each fails at another place.
  for (const spare of [0, 2, 4, 6, 8, 11]) {
    const lower = `prlimit --pid $PPID --nofile=$(($(ls /proc/$PPID/fd | wc -l) + ${spare})):`;
    const result = await tryRun(process.execPath, [inject, '1', lower, ...command]);
    footprint.look();
    if (result.code !== 0) failed++;
    t.match(
      result.stderr,
      result.code === 0 ? /^steps \d+$/m : /EMFILE|too many open files/i,
      `${spare} left: says why`,
    );
    t.notMatch(result.stderr, noTrace, `${spare} left: as a message`);
    t.same(await footprint.leaks(), [], `${spare} left: leaves nothing behind`);
    t.same(await misdelivered(bed, [0, 1]), [], `${spare} left: forwards as Linux does`);
    await tnaOk('detach', '--netns', bed.netns);
  }
  t.ok(failed >= 3, `${failed} runs failed in the middle`);
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0);
});

t.test('without a descriptor nothing is attached in the namespace of a pool thread', async (t) => {
  // The process begins in one namespace, whose pool threads stay there, and enters the other: both have a device of that number.
  const [first, second] = [netnsName('pool'), netnsName('caller')];
  await addNetns(first, second);
  t.teardown(() => deleteNetns(first, second));
  for (const name of [first, second])
    await ip(name, 'link add v0 index 100 type veth peer name v1', 'link set v0 up', 'link set v1 up');
  const loader = join(here, '../../src/platform/namespace.js');
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { readFile } from 'node:fs/promises';
    import { BpfLink, BpfObject } from 'bpf-loader-native';
    const { enterNamespace } = await import(${JSON.stringify(loader)});
    await Promise.all(Array.from({ length: 16 }, () => readFile('/proc/self/stat')));
    enterNamespace(${JSON.stringify(second)});
    const object = await BpfObject.open(${JSON.stringify(join(builtLibraryDirectory, 'dispatcher_tc.bpf.o'))});
    await object.load();
    const program = object.program('tna_dispatch_tc');
    const taken = [];
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    for (let spare = 0; spare < 6; spare++) {
      const where = await BpfLink.attachTcx({ ifindex: 100, direction: 'ingress', program }).then(
        (link) => { const { ifindex } = link.info; link.close(); return 'attached'; },
        (error) => error.message,
      );
      process.stdout.write(spare + ': ' + where + '\\n');
      closeSync(taken.pop());
    }`;
  const watch = `ulimit -n 128; exec ${process.execPath} --input-type=module -e '${script.replaceAll("'", `'\\''`)}'`;
  const traced = await tryRun('nsenter', [`--net=/run/netns/${first}`, 'sh', '-c', watch], {
    cwd: join(here, '../../..'),
  });
  t.equal(traced.code, 0, traced.stderr);
  const lines = traced.stdout.trim().split('\n');
  t.match(lines[0], /cannot enter the caller's network namespace: Too many open files/);
  t.match(lines[1], /cannot enter the caller's network namespace: Too many open files/);
  t.match(lines.at(-1), /attached$/, 'with enough of them it is');
});

t.test('a template is whole or is not', async (t) => {
  // Each try has one descriptor more, so that it fails at every place where one is taken; what is made works when all are back.
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { BpfObject, BpfTemplate, openHandles } from 'bpf-loader-native';
    const before = openHandles();
    let failed = 0, made = 0;
    for (let spare = 0; made < 3; spare++) {
      const object = await BpfObject.open(process.argv[1]);
      const taken = [];
      try { for (;;) taken.push(openSync('/dev/null')); } catch {}
      for (let i = 0; i < spare; i++) closeSync(taken.pop());
      const template = await BpfTemplate.create(object).catch(() => undefined);
      for (const fd of taken) closeSync(fd);
      if (template === undefined) { failed++; object.close(); continue; }
      const program = await template.specialise({ program: 'tna_tc', rodata: {} });
      program.close(); template.close(); made++;
    }
    process.stdout.write(JSON.stringify({ failed, made, leaked: openHandles() - before }));`;
  const object = join(builtLibraryDirectory, 'tna_tc.bpf.o');
  const args = ['--input-type=module', '-e', script, object]
    .map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`)
    .join(' ');
  const result = await tryRun('sh', ['-c', `ulimit -n 80; exec ${process.execPath} ${args}`], {
    cwd: join(here, '../../..'),
  });
  t.equal(result.code, 0, result.stderr);
  const { failed, made, leaked } = JSON.parse(result.stdout) as Record<string, number>;
  t.ok((failed ?? 0) > 3, `${failed} failed, ${made} were made`);
  t.equal(leaked, 0);
});

t.test('privileges', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const command = [process.execPath, main, 'reconcile', '--once', '--netns', bed.netns];
  const without = (dropped: string) => tryRun('setpriv', [`--bounding-set=${dropped}`, '--inh-caps=-all', ...command]);
  const cases = [
    ['-net_admin', /this needs CAP_NET_ADMIN$/m],
    ['-bpf,-sys_admin', /cannot enter the network namespace|this needs CAP_BPF$/m],
    ['-perfmon,-bpf,-sys_admin', /cannot enter the network namespace|this needs CAP_BPF, CAP_PERFMON/],
  ] as const;
  for (const [dropped, message] of cases) {
    const result = await without(dropped);
    t.equal(result.code, 1, `${dropped}: fails`);
    t.match(result.stderr, message, `${dropped}: says what is missing`);
    t.notMatch(result.stderr, noTrace, `${dropped}: as a message`);
  }
  // All capabilities, but of a user namespace: the kernel refuses one by one what the capabilities promise.
  for (const what of [['reconcile', '--once'], ['plan'], ['status'], ['detach'], ['capabilities']]) {
    const result = await tryRun('unshare', ['-Urn', process.execPath, main, ...what]);
    t.notMatch(result.stderr, noTrace, `${what.join(' ')} in a user namespace: a message at most`);
    if (what[0] === 'reconcile') t.equal(result.code, 1);
  }
  t.notOk(existsSync(pinDirectory(bed.netns)), 'nothing was done');
});

/** Pins the shared maps of a hook as TNA makes them, but with few entries. */
async function makeSmallMaps(directory: string, hook: string, entries: number): Promise<void> {
  makePinDirectory(directory);
  for (const file of [`tna_${hook}.bpf.o`, `dispatcher_${hook}.bpf.o`]) {
    const object = await BpfObject.open(join(builtLibraryDirectory, file));
    for (const { name, type, keySize, valueSize, flags, maxEntries, internal } of object.maps) {
      const path = join(directory, `map-${name}`);
      if (internal || existsSync(path)) continue;
      const sized = /slots|counters|egress/.test(name) ? entries : maxEntries;
      const map = BpfMap.create({ type: type as MapType, name, keySize, valueSize, flags, maxEntries: sized });
      map.pin(path);
      map.close();
    }
    object.close();
  }
}

for (const hook of ['xdp', 'tc'] as const) {
  t.test(`more interfaces than the shared maps have room for: ${hook}`, async (t) => {
    const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
    bed.accelerated();
    const directory = pinDirectory(bed.netns);
    const footprint = new Footprint(directory);
    const on = ['--netns', bed.netns, '--hook', hook];
    await makeSmallMaps(directory, hook, 2);
    await tnaOk('reconcile', '--once', ...on);
    const slots = () => {
      const map = BpfMap.openPinned(join(directory, `map-tna_slots_${hook}`));
      map.close();
      return map.info.maxEntries;
    };
    t.equal(slots(), 2, 'what is there is used as long as it is enough');
    footprint.look();
    await bed.addPort();
    await teach(bed, [0, 1, 2]);
    const plan = await tna('plan', ...on);
    t.match(plan.stdout, /Plan: 1 to add, 2 to change, 0 to remove/);
    t.match(plan.stdout, /the shared maps have 2 entries and 3 are needed/);
    await tnaOk('reconcile', '--once', ...on);
    t.equal(slots(), 256, 'then they grow');
    t.equal((await tna('plan', '--detailed-exitcode', ...on)).code, 0);
    t.same(await footprint.leaks(), [], 'and the small ones go');
    const before = await fastFrames(bed.netns);
    t.same(await misdeliveredTwice(bed, [0, 1, 2]), []);
    t.ok((await fastFrames(bed.netns)) > before);
  });
}
