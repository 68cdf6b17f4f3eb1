// SPDX-License-Identifier: Apache-2.0
// The controller's life on a real bridge: converge, be killed, be replaced, leave; and what users are told when they err.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { Bed, frame } from '../support/lab/bed.js';
import { run, tryRun } from '../support/lab/command.js';
import { Footprint } from '../support/lab/footprint.js';
import { patience } from '../support/lab/patience.js';
import { Controller, fastFrames, pinDirectory, pinnedIds, tna, tnaOk, until } from '../support/lab/tna.js';
import { main } from '../support/scenarios/files.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_500_000 * patience);

/** Everything that a user can see of a namespace's devices, queues and filters. */
async function visible(netns: string): Promise<string> {
  const parts = [
    await run('ip', ['-n', netns, '-d', 'link', 'show']),
    await run('bridge', ['-n', netns, '-d', 'link', 'show']),
    await run('bridge', ['-n', netns, 'fdb', 'show']),
    await run('tc', ['-n', netns, 'qdisc', 'show']),
  ];
  for (const port of ['p1', 'p2', 'p3']) {
    parts.push(await run('ip', ['netns', 'exec', netns, 'ethtool', '-k', port]));
    parts.push(await run('tc', ['-n', netns, 'filter', 'show', 'dev', port, 'ingress']));
  }
  // The time left until the next clean-up of the FDB goes by itself.
  return parts.join('\n').replaceAll(/_timer +[\d.]+/g, '');
}

for (const hook of ['xdp', 'tc'] as const) {
  for (const kind of ['tap', 'veth'] as const) {
    t.test(`plan, reconcile, again, detach: ${kind}, ${hook}`, async (t) => {
      const bed = await Bed.make(t, { kind, ports: 3 });
      const options = ['--netns', bed.netns, '--hook', hook];
      const before = await visible(bed.netns);

      const planned = await tna('plan', ...options, '-o', 'json', '--detailed-exitcode');
      t.equal(planned.code, 2, 'a plan with changes');
      bed.accelerated();
      const applied = await tna('reconcile', '--once', ...options, '-o', 'json');
      t.equal(applied.code, 0);
      const actions = (text: string) =>
        (JSON.parse(text) as { actions: { op: string; interface?: string }[] }).actions.map(
          (action) => `${action.op} ${action.interface ?? ''}`,
        );
      t.same(actions(applied.stdout), actions(planned.stdout), 'reconcile does what plan says');
      t.ok(actions(applied.stdout).filter((action) => action.startsWith('attach p')).length === 3);

      const ids = await pinnedIds(bed.netns);
      const footprint = new Footprint(pinDirectory(bed.netns));
      const { programs, maps } = footprint.look();
      t.ok(programs.length > 3 && maps.length > 3, `${programs.length} programs and ${maps.length} maps are there`);
      const again = await tna('plan', ...options, '--detailed-exitcode');
      t.equal(again.code, 0, 'nothing is left to do');
      t.match((await tna('reconcile', '--once', ...options)).stdout, /Nothing to do/);
      t.same(await pinnedIds(bed.netns), ids, 'and nothing is touched');

      const unsaid = await tna('status', '--netns', bed.netns, '--rules', '/nonexistent');
      t.match(unsaid, {
        code: 1,
        stdout: /^3 of 5 interfaces accelerated, the rules do not say/,
        stderr: /^tna: .*\/nonexistent/,
      });
      const pins = pinDirectory(bed.netns);
      await tnaOk('detach', '--netns', bed.netns, '--rules', '/nonexistent', '--library', '/nonexistent');
      t.equal(await visible(bed.netns), before, 'devices, queues and filters are as they were');
      t.not((await tryRun('ls', [pins])).code, 0, 'no pin is left');
      t.same(await footprint.remains(), [], 'programs, maps and links are freed');
      t.match((await tna('detach', '--netns', bed.netns)).code, 0, 'detaching twice is no error');
    });
  }
}

