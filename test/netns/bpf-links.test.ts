// SPDX-License-Identifier: Apache-2.0
// Attachments on veths in a namespace that the main thread enters after libuv's threads exist, as the controller does.
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import {
  attachClsact,
  attachXdpWithoutLink,
  BpfLink,
  BpfObject,
  type BpfProgram,
  detachClsact,
  detachXdpWithoutLink,
  listLinks,
  listPins,
  mountBpffs,
  openHandles,
  probe,
  queryClsact,
  queryTcx,
  queryTcxOfAll,
  queryXdp,
  readPinnedLinks,
  readU32,
  removePins,
  runLiveFrames,
  setDevice,
  testRunAsync,
  u32Bytes,
} from 'bpf-loader-native';
import { enterNetns } from 'netlink-ts';
import t from 'tap';
import { compileBpf } from '../support/bpf/compile.js';

const namespace = `bpfl-${process.pid}`;
const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });
const openFds = () => readdirSync('/proc/self/fd').length;

// Pool threads start in the namespace of the host: four files at once make four of them.
await Promise.all(Array.from({ length: 8 }, () => readFile(import.meta.filename)));
ip('netns', 'add', namespace);
t.teardown(() => spawnSync('ip', ['netns', 'del', namespace]));
enterNetns(`/run/netns/${namespace}`);
// Neighbour discovery would add frames of its own to those that are counted.
writeFileSync('/proc/sys/net/ipv6/conf/default/disable_ipv6', '1');
// High numbers, so that no interface of the host can be meant by accident.
ip('link', 'add', 'left', 'index', '7001', 'type', 'veth', 'peer', 'name', 'left-far', 'index', '7002');
ip('link', 'add', 'right', 'index', '7003', 'type', 'veth', 'peer', 'name', 'right-far', 'index', '7004');
for (const name of ['lo', 'left', 'left-far', 'right', 'right-far']) ip('link', 'set', name, 'up');
const [left, right, rightFar] = [7001, 7003, 7004];

async function open(constants: Record<string, boolean | number>): Promise<BpfObject> {
  const object = await BpfObject.open(compileBpf('traffic'));
  for (const [name, value] of Object.entries(constants)) object.setRodata(name, value);
  await object.load();
  return object;
}

const object = await open({ enabled: true, forward: true });
const program = (name: string): BpfProgram => object.program(name);
for (const { name } of object.programs) program(name);
const total = (slot: number) =>
  (object.map('totals').getPerCpu(u32Bytes(slot)) ?? []).reduce((sum, value) => sum + readU32(value), 0);

t.test('an XDP link: create, replace, detach', async (t) => {
  const before = openHandles();
  const link = await BpfLink.attachXdp(left, program('entry'), 'native');
  t.match(link.info, { type: 'xdp', ifindex: left, programId: program('entry').id });
  t.same(await queryXdp(left), { mode: 'native', native: program('entry').id, generic: 0, hardware: 0 });
  await t.rejects(BpfLink.attachXdp(left, program('sink'), 'native'), { code: 'EBUSY' });
  await t.rejects(link.update(program('sink'), program('target')), { code: 'EPERM' });
  await link.update(program('sink'), program('entry'));
  t.equal(link.info.programId, program('sink').id);
  t.ok(listLinks().some((info) => info.id === link.info.id && info.ifindex === left));
  const same = BpfLink.fromId(link.info.id);
  await link.detach();
  t.equal(same.info.ifindex, 0);
  t.match(await queryXdp(left), { mode: 'none', native: 0 });
  link.close();
  same.close();
  t.equal(openHandles(), before);
  await t.rejects(BpfLink.attachXdp(99_999, program('sink')), { code: 'EINVAL', object: /99999/ });
  await t.rejects(BpfLink.attachXdp(1, program('sink'), 'native'), { code: 'EOPNOTSUPP' }, 'a driver without XDP');
  await t.rejects(BpfLink.attachXdp(left, program('mark')), { code: 'EINVAL' }, 'a tc program is no XDP program');
});

