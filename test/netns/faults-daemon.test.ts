// SPDX-License-Identifier: Apache-2.0
// What a controller that runs for months meets: storms of events, rules and libraries that change or break, an FPM that the
// verifier refuses, a wall clock that jumps, a log that nobody reads any more. It goes on, says what is wrong, and recovers.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Bed } from '../support/lab/bed.js';
import { run, tryRun } from '../support/lab/command.js';
import { descriptors, Footprint } from '../support/lab/footprint.js';
import { misdelivered, misdeliveredTwice, teach } from '../support/lab/forwarding.js';
import { ip } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { Controller, detachAtExit, fastFrames, pinDirectory, tna, tnaStatus, until } from '../support/lab/tna.js';
import { builtLibraryDirectory, main, root } from '../support/scenarios/files.js';

t.setTimeout(1_500_000 * patience);

const noTrace = /^ +at .*:\d+|internal error/m;
const waitMs = 60_000;

function temporary(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tna-faults-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function start(t: Test, bed: Bed, ...options: readonly string[]): Controller {
  const controller = Controller.start(bed.netns, ...options);
  t.teardown(() => controller.stop());
  return controller;
}

const says = (controller: Controller, what: string | RegExp) => () =>
  typeof what === 'string' ? controller.log.includes(what) : what.test(controller.log);

const runs = ({ process }: Controller) => process.exitCode === null && process.signalCode === null;

/** Seconds of CPU that a process has used, and the memory that it has, in MiB. */
function usage(pid: number): { readonly cpu: number; readonly memory: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, memory: Number(rss) / 1024 };
}

t.test('ten thousand link changes', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  await ip(bed.netns, 'link add d0 type veth peer name d1', 'link set d0 up', 'link set d1 up');
  const controller = start(t, bed);
  await until('it has attached', says(controller, 'set-slot p2'), waitMs);
  const changes = Array.from({ length: 10_000 }, (_, i) => `link set d0 mtu ${1300 + (i % 100)}`);
  const lost = () =>
    Math.max(
      ...readFileSync(`/proc/${controller.pid}/net/netlink`, 'latin1')
        .split('\n')
        .slice(1, -1)
        .map((line) => Number(line.trim().split(/\s+/)[8])),
    );

  await t.test('while it runs', async (t) => {
    const before = usage(controller.pid);
    const began = performance.now();
    await ip(bed.netns, ...changes);
    const seconds = (performance.now() - began) / 1000;
    const after = usage(controller.pid);
    t.comment(`${(after.cpu - before.cpu).toFixed(2)} s of CPU in ${seconds.toFixed(2)} s`);
    t.ok(after.cpu - before.cpu < 0.75 * seconds + 0.5, 'it leaves the CPU to others');
    t.ok(after.memory - before.memory < 100, `memory: ${before.memory} MiB, then ${after.memory}`);
  });

  await t.test('that it cannot hear, and something else among them', async (t) => {
    controller.process.kill('SIGSTOP');
    await ip(bed.netns, ...changes);
    await bed.addPort();
    controller.process.kill('SIGCONT');
    t.ok(lost() > 0, `${lost()} events were lost`);
    await until('it has found the new port all the same', says(controller, 'set-slot p3'), waitMs);
    await teach(bed, [0, 1, 2]);
    t.same(await misdelivered(bed, [0, 1, 2]), []);
    t.equal((await tna('plan', '--detailed-exitcode', '--netns', bed.netns)).code, 0, 'nothing is left to do');
    t.ok(runs(controller));
    t.notMatch(controller.log, noTrace);
  });
});

