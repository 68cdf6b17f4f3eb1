// SPDX-License-Identifier: Apache-2.0
// An accelerated bridge as its users see it: stations move, addresses age, ports come and go, TCP works.

import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Bed, frame, station } from '../support/lab/bed.js';
import { run, tryRun } from '../support/lab/command.js';
import { addNetns, deleteNetns, ip, netnsName } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { Controller, detachAtExit, detached, fastFrames, tna, tnaOk, tnaStatus, until } from '../support/lab/tna.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_500_000 * patience);

type Hook = 'xdp' | 'tc';

async function accelerate(bed: Bed, hook: Hook): Promise<void> {
  bed.accelerated();
  await tnaOk('reconcile', '--once', '--netns', bed.netns, '--hook', hook);
}

/** Stations 1, 2, … behind the ports with those numbers make themselves known. */
async function introduce(bed: Bed, ports: number): Promise<void> {
  await bed.agent.send(Array.from({ length: ports }, (_, port) => ({ port, bytes: frame(0, port + 1) })));
}

async function fdb(bed: Bed): Promise<string> {
  return run('bridge', ['-n', bed.netns, 'fdb', 'show', 'br', 'br0', 'dynamic']);
}

async function moves(t: Test, kind: 'tap' | 'veth', hook: Hook): Promise<void> {
  const bed = await Bed.make(t, { kind, ports: 3 });
  await accelerate(bed, hook);
  await introduce(bed, 3);
  const [first, second] = await bed.agent.send([
    { port: 1, bytes: frame(1, 2, 1) },
    { port: 1, bytes: frame(1, 2, 2) },
  ]);
  t.same(
    first?.received.map((one) => one.port),
    [0],
    'station 1 is behind the first port',
  );
  t.same(
    second?.received.map((one) => one.port),
    [0],
  );
  const before = await fastFrames(bed.netns);
  t.ok(before > 0, 'by the fast path');

  const [moved, answer] = await bed.agent.send([
    { port: 2, bytes: frame(2, 1, 3) },
    { port: 1, bytes: frame(1, 2, 4) },
  ]);
  t.same(
    moved?.received.map((one) => one.port),
    [1],
    'the first frame from the new place arrives',
  );
  t.same(
    answer?.received.map((one) => one.port),
    [2],
    'and the very next one finds the station there',
  );
  const flow = await bed.agent.send(Array.from({ length: 40 }, (_, i) => ({ port: 1, bytes: frame(1, 2, 10 + i) })));
  t.ok(flow.every((one) => one.received.length === 1 && one.received[0]?.port === 2));
  // All but those that find entries that Linux is to refresh: whenever the machine was busy with others.
  t.ok((await fastFrames(bed.netns)) >= before + 20, 'by the fast path again');
}

t.test('a station that moves is followed from the first frame', async (t) => {
  t.test('tap, XDP', (t) => moves(t, 'tap', 'xdp'));
  t.test('tap, tc', (t) => moves(t, 'tap', 'tc'));
  t.test('veth, XDP', (t) => moves(t, 'veth', 'xdp'));
  t.test('veth, tc', (t) => moves(t, 'veth', 'tc'));
});

async function ages(t: Test, hook: Hook): Promise<void> {
  // Four seconds, in hundredths: a busy machine may well stop us for one.
  const bed = await Bed.make(t, { kind: 'tap', ports: 3, bridge: 'ageing_time 400' });
  await accelerate(bed, hook);
  await introduce(bed, 3);
  let lost = 0;
  // However late it comes, of what is sent at once only the first frames find entries that Linux is to refresh.
  const [looks, perLook] = [90, 12];
  for (let i = 0; i < looks; i += 1) {
    await delay(80);
    const results = await bed.agent.send(
      Array.from({ length: perLook }, (_, n) => ({ port: n % 2, bytes: frame(2 - (n % 2), 1 + (n % 2), i) })),
    );
    // One more than expected would be a flood: the entry was gone.
    lost += results.filter((one) => one.received.length !== 1).length;
  }
  t.equal(lost, 0, 'no frame of a running flow was lost or flooded');
  const entries = await fdb(bed);
  t.match(entries, station(1), 'a station in use stays');
  t.match(entries, station(2));
  t.notMatch(entries, station(3), 'one that is silent goes');
  t.ok((await fastFrames(bed.netns)) > looks * (perLook - 5), 'nearly all by the fast path');
  await until('silent stations go', async () => !(await fdb(bed)).includes(station(1)));
}

t.test('addresses age as without TNA', { jobs: 2 }, async (t) => {
  t.test('XDP', (t) => ages(t, 'xdp'));
  t.test('tc', (t) => ages(t, 'tc'));
});

