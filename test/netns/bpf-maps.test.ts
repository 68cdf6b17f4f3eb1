// SPDX-License-Identifier: Apache-2.0
// Maps, ring buffers, pins and locks against the running kernel.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BpfMap,
  BpfObject,
  BpfProgram,
  clearSlot,
  getDevice,
  getInnerMapId,
  getProgramId,
  isBpffs,
  listMaps,
  listPins,
  listPrograms,
  lockDirectory,
  MapFlag,
  mountBpffs,
  openHandles,
  possibleCpus,
  RingBufferReader,
  readU32,
  removePins,
  setDevice,
  setInnerMap,
  setProgram,
  testRun,
  UpdateFlag,
  u32Bytes,
  unpin,
} from 'bpf-loader-native';
import t from 'tap';
import { compileBpf } from '../support/bpf/compile.js';

const packet = new Uint8Array(64);
const key = (value: number) => u32Bytes(value);
const u64 = (value: number) => u32Bytes(value, 0);

async function loaded(constants: Record<string, boolean | number | bigint>): Promise<BpfObject> {
  const object = await BpfObject.open(compileBpf('traffic'));
  for (const [name, value] of Object.entries({ enabled: true, ...constants })) object.setRodata(name, value);
  await object.load();
  return object;
}

t.test('single elements of a hash', async (t) => {
  const map = BpfMap.create({ type: 'hash', name: 'ages', keySize: 4, valueSize: 8, maxEntries: 3 });
  t.match(map.info, { type: 'hash', name: 'ages', keySize: 4, valueSize: 8, maxEntries: 3 });
  t.equal(map.get(key(1)), undefined);
  map.set(key(1), u64(10));
  map.set(key(2), u64(20), UpdateFlag.noExist);
  t.same(map.get(key(1)), u64(10));
  t.throws(() => map.set(key(2), u64(0), UpdateFlag.noExist), { code: 'EEXIST', operation: 'BPF_MAP_UPDATE' });
  t.throws(() => map.set(key(9), u64(0), UpdateFlag.exist), { code: 'ENOENT' });
  t.same([...map.keys()].map((k) => readU32(k)).sort(), [1, 2]);
  map.set(key(3), u64(30));
  t.throws(() => map.set(key(4), u64(40)), { code: 'E2BIG' });
  t.equal(map.delete(key(1)), true);
  t.equal(map.delete(key(1)), false);
  t.throws(() => map.get(new Uint8Array(3)), { code: 'EINVAL', message: /key of 3 instead of 4/ });
  t.throws(() => map.set(key(1), key(1)), { code: 'EINVAL', message: /value of 4 instead of 8/ });
  t.same(map.getMany([key(3), key(1), key(2)]), [u64(30), undefined, u64(20)], 'many at once');
  t.same(map.getMany([]), []);
  t.throws(() => map.getMany([key(2), new Uint8Array(3)]), { code: 'EINVAL' });
  const again = BpfMap.fromId(map.info.id);
  t.same(again.get(key(2)), u64(20));
  t.ok(listMaps().some((info) => info.id === map.info.id && info.name === 'ages'));
  map.freeze();
  t.throws(() => map.set(key(2), u64(1)), { code: 'EPERM' });
  again.close();
  map.close();
  map.close();
  t.throws(() => map.get(key(2)), { code: 'closed' });
  t.throws(() => BpfMap.create({ type: 'hash', keySize: 0, valueSize: 8, maxEntries: 1 }), { code: 'EINVAL' });
});

t.test('everything at once: by batches, and one by one where there are no batches', async (t) => {
  const read = (map: BpfMap) => new Map(map.readAll().map(([k, v]) => [readU32(k), readU32(v)]));
  const expected = new Map(Array.from({ length: 3000 }, (_, i) => [i, i * 2]));
  const hash = BpfMap.create({ type: 'hash', keySize: 4, valueSize: 8, maxEntries: 3000 });
  for (const [k, v] of expected) hash.set(key(k), u64(v));
  t.same(read(hash), expected);
  // The kernel offers no batches for queues of trie nodes before 5.12 and none for programs at all.
  const trie = BpfMap.create({ type: 'lpm_trie', keySize: 8, valueSize: 4, maxEntries: 9, flags: MapFlag.noPrealloc });
  trie.set(u32Bytes(32, 5), key(55));
  trie.set(u32Bytes(16, 6), key(66));
  t.same(new Set(trie.readAll().map(([, v]) => readU32(v))), new Set([55, 66]));
  const object = await loaded({});
  const slots = object.map('slots');
  setProgram(slots, 2, object.program('target'));
  t.same(
    slots.readAll().map(([k, v]) => [readU32(k), readU32(v)]),
    [[2, object.program('target').id]],
  );
  for (const owner of [hash, trie, object]) owner.close();
});

