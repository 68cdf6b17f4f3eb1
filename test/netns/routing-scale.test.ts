// SPDX-License-Identifier: Apache-2.0
// A full routing table costs TNA nothing: it neither lists routes nor hears of them. The controller's loop runs in this process, with
// everything counted that it asks of the kernel and is told by it, once with ten routes and once with many.

import { readFileSync } from 'node:fs';
import { enterNetns } from 'netlink-ts';
import t, { type Test } from 'tap';
import { loadDomain } from '../../src/cli/context.js';
import { parseOptions } from '../../src/cli/options.js';
import type { Domain, Waker } from '../../src/model/ports.js';
import { systemClock } from '../../src/platform/clock.js';
import { LiveHost } from '../../src/platform/live-host.js';
import { pruningFor } from '../../src/platform/netlink-reader.js';
import { rulesDirectory, specDirectory } from '../../src/platform/package-paths.js';
import { type HostWaker, openWaker } from '../../src/platform/waker.js';
import { runLoop } from '../../src/reconcile/loop.js';
import { ip } from '../support/lab/netns.js';
import { RouterBed, transit, transit6 } from '../support/lab/router-bed.js';
import { addRoutes, addRoutes6 } from '../support/lab/routes.js';
import { detachAtExit, pinnedIds, until } from '../support/lab/tna.js';

t.setTimeout(900_000);

const many = 50_000;
const many6 = 10_000;
const changes = 10_000;
const via = 'via 10.0.2.2';
const via6 = 'via fd00:2::2';

/** What the loop asked and was told. */
interface Counted {
  passes: number;
  actions: number;
  /** Times that events of netlink woke it. */
  events: number;
  /** Requests for a list, and messages in the answers, by source. */
  readonly lists: Record<string, { requests: number; messages: number }>;
}

class CountedLoop {
  readonly counted: Counted = { passes: 0, actions: 0, events: 0, lists: {} };
  private ended: Promise<void> | undefined;

  private constructor(
    private readonly host: LiveHost,
    private readonly waker: HostWaker,
  ) {}

  static async start(netns: string, domain: Domain): Promise<CountedLoop> {
    enterNetns(`/run/netns/${netns}`);
    detachAtExit(netns);
    const host = LiveHost.open(domain.library, {
      ...{ namespace: netns, specDirectory: specDirectory(rulesDirectory()), pruning: pruningFor(domain.rules) },
    });
    const loop = new CountedLoop(host, await openWaker(domain.rules, host.netlink));
    loop.run(domain);
    return loop;
  }

  private run(domain: Domain): void {
    const { host, waker, counted } = this;
    const counting = Object.assign(Object.create(host) as LiveHost, {
      read: async (source: Parameters<LiveHost['read']>[0]) => {
        const answer = await host.read(source);
        const list = counted.lists[source.name] ?? { requests: 0, messages: 0 };
        list.requests += 1;
        list.messages += 'messages' in answer ? answer.messages.length : 0;
        counted.lists[source.name] = list;
        return answer;
      },
    });
    const hearing: Waker = {
      next: async (timeout) => {
        const woken = await waker.next(timeout);
        if (woken === 'event') counted.events += 1;
        return woken;
      },
      close: () => waker.close(),
    };
    this.ended = runLoop(() => domain, counting, hearing, systemClock, options.hooks, {
      passed: ({ outcomes }) => {
        counted.passes += 1;
        counted.actions += outcomes.length;
      },
      failed: (error) => {
        throw error;
      },
    });
  }

  /** Waits for a pass with nothing to do, with no event in sight. */
  async quiet(): Promise<void> {
    await until('the loop has nothing to do', async () => {
      const { passes, events } = this.counted;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return passes > 0 && this.counted.passes === passes && this.counted.events === events;
    });
  }

  /** One more pass, and what it asked for. */
  async passOnce(): Promise<Counted['lists']> {
    const before = structuredClone(this.counted);
    this.waker.wake();
    await until('a pass', () => this.counted.passes > before.passes);
    await this.quiet();
    return Object.fromEntries(
      Object.entries(this.counted.lists).map(([name, { requests, messages }]) => {
        const old = before.lists[name] ?? { requests: 0, messages: 0 };
        return [name, { requests: requests - old.requests, messages: messages - old.messages }];
      }),
    );
  }

