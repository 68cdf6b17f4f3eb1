// SPDX-License-Identifier: Apache-2.0
// XDP insisted on for veth devices: what the driver refuses or cannot do is known before anything is tried, with a reason.

import t from 'tap';
import { run } from '../support/lab/command.js';
import { addNetns, deleteNetns, inNetns, ip, netnsName } from '../support/lab/netns.js';
import { detachAtExit, detached, tna, tnaOk, tnaStatus } from '../support/lab/tna.js';

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
