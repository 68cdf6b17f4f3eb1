// SPDX-License-Identifier: Apache-2.0
// `npm run demo`: TNA's main job on a lab of its own, in under 90 seconds. The exit code says whether all went as promised.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { openForwardingPath } from '../bench/path.js';
import { median } from '../bench/statistics.js';
import { Tna } from '../bench/tna.js';
import { bridgeSlowAllowed, makeVariants } from '../bench/variants.js';
import { run } from './lab/command.js';
import { addNetns, deleteNetns, inNetns, ip, netnsName } from './lab/netns.js';
import { leftovers, newLeftovers } from './leftovers.js';

const router = netnsName('demo');
const hosts = [1, 2, 3, 4, 5].map((n) => netnsName(`h${n}`));
const failures: string[] = [];

function chapter(title: string): void {
  console.log(`\n\u001b[1m── ${title}\u001b[0m`);
}

function say(text: string): void {
  console.log(text.trimEnd());
}

/** A promise that is kept or broken; broken ones make the demo fail, but it goes on to show the rest. */
function expect(holds: boolean, promise: string): void {
  say(`${holds ? '✓' : '✗'} ${promise}`);
  if (!holds) failures.push(promise);
}

const host = (n: number) => hosts[n - 1] as string;

async function buildLab(): Promise<void> {
  await addNetns(router, ...hosts);
  await inNetns(router, [
    'sysctl',
    '-qw',
    ...['iptables', 'ip6tables', 'arptables'].map((t) => `net.bridge.bridge-nf-call-${t}=0`),
  ]);
  await ip(router, 'link set lo up', 'link add br0 type bridge', 'link set br0 up');
  for (const n of [1, 2, 3, 4]) await plugIn(n);
}

/** Host n with 10.0.0.n, connected to the bridge as port pN. */
async function plugIn(n: number): Promise<void> {
  await ip(router, `link add p${n} type veth peer name eth0 netns ${host(n)}`);
  await ip(host(n), `addr add 10.0.0.${n}/24 dev eth0`, 'link set lo up', 'link set eth0 up');
  await ip(router, `link set p${n} master br0 up`);
}

/** TCP throughput from host 1 to host 2 in Gbit/s. */
async function tcp(seconds: number): Promise<number> {
  const server = spawn('ip', ['netns', 'exec', host(2), 'iperf3', '-s', '-1'], { stdio: 'ignore' });
  for (let tries = 0; tries < 200 && !(await inNetns(host(2), ['ss', '-ltnH'])).includes(':5201'); tries++)
    await delay(50);
  const report = await inNetns(host(1), ['iperf3', '-J', '-c', '10.0.0.2', '-t', String(seconds)]);
  server.kill();
  const { end } = JSON.parse(report) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

/** Pings from host 1, every 10 ms; resolves to how many were lost. */
function pings(address: string, count: number): Promise<{ readonly lost: number }> {
  return inNetns(host(1), ['sh', '-c', `ping -q -i 0.01 -W 1 -c ${count} ${address} || true`]).then((text) => {
    const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? [];
    return { lost: Number(sent ?? count) - Number(received ?? 0) };
  });
}

async function tcpChapter(tna: Tna): Promise<void> {
  chapter('A Linux bridge with four hosts. What would TNA do?');
  say((await tna.run('plan')).stdout);
  const before = await tcp(2);

  chapter('tna reconcile --once');
  const applied = await tna.run('reconcile', '--once');
  say(applied.stdout.split('\n').slice(-2).join('\n'));
  expect((await tna.plannedActions()) === 0, 'a second reconcile has nothing to do');
  const after = await tcp(2);
  say(
    `TCP, host 1 to host 2 (veth, TCX): Linux ${before.toFixed(1)} Gbit/s, TNA ${after.toFixed(1)} Gbit/s (${(after / before).toFixed(2)} ×; one pair, see the benchmark for a fair figure)`,
  );

  chapter('tna status');
  say((await tna.run('status')).stdout);
  const port = await tna.statusOf('p1');
  expect(port.counters.fast > 10 * port.counters.slow, 'nearly all packets took the fast path');

  chapter('tna explain p1');
  say((await tna.run('explain', 'p1')).stdout);
}

async function moveChapter(tna: Tna): Promise<void> {
  chapter('The controller runs. Host 3 moves to another port while it is pinged.');
  const controller = tna.daemon();
  try {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 30_000);
      controller.stderr?.on('data', (data: Buffer) => {
        if (!data.includes('watching')) return;
        clearTimeout(timer);
        resolve();
      });
    });
    const [, mac] = /link\/ether (\S+)/.exec(await inNetns(host(3), ['ip', 'link', 'show', 'eth0'])) ?? [];
    await pings('10.0.0.3', 20);
    const stream = pings('10.0.0.3', 400);
    await delay(700);
    await ip(host(3), 'link set eth0 down');
    await ip(
      host(4),
      'link set eth0 down',
      `link set eth0 address ${mac}`,
      'addr flush dev eth0',
      'addr add 10.0.0.3/24 dev eth0',
      'link set eth0 up',
    );
    await inNetns(host(4), ['sh', '-c', 'ping -q -c 1 -W 1 10.0.0.1 >/dev/null || true']);
    const { lost } = await stream;
    const fdb = await run('bridge', ['-n', router, 'fdb', 'show', 'br', 'br0']);
    expect(fdb.includes(`${mac} dev p4`), `the bridge has ${mac} on p4 now`);
    expect(lost < 250, `the pings followed the host to its new port; ${lost} of 400 were lost on the way`);

    chapter('A fifth host is plugged in while traffic flows.');
    const busy = pings('10.0.0.2', 150);
    await plugIn(5);
    const plugged = performance.now();
    while (!(await attached(tna, 'p5')) && performance.now() - plugged < 30_000) await delay(1);
    const took = Math.round(performance.now() - plugged);
    expect(await attached(tna, 'p5'), `p5 is accelerated ${took} ms after it was plugged in`);
    expect((await busy).lost === 0, 'nothing of the other traffic was lost');
    expect((await pings('10.0.0.5', 20)).lost === 0, 'host 5 answers');
  } finally {
    await stop(controller);
  }
}

