// SPDX-License-Identifier: Apache-2.0
// The host changes under TNA's feet: devices go, are renamed, replaced or moved between looking and acting, programs of others
// appear, namespaces end. Whatever happens, the bed forwards as Linux does and the next run brings everything in order.

import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfLink } from 'bpf-loader-native';
import t, { type Test } from 'tap';
import { readLifeMark } from '../../src/platform/life-mark.js';
import { Bed, type BedOptions } from '../support/lab/bed.js';
import { run, tryRun } from '../support/lab/command.js';
import { Footprint } from '../support/lab/footprint.js';
import { misdelivered, misdeliveredTwice, teach } from '../support/lab/forwarding.js';
import { addNetns, deleteNetns, ip, netnsName } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { makePinDirectory } from '../support/lab/pins.js';
import { Controller, detached, fastFrames, pinDirectory, tna, tnaStatus, until } from '../support/lab/tna.js';
import { compileForeign } from '../support/scenarios/foreign.js';

t.setTimeout(1_500_000 * patience);

const support = join(dirname(fileURLToPath(import.meta.url)), '../support');
const noTrace = /^ +at .*:\d+|internal error/m;

/** `tna reconcile --once` in the bed while `command` runs before its action `step`. */
function interrupted(bed: Bed, hook: string, step: string, command: string) {
  const inject = join(support, 'lab/inject.js');
  const args = ['reconcile', '--once', '--hook', hook, '--netns', bed.netns];
  return tryRun(process.execPath, [inject, step, command, ...args]);
}

async function makeBed(t: Test, options: BedOptions): Promise<{ readonly bed: Bed; readonly footprint: Footprint }> {
  const bed = await Bed.make(t, options);
  bed.accelerated();
  await teach(
    bed,
    Array.from({ length: options.ports }, (_, i) => i),
  );
  return { bed, footprint: new Footprint(pinDirectory(bed.netns)) };
}

/** A run converges, the next finds nothing to do, nothing is leaked, `ports` forward as Linux does and by the fast path. */
async function recovers(t: Test, bed: Bed, footprint: Footprint, hook: string, ports: readonly number[]) {
  t.same(await misdelivered(bed, ports), [], 'forwards as Linux does before the next run');
  const on = ['--netns', bed.netns, '--hook', hook];
  const next = await tna('reconcile', '--once', ...on);
  t.equal(next.code, 0, `the next run converges: ${next.stderr}`);
  t.equal((await tna('plan', '--detailed-exitcode', ...on)).code, 0, 'and leaves nothing to do');
  t.same(await footprint.leaks(), [], 'nothing is left but what is pinned');
  const before = await fastFrames(bed.netns);
  t.same(await misdeliveredTwice(bed, ports), [], 'forwards after it');
  t.ok((await fastFrames(bed.netns)) > before, 'by the fast path');
}

async function reasonsOf(bed: Bed, hook: string, name: string): Promise<readonly string[]> {
  const status = await tnaStatus(bed.netns, '--hook', hook);
  const found = status.find((i) => i.name === name);
  return found?.accelerated === false ? found.reasons.map(({ code }) => code).sort() : ['accelerated'];
}

const ifindexOf = async (netns: string, name: string): Promise<number> =>
  (JSON.parse(await run('ip', ['-n', netns, '-j', 'link', 'show', name])) as { ifindex: number }[])[0]?.ifindex ?? 0;