t.test('a per-CPU map has one value for each possible CPU', async (t) => {
  const object = await loaded({ verdict: 1 });
  const totals = object.map('totals');
  t.ok(totals.perCpu);
  testRun(object.program('entry'), { data: packet, repeat: 100 });
  const values = totals.getPerCpu(key(0)) ?? [];
  t.equal(values.length, possibleCpus());
  t.equal(
    values.reduce((sum, value) => sum + readU32(value), 0),
    100,
  );
  totals.setPerCpu(
    key(1),
    values.map((_, cpu) => u64(cpu + 5)),
  );
  t.same(
    totals.getPerCpu(key(1))?.map((value) => readU32(value)),
    values.map((_, cpu) => cpu + 5),
  );
  const all = totals.readAll().map(([, block]) => totals.splitPerCpu(block).length);
  t.same(all, [possibleCpus(), possibleCpus()]);
  t.throws(() => totals.setPerCpu(key(1), []), { code: 'EINVAL' });
  t.equal(readU32(object.map('.bss').get(key(0)) ?? key(0)), 100, 'the global variable counted too');
  object.close();
});

t.test('slots of programs, devices and maps', async (t) => {
  const object = await loaded({ jump: true, verdict: 1 });
  const entry = object.program('entry');
  const slots = object.map('slots');
  t.equal(testRun(entry, { data: packet }).retval, 1, 'an empty slot falls through');
  setProgram(slots, 1, object.program('target'));
  t.equal(getProgramId(slots, 1), object.program('target').id);
  t.equal(testRun(entry, { data: packet }).retval, 42);
  t.equal(clearSlot(slots, 1), true);
  t.equal(getProgramId(slots, 1), undefined);
  t.equal(testRun(entry, { data: packet }).retval, 1);
  t.throws(() => setProgram(slots, 1, object.program('classify')), { code: 'EINVAL' }, 'another program type');
  t.equal(clearSlot(slots, 1), false);

  const ports = object.map('ports');
  t.throws(() => setDevice(ports, 0, { ifindex: 99_999 }), { code: 'EINVAL' });
  t.equal(getDevice(ports, 0), undefined);
  setDevice(ports, 0, { ifindex: 1 });
  t.same(getDevice(ports, 0), { ifindex: 1, programId: 0 });
  t.equal(clearSlot(ports, 0), true);

  const inner = BpfMap.create({ type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 });
  const outer = BpfMap.create({ type: 'array_of_maps', keySize: 4, valueSize: 4, maxEntries: 2, inner });
  t.equal(getInnerMapId(outer, key(0)), undefined);
  await setInnerMap(outer, key(0), inner);
  t.equal(getInnerMapId(outer, key(0)), inner.info.id);
  for (const owner of [object, inner, outer]) owner.close();
});

t.test('an object takes over maps that exist', async (t) => {
  const table = BpfMap.create({ type: 'hash', name: 'table', keySize: 4, valueSize: 8, maxEntries: 64 });
  const object = await BpfObject.open(compileBpf('traffic'), { reuseMaps: { table } });
  await object.load();
  t.equal(object.map('table').info.id, table.info.id);
  const other = BpfMap.create({ type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 });
  const before = openHandles();
  await t.rejects(BpfObject.open(compileBpf('traffic'), { reuseMaps: { tabel: other } }), { code: 'unknown-name' });
  await t.rejects(BpfObject.open(compileBpf('traffic'), { reuseMaps: { table: other } }), { code: 'shape' });
  t.equal(openHandles(), before);
  for (const owner of [object, table, other]) owner.close();
});

