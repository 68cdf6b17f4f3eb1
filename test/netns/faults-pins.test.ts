// SPDX-License-Identifier: Apache-2.0
// What users, other programs and crashes do to pins. The bed forwards as Linux does meanwhile; the next run brings everything in
// order, is fast again and leaves nothing behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { BpfLink, BpfMap, type MapType } from 'bpf-loader-native';
import t from 'tap';
import { ensureBpffs } from '../../src/platform/bpffs.js';
import { rulesDirectory } from '../../src/platform/package-paths.js';
import { bpffsRoot } from '../../src/platform/pins.js';
import { Bed } from '../support/lab/bed.js';
import { isRemoved, removeAtExit } from '../support/lab/cleanup.js';
import { run, tryRun } from '../support/lab/command.js';
import { Footprint } from '../support/lab/footprint.js';
import { misdelivered, misdeliveredTwice, teach } from '../support/lab/forwarding.js';
import { patience } from '../support/lab/patience.js';
import { makePinDirectory } from '../support/lab/pins.js';
import { refusing } from '../support/lab/refused-bpf.js';
import { Controller, fastFrames, pinDirectory, pinnedIds, tna, tnaOk, tnaStatus, until } from '../support/lab/tna.js';
import { main } from '../support/scenarios/files.js';

t.setTimeout(1_500_000 * patience);

const ports = [0, 1, 2] as const;

/** Pins a fresh map at `path`, in place of what is there. */
function putMap(
  path: string,
  like: { readonly type: MapType; readonly valueSize: number; readonly maxEntries: number },
) {
  rmSync(path, { recursive: true, force: true });
  const map = BpfMap.create({ name: 'foreign', keySize: 4, ...like });
  map.pin(path);
  map.close();
}

const someMap = { type: 'array', valueSize: 4, maxEntries: 1 } as const;

interface Damage {
  readonly what: string;
  /** The fast path goes on, and can be seen to. */
  readonly forwards?: true;
  do(directory: string, hook: string): void;
}

const first = (directory: string, prefix: string) =>
  join(
    directory,
    readdirSync(directory)
      .filter((name) => name.startsWith(prefix))
      .sort()[0] ?? 'none',
  );

const damages: readonly Damage[] = [
  { what: 'a map in place of a pipeline', do: (d, hook) => putMap(first(d, `pipeline-${hook}`), someMap) },
  { what: 'a map in place of a link', do: (d, hook) => putMap(first(d, `link-${hook}`), someMap) },
  {
    what: 'a link in place of a map',
    do: (d, hook) => {
      const path = join(d, `map-tna_scratch_${hook}`);
      unlinkSync(path);
      const link = BpfLink.openPinned(first(d, `link-${hook}`));
      link.pin(path);
      link.close();
    },
  },
  {
    what: 'slots of another shape',
    do: (d, hook) => putMap(join(d, `map-tna_slots_${hook}`), { type: 'hash', valueSize: 8, maxEntries: 256 }),
  },
  {
    what: 'no counters',
    forwards: true,
    do: (d, hook) => unlinkSync(join(d, `map-tna_counters_${hook}`)),
  },
  {
    what: 'fewer counters than slots',
    do: (d, hook) => {
      const path = join(d, `map-tna_counters_${hook}`);
      const map = BpfMap.openPinned(path);
      const { info } = map;
      map.close();
      putMap(path, { type: info.type as MapType, valueSize: info.valueSize, maxEntries: 1 });
    },
  },
  {
    what: 'a directory in place of each',
    do: (d, hook) => {
      for (const prefix of [`pipeline-${hook}`, `link-${hook}`, `map-tna_slots_${hook}`]) {
        const path = first(d, prefix);
        unlinkSync(path);
        mkdirSync(join(path, 'deeper'), { recursive: true });
        putMap(join(path, 'deeper', 'map'), someMap);
      }
    },
  },
  {
    what: 'a symbolic link that leads nowhere',
    do: (d, hook) => {
      const path = first(d, `link-${hook}`);
      unlinkSync(path);
      symlinkSync('/nowhere', path);
    },
  },
  {
    what: 'names that are not ours',
    do: (d) => {
      mkdirSync(join(d, 'notes'));
      putMap(join(d, 'map-tna_unknown'), someMap);
      putMap(join(d, 'whatever'), someMap);
    },
  },
  { what: 'no pipelines', do: (d, hook) => unlinkSync(first(d, `pipeline-${hook}`)) },
  { what: 'one link less', do: (d, hook) => unlinkSync(first(d, `link-${hook}`)) },
  {
    what: 'no maps',
    do: (d) => {
      for (const name of readdirSync(d).filter((n) => n.startsWith('map-'))) unlinkSync(join(d, name));
    },
  },
  { what: 'nothing at all', do: (d) => rmSync(d, { recursive: true }) },
];