t.test('rules that break while it runs', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const rules = temporary(t);
  cpSync(join(root, 'rules'), rules, { recursive: true });
  const file = join(rules, 'bridge.yaml');
  const good = readFileSync(file, 'utf8');
  const controller = start(t, bed, '--rules', rules, '--hook', 'p22=tc');
  await until('it has attached', says(controller, 'set-slot p2'), waitMs);

  const broken = good.replace('fpm: bridge_fdb', 'fpm: bridge_fbd');
  const mistaken = broken.replace('bridge.vlan_filtering', 'bridge.vlan_filtring');
  writeFileSync(file, mistaken);
  const mistake =
    /the last good ones stay in force[\s\S]*bridge\.yaml:\d+:\d+: .*vlan_filtring.*did you mean "vlan_filtering"[\s\S]*bridge\.yaml:\d+:\d+: .*bridge_fbd.*"bridge_fdb"/;
  await until('it says so', says(controller, mistake), waitMs);
  const status = await tna('status', '--netns', bed.netns, '--rules', rules, '-o', 'json');
  t.match(
    JSON.parse(status.stdout),
    { controller: { pid: controller.pid }, pending: null, error: { code: 'rules', evidence: /bridge_fbd/ } },
    'status is one document with what runs, and with the errors',
  );
  t.equal(status.code, 1);
  t.match(status.stderr, /have 2 errors/);
  const second = await tna('reconcile', '--netns', bed.netns, '-o', 'json');
  t.match(
    second.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
    [{ event: 'error', fatal: true, error: { code: 'locked' } }],
    'a second controller says in one line why it ends',
  );
  await bed.addPort();
  await until('and goes on with the last good ones', says(controller, 'set-slot p3'), waitMs);

  t.equal(
    controller.log.split('there is no interface p22; did you mean p2?').length,
    2,
    'a hook for nothing is told of once',
  );
  writeFileSync(file, good);
  await until('the end of the errors is news', says(controller, 'are good again, and as before'), waitMs);
  const times = (text: string) => controller.log.split(text).length - 1;
  writeFileSync(file, mistaken);
  await until('so is the same mistake then', () => times('the last good ones stay in force') === 2, waitMs);
  writeFileSync(file, good);
  await until('and its end', () => times('are good again, and as before') === 2, waitMs);

  renameSync(rules, `${rules}-gone`);
  t.teardown(() => rmSync(`${rules}-gone`, { recursive: true, force: true }));
  await bed.addPort();
  await until('even without any', says(controller, 'set-slot p4'), waitMs);
  await until('that they are gone is said', says(controller, 'cannot read the rules'), waitMs);
  renameSync(`${rules}-gone`, rules);
  // A directory that is put back gives no event: SIGHUP makes it look.
  process.kill(controller.pid, 'SIGHUP');
  await until('and that they are back', () => times('are good again, and as before') === 3, waitMs);

  writeFileSync(file, good.replace('unless: port.up', "unless: port.up && port.name != 'p2'"));
  await until('and with new ones once they are good', says(controller, 'detach p2'), waitMs);
  t.notMatch(controller.log, noTrace);
  await teach(bed, [0, 1, 2, 3]);
  t.same(await misdelivered(bed, [0, 1, 2, 3]), []);
  await controller.stop();
  t.match(controller.log, /^stopped; what is accelerated stays so$/m);
});

t.test('SIGHUP', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const rules = temporary(t);
  cpSync(join(root, 'rules'), rules, { recursive: true });
  await t.test('without a terminal, as under nohup: it looks', async (t) => {
    detachAtExit(bed.netns);
    const child = spawn('nohup', [process.execPath, main, 'reconcile', '--netns', bed.netns, '--rules', rules]);
    t.teardown(() => child.kill('SIGKILL'));
    let log = '';
    for (const stream of [child.stderr, child.stdout])
      stream.on('data', (data: Buffer) => {
        log += data.toString();
      });
    await until('it watches', () => log.includes('watching, 2 interfaces accelerated'), waitMs);
    child.kill('SIGHUP');
    await until('it says so', () => log.includes('SIGHUP: looking at rules and host'), waitMs);
    await bed.addPort();
    await until('it goes on', () => log.includes('set-slot p3'), waitMs);
    child.kill('SIGHUP');
    await until('also after a second one', () => log.split('SIGHUP').length === 3, waitMs);
    t.equal(child.exitCode ?? child.signalCode, null);
    child.kill('SIGTERM');
    await until('SIGTERM ends it', () => log.includes('stopped'), waitMs);
  });
  await t.test('on a terminal that is closed: it ends', async (t) => {
    const command = [process.execPath, main, 'reconcile', '--netns', bed.netns].map((part) => `'${part}'`).join(' ');
    const terminal = spawn('script', ['-qefc', `echo $$; exec ${command} 2>&1`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    t.teardown(() => terminal.kill('SIGKILL'));
    let log = '';
    terminal.stdout.on('data', (data: Buffer) => {
      log += data.toString();
    });
    await until('it watches', () => log.includes('watching'), waitMs);
    process.kill(Number(/^(\d+)/.exec(log)?.[1]), 'SIGHUP');
    await until('it has ended', () => /stopped; what is accelerated stays so\r?\n/.test(log), waitMs);
  });
});

t.test('a library that is removed or replaced', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 0 });
  const directory = temporary(t);
  const library = join(directory, 'library');
  cpSync(builtLibraryDirectory, library, { recursive: true });
  const controller = start(t, bed, '--library', library, '--hook', 'tc');
  await until(
    'it runs',
    async () => (await tna('status', '--netns', bed.netns)).stdout.includes('controller pid'),
    waitMs,
  );

  renameSync(library, `${library}-away`);
  await bed.addPort();
  await bed.addPort();
  await until('it says that it is gone', says(controller, 'the FPM library is gone'), waitMs);
  await teach(bed, [0, 1]);
  t.same(await misdelivered(bed, [0, 1]), []);

  // Comes at once: it would work with the good one as long as that is there.
  cpSync(`${library}-away`, `${library}-other`, { recursive: true });
  writeFileSync(join(`${library}-other`, 'tna_tc.bpf.o'), readFileSync(join(`${library}-away`, 'tna_xdp.bpf.o')));
  const json = readFileSync(join(`${library}-other`, 'library.json'), 'utf8');
  writeFileSync(join(`${library}-other`, 'library.json'), json.replace(/"hash": "[0-9a-f]/, '"hash": "x'));
  renameSync(`${library}-other`, library);
  await until('or another one', says(controller, 'is not the one that was read at the start'), waitMs);
  t.match(controller.log, /try: restart the controller/);
  t.equal(await fastFrames(bed.netns), 0, 'which it does not use');

  rmSync(library, { recursive: true });
  renameSync(`${library}-away`, library);
  await until('and works once it is back', says(controller, 'set-slot p2'), waitMs);
  t.notMatch(controller.log, noTrace);
  t.ok(runs(controller));
});