  async stop(): Promise<void> {
    this.waker.stop();
    await this.ended;
    this.waker.close();
    await this.host.close();
  }
}

/** Numbers of the groups that this process's netlink sockets of the family have joined: what the kernel would send us. */
function joinedGroups(): readonly number[] {
  const rows = readFileSync('/proc/self/net/netlink', 'utf8').split('\n').slice(1);
  const groups = new Set<number>();
  for (const row of rows) {
    const [, family, , mask] = row.trim().split(/\s+/);
    if (family !== '0' || mask === undefined) continue;
    for (let bit = 0; bit < 32; bit += 1) if ((Number.parseInt(mask, 16) >>> bit) & 1) groups.add(bit + 1);
  }
  return [...groups].sort((a, b) => a - b);
}

const options = parseOptions({ hook: ['xdp'] });
const domain = await loadDomain(options);

async function router(
  t: Test,
  routes: number,
  routes6: number,
): Promise<{ readonly bed: RouterBed; readonly loop: CountedLoop }> {
  const bed = await RouterBed.make(t, { kind: 'tap', ports: 3, ip6: true });
  await addRoutes(bed.netns, routes, via);
  await addRoutes6(bed.netns, routes6, via6);
  const loop = await CountedLoop.start(bed.netns, domain);
  await until('everything is attached', () => loop.counted.actions > 0);
  await loop.quiet();
  return { bed, loop };
}

t.test('as many questions and answers with ten routes and with many', async (t) => {
  const few = await router(t, 10, 10);
  const expected = await few.loop.passOnce();
  const actions = few.loop.counted.actions;
  await few.loop.stop();
  t.ok((expected.links?.messages ?? 0) >= 4, 'answers are counted');
  t.ok((expected.policy_rules?.messages ?? 0) >= 3, 'among them those of the source that routing adds');

  const { bed, loop } = await router(t, many, many6);
  t.same(await loop.passOnce(), expected, `${many} and ${many6} routes, a pass`);
  t.equal(loop.counted.actions, actions, `${many} and ${many6} routes, actions`);
  // RTNLGRP_NEIGH, RTNLGRP_IPV4_MROUTE, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE
  t.same(
    joinedGroups().filter((group) => [3, 6, 7, 11].includes(group)),
    [],
    'nobody here hears of routes or neighbours',
  );

  await t.test(
    `${changes} changes of routes of each family wake nobody, and packets go by the new ones at once`,
    async (t) => {
      const ids = await pinnedIds(bed.netns);
      const before = structuredClone(loop.counted);
      await addRoutes(bed.netns, changes / 2, 'via 10.0.3.2', 'replace');
      await addRoutes(bed.netns, changes / 2, via, 'replace');
      await addRoutes6(bed.netns, changes / 2, 'via fd00:3::2', 'replace');
      await addRoutes6(bed.netns, changes / 2, via6, 'replace');
      await loop.quiet();
      t.same(loop.counted, before, 'no event, no pass, no question');
      t.same(await pinnedIds(bed.netns), ids, 'and nothing was rebuilt');
      await bed.agent.stream(0, transit('16.0.77.1'));
      t.match(await bed.agent.flow(20), { sent: 20, ports: [0, 20, 0] });
      await ip(bed.netns, 'route replace 16.0.77.0/24 via 10.0.3.2');
      t.match(await bed.agent.flow(20), { sent: 20, ports: [0, 0, 20] });
      // In the bytes 42 to 49 are the numbers of the frames: the third to sixth group of the destination, of which the third stays 0.
      await bed.agent.stream(0, transit6('4000::1'));
      t.match(await bed.agent.flow(20), { sent: 20, ports: [0, 20, 0] });
      await ip(bed.netns, 'route replace 4000::/48 via fd00:3::2');
      t.match(await bed.agent.flow(20), { sent: 20, ports: [0, 0, 20] });
      await ip(bed.netns, 'link set p3 alias other');
      await until('another change wakes it', () => loop.counted.events > before.events);
    },
  );
  await loop.stop();
});