for (const hook of ['xdp', 'tc'] as const) {
  t.test(`devices change while a plan is carried out: ${hook}`, async (t) => {
    const { bed, footprint } = await makeBed(t, { kind: 'tap', ports: 4 });
    const only = (command: string) => `ip -n ${bed.netns} ${command}`;

    await t.test('one is removed between looking and the first action', async (t) => {
      const result = await interrupted(bed, hook, '1', only('link del p4'));
      t.equal(result.code, 0, 'another look knows of it');
      t.match(result.stdout, /^skipped +attach p4 \w+: the device has gone meanwhile$/m, 'that is said');
      t.match(result.stderr, /^steps \d+\n/, 'which is no error');
      t.notMatch(result.stderr, noTrace);
      footprint.look();
      await recovers(t, bed, footprint, hook, [0, 1, 2]);
      await tna('detach', '--netns', bed.netns);
    });

    await t.test('one is renamed between two actions', async (t) => {
      const rename = `${only('link set p3 down')} && ${only('link set p3 name q3 up')}`;
      await interrupted(bed, hook, 'attach:2', rename);
      footprint.look();
      await until('q3 forwards', async () => (await bed.state('q3')) === 'forwarding');
      await teach(bed, [2]);
      await recovers(t, bed, footprint, hook, [0, 1, 2]);
      t.equal((await tnaStatus(bed.netns)).find(({ name }) => name === 'q3')?.accelerated, true);
      await tna('detach', '--netns', bed.netns);
    });

    await t.test('another one has the number of one that was removed', async (t) => {
      const index = await ifindexOf(bed.netns, 'q3');
      const replace = `${only('link del q3')} && ${only(`link add x3 index ${index} type veth peer name y3`)} && ${only('link set x3 up')}`;
      const result = await interrupted(bed, hook, 'attach:3', replace);
      t.notMatch(result.stderr, noTrace);
      footprint.look();
      await recovers(t, bed, footprint, hook, [0, 1]);
      const other = (await tnaStatus(bed.netns)).find(({ name }) => name === 'x3');
      t.match(other, { accelerated: false, hook: null }, 'what is no port is left alone');
    });
    await tna('detach', '--netns', bed.netns);
    t.same(await footprint.remains(), []);
  });

  t.test(`a device goes to another namespace, and another one gets its number: ${hook}`, async (t) => {
    const { bed, footprint } = await makeBed(t, { kind: 'veth', ports: 3 });
    const other = netnsName('away');
    await addNetns(other);
    t.teardown(() => deleteNetns(other));
    t.equal((await tna('reconcile', '--once', '--netns', bed.netns, '--hook', hook)).code, 0);
    footprint.look();
    const index = await ifindexOf(bed.netns, 'p3');
    await ip(bed.netns, `link set p3 netns ${other}`);
    t.equal(await ifindexOf(other, 'p3'), index, 'it keeps its number there');
    t.same(await misdelivered(bed, [0, 1]), [], 'the others do not notice');
    await ip(bed.netns, `link add p9 index ${index} type veth peer name h9 netns ${bed.peers}`);
    await ip(bed.peers, 'link set h9 up');
    await ip(bed.netns, 'link set p9 master br0 up');
    await until('p9 forwards', async () => (await bed.state('p9')) === 'forwarding');
    await bed.agent.enter(bed.peers);
    const far = await bed.agent.packet('h9');
    await bed.agent.send([{ port: far, bytes: '02005e40000402005e40000488b5'.padEnd(120, '0') }]);
    const plan = await tna('plan', '--netns', bed.netns, '--hook', hook);
    t.match(plan.stdout, /attach +p9/, 'what is attached elsewhere does not count here');
    t.match(plan.stdout, /detach .*the device is gone/);
    await recovers(t, bed, footprint, hook, [0, 1, far]);
    await ip(other, 'link set p3 up');
    const away = await run('nsenter', [`--net=/run/netns/${other}`, 'ip', '-d', 'link', 'show', 'p3']);
    t.notMatch(away, /xdp/, 'and it is taken off the device that went');
  });
}

t.test('a program of somebody else appears between looking and attaching', async (t) => {
  const { bed, footprint } = await makeBed(t, { kind: 'tap', ports: 3 });
  const pins = `/sys/fs/bpf/tna-foreign-${process.pid}`;
  makePinDirectory(pins);
  t.teardown(() => rmSync(pins, { recursive: true }));
  const object = await compileForeign();
  const attach = (hook: string) =>
    `FOREIGN=${object} PINS=${pins} ${process.execPath} ${join(support, 'scenarios/attach-foreign.js')} ${hook} p2`;

  const result = await interrupted(bed, 'xdp', 'attach:2', attach('xdp'));
  t.equal(result.code, 1);
  t.match(result.stderr, /another XDP program is attached to ifindex \d+ and is left alone/);
  t.notMatch(result.stderr, noTrace);
  footprint.look();
  const foreign = BpfLink.openPinned(join(pins, 'xdp_p2'));
  t.equal(foreign.info.ifindex, await ifindexOf(bed.netns, 'p2'), 'it is still attached');
  foreign.close();
  await recovers(t, bed, footprint, 'xdp', [0, 1, 2]);
  t.same(await reasonsOf(bed, 'xdp', 'p2'), ['hook-forced', 'xdp-foreign'], 'the device is left to it');
  await tna('detach', '--netns', bed.netns);
  rmSync(join(pins, 'xdp_p2'));

  const beside = await interrupted(bed, 'tc', 'attach:2', attach('tcx'));
  t.equal(beside.code, 0, 'TCX has room for both');
  footprint.look();
  t.same(await misdelivered(bed, [0, 1, 2]), [], 'and what the other wants to see takes the slow path');
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns, '--hook', 'tc')).code, 0);
  t.same(await reasonsOf(bed, 'tc', 'p2'), ['hook-forced', 'tc-foreign'], 'the next run leaves the device to it');
  t.ok(existsSync(join(pins, 'tcx_p2')));
  t.same(await footprint.leaks(), []);
});

