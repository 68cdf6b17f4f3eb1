// SPDX-License-Identifier: Apache-2.0
// The bridge is a module on distributions, and FPMs are relocated against its BTF. So: the controller runs before the
// module is there, the module comes with the first bridge, goes, and comes again, perhaps at another address.

import { existsSync } from 'node:fs';
import t from 'tap';
import { run } from '../../support/lab/command.js';
import { addNetns, deleteNetns, ip, netnsName } from '../../support/lab/netns.js';
import { patience } from '../../support/lab/patience.js';
import { Controller, detached, tnaOk, tnaStatus, until } from '../../support/lab/tna.js';
import { accelerates, lacking } from './expectations.js';

t.setTimeout(900_000 * patience);

async function addBridge(netns: string): Promise<void> {
  await ip(netns, 'link add br0 type bridge', 'link set br0 up');
  for (const n of [1, 2]) {
    await ip(netns, `link add p${n} type veth peer name h${n}`, `link set h${n} up`, `link set p${n} master br0 up`);
  }
}

t.test('a bridge that comes after the controller', async (t) => {
  t.notOk(existsSync('/sys/module/bridge'), 'the bridge module is not loaded');
  const netns = netnsName('late');
  await addNetns(netns);
  const controller = Controller.start(netns);
  t.teardown(async () => {
    await controller.stop();
    await tnaOk('detach', '--netns', netns);
    detached(netns);
    await deleteNetns(netns);
  });
  await until(
    'the controller runs',
    async () => {
      const status = JSON.parse(await tnaOk('status', '--netns', netns, '-o', 'json')) as {
        readonly controller: { readonly pid: number } | null;
      };
      return status.controller?.pid === controller.pid;
    },
    30_000,
  );

  for (const round of ['first', 'second']) {
    await addBridge(netns);
    t.ok(existsSync('/sys/module/bridge'), `${round} bridge: the module came with it`);
    if (accelerates) {
      await until(
        `${round} bridge: both ports are accelerated`,
        async () => (await tnaStatus(netns)).filter((one) => one.accelerated).length === 2,
        30_000,
      ).catch(async (error: unknown) => {
        t.comment(controller.log);
        t.comment(await tnaOk('status', '--netns', netns));
        throw error;
      });
      t.pass(`${round} bridge: both ports are accelerated`);
    } else {
      const port = (await tnaStatus(netns)).find((one) => one.name === 'p1');
      t.ok(lacking.every((probe) => port?.reasons.some((reason) => reason.message.includes(probe))));
      t.notOk(port?.accelerated);
    }
    t.equal(controller.process.exitCode, null, `${round} bridge: the controller is alive`);
    await ip(netns, 'link del p1', 'link del p2', 'link del br0');
    await until(
      'the controller lets go of the ports',
      async () => {
        const status = await tnaStatus(netns);
        return status.every((one) => !one.accelerated);
      },
      30_000,
    );
    // Nothing of TNA keeps the module: its programs read memory, they hold no reference.
    if (round === 'first') await run('modprobe', ['-r', 'bridge']);
  }
  t.notMatch(controller.log, /error|warning/i, 'the controller reports no trouble');
});
