// SPDX-License-Identifier: Apache-2.0
// The waker on a real kernel: it is woken by whatever a subscribed group says, also by what no spec describes, keeps what
// comes while nobody waits, and goes on after the kernel had to drop events.

import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { enterNetns, NetlinkClient, NetlinkError } from 'netlink-ts';
import t from 'tap';
import { NetlinkReader } from '../../src/platform/netlink-reader.js';
import { openWaker } from '../../src/platform/waker.js';
import { fpm, libraryOf, ruleSet } from '../support/rule-set.js';

t.setTimeout(900_000);
const namespace = `waker-${process.pid}`;
execFileSync('ip', ['netns', 'add', namespace]);
t.teardown(() => spawnSync('ip', ['netns', 'del', namespace]));
enterNetns(`/run/netns/${namespace}`);
// A device that is down is silent about most changes.
execFileSync('ip', ['link', 'add', 'd0', 'up', 'type', 'veth', 'peer', 'name', 'd1']);

const rules = ruleSet(
  `
sources:
  links: { spec: rt-link, dump: getlink, notify: [rtnlgrp-link] }
  qdiscs: { spec: tc, dump: getqdisc, notify: [rtnlgrp-tc] }
objects:
  dev:
    source: links
    key: ifindex
    attributes:
      ifindex: { path: ifi_index, type: int }
`,
  libraryOf(fpm('frame')),
);
const reader = new NetlinkReader('/nonexistent', undefined);
const waker = await openWaker(rules, reader);
t.teardown(async () => {
  waker.close();
  await reader.close();
});

/** What it says until it says nothing more. */
async function drain(): Promise<readonly string[]> {
  const seen: string[] = [];
  for (;;) {
    const one = await waker.next(300);
    if (one === 'timeout') return seen;
    seen.push(one);
  }
}

t.test('what happens while nobody waits is not forgotten', async (t) => {
  await drain();
  t.equal(await waker.next(50), 'timeout');
  execFileSync('ip', ['link', 'set', 'd0', 'alias', 'one']);
  await delay(200);
  t.equal(await waker.next(0), 'event');
  t.equal(await waker.next(50), 'timeout', 'once');
});

t.test('a message that the spec does not describe wakes too', async (t) => {
  execFileSync('tc', ['qdisc', 'add', 'dev', 'd0', 'clsact']);
  await drain();
  // RTM_NEWCHAIN
  execFileSync('tc', ['chain', 'add', 'dev', 'd0', 'ingress', 'chain', '7']);
  t.equal(await waker.next(5000), 'event');
});

t.test('where events were lost, later ones still wake', async (t) => {
  await drain();
  for (let round = 0; round < 3; round++) {
    // As long as this runs nobody reads the socket.
    const flood = Array.from({ length: 12_000 }, (_, i) => `link set d0 alias a${round}-${i}\n`).join('');
    execFileSync('ip', ['-batch', '-'], { input: flood });
    t.ok((await drain()).includes('event'), 'an overrun wants everything read again');
    execFileSync('ip', ['link', 'set', 'd0', 'alias', `after-${round}`]);
    t.equal(await waker.next(5000), 'event', 'and the next event comes through');
  }
});

t.test('what an optional source is notified by is heard also if it comes later', async (t) => {
  const of = (optional: boolean) =>
    ruleSet(
      `
sources:
  features: { spec: netdev, dump: dev-get, notify: [mgmt], optional: ${optional} }
objects:
  dev:
    source: features
    key: ifindex
    attributes:
      ifindex: { path: ifindex, type: int }
`,
      libraryOf(fpm('frame')),
    );
  // The first time that it is asked for, the kernel has no such family.
  const resolve: unknown = Reflect.get(NetlinkClient.prototype, 'resolve');
  t.teardown(() => Reflect.set(NetlinkClient.prototype, 'resolve', resolve));
  const absent = new NetlinkError('unsupported', 'the running kernel has no such family', { operation: 'a test' });
  Reflect.set(NetlinkClient.prototype, 'resolve', () => Promise.reject(absent));
  await t.rejects(openWaker(of(false), reader), { code: 'netlink' });
  const late = await openWaker(of(true), reader);
  t.teardown(() => late.close());
  t.not(await late.next(5000), 'timeout', 'that it has come wants everything read again');
  t.equal(await late.next(100), 'timeout');
  execFileSync('ip', ['link', 'add', 'e0', 'type', 'veth', 'peer', 'name', 'e1']);
  t.not(await late.next(5000), 'timeout', 'and its events come');
});

t.test('closed while it subscribes to more, it leaves nothing open', async (t) => {
  const more = ruleSet(
    `
sources:
  neighbours: { spec: rt-neigh, dump: getneigh, notify: [rtnlgrp-neigh] }
objects:
  neighbour:
    source: neighbours
    key: ifindex
    attributes:
      ifindex: { path: ndm_ifindex, type: int }
`,
    libraryOf(fpm('frame')),
  );
  const open = () => readdirSync('/proc/self/fd').length;
  const late = await openWaker(more, reader);
  late.close();
  const before = open();
  for (const moment of [0, 1, 2, 3]) {
    const other = await openWaker(more, reader);
    const following = other.follow(rules);
    for (let tick = 0; tick < moment; tick++) await Promise.resolve();
    other.close();
    await following;
  }
  t.equal(open(), before);
});