t.test('namespaces that end', async (t) => {
  const deployed = async () => {
    const { bed, footprint } = await makeBed(t, { kind: 'veth', ports: 2 });
    t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0);
    footprint.look();
    return { bed, footprint };
  };
  const living = await deployed();

  await t.test('what TNA had in them is removed by the next run elsewhere, and only that', async (t) => {
    const { bed, footprint } = await deployed();
    footprint.ends();
    await bed.agent.stop();
    await deleteNetns(bed.netns, bed.peers);
    const pruned = async () => {
      await tna('reconcile', '--once', '--netns', living.bed.netns);
      return !footprint.isThere();
    };
    await until('the namespace has ended and is cleared up', pruned);
    t.same(await footprint.remains(), [], 'programs, maps and links are gone');
    t.same(await living.footprint.leaks(), []);
    t.same(await misdelivered(living.bed, [0, 1]), [], 'the living one goes on');
    t.equal((await tna('plan', '--detailed-exitcode', '--netns', living.bed.netns)).code, 0, 'untouched');
  });

  await t.test('a running controller keeps its namespace; afterwards it ends', async (t) => {
    const { bed, footprint } = await deployed();
    // By its path: one that goes by the name ends with it (below).
    const controller = Controller.start(`/run/netns/${bed.netns}`);
    t.teardown(() => controller.stop());
    await until('it holds the namespace', async () => (await tnaStatus(bed.netns)).length > 0 && hasLock(bed));
    await bed.agent.stop();
    await deleteNetns(bed.netns, bed.peers);
    await tna('reconcile', '--once', '--netns', living.bed.netns);
    t.ok(existsSync(footprint.directory), 'while it lives nobody takes its pins');
    footprint.ends();
    await controller.stop('SIGKILL');
    await until('afterwards they go', async () => {
      await tna('reconcile', '--once', '--netns', living.bed.netns);
      return !footprint.isThere();
    });
    t.same(await footprint.remains(), []);
  });

  await t.test('a device that has come back from one is taken up by a controller that runs already', async (t) => {
    const { netns } = living.bed;
    const controller = Controller.start(netns);
    t.teardown(() => controller.stop());
    await until('it watches', () => controller.log.includes('watching'));
    // All of them before any ends: who begins clears up.
    const others = [await deployed(), await deployed()] as const;
    const comeBack = async ({ bed, footprint }: (typeof others)[number], name: string) => {
      footprint.ends();
      const mark = join(footprint.directory, 'map-tna_alive');
      await ip(bed.netns, 'link set p1 down', `link set p1 name ${name}`, `link set ${name} netns ${netns}`);
      await ip(netns, `link set ${name} master br0 up`);
      await until(`${name} is seen`, async () => (await living.bed.state(name)) === 'forwarding');
      await until('as it came', async () => (await reasonsOf(living.bed, 'tc', name)).includes('tc-foreign'));
      await bed.agent.stop();
      // Its far end is elsewhere, and it stays.
      await deleteNetns(bed.netns);
      await until('the namespace has ended', () => readLifeMark(mark) !== 'alive');
      return async () => (await reasonsOf(living.bed, 'tc', name)).includes('accelerated');
    };
    const one = await comeBack(others[0], 'back1');
    t.notOk(await one(), 'nobody has told it');
    controller.process.kill('SIGHUP');
    await until('SIGHUP does', one, 15_000);
    const other = await comeBack(others[1], 'back2');
    await until('without, the regular look does', other, 45_000);
    t.match(controller.log, /removed what was left in \d+ network namespaces? that no longer exist/);
    await controller.stop();
  });

  await t.test('a new namespace with the same inode number starts clean', async (t) => {
    const { bed, footprint } = await deployed();
    const again = netnsName('again');
    await addNetns(again);
    t.teardown(() => deleteNetns(again));
    // The kernel gives numbers again in an order of its own: instead the pins get the number of another namespace.
    renameSync(footprint.directory, pinDirectory(again));
    footprint.ends();
    await bed.agent.stop();
    await deleteNetns(bed.netns, bed.peers);
    const isClean = async () => /Nothing to do/.test((await tna('plan', '--netns', again)).stdout);
    await until('the old namespace has ended, and its pins are nothing to the new one', isClean);
    t.equal((await tna('reconcile', '--once', '--netns', again)).code, 0);
    t.same(await footprint.remains(), [], 'which removes them');
  });
});

function hasLock(bed: Bed): Promise<boolean> {
  return tna('status', '--netns', bed.netns, '-o', 'json').then(
    ({ stdout }) => (JSON.parse(stdout) as { readonly controller: object | null }).controller !== null,
  );
}

t.test('a namespace that is deleted under a controller', async (t) => {
  const name = netnsName('gone');
  await addNetns(name);
  const controller = Controller.start(name);
  t.teardown(() => controller.stop());
  await until('it watches', () => controller.log.includes('watching'));
  const inside = ['nsenter', `--net=/proc/${controller.pid}/ns/net`];
  detached(name);
  await deleteNetns(name);
  await run(inside[0] as string, [...inside.slice(1), 'ip', 'link', 'set', 'lo', 'up']);
  await until('it ends', () => controller.process.exitCode !== null);
  t.equal(controller.process.exitCode, 1, 'so that who restarts it finds the next one of that name');
  t.match(controller.log, new RegExp(`^tna: ${name} is not the name of this network namespace any more$`, 'm'));
});
