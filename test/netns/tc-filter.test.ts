// SPDX-License-Identifier: Apache-2.0
// The tc hook of kernels without TCX: a clsact qdisc of our own with one filter, beside nobody. Newer kernels have it,
// too, so this runs everywhere; that a whole host is accelerated this way shows on the kernels that need it (test/vm).

import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { attachClsact, BpfObject, type BpfProgram, detachClsact } from 'bpf-loader-native';
import { enterNetns } from 'netlink-ts';
import t from 'tap';
import { PinDirectory } from '../../src/platform/pin-directory.js';
import type { FilterPin } from '../../src/platform/pins.js';
import { attachFilter, detachFilter, filterPins, foreignFilters, runningFilter } from '../../src/platform/tc-filter.js';
import { compileBpf } from '../support/bpf/compile.js';

const namespace = `tcfilter-${process.pid}`;
const directory = new PinDirectory(namespace);
directory.ensure();
execFileSync('ip', ['netns', 'add', namespace]);
t.teardown(() => {
  // It was never locked, so leaving it would not remove it.
  rmSync(directory.path, { recursive: true, force: true });
  directory.leave();
  spawnSync('ip', ['netns', 'del', namespace]);
});
enterNetns(`/run/netns/${namespace}`);
const ifindex = 7101;
const pin: FilterPin = { kind: 'filter', hook: 'tc', ifindex, slot: 3 };

function add(): void {
  execFileSync('ip', ['link', 'add', 'one', 'index', String(ifindex), 'type', 'veth', 'peer', 'name', 'two']);
}
add();

const object = await BpfObject.open(compileBpf('traffic'));
await object.load();
t.teardown(() => object.close());
const ours = object.program('mark');
const other = object.program('classify');

function qdiscs(): string {
  return execFileSync('tc', ['qdisc', 'show', 'dev', 'one'], { encoding: 'utf8' });
}

t.test('attached, found again, and gone with its qdisc', async (t) => {
  await attachFilter(directory, pin, ours);
  t.match(qdiscs(), /clsact/);
  t.same(filterPins(directory), [pin], 'the pin says where');
  t.equal(await runningFilter(directory, pin), ours.id);
  await attachFilter(directory, pin, other);
  t.equal(await runningFilter(directory, pin), other.id, 'attaching again exchanges the program');
  t.same(await foreignFilters(ifindex, other.id), { ingress: [], egress: [] });
  await detachFilter(directory, pin);
  t.notMatch(qdiscs(), /clsact/);
  t.same(filterPins(directory), []);
});

t.test("a qdisc of somebody else's is left alone", async (t) => {
  execFileSync('tc', ['qdisc', 'add', 'dev', 'one', 'clsact']);
  await t.rejects(attachFilter(directory, pin, ours), { code: 'foreign-qdisc', message: /clsact/ });
  t.same(filterPins(directory), [], 'nothing is pinned');
  t.match(qdiscs(), /clsact/);
  execFileSync('tc', ['qdisc', 'del', 'dev', 'one', 'clsact']);
});

t.test('a filter that cannot be put there leaves neither its qdisc nor its pin', async (t) => {
  const brief = {
    pin: (path: string) => ours.pin(path),
    get fd(): number {
      throw new Error('no descriptors');
    },
  } as unknown as BpfProgram;
  await t.rejects(attachFilter(directory, pin, brief), { message: 'no descriptors' });
  t.notMatch(qdiscs(), /clsact/);
  t.same(filterPins(directory), []);
});

t.test('a qdisc that somebody adds at the same time is left alone, too', async (t) => {
  const late = {
    pin: (path: string) => {
      ours.pin(path);
      execFileSync('tc', ['qdisc', 'add', 'dev', 'one', 'clsact']);
    },
    fd: ours.fd,
  } as unknown as BpfProgram;
  await t.rejects(attachFilter(directory, pin, late), { code: 'foreign-qdisc', message: /clsact/ });
  t.match(qdiscs(), /clsact/);
  t.same(await foreignFilters(ifindex, 0), { ingress: [], egress: [] }, 'without our filter');
  t.same(filterPins(directory), []);
  execFileSync('tc', ['qdisc', 'del', 'dev', 'one', 'clsact']);
});

for (const direction of ['ingress', 'egress'] as const) {
  t.test(`a filter that joins ours at ${direction} keeps the qdisc`, async (t) => {
    await attachFilter(directory, pin, ours);
    const place = { ifindex, direction, handle: 1, priority: 9 };
    await attachClsact(place, other);
    t.same(await foreignFilters(ifindex, ours.id), { ingress: [], egress: [], [direction]: [other.id] });
    await detachFilter(directory, pin);
    t.same(filterPins(directory), []);
    t.match(qdiscs(), /clsact/);
    t.same(await foreignFilters(ifindex, ours.id), { ingress: [], egress: [], [direction]: [other.id] });
    await detachClsact(place, { removeQdisc: true });
  });
}

t.test('cut short between any two steps', async (t) => {
  ours.pin(directory.pathOf(pin));
  t.equal(await runningFilter(directory, pin), undefined, 'only pinned');
  await detachFilter(directory, pin);
  t.same(filterPins(directory), []);

  ours.pin(directory.pathOf(pin));
  execFileSync('tc', ['qdisc', 'add', 'dev', 'one', 'clsact']);
  t.equal(await runningFilter(directory, pin), undefined, 'pinned, with qdisc');
  await attachFilter(directory, pin, ours);
  t.equal(await runningFilter(directory, pin), ours.id, 'the next attempt succeeds');

  await detachClsact({ ifindex, direction: 'ingress', handle: 1, priority: 1 }, { removeQdisc: false });
  await attachClsact({ ifindex, direction: 'ingress', handle: 1, priority: 1 }, other);
  t.equal(await runningFilter(directory, pin), undefined, 'another program at our place is not ours');
  await detachFilter(directory, pin);
  t.match(qdiscs(), /clsact/, 'and stays');
  execFileSync('tc', ['qdisc', 'del', 'dev', 'one', 'clsact']);
});

t.test('the device goes, and its number comes back', async (t) => {
  await attachFilter(directory, pin, ours);
  execFileSync('ip', ['link', 'del', 'one']);
  t.equal(await runningFilter(directory, pin), undefined);
  t.same(await foreignFilters(ifindex, ours.id), { ingress: [], egress: [] });
  add();
  t.equal(await runningFilter(directory, pin), undefined);
  await detachFilter(directory, pin);
  t.same(filterPins(directory), []);
  execFileSync('ip', ['link', 'del', 'one']);
  ours.pin(directory.pathOf(pin));
  await detachFilter(directory, pin);
  t.same(filterPins(directory), [], 'detached without a device');
});