for (const hook of ['xdp', 'tc'] as const) {
  t.test(`damaged pins: ${hook}`, async (t) => {
    const bed = await Bed.make(t, { kind: 'tap', ports: 3 });
    bed.accelerated();
    await teach(bed, ports);
    const directory = pinDirectory(bed.netns);
    const footprint = new Footprint(directory);
    const on = ['--netns', bed.netns, '--hook', hook];
    t.equal((await tna('reconcile', '--once', ...on)).code, 0);
    for (const damage of damages) {
      footprint.look();
      damage.do(directory, hook);
      t.same(await misdelivered(bed, ports), [], `${damage.what}: forwards as Linux does`);
      if (damage.forwards === true) {
        const status = await tnaStatus(bed.netns, '--hook', hook);
        t.equal(
          status.filter((i) => i.accelerated).length,
          ports.length,
          `${damage.what}: the status says that it is fast`,
        );
        const plan = JSON.parse(await tnaOk('plan', ...on, '-o', 'json')) as object;
        t.match(
          plan,
          { actions: [{ op: 'clear-slot' }], summary: { add: 0, change: 3 } },
          `${damage.what}: and the plan`,
        );
      }
      const next = await tna('reconcile', '--once', ...on, '-o', 'json');
      t.equal(next.code, 0, `${damage.what}: the next run converges: ${next.stderr}`);
      const { actions } = JSON.parse(next.stdout) as { readonly actions: readonly object[] };
      t.ok(actions.length > 0, `${damage.what}: it had ${actions.length} things to do`);
      t.same(await footprint.leaks(), [], `${damage.what}: nothing is left but what is pinned`);
      const before = await fastFrames(bed.netns);
      t.same(await misdeliveredTwice(bed, ports), [], `${damage.what}: forwards after it`);
      t.ok((await fastFrames(bed.netns)) > before, `${damage.what}: by the fast path`);
    }
    t.match((await tna('reconcile', '--once', ...on)).stdout, /^Nothing to do/, 'in the end all is as desired');
    await tna('detach', '--netns', bed.netns);
    t.same(await footprint.remains(), [], 'a detach leaves nothing at all');
  });
}

t.test('where the directory of pins should be is something else', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const directory = pinDirectory(bed.netns);
  makePinDirectory(dirname(directory));
  putMap(directory, someMap);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const command of [['reconcile', '--once'], ['plan'], ['detach'], ['status']]) {
    const result = await tna(...command, '--netns', bed.netns);
    t.equal(result.code, 1, `${command[0]}: fails`);
    t.match(result.stderr, new RegExp(directory), `${command[0]}: names it`);
    t.notMatch(result.stderr, /^ +at .*:\d+|internal error/m, `${command[0]}: as a message`);
  }
  unlinkSync(directory);
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0, 'works once it is gone');
});

t.test('the lock', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const directory = pinDirectory(bed.netns);
  const attached = (controller: Controller) => () => controller.log.includes('set-slot p2');
  const controller = Controller.start(bed.netns, '--hook=tc', '--rules', relative(process.cwd(), rulesDirectory()));
  t.teardown(() => controller.stop());
  await until('the controller has attached', attached(controller));

  await t.test('says how those who look are to judge', async (t) => {
    await until('in sync', async () => /^Nothing to do/.test(await tnaOk('plan', '--netns', bed.netns)));
    const plan = await tna('plan', '--netns', bed.netns);
    t.equal(
      plan.stderr,
      `tna: as the controller, pid ${controller.pid}, was told: --hook tc --rules ${rulesDirectory()}\n`,
    );
    const status = await tna('status', '--netns', bed.netns, '-o', 'json');
    t.equal(status.stderr, '', 'a script hears nothing of it');
    t.match(JSON.parse(status.stdout), {
      pending: 0,
      controller: { pid: controller.pid, command: /reconcile --netns/ },
    });
    const explained = await tna('explain', 'p1', '--netns', bed.netns, '--hook', 'xdp');
    t.notMatch(explained.stderr, /as the controller.*--hook/, 'what is said counts');
  });
  await t.test('is the controller’s even if somebody removes the directory under it', async (t) => {
    rmSync(directory, { recursive: true });
    await bed.addPort();
    await until('it has begun anew', () => controller.log.includes('set-slot p3'));
    const refused = await tna('reconcile', '--once', '--netns', bed.netns);
    t.equal(refused.code, 1);
    t.match(refused.stderr, new RegExp(`another controller works on this namespace: pid ${controller.pid} `));
    t.match(refused.stderr, new RegExp(`try: kill ${controller.pid}`));
  });

  await t.test('ends with its holder, even by kill -9', async (t) => {
    await controller.stop('SIGKILL');
    t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0);
    t.equal((await tna('plan', '--detailed-exitcode', '--netns', bed.netns)).code, 0);
  });
});

