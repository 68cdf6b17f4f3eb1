// SPDX-License-Identifier: Apache-2.0
// XDP insisted on for veth devices: what the driver refuses or cannot do is known before anything is tried, with a reason.

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { rulesDirectory } from '../../src/platform/package-paths.js';
import { run, tryRun } from '../support/lab/command.js';
import { addNetns, deleteNetns, inNetns, ip, netnsName } from '../support/lab/netns.js';
import { refusing } from '../support/lab/refused-bpf.js';
import {
  Controller,
  detachAtExit,
  detached,
  pinDirectory,
  pinnedIds,
  tna,
  tnaOk,
  tnaStatus,
  until,
} from '../support/lab/tna.js';
import { main } from '../support/scenarios/files.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_500_000);

const ports = ['p1', 'p2', 'p3'] as const;

async function makeBridge(t: { teardown(callback: () => Promise<void>): void }) {
  const [netns, far] = [netnsName('veth'), netnsName('vethp')] as const;
  await addNetns(netns, far);
  detachAtExit(netns);
  t.teardown(async () => {
    await tna('detach', '--netns', netns);
    detached(netns);
    await deleteNetns(netns, far);
  });
  await ip(netns, 'link add br0 up type bridge stp_state 0');
  for (const name of ['iptables', 'ip6tables', 'arptables'])
    await inNetns(netns, ['sysctl', '-qw', `net.bridge.bridge-nf-call-${name}=0`]).catch(() => '');
  for (const name of ports) {
    await ip(netns, `link add ${name} type veth peer name ${name} netns ${far}`, `link set ${name} master br0 up`);
    await ip(far, `link set ${name} up`);
  }
  const gro = (name: string) => inNetns(far, ['ethtool', '-K', name, 'gro', 'on']);
  const reconcile = () => tna('reconcile', '--once', '--netns', netns, '--hook', 'xdp');
  const status = async (name: string) => {
    const found = (await tnaStatus(netns, '--hook', 'xdp')).find((one) => one.name === name);
    if (found === undefined) throw new Error(`status does not mention ${name}`);
    return { accelerated: found.accelerated, codes: found.reasons.map(({ code }) => code) };
  };
  return { netns, far, gro, reconcile, status };
}

t.test('far ends without NAPI: nothing is accelerated that would take the slow path every time', async (t) => {
  const { netns, gro, reconcile, status } = await makeBridge(t);
  t.match(await reconcile(), { code: 0, stdout: /no interface can be accelerated/ });
  for (const name of ports)
    t.same(await status(name), { accelerated: false, codes: ['xdp-no-egress', 'hook-forced'] }, name);

  await gro('p1');
  await gro('p2');
  t.match(await reconcile(), { code: 0, stdout: /3 added/ });
  t.same(await status('p1'), { accelerated: true, codes: [] });
  t.same(
    await status('p3'),
    { accelerated: true, codes: ['xdp-no-napi'] },
    'its own frames are fast, those to it are not',
  );
  t.match(await tnaOk('explain', 'p3', '--netns', netns, '--hook', 'xdp'), /frames to p3 take the slow path/);

  await inNetns(netns, ['ip', 'link', 'set', 'p2', 'nomaster']);
  t.match(await reconcile(), { code: 0 });
  t.same(
    await status('p1'),
    { accelerated: false, codes: ['xdp-no-egress', 'hook-forced'] },
    'only p3 is left to send to',
  );
  t.match(await status('p3'), { accelerated: true });
});

t.test('far ends with a large MTU: the limit is that of the driver, whatever the own MTU is', async (t) => {
  const { netns, far, gro, reconcile, status } = await makeBridge(t);
  for (const name of ports) await gro(name);
  // Own MTU, and that at the far end.
  const mtus = { p1: [1500, 9000], p2: [9000, 3507], p3: [9000, 3506] };
  for (const [name, [own, there]] of Object.entries(mtus)) {
    await ip(netns, `link set ${name} mtu ${own}`);
    await ip(far, `link set ${name} mtu ${there}`);
  }
  // A far end in the same namespace is no different.
  await ip(
    netns,
    'link add p4 type veth peer name q4',
    'link set q4 mtu 9000 up',
    'link set p4 mtu 1500 master br0 up',
  );
  const { code, stdout, stderr } = await reconcile();
  t.same([code, stderr], [0, ''], 'nothing is attempted that the driver refuses');
  t.match(stdout, /1 added/);
  t.same(await status('p1'), { accelerated: false, codes: ['xdp-peer-mtu', 'hook-forced'] });
  t.same(await status('p2'), { accelerated: false, codes: ['xdp-peer-mtu', 'hook-forced'] });
  t.same(await status('p3'), { accelerated: true, codes: [] });
  t.match((await status('p4')).codes, ['xdp-peer-mtu']);
  t.match(await run('ip', ['-n', far, '-d', 'link', 'show', 'p3']), /maxmtu 3506 /, 'as the driver says itself');
});