t.test('a ring buffer is read in bounded portions, and a bad callback does no harm', async (t) => {
  const before = openHandles();
  const object = await loaded({ emit: true, threshold: 77n });
  const samples: number[][] = [];
  const perTurn: number[] = [];
  let fresh = true;
  const errors: unknown[] = [];
  const reader = new RingBufferReader(object.map('events'), {
    samplesPerWake: 10,
    onSample: (sample) => {
      if (fresh) {
        perTurn.push(0);
        fresh = false;
        setImmediate(() => {
          fresh = true;
        });
      }
      perTurn.push((perTurn.pop() ?? 0) + 1);
      samples.push([readU32(sample), readU32(sample, 4)]);
      if (samples.length === 5) throw new Error('fifth');
    },
    onError: (error) => {
      errors.push(error);
      throw new Error('even this');
    },
  });
  testRun(object.program('entry'), { data: packet, repeat: 25 });
  for (let i = 0; i < 1000 && samples.length < 25; i++) await sleep(1);
  t.equal(samples.length, 25);
  t.same(samples[24], [4, 77]);
  t.same(perTurn, [10, 10, 5], 'the event loop turns in between');
  t.match(errors, [{ message: 'fifth' }]);
  t.equal(errors.length, 1);
  reader.close();
  reader.close();
  testRun(object.program('entry'), { data: packet });
  await sleep(20);
  t.equal(samples.length, 25, 'nothing after close');
  t.throws(() => new RingBufferReader(object.map('table'), { onSample: () => {}, onError: () => {} }), /ring_buffer/);
  object.close();
  await sleep(1);
  t.equal(openHandles(), before, 'both readers are gone, the refused one too');
});

t.test('a forgotten reader goes on reading; it need not keep the process', async (t) => {
  const script = `import { BpfObject, RingBufferReader, testRun } from 'bpf-loader-native';
    const object = await BpfObject.open(process.argv[1]);
    object.setRodata('enabled', true);
    object.setRodata('emit', true);
    await object.load();
    new RingBufferReader(object.map('events'), {
      keepAlive: false,
      onSample: () => console.log('sample'),
      onError: console.error,
    });
    for (let i = 0; i < 5; i++) gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
    testRun(object.program('entry'), { data: new Uint8Array(64) });
    await new Promise((resolve) => setTimeout(resolve, 20));`;
  const args = ['--expose-gc', '--input-type=module', '-e', script, compileBpf('traffic')];
  const child = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
  t.match(child, { stderr: '', stdout: 'sample\n', status: 0 });
});

t.test('pins outlive their process and leave nothing behind', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-pins-'));
  t.teardown(() => {
    spawnSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  t.equal(isBpffs(directory), false);
  t.equal(isBpffs('/nonexistent'), false);
  mountBpffs(directory);
  mountBpffs(directory);
  t.equal(isBpffs(directory), true);
  t.same(listPins(join(directory, 'none')), []);

  const script = `import { BpfObject, u32Bytes } from 'bpf-loader-native';
    const [file, directory] = process.argv.slice(1);
    const object = await BpfObject.open(file, { pinnedMapDir: directory + '/deep/maps' });
    await object.load();
    object.program('target').pin(directory + '/deep/target');
    object.map('table').set(u32Bytes(5), u32Bytes(50, 0));
    process.exit(0);`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script, compileBpf('traffic'), directory], {
    encoding: 'utf8',
  });
  t.match(child, { status: 0, stderr: '' });

  const names = (pins: readonly { name: string; kind: string }[]) => pins.map((pin) => `${pin.name} ${pin.kind}`);
  t.same(names(listPins(join(directory, 'deep'))), ['maps directory', 'target program']);
  const maps = join(directory, 'deep', 'maps');
  t.same(names(listPins(maps)), ['events map', 'ports map', 'slots map', 'table map', 'totals map']);
  const target = BpfProgram.openPinned(join(directory, 'deep', 'target'));
  t.equal(testRun(target, { data: packet }).retval, 42);
  const table = BpfMap.openPinned(join(maps, 'table'));
  t.equal(readU32(table.get(key(5)) ?? key(0)), 50);
  t.throws(() => target.pin(join(directory, 'deep', 'target')), { code: 'EEXIST' });
  t.throws(() => BpfMap.openPinned(join(directory, 'nothing')), { code: 'ENOENT' });

  const again = await BpfObject.open(compileBpf('traffic'), { pinnedMapDir: maps });
  await again.load();
  t.equal(again.map('table').info.id, table.info.id, 'the second object uses the pinned map');
  again.close();
  const larger = await BpfObject.open(compileBpf('traffic'), { pinnedMapDir: maps });
  larger.setMaxEntries('table', 65);
  await larger.load();
  t.equal(larger.map('table').info.maxEntries, 64, 'the existing size stays');
  larger.close();
  removePins(join(maps, 'slots'));
  table.pin(join(maps, 'slots'));
  const other = await BpfObject.open(compileBpf('traffic'), { pinnedMapDir: maps });
  await t.rejects(other.load(), { code: 'shape', object: 'slots', message: /type hash instead of prog_array/ });
  other.close();

  const id = target.id;
  target.close();
  unpin(join(directory, 'deep', 'target'));
  unpin(join(directory, 'deep', 'target'));
  const gone = async () => {
    for (let i = 0; i < 2000 && listPrograms().some((program) => program.id === id); i++) await sleep(5);
    return !listPrograms().some((program) => program.id === id);
  };
  t.ok(await gone(), 'the kernel freed the program');
  table.close();
  removePins(join(directory, 'deep'));
  t.notOk(readdirSync(directory).includes('deep'));
});