t.test('ports come and go while traffic flows', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
  const controller = Controller.start(bed.netns, '--hook', 'xdp');
  t.teardown(() => controller.stop());
  const accelerated = async (name: string) =>
    (await tnaStatus(bed.netns, '--hook', 'xdp')).find((one) => one.name === name)?.accelerated === true;
  await until('the controller has attached', () => controller.log.includes('set-slot p2'));
  await introduce(bed, 2);

  let wrong = 0;
  let sent = 0;
  let going = true;
  const traffic = (async () => {
    while (going) {
      const results = await bed.agent.send([
        { port: 0, bytes: frame(2, 1, sent) },
        { port: 1, bytes: frame(1, 2, sent) },
      ]);
      sent += results.length;
      wrong += results.filter((one, i) => one.received.length !== 1 || one.received[0]?.port !== 1 - i).length;
      await delay(2);
    }
  })();
  const port = await bed.addPort();
  await until('the new port is accelerated', () => accelerated('p3'));
  going = false;
  await traffic;
  t.equal(wrong, 0, `all of ${sent} frames arrived once, where they belong, while a port was added`);

  await bed.agent.send([{ port, bytes: frame(0, 3) }]);
  const before = await fastFrames(bed.netns);
  const results = await bed.agent.send(
    Array.from({ length: 20 }, (_, i) =>
      i % 2 === 0 ? { port: 0, bytes: frame(3, 1, i) } : { port, bytes: frame(1, 3, i) },
    ),
  );
  t.ok(results.every((one, i) => one.received.length === 1 && one.received[0]?.port === (i % 2 === 0 ? port : 0)));
  // The first ones may find entries that Linux is to refresh.
  t.ok((await fastFrames(bed.netns)) >= before + 16, 'to and from the new port by the fast path');

  await ip(bed.netns, 'link del p3');
  const after = await bed.agent.send([{ port: 0, bytes: frame(2, 1, 5) }]);
  t.same(
    after[0]?.received.map((one) => one.port),
    [1],
    'the others go on when the port is gone',
  );
  await until('nothing is left to do', async () => {
    const plan = await tna('plan', '--netns', bed.netns, '--hook', 'xdp', '--detailed-exitcode');
    return plan.code === 0;
  });
});

/** Sends 20 MB by TCP from one namespace to another and resolves to what arrived, in bytes. */
async function transfer(from: string, to: string, address: string): Promise<number> {
  const total = 20_000_000;
  const server = `let n = 0; require('net').createServer((s) => { s.on('data', (d) => { n += d.length; });
    s.on('end', () => { console.log(n); process.exit(0); }); }).listen(5000, () => {});`;
  const client = `const s = require('net').connect(5000, '${address}', () => { s.end(Buffer.alloc(${total}, 1)); });
    s.on('error', (e) => { console.error(e.message); process.exit(1); });`;
  const exec = (netns: string, script: string) =>
    tryRun('ip', ['netns', 'exec', netns, process.execPath, '-e', script], { timeout: 120_000 });
  const receiving = exec(to, server);
  await until('the server listens', async () => {
    const { stdout } = await tryRun('ip', ['netns', 'exec', to, 'ss', '-ltnH']);
    return stdout.includes(':5000');
  });
  await exec(from, client);
  return Number((await receiving).stdout.trim() || '0');
}

async function carriesTcp(t: Test, hook: Hook): Promise<void> {
  const [bridge, left, right] = ['tcpbr', 'tcpa', 'tcpb'].map(netnsName) as [string, string, string];
  await addNetns(bridge, left, right);
  t.teardown(async () => {
    await tna('detach', '--netns', bridge);
    detached(bridge);
    await deleteNetns(bridge, left, right);
  });
  await run('ip', ['netns', 'exec', bridge, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=0']);
  await run('ip', ['netns', 'exec', bridge, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-ip6tables=0']);
  await run('ip', ['netns', 'exec', bridge, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-arptables=0']);
  await ip(bridge, 'link add br0 type bridge', 'link set br0 up');
  for (const [index, netns] of [left, right].entries()) {
    const port = `p${index + 1}`;
    await ip(bridge, `link add ${port} type veth peer name eth0 netns ${netns}`, `link set ${port} master br0 up`);
    await ip(netns, 'link set lo up', `addr add 10.9.0.${index + 1}/24 dev eth0`, 'link set eth0 up');
    // XDP frames can be sent into a veth only if its far end polls.
    if (hook === 'xdp') await run('ip', ['netns', 'exec', netns, 'ethtool', '-K', 'eth0', 'gro', 'on']);
  }
  detachAtExit(bridge);
  await tnaOk('reconcile', '--once', '--netns', bridge, '--hook', hook);
  t.equal(await transfer(left, right, '10.9.0.2'), 20_000_000, 'all bytes arrive');
  const status = await tnaStatus(bridge, '--hook', hook);
  t.ok(status.filter((one) => one.accelerated && one.hook === hook).length === 2, 'both ports are accelerated');
  if (hook === 'tc') {
    t.ok((await fastFrames(bridge)) > 100, 'by the fast path');
  }
}

t.test('TCP between local senders', async (t) => {
  t.test('tc', (t) => carriesTcp(t, 'tc'));
  // By XDP the frames need their checksums completed: they must take the slow path, and arrive.
  t.test('XDP', (t) => carriesTcp(t, 'xdp'));
});