t.test('kill -9 under load loses nothing, and the next controller adopts', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 3 });
  const first = Controller.start(bed.netns, '--hook', 'xdp');
  t.teardown(() => first.stop());
  await until('the controller has attached', () => first.log.includes('set-slot p3'));
  await bed.agent.send([0, 1, 2].map((port) => ({ port, bytes: frame(0, port + 1) })));
  const ids = await pinnedIds(bed.netns);

  let sent = 0;
  let arrived = 0;
  let going = true;
  const load = (async () => {
    while (going) {
      const results = await bed.agent.send(
        Array.from({ length: 100 }, (_, i) => ({ port: i % 2, bytes: frame(2 - (i % 2), 1 + (i % 2), sent + i) })),
      );
      sent += results.length;
      arrived += results.filter((one, i) => one.received.length === 1 && one.received[0]?.port === 1 - (i % 2)).length;
      await delay(1);
    }
  })();
  const fastBefore = await fastFrames(bed.netns);
  await first.stop('SIGKILL');
  await delay(200);
  t.ok((await fastFrames(bed.netns)) > fastBefore, 'the fast path works without a controller');
  const second = Controller.start(bed.netns, '--hook', 'xdp');
  t.teardown(() => second.stop());
  await until('the second controller holds the namespace', async () => {
    const status = JSON.parse(await tnaOk('status', '--netns', bed.netns, '-o', 'json')) as {
      readonly controller: { readonly pid: number } | null;
    };
    return status.controller?.pid === second.pid;
  });
  await delay(500);
  going = false;
  await load;
  t.equal(arrived, sent, `all of ${sent} frames arrived`);
  t.same(await pinnedIds(bed.netns), ids, 'no slot, link, program or map was touched');
  await second.stop();
  t.same(await pinnedIds(bed.netns), ids, 'and what is attached stays when a controller is stopped');
});

t.test('one controller per namespace', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const controller = Controller.start(bed.netns);
  t.teardown(() => controller.stop());
  await until('the controller has attached', () => controller.log.includes('set-slot p2'));
  const refused = await tna('reconcile', '--once', '--netns', bed.netns);
  t.equal(refused.code, 1);
  t.match(refused.stderr, new RegExp(`pid ${controller.pid}\\b`), 'the message names the holder');
  t.equal((await tna('status', '--netns', bed.netns)).code, 0, 'looking is allowed');
  await controller.stop();
  t.equal((await tna('reconcile', '--once', '--netns', bed.netns)).code, 0, 'its end frees the namespace');
});

t.test('errors of users', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const directory = mkdtempSync(join(tmpdir(), 'tna-rules-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'broken.yaml'), 'apiVersion: tna/v1\nsubsystem: [unclosed\n');

  const cases: readonly (readonly [string, number, RegExp, readonly string[]])[] = [
    ['unknown interface', 1, /no interface p9/, ['explain', 'p9', '--netns', bed.netns]],
    ['missing namespace', 1, /tna-no-such-namespace/, ['status', '--netns', 'tna-no-such-namespace']],
    ['broken YAML', 1, /broken\.yaml:\d+:\d+/, ['plan', '--netns', bed.netns, '--rules', directory]],
    ['no rules there', 1, /\/nonexistent/, ['plan', '--netns', bed.netns, '--rules', '/nonexistent']],
    ['no library there', 1, /\/nonexistent/, ['plan', '--netns', bed.netns, '--library', '/nonexistent']],
    ['bad hook', 2, /--hook/, ['plan', '--netns', bed.netns, '--hook', 'generic']],
    ['unknown option', 2, /--colour/, ['plan', '--colour']],
    ['unknown command', 2, /accelerate/, ['accelerate']],
  ];
  for (const [what, code, message, args] of cases) {
    const result = await tna(...args);
    t.equal(result.code, code, `${what}: exit code`);
    t.match(result.stderr, message, `${what}: the message says what`);
    t.notMatch(result.stderr, /^ +at .*:\d+|internal error/m, `${what}: no stack trace`);
    t.ok(result.stderr.trim().split('\n').length <= 3, `${what}: short`);
  }

  for (const command of [['reconcile', '--once'], ['plan'], ['detach']]) {
    const script = `process.setgid(65534); process.setuid(65534); process.argv.splice(1, 1, ${JSON.stringify(main)}, ${command
      .map((word) => JSON.stringify(word))
      .join(', ')}); import(${JSON.stringify(main)});`;
    const result = await tryRun('ip', ['netns', 'exec', bed.netns, process.execPath, '-e', script, 'x']);
    t.notMatch(result.stderr, /^ +at .*:\d+|internal error/m, `${command[0]} without root: no stack trace`);
    if (command[0] === 'reconcile') {
      t.equal(result.code, 1, 'without root: exit code');
      t.match(result.stderr, /root|CAP_|permi|privilege/i, 'without root: the message says so');
    }
  }
});
