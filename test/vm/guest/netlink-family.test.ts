// SPDX-License-Identifier: Apache-2.0
// A generic netlink family that is a module's: it has another number, and its groups others, each time the module is loaded. And the
// kernel loads modules for who asks for a family by name.

import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { loadSpec, NetlinkClient, type NetlinkEvent } from 'netlink-ts';
import t from 'tap';
import { run } from '../../support/lab/command.js';

/** As a user may write it beside the rules. */
const spec = loadSpec(
  `
name: team
protocol: genetlink-legacy
version: 1
attribute-sets:
  - name: team
    attributes:
      - { name: team-ifindex, type: u32 }
operations:
  enum-model: unified
  list:
    - name: noop
      value: 0
      attribute-set: team
      do: {}
    - name: port-list-ntf
      value: 3
      attribute-set: team
      event: {}
mcast-groups:
  list:
    - name: change_event
`,
  'team.yaml',
);

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 60_000; !condition(); await delay(20))
    if (Date.now() > end) throw new Error(`not within a minute: ${what}`);
}

async function teamWithPort(): Promise<void> {
  await run('ip', ['link', 'add', 'team0', 'type', 'team']);
  await run('ip', ['link', 'add', 'port0', 'type', 'veth', 'peer', 'name', 'far0']);
  await run('ip', ['link', 'set', 'port0', 'master', 'team0']);
  await run('ip', ['link', 'del', 'port0']);
  await run('ip', ['link', 'del', 'team0']);
}

t.test('requests and subscriptions outlive a module that is loaded again', async (t) => {
  await run('modprobe', ['-a', 'team', 'veth']);
  const client = await NetlinkClient.open({ spec });
  t.teardown(() => client.close());
  const events: NetlinkEvent[] = [];
  const heard = (kind: NetlinkEvent['kind']) => events.some((event) => event.kind === kind);
  await client.subscribe(['change_event'], (event) => events.push(event));
  await client.do('noop', {});
  await teamWithPort();
  await until(() => heard('message'), 'an event before');

  events.length = 0;
  await run('modprobe', ['-r', 'team']);
  await run('modprobe', ['team']);
  await until(() => heard('overrun'), 'it is told that events may be missing');
  await client.do('noop', {});
  t.pass('a request finds the number that the family has now');
  events.length = 0;
  await teamWithPort();
  await until(() => heard('message'), 'an event after');
  t.pass('and events come');
});

t.test('a family that nobody has is asked for by name once', async (t) => {
  const log = '/run/modprobe.log';
  const helper = '/run/modprobe';
  const before = readFileSync('/proc/sys/kernel/modprobe', 'utf8');
  writeFileSync(helper, `#!/bin/sh\necho "$@" >>${log}\nexit 1\n`);
  chmodSync(helper, 0o755);
  writeFileSync('/proc/sys/kernel/modprobe', helper);
  t.teardown(() => writeFileSync('/proc/sys/kernel/modprobe', before));
  const client = await NetlinkClient.open({ spec: { ...spec, name: 'nobody' } });
  t.teardown(() => client.close());
  for (const _ of [1, 2, 3]) await t.rejects(client.do('noop', {}), { code: 'unsupported' });
  const asked = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [];
  const runs = asked.filter((line) => line.endsWith('family-nobody'));
  t.equal(runs.length, 1, `the kernel has run modprobe ${runs.length} times`);
});