const careless = `// SPDX-License-Identifier: GPL-2.0
// FPM careless, for a test: reads behind the end of the packet, which the verifier does not allow.
#pragma once
#include "tna.h"

static __always_inline int fpm_careless(struct tna_pkt *p)
{
	return ((u8 *)p->data)[4000] ? tna_slow(p, TNA_R_CARELESS_ODD) : TNA_NEXT;
}
`;

t.test('an FPM that the verifier refuses', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 3 });
  const directory = temporary(t);
  const rules = join(directory, 'rules');
  const library = join(directory, 'library');
  mkdirSync(join(directory, 'fpm'));
  writeFileSync(join(directory, 'fpm', 'careless.bpf.h'), careless);
  writeFileSync(
    join(directory, 'fpm', 'careless.yaml'),
    'name: careless\norder: 310\nhooks: [xdp, tc]\nsummary: Breaks.\nparams: {}\nreasons:\n  - { code: odd, message: "odd" }\n',
  );
  cpSync(join(root, 'rules'), rules, { recursive: true });
  const file = join(rules, 'bridge.yaml');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(
      /^( +)- fpm: egress$/m,
      "$1- fpm: egress\n$1- { fpm: careless, when: port.name == 'p3' }",
    ),
  );
  await run(process.execPath, [main, 'fpm', 'build', '--fpm', join(directory, 'fpm'), '--out', library]);
  await teach(bed, [0, 1, 2]);
  const footprint = new Footprint(pinDirectory(bed.netns));
  const options = ['--rules', rules, '--library', library];

  for (const hook of ['tc', 'xdp']) {
    const once = await tna('reconcile', '--once', '--netns', bed.netns, '--hook', hook, ...options);
    t.equal(once.code, 1);
    // Whoever comes next clears up behind namespaces that are gone, those of other tests, too.
    const said = once.stderr.replace(/^removed what was left in .*\n/, '');
    const [line = '', ...more] = said.trim().split('\n');
    t.match(line, /^tna: cannot load pipeline \w{12}: .*invalid access to packet/, `${hook}: one line says why`);
    t.ok(more.length <= 2, `${hook}: and not much more`);
    const verbose = await tna('reconcile', '--once', '--netns', bed.netns, '--hook', hook, '--verbose', ...options);
    t.ok(verbose.stderr.trim().split('\n').length > 20, `${hook}: the whole log with --verbose`);
    t.match(verbose.stderr, /R\d+=pkt/, `${hook}: as the verifier wrote it`);
    footprint.look();
    t.same(await footprint.leaks(), [], `${hook}: nothing of it is left`);
    const status = await tnaStatus(bed.netns, '--hook', hook, ...options);
    const accelerated = status.filter((i) => i.accelerated).map((i) => i.name);
    t.same(accelerated, ['p1', 'p2'], `${hook}: the other interfaces go on`);
    const before = await fastFrames(bed.netns);
    t.same(await misdeliveredTwice(bed, [0, 1, 2]), []);
    t.ok((await fastFrames(bed.netns)) > before, `${hook}: the other interfaces are fast`);
    await tna('detach', '--netns', bed.netns);
  }

  // A try is a pass; as text, the same error would not be told again.
  const controller = start(t, bed, '-o', 'json', ...options);
  const failures = () =>
    controller.log.split('\n').filter((line) => /"event":"pass".*"result":"failed"/.test(line)).length;
  await until('it has tried twice', () => failures() >= 2, waitMs);
  // The least that it has between two tries.
  let open = Number.POSITIVE_INFINITY;
  const look = () => {
    open = Math.min(open, descriptors(controller.pid));
    return failures() >= 4;
  };
  await until('it has tried four times', look, waitMs);
  const seen = failures();
  await until('and some more', () => failures() >= seen + 3, waitMs);
  // In the middle of a pass it has some that it gives back.
  await until('without taking more and more descriptors', () => descriptors(controller.pid) <= open, waitMs);
  // Its templates are programs too, and end with it.
  await controller.stop();
  t.same(await footprint.leaks(), []);
  await tna('detach', '--netns', bed.netns);
  t.same(await footprint.remains(), []);
});