t.test('a link that is being attached while all are listed is left out', async (t) => {
  let lists = 0;
  for (let round = 0; round < 100; round++) {
    let done = false;
    const attached = BpfLink.attachXdp(left, program('entry'), 'native').finally(() => {
      done = true;
    });
    try {
      for (; !done; lists++) {
        listLinks();
        await setImmediate();
      }
    } finally {
      const link = await attached;
      await link.detach();
      link.close();
    }
  }
  t.ok(lists >= 100, `${lists} lists while a link was attached`);
});

t.test('many pinned links and many TCX lists at once say what each says alone', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-many-'));
  mountBpffs(directory);
  t.teardown(() => {
    removePins(join(directory, 'pins'));
    spawnSync('umount', [directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  const before = openHandles();
  const xdp = await BpfLink.attachXdp(left, program('entry'), 'native');
  const links = [xdp];
  if ((await probe('attach:tcx')).answer === 'yes') {
    links.push(await BpfLink.attachTcx({ ifindex: right, direction: 'ingress', program: program('mark') }));
    links.push(await BpfLink.attachTcx({ ifindex: right, direction: 'ingress', program: program('classify') }));
    links.push(await BpfLink.attachTcx({ ifindex: right, direction: 'egress', program: program('mark') }));
  }
  const paths = links.map((link, i) => {
    link.pin(join(directory, 'pins', `link-${i}`));
    return join(directory, 'pins', `link-${i}`);
  });
  t.same(
    readPinnedLinks(paths),
    links.map((link) => link.info),
  );
  program('mark').pin(join(directory, 'pins', 'program'));
  t.match(readPinnedLinks(['none', 'program'].map((name) => join(directory, 'pins', name))), [
    { code: 'ENOENT', object: /none/ },
    { code: 'wrong-kind', object: /program/ },
  ]);
  t.same(readPinnedLinks([]), []);
  for (const direction of ['ingress', 'egress'] as const) {
    const alone = links.length === 1 ? [] : queryTcx(right, direction).programs;
    t.same(
      queryTcxOfAll([left, 99_999, right], direction),
      alone.map((entry) => ({ ifindex: right, ...entry })),
      `${direction}: a device that is not there has none`,
    );
  }
  await xdp.detach();
  t.match(readPinnedLinks(paths)[0], { ifindex: 0 }, 'a detached link has no device');
  for (const link of links) link.close();
  t.equal(openHandles(), before);
});

t.test('generic XDP, with a link and without', async (t) => {
  const link = await BpfLink.attachXdp(left, program('sink'), 'generic');
  t.match(await queryXdp(left), { mode: 'generic', generic: program('sink').id });
  link.close();
  // Unless somebody lists all links of the machine just now, who has one of his own for a moment.
  for (let i = 0; i < 2000 && (await queryXdp(left)).mode !== 'none'; i++) await sleep(5);
  t.match(await queryXdp(left), { mode: 'none' }, 'the last descriptor was the attachment');
  await attachXdpWithoutLink(left, program('sink'));
  t.match(await queryXdp(left), { mode: 'native', native: program('sink').id });
  await t.rejects(attachXdpWithoutLink(left, program('entry')), { code: 'EBUSY' });
  await detachXdpWithoutLink(left);
  t.match(await queryXdp(left), { mode: 'none' });
  t.match(await queryXdp(99_999), { mode: 'none' });
});

t.test(
  'TCX: order, anchors, revision, replacement',
  { skip: (await probe('attach:tcx')).answer !== 'yes' && 'no TCX (Linux 6.6)' },
  async (t) => {
    const place = { ifindex: left, direction: 'ingress' } as const;
    const ids = () => queryTcx(left, 'ingress').programs.map((entry) => entry.programId);
    const revision = () => queryTcx(left, 'ingress').revision;
    const [mark, classify] = [program('mark'), program('classify')];
    const start = revision();
    const middle = await BpfLink.attachTcx({ ...place, program: mark });
    t.match(middle.info, { type: 'tcx', ifindex: left, direction: 'ingress', programId: mark.id });
    t.equal(revision(), start + 1n);
    await t.rejects(BpfLink.attachTcx({ ...place, program: classify, expectedRevision: start }), { code: 'ESTALE' });

    const other = await open({});
    const first = await BpfLink.attachTcx({ ...place, program: classify, anchor: { at: 'first' } });
    const last = await BpfLink.attachTcx({ ...place, program: other.program('mark'), anchor: { at: 'last' } });
    t.same(ids(), [classify.id, mark.id, other.program('mark').id]);
    const before = await BpfLink.attachTcx({
      ...place,
      program: other.program('classify'),
      anchor: { at: 'before', link: middle.info.id },
    });
    t.same(ids(), [classify.id, other.program('classify').id, mark.id, other.program('mark').id]);
    t.same(
      queryTcx(left, 'ingress').programs.map((entry) => entry.linkId),
      [first, before, middle, last].map((l) => l.info.id),
    );
    await before.detach();
    before.close();
    const after = await BpfLink.attachTcx({
      ...place,
      program: other.program('classify'),
      anchor: { at: 'after', program: mark },
    });
    t.same(ids(), [classify.id, mark.id, other.program('classify').id, other.program('mark').id]);
    t.same(queryTcx(left, 'egress').programs, [], 'the other direction is a list of its own');

    const third = await open({});
    const started = performance.now();
    await middle.update(third.program('mark'));
    t.comment(`TCX update ${(performance.now() - started).toFixed(2)} ms`);
    t.equal(ids()[1], third.program('mark').id);
    for (const link of [first, last, after, middle]) link.close();
    third.close();
    for (let i = 0; i < 2000 && ids().length > 0; i++) await sleep(5);
    t.same(ids(), []);
    other.close();
    await t.rejects(BpfLink.attachTcx({ ...place, ifindex: 99_999, program: mark }), { code: 'ENODEV' });
    t.throws(() => queryTcx(99_999, 'ingress'), { code: 'ENODEV' });
  },
);

t.test(
  'a tc program runs on what arrives',
  { skip: (await probe('attach:tcx')).answer !== 'yes' && 'no TCX (Linux 6.6)' },
  async (t) => {
    const link = await BpfLink.attachTcx({ ifindex: left, direction: 'ingress', program: program('mark') });
    const seen = total(1);
    ip('address', 'add', '10.99.0.1/24', 'dev', 'left-far');
    ip('neighbour', 'add', '10.99.0.2', 'lladdr', '02:00:00:00:00:09', 'dev', 'left-far');
    const socket = createSocket('udp4');
    for (let i = 0; i < 3; i++) await new Promise((sent) => socket.send('x', 9, '10.99.0.2', sent));
    socket.close();
    for (let i = 0; i < 2000 && total(1) < seen + 3; i++) await sleep(5);
    t.ok(total(1) >= seen + 3);
    await link.detach();
    link.close();
  },
);

t.test('clsact: made when missing, removed only by request', async (t) => {
  const place = { ifindex: right, direction: 'egress', handle: 1, priority: 7 } as const;
  const qdiscs = () => execFileSync('tc', ['qdisc', 'show', 'dev', 'right'], { encoding: 'utf8' });
  t.equal(await queryClsact(place), undefined);
  const filter = await attachClsact(place, program('mark'));
  t.match(filter, { handle: 1, priority: 7, madeQdisc: true });
  t.match(qdiscs(), /clsact/);
  t.same(await queryClsact(place), { programId: program('mark').id });
  await t.rejects(attachClsact(place, program('classify')), { code: 'EEXIST' });
  const replaced = await attachClsact(place, program('classify'), { replace: true });
  t.equal(replaced.madeQdisc, false);
  t.same(await queryClsact(place), { programId: program('classify').id });
  await detachClsact(place, { removeQdisc: false });
  t.equal(await queryClsact(place), undefined);
  t.match(qdiscs(), /clsact/, 'left for the others');
  await t.rejects(detachClsact(place, { removeQdisc: false }), { code: 'ENOENT' });
  await attachClsact(place, program('mark'));
  await detachClsact(place, { removeQdisc: true });
  t.notMatch(qdiscs(), /clsact/);
  await t.rejects(attachClsact({ ...place, ifindex: 99_999 }, program('mark')), { code: 'ENODEV' });
});

t.test('live frames travel through a device map and a veth', async (t) => {
  const receiver = await BpfLink.attachXdp(rightFar, program('sink'), 'native');
  const sender = await BpfLink.attachXdp(left, program('entry'), 'native');
  setDevice(object.map('ports'), 0, { ifindex: right });
  const frame = new Uint8Array(64);
  frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
  const start = { sent: total(0), received: total(1) };
  // A veth queues 256 frames: smaller bursts cannot be dropped, however late the receiver gets its turn.
  const bursts = 50;
  const burst = 200;
  for (let i = 1; i <= bursts; i++) {
    await runLiveFrames(program('entry'), { frame, ingressIfindex: left, count: burst });
    for (let n = 0; n < 10_000 && total(1) - start.received < i * burst; n++) await sleep(1);
  }
  t.equal(total(0) - start.sent, bursts * burst);
  t.equal(total(1) - start.received, bursts * burst);
  const count = 20_000;
  const perFrame = await runLiveFrames(program('entry'), { frame, ingressIfindex: left, count, batchSize: 64 });
  t.equal(total(0) - start.sent, bursts * burst + count);
  t.comment(`${perFrame} ns per frame`);
  await t.rejects(runLiveFrames(program('entry'), { frame, ingressIfindex: 99_999, count }), { code: 'ENODEV' });
  const once = await testRunAsync(program('entry'), { data: frame, context: { kind: 'xdp', ingressIfindex: left } });
  t.match(once, { retval: 4, context: { kind: 'xdp', ingressIfindex: left, rxQueueIndex: 0 } });
  for (const link of [receiver, sender]) {
    await link.detach();
    link.close();
  }
});

t.test('a pinned link survives its process; unpinning ends it; a deleted device shows as 0', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'bpf-links-'));
  mountBpffs(directory);
  t.teardown(() => {
    spawnSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  const script = `import { BpfLink, BpfObject } from 'bpf-loader-native';
    const [file, path, ifindex] = process.argv.slice(1);
    const object = await BpfObject.open(file);
    await object.load();
    const link = await BpfLink.attachXdp(Number(ifindex), object.program('sink'));
    link.pin(path);
    process.kill(process.pid, 'SIGKILL');`;
  const path = join(directory, 'tna', 'link');
  const args = ['--input-type=module', '-e', script, compileBpf('traffic'), path, String(left)];
  t.match(spawnSync(process.execPath, args, { encoding: 'utf8' }), { signal: 'SIGKILL', stderr: '' });
  t.match(listPins(join(directory, 'tna')), [{ name: 'link', kind: 'link' }]);
  const adopted = BpfLink.openPinned(path);
  t.match(adopted.info, { type: 'xdp', ifindex: left });
  t.match(await queryXdp(left), { mode: 'native', native: adopted.info.programId });
  adopted.close();
  removePins(join(directory, 'tna'));
  for (let i = 0; i < 2000 && (await queryXdp(left)).mode !== 'none'; i++) await sleep(5);
  t.match(await queryXdp(left), { mode: 'none' });

  ip('link', 'add', 'gone', 'index', '7009', 'type', 'veth', 'peer', 'name', 'gone-far');
  const orphan = await BpfLink.attachXdp(7009, program('sink'), 'generic');
  ip('link', 'del', 'gone');
  t.equal(orphan.info.ifindex, 0);
  orphan.close();
});

t.test('failed and successful attachments leave no descriptor, and pool threads go home', async (t) => {
  const round = async () => {
    await BpfLink.attachXdp(99_999, program('sink')).catch(() => undefined);
    const link = await BpfLink.attachXdp(left, program('sink'), 'generic');
    await link.detach();
    link.close();
  };
  await round();
  const before = { fds: openFds(), handles: openHandles() };
  for (let i = 0; i < 20; i++) await round();
  t.same({ fds: openFds(), handles: openHandles() }, before);
  const inside = readdirSync('/proc/self/task').filter(
    (task) => readlinkSync(`/proc/self/task/${task}/ns/net`) === readlinkSync('/proc/self/ns/net'),
  );
  t.same(inside, [String(process.pid)], 'only the main thread stays in the namespace');
});

t.teardown(() => object.close());
