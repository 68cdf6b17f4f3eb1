// SPDX-License-Identifier: Apache-2.0
// The controller's lease on a real bridge: what happens to pipelines that need a controller when there is none any more.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { rulesDirectory } from '../../src/platform/package-paths.js';
import { Bed, frame } from '../support/lab/bed.js';
import { Controller, type InterfaceStatus, tna, tnaOk, tnaStatus, until } from '../support/lab/tna.js';

t.setTimeout(900_000);

interface Status {
  readonly lease: { readonly scope: string; readonly seconds: number; readonly left: number | null } | null;
  readonly interfaces: readonly (InterfaceStatus & { readonly modules: readonly string[]; readonly leased: boolean })[];
}

async function status(netns: string, ...options: readonly string[]): Promise<Status> {
  return JSON.parse(await tnaOk('status', '--netns', netns, '-o', 'json', ...options)) as Status;
}

/** Frames between the first two ports, and how many of them were fast or slow because of the lease. */
async function traffic(
  bed: Bed,
  options: readonly string[] = [],
): Promise<{ arrived: number; fast: number; expired: number }> {
  const count = async () => {
    const counters = (await tnaStatus(bed.netns, ...options)).map((one) => one.counters);
    const expired = counters.flatMap(({ reasons }) => reasons.filter((reason) => reason.code === 'lease-expired'));
    return {
      fast: counters.reduce((sum, { fast }) => sum + fast, 0),
      expired: expired.reduce((sum, { packets }) => sum + packets, 0),
    };
  };
  // Both are known and fresh: what is slow after this is slow for another reason.
  for (const port of [0, 1, 0, 1]) await bed.agent.send([{ port, bytes: frame(2 - port, port + 1) }]);
  const before = await count();
  const results = await bed.agent.send(Array.from({ length: 20 }, (_, i) => ({ port: 0, bytes: frame(2, 1, i) })));
  const after = await count();
  const arrived = results.filter(({ received }) => received.length === 1 && received[0]?.port === 1).length;
  return { arrived, fast: after.fast - before.fast, expired: after.expired - before.expired };
}

/** The built-in rules with a condition that no FPM looks at. */
function rulesWithBlindSpot(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tna-lease-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  cpSync(rulesDirectory(), directory, { recursive: true });
  const file = join(directory, 'bridge.yaml');
  const more = '    blockedBy:\n      - { code: huge, when: port.mtu > 9000, message: it is huge }\n';
  writeFileSync(file, readFileSync(file, 'utf8').replace('    blockedBy:\n', more));
  return directory;
}

async function attached(bed: Bed, controller: Controller): Promise<void> {
  await until('the controller has attached', () => controller.log.includes('set-slot p2'), 60_000);
  await bed.agent.send([0, 1].map((port) => ({ port, bytes: frame(0, port + 1) })));
  await until('frames are fast', async () => (await traffic(bed)).fast > 0, 60_000);
}