/** Rules that know neither what drivers refuse of large frames nor what XDP costs local senders. */
function ignorantRules(t: { teardown(callback: () => void): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'tna-rules-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  cpSync(rulesDirectory(), directory, { recursive: true });
  const file = join(directory, 'links.yaml');
  const text = readFileSync(file, 'utf8')
    .replace('link.far_peer_mtu) > 3506', 'link.far_peer_mtu) > 99999')
    .replace("when: link.kind == 'veth' || link.kind == 'tun'", "when: link.kind == 'tun'");
  writeFileSync(file, text);
  return directory;
}

t.test('refused by what no rule foresees: the interface gets its next hook until it is tried again', async (t) => {
  const { netns, far, gro } = await makeBridge(t);
  for (const name of ports) await gro(name);
  await ip(far, 'link set p3 mtu 4000');
  const ignorant = ['--rules', ignorantRules(t)];
  const once = () => tna('reconcile', '--once', '--netns', netns, ...ignorant);
  const hooks = async () =>
    Object.fromEntries((await tnaStatus(netns, ...ignorant)).map(({ name, hook }) => [name, hook]));

  for (const _ of ['first', 'again']) {
    await tnaOk('detach', '--netns', netns);
    t.notOk(existsSync(pinDirectory(netns)), 'nothing is left');
    const refused = await once();
    t.equal(refused.code, 0, 'the same run looks again');
    t.match(refused.stderr, /^tna: p3: .*the driver of ifindex \d+ refuses XDP as it is set up/m);
    t.match(refused.stdout, /^failed +attach p3 xdp.*^Looking once more.*^Applied: 3 added, 0 changed, 0 removed/ms);
  }
  t.match(await hooks(), { p1: 'xdp', p2: 'xdp', p3: 'tc' });
  t.match(await tnaOk('explain', 'p3', '--netns', netns, ...ignorant), /the driver of p3 refuses XDP as it is set up/);
  t.match(await once(), { code: 0, stdout: /Nothing to do/ }, 'and that stays so');

  const atTc = async () =>
    Object.fromEntries(Object.entries(await pinnedIds(netns)).filter(([name]) => /^(link|pipeline)-tc-/.test(name)));
  const before = await atTc();
  t.equal(Object.keys(before).length, 2);
  const controller = Controller.start(netns, ...ignorant);
  await until('a controller that starts tries again', () => /refuses XDP as it is set up/.test(controller.log));
  await until('in vain', async () => /Nothing to do/.test(await tnaOk('plan', '--netns', netns)));
  t.equal((await hooks()).p3, 'tc');
  t.same(await atTc(), before, 'which leaves what works alone');
  await ip(far, 'link set p3 mtu 1500');
  controller.process.kill('SIGHUP');
  await until('one that is told to look as well', async () => (await hooks()).p3 === 'xdp');
  await controller.stop();
});

t.test('a driver that has no memory, or no room, for XDP has too few queues: that is a refusal, too', async (t) => {
  const { netns, gro } = await makeBridge(t);
  for (const name of ports) await gro(name);
  const once = ['reconcile', '--once', '--netns', netns, '--rules', ignorantRules(t)];
  for (const error of ['ENOMEM', 'ENOSPC'] as const) {
    const [file, ...args] = refusing('create a link', error, [process.execPath, main, ...once]);
    const refused = await tryRun(file, args);
    t.equal(refused.code, 1, `${error}: links to tc cannot be had either`);
    for (const name of ports)
      t.match(refused.stderr, new RegExp(`^tna: ${name}: .*refuses XDP as it is set up: .*${error}`, 'm'), error);
    const { code, stdout, stderr } = await tna(...once);
    t.same([code, stderr], [0, ''], `${error}: it is not asked again`);
    t.match(stdout, /attach +p1 tc /, error);
    await tnaOk('detach', '--netns', netns);
  }
});
