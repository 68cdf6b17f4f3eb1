// SPDX-License-Identifier: Apache-2.0
// A second subsystem made of a rules file and an FPM only (toy-subsystem/): it works on real packets, explains itself and
// goes again, and nothing below src/, rules/ or fpm/ knows of it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import type { InterfaceStatus, Status } from '../../src/model/status.js';
import { run, tryRun } from '../support/lab/command.js';
import { addNetns, deleteNetns, inNetns, ip, netnsName } from '../support/lab/netns.js';
import { main, root } from '../support/scenarios/files.js';

// Compiling a library takes a minute where others compute, too.
t.setTimeout(600_000);

const toy = join(root, 'test', 'netns', 'toy-subsystem');
const skip = process.getuid?.() === 0 ? false : 'needs root';

/** Sends datagrams to both ports from one namespace and says how many of each arrived in the other. */
async function exchange(from: string, to: string): Promise<{ readonly muted: number; readonly heard: number }> {
  // The last ones that are sent are heard in any case: by then the others have arrived, or never will.
  const receiver = `
    const { createSocket } = require('node:dgram');
    const seen = { 7777: 0, 7778: 0 };
    const end = () => { console.log(JSON.stringify(seen)); process.exit(); };
    setTimeout(end, 60_000);
    let bound = 0;
    for (const port of [7777, 7778]) {
      const socket = createSocket('udp4').on('message', () => { seen[port]++; if (seen[7778] === 5) setTimeout(end, 100); });
      socket.bind(port, '192.0.2.1', () => { if (++bound === 2) console.log('ready'); });
    }`;
  const sender = `
    const socket = require('node:dgram').createSocket('udp4');
    let left = 10;
    for (const port of [7777, 7778])
      for (let i = 0; i < 5; i++) socket.send('x', port, '192.0.2.1', () => { if (--left === 0) socket.close(); });`;
  const listening = spawn('ip', ['netns', 'exec', to, process.execPath, '-e', receiver], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [lines, ended] = [createInterface(listening.stdout), once(listening, 'close')];
  const said: string[] = [];
  lines.on('line', (line) => said.push(line));
  await once(lines, 'line');
  await inNetns(from, [process.execPath, '-e', sender]);
  await ended;
  const seen = JSON.parse(said.at(-1) ?? '{}') as { readonly [port: string]: number };
  return { muted: seen['7777'] ?? -1, heard: seen['7778'] ?? -1 };
}

t.test('a subsystem of rules and an FPM', { skip, timeout: 600_000 }, async (t) => {
  const work = mkdtempSync(join(tmpdir(), 'tna-toy-'));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  const rules = join(work, 'rules');
  const library = join(work, 'library');
  cpSync(join(root, 'rules'), rules, { recursive: true });
  cpSync(join(toy, 'rules'), rules, { recursive: true });

  const host = netnsName('toy');
  const far = netnsName('toyfar');
  await addNetns(host, far);
  const tna = (...args: readonly string[]) =>
    tryRun(process.execPath, [main, '--netns', host, '--rules', rules, '--library', library, ...args]);
  t.teardown(async () => {
    await tna('detach');
    await deleteNetns(host, far);
  });
  await ip(
    host,
    `link add m0 type veth peer name e0 netns ${far}`,
    `link add m1 type veth peer name e1 netns ${far}`,
    'link set m0 group 77 up',
    'addr add 192.0.2.1/24 dev m0',
  );
  await ip(far, 'link set e0 up', 'addr add 192.0.2.2/24 dev e0');
  const pins = join('/sys/fs/bpf/tna', String(statSync(`/run/netns/${host}`).ino));

  await t.test('its FPM is built into a library beside the built-in ones', async (t) => {
    const built = await run(process.execPath, [main, 'fpm', 'build', '--fpm', join(toy, 'fpm'), '--out', library]);
    t.match(built, /FPMs in/);
    t.match((await tna('fpm', 'list')).stdout, /5000 {2}mute +tc +2 {2}Drops UDP over IPv4 to one port\./);
    t.match((await tna('rules', 'check')).stdout, /^valid/);
  });

  await t.test('without it every datagram arrives', async (t) => {
    t.same(await exchange(far, host), { muted: 5, heard: 5 });
  });

  await t.test('it is planned and deployed where its rules say', async (t) => {
    const plan = (await tna('plan')).stdout;
    t.match(plan, /Plan: 1 to add, 0 to change, 0 to remove/);
    t.match(plan, /attach +m0 tc +slot 0 +muting/);
    t.match(plan, /frame → mute/);
    t.match(
      (await tna('reconcile', '--once')).stdout,
      /only a running controller would notice: device-down/,
      'its rules name no FPM that would notice, and no controller will stay',
    );
    const applied = await tna('reconcile', '--once', '--lease', 'off');
    t.equal(applied.code, 0, applied.stderr);
    t.match((await tna('plan')).stdout, /^Nothing to do: 1 interface accelerated as desired\./);
  });

  await t.test('it drops what it should, counts it, and lets the rest through', async (t) => {
    t.same(await exchange(far, host), { muted: 0, heard: 5 });
    const status = JSON.parse((await tna('-o', 'json', 'status')).stdout) as Status;
    const named = (name: string) => status.interfaces.find((i) => i.name === name) as InterfaceStatus;
    const { accelerated, hook, services, modules, counters } = named('m0');
    t.same(
      { accelerated, hook, services, modules },
      {
        accelerated: true,
        hook: 'tc',
        services: ['muting'],
        modules: ['frame', 'mute'],
      },
    );
    t.equal(counters.drop, 5);
    const by = new Map(counters.reasons.map((reason) => [`${reason.fpm}/${reason.code}`, reason.packets]));
    t.equal(by.get('mute/muted'), 5);
    t.ok(counters.slow >= 5, 'the packets that went on are counted as slow');
    t.equal(by.get('pipeline/end'), counters.slow, 'and the dropped ones are not');
    t.same(
      [...new Set(named('m1').reasons.map((reason) => reason.code))],
      ['not-forwarding', 'no-address', 'port-down'],
      'a device of another group is left alone',
    );
  });

  await t.test('it explains itself', async (t) => {
    const text = (await tna('explain', 'm0')).stdout;
    t.match(text, /^m0 is accelerated at tc: muting/);
    t.match(text, /5 {2}mute\/muted +a datagram to the muted port/);
    t.match(text, /device-down +m0 +controller only +!\(device\.up\)/);
  });

  await t.test('a change of what its rules look at changes what is deployed', async (t) => {
    await ip(host, 'link set m0 group 0');
    t.match((await tna('plan')).stdout, /Plan: 0 to add, 0 to change, 1 to remove/);
    await ip(host, 'link set m0 group 77');
  });

  await t.test('detach leaves nothing of it', async (t) => {
    const detached = await tna('detach');
    t.equal(detached.code, 0, detached.stderr);
    t.notOk(existsSync(pins), 'no pins');
    t.same(await exchange(far, host), { muted: 5, heard: 5 });
  });

  await t.test('nothing but its own directory knows of it', async (t) => {
    for (const part of ['src', 'rules', 'fpm/modules', 'fpm/include']) {
      const directory = join(root, part);
      const knowing = readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(ts|cc|yaml|h|c)$/.test(name) && !name.includes('node_modules'))
        .filter((name) => /\b(mute|muted|muting)\b/i.test(readFileSync(join(directory, name), 'utf8')));
      t.same(knowing, [], part);
    }
  });
});