for (const hook of ['xdp', 'tc'] as const) {
  t.test(`a lease for everything, ${hook}`, async (t) => {
    const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
    const options = ['--hook', hook, '--lease', '4,all'];
    const first = Controller.start(bed.netns, ...options);
    t.teardown(() => first.stop('SIGKILL'));
    await attached(bed, first);
    const seen = await status(bed.netns, '--hook', hook);
    t.match(seen.lease, { scope: 'all', seconds: 4 });
    t.ok((seen.lease?.left ?? -1) >= 0, 'time is left');
    t.ok(seen.interfaces.filter((i) => i.accelerated).every((i) => i.leased && i.modules[0] === 'lease'));
    t.match(await tnaOk('status', '--netns', bed.netns, '--hook', hook), /lease 4 s, \d s left/);
    t.equal(
      (await tna('plan', '--netns', bed.netns, '--hook', hook, '--detailed-exitcode')).code,
      0,
      'plan knows of it',
    );

    first.process.kill('SIGSTOP');
    await until('the lease expires', async () => ((await status(bed.netns)).lease?.left ?? 1) < 0);
    t.match(await traffic(bed), { arrived: 20, fast: 0, expired: 20 }, 'all frames are slow, and arrive');
    const expired = await status(bed.netns, '--hook', hook);
    for (const name of ['p1', 'p2'])
      t.match(
        expired.interfaces.find((i) => i.name === name)?.reasons.map((reason) => reason.code),
        ['lease-expired'],
        name,
      );
    t.match(await tnaOk('status', '--netns', bed.netns, '--hook', hook), /lease expired \d+ s ago/);

    first.process.kill('SIGCONT');
    await until('frames are fast again', async () => (await traffic(bed)).fast > 0, 60_000);
    await first.stop('SIGKILL');
    await until('the lease of the dead expires', async () => ((await status(bed.netns)).lease?.left ?? 1) < 0);
    t.match(await traffic(bed), { arrived: 20, fast: 0, expired: 20 });

    const second = Controller.start(bed.netns, ...options);
    t.teardown(() => second.stop('SIGKILL'));
    await until('another controller makes them fast', async () => (await traffic(bed)).fast > 0, 60_000);
    t.notMatch(second.log, /load|set-slot|attach/, 'it adopts what runs');
    await second.stop();

    const third = Controller.start(bed.netns, '--hook', hook);
    t.teardown(() => third.stop('SIGKILL'));
    await until('without --lease the lease goes', async () => (await status(bed.netns, '--hook', hook)).lease === null);
    await until('frames are fast without it', async () => (await traffic(bed)).fast > 0, 60_000);
    await third.stop();
  });
}

t.test('a lease only for what no FPM sees', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const rules = ['--rules', rulesWithBlindSpot(t)];
  const at = ['--netns', bed.netns, ...rules, '--hook', 'xdp'];

  bed.accelerated();
  const refused = await tna('reconcile', '--once', ...at);
  t.equal(refused.code, 0);
  t.match(refused.stdout, /needs-controller +only a running controller would notice: huge/);
  t.match(
    (await status(bed.netns, ...rules)).interfaces.map((i) => i.accelerated),
    [false, false, false],
    'nothing runs that nobody would stop',
  );

  t.equal((await tna('reconcile', '--once', ...at, '--lease', 'off')).code, 0);
  const risky = await status(bed.netns, ...rules, '--hook', 'xdp');
  t.same([risky.lease, risky.interfaces.filter((i) => i.accelerated).length], [null, 2], 'unless the operator insists');
  t.equal((await tna('plan', ...at, '--detailed-exitcode')).code, 0, 'which is remembered');
  t.match(await tnaOk('explain', 'p1', ...at), /Covered by the controller only: huge \(without a lease\)/);

  const controller = Controller.start(bed.netns, ...rules, '--hook', 'xdp');
  t.teardown(() => controller.stop('SIGKILL'));
  await until(
    'pipelines are under a lease',
    async () => (await status(bed.netns, ...rules, '--hook', 'xdp')).lease?.scope === 'needed',
  );
  const held = await status(bed.netns, ...rules, '--hook', 'xdp');
  t.equal(held.lease?.seconds, 60);
  t.match(await tnaOk('explain', 'p1', ...at), /Covered by the controller only: huge \(under its lease\)/);
  await until('frames are fast', async () => (await traffic(bed)).fast > 0, 60_000);
  await controller.stop();
});

t.test('the built-in rules need none', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  for (const hook of ['xdp', 'tc']) {
    const at = ['--netns', bed.netns, '--hook', hook];
    bed.accelerated();
    t.equal((await tna('reconcile', '--once', ...at)).code, 0);
    const seen = await status(bed.netns, '--hook', hook);
    t.same([seen.lease, seen.interfaces.some((i) => i.modules.includes('lease'))], [null, false]);
    t.match(
      await tnaOk('explain', 'p1', ...at),
      /Covered by the controller only: nothing$/m,
      `${hook}: and explain says so`,
    );
  }
});