const jumpingClock = `// SPDX-License-Identifier: Apache-2.0
// A wall clock that is ten years off, each time it is asked in the other direction.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void)
{
	static int sign = 1;

	sign = -sign;
	return sign * 315576000L;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	int rc = syscall(SYS_clock_gettime, clock, out);

	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		out->tv_sec += jump();
	return rc;
}

int gettimeofday(struct timeval *out, void *zone)
{
	int rc = syscall(SYS_gettimeofday, out, zone);

	out->tv_sec += jump();
	return rc;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
`;

t.test('a wall clock that jumps', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  bed.accelerated();
  const directory = temporary(t);
  writeFileSync(join(directory, 'clock.c'), jumpingClock);
  const library = join(directory, 'clock.so');
  await run('clang', ['-shared', '-fPIC', '-O1', '-o', library, join(directory, 'clock.c')]);
  const env = { ...process.env, LD_PRELOAD: library };
  const years = execFileSync(
    process.execPath,
    ['-p', '[Date.now(), Date.now()].map((t) => new Date(t).getFullYear())'],
    {
      env,
      encoding: 'utf8',
    },
  );
  const [a = 0, b = 0] = JSON.parse(years) as number[];
  t.ok(Math.abs(a - b) >= 19, `the clock jumps: ${a}, ${b}`);

  let log = '';
  const child: ChildProcess = spawn(process.execPath, [main, 'reconcile', '--netns', bed.netns], { env });
  t.teardown(() => child.kill('SIGKILL'));
  child.stderr?.on('data', (data: Buffer) => {
    log += data.toString();
  });
  await until('it attaches', () => log.includes('set-slot p2'), waitMs);
  const before = usage(child.pid as number);
  const began = performance.now();
  await ip(bed.netns, 'link set p2 nomaster');
  await until('it follows', () => log.includes('detach p2'), waitMs);
  await ip(bed.netns, 'link set p2 master br0');
  await until('every change', () => log.split('set-slot p2').length === 3, waitMs);
  const took = (performance.now() - began) / 1000;
  t.ok(usage(child.pid as number).cpu - before.cpu < Math.max(1.5, took / 2), 'and does not spin');
  for (const time of [...log.matchAll(/(-?[\d.]+) ms\)/g)].map((m) => Number(m[1])))
    t.ok(time >= 0 && time < 60_000, `a pass took ${time} ms`);
  t.notMatch(log, noTrace);
});

t.test('a log that nobody reads any more', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const controller = start(t, bed);
  await until('it has attached', says(controller, 'set-slot p2'), waitMs);
  controller.process.stderr?.destroy();
  controller.process.stdout?.destroy();
  await bed.addPort();
  await until(
    'it goes on',
    async () => (await tnaStatus(bed.netns)).find(({ name }) => name === 'p3')?.hook !== null,
    waitMs,
  );
  await until(
    'and is in sync',
    async () => (await tna('plan', '--detailed-exitcode', '--netns', bed.netns)).code === 0,
    waitMs,
  );
  t.ok(runs(controller));
  await controller.stop();

  const once = (action: string) =>
    tryRun('bash', ['-c', `"$0" "$@" ${action}`, process.execPath, main, 'reconcile', '--once', '--netns', bed.netns]);
  await bed.addPort();
  const { code, stderr } = await once('>/dev/full');
  t.equal(code, 1);
  t.equal(
    stderr,
    'tna: cannot write the output: ENOSPC: no space left on device, write\n',
    'nor is a full disk an end',
  );
  t.match((await once('')).stdout, /^Nothing to do: /, 'what was begun is done');

  const json = start(t, bed, '-o', 'json');
  let results = '';
  json.process.stdout?.on('data', (data: Buffer) => {
    results += data.toString();
  });
  await until('it is in sync and says so', () => results.includes('\n'), waitMs);
  await bed.addPort();
  await until('and what it does', says(json, '"pass"'), waitMs);
  await json.stop();
  const events = results
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; converged?: boolean });
  t.match(events.at(0), { event: 'watching', accelerated: 4 }, 'a line of JSON for each event, on stdout');
  t.match(events.at(1), { event: 'pass', outcomes: [{ result: 'done' }] });
  t.same(events.at(-1), { event: 'stopped' });
});