t.test('the rules of a controller that sees other files under their name', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const directory = realpathSync(t.testdir({ own: {}, seen: {}, current: t.fixture('symlink', 'seen') }));
  cpSync(rulesDirectory(), join(directory, 'own'), { recursive: true });
  const file = join(directory, 'own', 'bridge.yaml');
  const strict = readFileSync(file, 'utf8').replace('unless: port.up', "unless: port.up && port.name != 'p2'");
  writeFileSync(file, strict);
  // From outside, the directory is empty.
  const script = 'mount --bind own seen; ln -sfn "$PWD/seen" current; exec "$@" --rules current';
  const command = [process.execPath, main, 'reconcile', '--netns', bed.netns];
  const child = spawn('unshare', ['-m', 'sh', '-ec', script, 'sh', ...command], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'close');
  removeAtExit(`process ${child.pid}`, ['kill', '-9', String(child.pid)]);
  let log = '';
  child.stderr.on('data', (data: Buffer) => {
    log += data.toString();
  });
  await until('the controller has attached', () => log.includes('set-slot p1'));
  const explained = await tna('explain', 'p2', '--netns', bed.netns);
  t.equal(explained.code, 0, explained.stderr);
  t.match(explained.stderr, new RegExp(`was told: --rules /proc/${child.pid}/root${directory}/seen\n`));
  t.match(explained.stdout, /port-down|is down/, 'judged by its rules');
  child.kill();
  await ended;
  isRemoved(`process ${child.pid}`);
});

for (const hook of ['tc', 'xdp']) {
  t.test(`the shared maps are made anew by somebody else under a controller: ${hook}`, async (t) => {
    const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
    const controller = Controller.start(bed.netns, `--hook=${hook}`);
    t.teardown(() => controller.stop());
    await until('the controller has attached', () => controller.log.includes('set-slot p2'));
    await until('in sync', async () => /^Nothing to do/.test(await tnaOk('plan', '--netns', bed.netns)));

    // It sleeps meanwhile, so that it finds whole maps with the lock.
    controller.process.kill('SIGSTOP');
    rmSync(pinDirectory(bed.netns), { recursive: true });
    await tnaOk('reconcile', '--once', '--netns', bed.netns, `--hook=${hook}`);
    const slots = (await pinnedIds(bed.netns))[`map-tna_slots_${hook}`];
    controller.process.kill('SIGCONT');

    await bed.addPort();
    await until('the controller has attached', () => controller.log.includes('set-slot p3'));
    t.equal((await pinnedIds(bed.netns))[`map-tna_slots_${hook}`], slots, 'they stay as they were made');
    await teach(bed, ports);
    t.same(await misdeliveredTwice(bed, ports), []);
    for (const { name, counters } of (await tnaStatus(bed.netns)).filter((one) => one.accelerated))
      t.ok(counters.fast > 0, `${name} is fast: ${JSON.stringify(counters)}`);
    t.equal((await tnaStatus(bed.netns)).filter((one) => one.accelerated).length, ports.length);
  });
}

t.test('the BPF filesystem', async (t) => {
  ensureBpffs(); // the detach of a test before may have unmounted it
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  bed.accelerated();
  const command = `${process.execPath} ${main} reconcile --once --netns ${bed.netns}`;
  const inMounts = (script: string) => tryRun('unshare', ['-m', 'sh', '-c', `${script} && exec ${command}`]);
  const readOnly = 'mount --bind /sys/fs/bpf /sys/fs/bpf && mount -o remount,bind,ro /sys/fs/bpf';
  const cases: readonly (readonly [string, string, RegExp, RegExp])[] = [
    ['is read-only', readOnly, /EROFS/, /remount,rw/],
    ['cannot be mounted', 'mount -t tmpfs -o ro none /sys/fs', /is not mounted/, /tna --netns NAME|mount -t bpf/],
  ];
  for (const [what, script, message, hint] of cases) {
    const result = await inMounts(script);
    t.equal(result.code, 1, `${what}: fails`);
    t.match(result.stderr, message, `${what}: says what`);
    t.match(result.stderr, hint, `${what}: says what to do`);
    t.notMatch(result.stderr, /^ +at .*:\d+|internal error/m, `${what}: as a message`);
    t.notOk(existsSync(pinDirectory(bed.netns)), `${what}: and does nothing`);
  }

  // Read-only from one moment to the next: everything was looked at and allowed before.
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0);
  const hidden = ['plan', 'detach', 'reconcile --once'].map(async (what) => {
    const inside = ['netns', 'exec', bed.netns, process.execPath, main, ...what.split(' ')];
    const { code, stdout, stderr } = await tryRun('ip', inside);
    t.same([code, stdout], [1, ''], `${what} where the BPF filesystem is hidden: fails`);
    t.match(stderr, /is not mounted here.*\n +try: use `tna --netns NAME`/, `${what}: says why`);
  });
  await Promise.all(hidden);
  const footprint = new Footprint(pinDirectory(bed.netns));
  footprint.look();
  await bed.addPort();
  const late = await inMounts(readOnly);
  t.equal(late.code, 1);
  t.match(late.stderr, /cannot attach.*EROFS/s, 'an attachment that cannot be pinned is said');
  await teach(bed, ports);
  t.same(await misdelivered(bed, ports), []);
  t.same(await footprint.leaks(), [], 'and is not left');
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0, 'once it can be written again all is well');
});

