// SPDX-License-Identifier: Apache-2.0
// No event is overlooked, whenever it comes: while the host is read, between reading and waiting, while a burst is waited for.
// The real loop, waker and clock, on a host in memory.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { Source } from '../../src/model/ruleset.js';
import { systemClock } from '../../src/platform/clock.js';
import { NetlinkReader } from '../../src/platform/netlink-reader.js';
import { type HostWaker, openWaker } from '../../src/platform/waker.js';
import { runLoop } from '../../src/reconcile/loop.js';
import { FakeHost } from '../support/fake-host.js';
import { fpm, libraryOf, ruleSet } from '../support/rule-set.js';

const library = libraryOf(fpm('frame'));
const rules = ruleSet(
  `
sources:
  links: { spec: rt-link, dump: getlink }
objects:
  dev:
    source: links
    key: ifindex
    attributes:
      ifindex: { path: ifi_index, type: int }
`,
  library,
);

/** Its state is a number. A read takes a random time and shows what was true at a random moment of it. */
class ChangingHost extends FakeHost {
  version = 0;
  lastRead = -1;

  override async read(source: Source): Promise<{ readonly messages: readonly { readonly ifi_index: number }[] }> {
    await super.read(source);
    await delay(Math.random() * 4);
    this.lastRead = this.version;
    await delay(Math.random() * 4);
    return { messages: [{ ifi_index: 1 }] };
  }

  change(waker: HostWaker): void {
    this.version += 1;
    waker.wake();
  }
}

t.test('after the last change there is always another look', { timeout: 120_000 }, async (t) => {
  const host = new ChangingHost();
  const waker = await openWaker({ ...rules, sources: [] }, new NetlinkReader('/nonexistent', undefined));
  let passes = 0;
  const loop = runLoop(() => ({ rules, library }), host, waker, systemClock, new Map(), {
    passed: () => {
      passes += 1;
      // Between the pass and the wait.
      if (Math.random() < 0.2) host.change(waker);
    },
    failed: (error) => t.fail(String(error)),
  });
  for (let round = 0; round < 60; round++) {
    const changes = 1 + Math.floor(Math.random() * 8);
    for (let i = 0; i < changes; i++) {
      host.change(waker);
      await delay(Math.random() * 6);
    }
    const { version } = host;
    const end = performance.now() + 5000;
    while (host.lastRead < version && performance.now() < end) await delay(2);
    if (host.lastRead < version) t.fail(`round ${round}: change ${version} was never looked at`);
  }
  waker.stop();
  await loop;
  t.ok(passes > 60, `${passes} passes for ${host.version} changes`);
});