/** Whether the dispatcher of a port is pinned, which is quicker to ask than `tna status`. */
async function attached(tna: Tna, port: string): Promise<boolean> {
  const [link] = JSON.parse(await run('ip', ['-n', router, '-j', 'link', 'show', port])) as { ifindex: number }[];
  return readdirSync(tna.pins).some((pin) => pin.startsWith(`link-tc-${link?.ifindex}-`));
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

async function packetChapter(): Promise<void> {
  chapter('64-byte packets through XDP, one core, 200 source addresses');
  const path = await openForwardingPath(0);
  try {
    const tna = new Tna(path.netns, undefined);
    const names = ['linux', 'tna-xdp', 'redirect-xdp'] as const;
    const variants = makeVariants({ names, path, tna, what: 'bridge', slowAllowed: bridgeSlowAllowed });
    await path.send(100_000);
    const ns = new Map<string, number[]>(variants.map((variant) => [variant.name, []]));
    for (let round = 0; round < 3; round++) {
      for (const variant of variants) {
        await variant.enter();
        const warm = await path.send(50_000);
        const sent = await path.send(400_000);
        await variant.check(warm.frames + sent.frames);
        ns.get(variant.name)?.push(sent.nsPerFrame);
        await variant.leave();
      }
    }
    await tna.close();
    const of = (name: string) => median(ns.get(name) ?? []);
    for (const variant of variants)
      say(
        `${variant.label.padEnd(42)} ${(1000 / of(variant.name)).toFixed(2)} Mpps  ${of(variant.name).toFixed(0)} ns per packet`,
      );
    const gain = of('linux') / of('tna-xdp');
    expect(gain > 2, `TNA forwards ${gain.toFixed(1)} × as many packets as the Linux bridge`);
  } finally {
    await path.close();
  }
}

async function main(): Promise<number> {
  if (process.getuid?.() !== 0) {
    console.error('demo: only root can make network namespaces and load BPF programs');
    return 1;
  }
  const started = performance.now();
  const before = leftovers();
  await buildLab();
  const tna = new Tna(router, undefined);
  await tcpChapter(tna);
  await moveChapter(tna);
  chapter('tna detach');
  say((await tna.run('detach')).stdout);
  await tna.close();
  await deleteNetns(router, ...hosts);
  await packetChapter();
  const left = await newLeftovers(before);
  expect(left.length === 0, `nothing is left on this machine${left.length === 0 ? '' : `: ${left.join(', ')}`}`);
  say(
    failures.length === 0
      ? `\nAll as promised, in ${Math.round((performance.now() - started) / 1000)} s.`
      : `\n${failures.length} promises were broken.`,
  );
  return failures.length === 0 ? 0 : 1;
}

process.exit(await main());