t.test('a pin that goes while its directory is listed is left out', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-list-'));
  mountBpffs(directory);
  t.teardown(() => {
    spawnSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  const pins = join(directory, 'pins');
  const script = `import { BpfMap, unpin } from 'bpf-loader-native';
    const map = BpfMap.create({ type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 });
    const path = process.argv[1] + '/comes-and-goes';
    map.pin(process.argv[1] + '/stays');
    console.log('begins');
    for (;;) { map.pin(path); unpin(path); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, pins], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const seen = new Set<number>();
  for (const end = performance.now() + 1000; performance.now() < end; ) seen.add(listPins(pins).length);
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.same([...seen].sort(), [1, 2], 'with it and without it');
});

t.test('a lock tells whether its directory is covered by another file system, or gone from its place', async (t) => {
  const fs = mkdtempSync(join(tmpdir(), 'bpf-coverfs-'));
  const mount = () => t.equal(spawnSync('mount', ['-t', 'bpf', 'bpf', fs]).status, 0);
  const umount = (...how: readonly string[]) => t.equal(spawnSync('umount', [...how, fs]).status, 0);
  mount();
  t.teardown(() => {
    for (let i = 0; i < 3; i++) spawnSync('umount', ['-l', fs]);
    rmSync(fs, { recursive: true, force: true });
  });
  const path = join(fs, 'above', 'here');
  mkdirSync(path, { recursive: true });
  const lock = lockDirectory(path);
  if (!('release' in lock)) throw new Error('somebody has the lock');
  const is = (holds: boolean, isCovered: boolean, what: string) =>
    t.same([lock.holds(), lock.isCovered()], [holds, isCovered], what);
  is(true, false, 'where it was');
  mount();
  is(false, true, 'covered');
  mkdirSync(path, { recursive: true });
  is(false, true, 'by something with the same names');
  umount();
  is(true, false, 'uncovered');
  renameSync(join(fs, 'above'), join(fs, 'elsewhere'));
  is(false, false, 'renamed');
  mkdirSync(path, { recursive: true });
  is(false, false, 'and replaced');
  rmdirSync(path);
  rmdirSync(join(fs, 'above'));
  renameSync(join(fs, 'elsewhere'), join(fs, 'above'));
  is(true, false, 'where it was again');
  const removed = join(fs, 'removed');
  mkdirSync(removed);
  const other = lockDirectory(removed);
  rmdirSync(removed);
  mount();
  t.ok('release' in other && !other.isCovered(), 'what was removed is not there to be covered');
  umount();
  if ('release' in other) other.release();
  umount('-l');
  is(false, false, 'unmounted, though the lock keeps the file system');
  mount();
  is(false, false, 'and another one mounted');
  lock.release();
});

t.test('a locked directory names its holder', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-lock-'));
  const fs = mkdtempSync(join(tmpdir(), 'bpf-lockfs-'));
  mountBpffs(fs);
  t.teardown(() => {
    spawnSync('umount', ['-l', fs]);
    for (const path of [directory, fs]) rmSync(path, { recursive: true, force: true });
  });
  for (const path of [directory, fs]) {
    const script = `import { lockDirectory } from 'bpf-loader-native';
      lockDirectory(process.argv[1]);
      console.log('locked');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    const busy = lockDirectory(path);
    t.match(busy, { heldBy: { pid: child.pid } });
    t.ok('heldBy' in busy && busy.heldBy?.argv[0] === process.execPath);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const free = lockDirectory(path);
    t.ok('release' in free, 'a killed holder holds nothing');
    t.match(lockDirectory(path), { heldBy: { pid: process.pid } });
    if ('release' in free) free.release();
    const last = lockDirectory(path);
    t.ok('release' in last);
    if ('release' in last) last.release();
  }
  t.throws(() => lockDirectory(join(directory, 'none')), { code: 'ENOENT' });
});
