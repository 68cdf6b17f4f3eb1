// SPDX-License-Identifier: Apache-2.0
// A generic netlink family that is a module's: it has another number, and its groups others, each time the module is loaded. And the
// kernel loads modules for who asks for a family by name.

import { execFileSync } from 'node:child_process';
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

t.test('nor does it matter if that was among what a full socket has lost', async (t) => {
  const client = await NetlinkClient.open({ spec });
  t.teardown(() => client.close());
  const kinds: string[] = [];
  await client.subscribe(['change_event'], ({ kind }) => kinds.push(kind), { receiveBuffer: 4096 });
  const ports = 'p1 p2 p3 p4 p5 p6 p7 p8 p9';
  // Nobody reads meanwhile.
  const script = `ip link add team0 type team
    for p in ${ports}; do ip link add $p type veth peer name far-$p; ip link set $p master team0; done
    for p in ${ports}; do ip link del $p; done
    ip link del team0; modprobe -r team; modprobe team`;
  execFileSync('sh', ['-ec', script]);
  await until(() => kinds.filter((kind) => kind === 'overrun').length > 1, 'a loss, and what it has cost');
  kinds.length = 0;
  await teamWithPort();
  await until(() => kinds.includes('message'), 'an event after');
  t.pass('events come');
});

t.test('a family whose module comes later', async (t) => {
  const helper = '/proc/sys/kernel/modprobe';
  const before = readFileSync(helper, 'utf8');
  // Else the kernel would load it for who asks.
  writeFileSync(helper, '/bin/false');
  t.teardown(() => writeFileSync(helper, before));
  await run('modprobe', ['-r', 'team']);
  const client = await NetlinkClient.open({ spec });
  t.teardown(() => client.close());
  const kinds: string[] = [];
  await t.rejects(
    client.subscribe(['change_event'], () => {}),
    { code: 'unsupported' },
  );
  await client.subscribe(['change_event'], ({ kind }) => kinds.push(kind), { later: true });
  await delay(500);
  t.same(kinds, []);
  await run('modprobe', ['team']);
  await until(() => kinds.includes('overrun'), 'it is told that it is there');
  await teamWithPort();
  await until(() => kinds.includes('message'), 'an event');
  t.pass('events come');
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