t.test('something is mounted over the BPF filesystem under a controller', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  // In mounts of its own, with a BPF filesystem as we mount it: with the controller all of it ends.
  const began = [`mount -t bpf tna ${bpffsRoot}`, 'exec "$@"'].join(' && ');
  const child = spawn(
    'unshare',
    ['-m', 'sh', '-c', began, 'sh', process.execPath, main, 'reconcile', '--netns', bed.netns, '--hook', 'tc'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (data: Buffer) => {
    log += data.toString();
  });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const inside = (...command: readonly string[]) => run('nsenter', ['-t', String(child.pid), '-m', ...command]);
  const links = async () =>
    (
      await inside(
        'sh',
        '-c',
        `cd ${pinDirectory(bed.netns)} && for link in link-*; do bpftool link show pinned $link; done`,
      )
    )
      .split('\n')
      .filter((line) => /^\d+:/.test(line));
  await until('the controller has attached', () => log.includes('set-slot p2'));
  await until('it watches', () => log.includes('watching'));
  await teach(bed, [0, 1]);
  const before = await links();
  t.equal(before.length, 2);

  await inside('mount', '-t', 'bpf', 'bpf', bpffsRoot);
  await bed.addPort();
  await until('that is an error', () => /something has been mounted over the BPF filesystem/.test(log));
  t.match(log, /try: umount \/sys\/fs\/bpf/, 'with what is to be done');
  t.notOk((await inside('ls', bpffsRoot)).includes('tna'), 'and nothing is begun anew');
  t.notMatch(log, /clear-slot|detach/, 'or taken away');

  await inside('umount', bpffsRoot);
  await until('it goes on', () => log.includes('set-slot p3'));
  await until('and says so', () => log.includes('all is as desired again'));
  t.same((await links()).slice(0, 2), before, 'with what it had');
  await teach(bed, ports);
  t.same(await misdeliveredTwice(bed, ports), []);

  const witness = spawn('nsenter', ['-t', String(child.pid), '-m', 'sh', '-c', 'echo here && exec sleep 1000']);
  t.teardown(() => witness.kill('SIGKILL'));
  await once(witness.stdout, 'data');
  await inside('mount', '-t', 'bpf', 'theirs', bpffsRoot);
  child.kill('SIGTERM');
  await ended;
  const mounts = await run('nsenter', ['-t', String(witness.pid), '-m', 'cat', '/proc/self/mounts']);
  t.match(mounts, new RegExp(`^theirs ${bpffsRoot} `, 'm'), 'in the end it is not unmounted in place of ours');
});

t.test('the BPF filesystem is full', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  bed.accelerated();
  await teach(bed, [0, 1]);
  const directory = pinDirectory(bed.netns);
  const footprint = new Footprint(directory);
  // The kernel's has no limit that one could set.
  const withoutRoom = () => {
    const once = [process.execPath, main, 'reconcile', '--once', '--netns', bed.netns];
    const [file, ...args] = refusing('pin', 'ENOSPC', once);
    return tryRun(file, args);
  };
  const refused = async (what: string) => {
    const result = await withoutRoom();
    t.equal(result.code, 1, `${what}: fails`);
    t.match(result.stderr, /cannot .*ENOSPC/s, `${what}: says what`);
    t.notMatch(result.stderr, /^ +at .*:\d+|internal error/m, `${what}: as a message`);
    t.same(await footprint.leaks(), [], `${what}: leaves nothing behind`);
    t.same(await misdelivered(bed, [0, 1]), [], `${what}: forwards as Linux does`);
  };
  await refused('from the first pin on');
  t.notOk(existsSync(directory), 'from the first pin on: nothing is there');
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0);
  footprint.look();
  await bed.addPort();
  await refused('a port more than there is room for');
  const before = await fastFrames(bed.netns);
  t.same(await misdeliveredTwice(bed, [0, 1]), []);
  t.ok((await fastFrames(bed.netns)) > before, 'the others stay fast');
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0, 'with room again all is well');
  t.equal((await tna('plan', '--detailed-exitcode', '--netns', bed.netns)).code, 0);
});
