// SPDX-License-Identifier: Apache-2.0
// A subscription finds its generic netlink family again whatever was lost: on a controller in memory, since modules cannot be loaded
// just anywhere (test/vm/guest/netlink-family.test.ts has a real one).

import { setTimeout as delay } from 'node:timers/promises';
import { NetlinkError } from 'netlink-ts';
import type { Family } from 'netlink-ts/dist/family.js';
import { FollowedFamily } from 'netlink-ts/dist/followed-family.js';
import t, { type Test } from 'tap';

const family = (id: number): Family => ({ id, groups: new Map([['events', 100 + id]]) });
const none = new NetlinkError('unsupported', 'the running kernel has no such family', { operation: 'find' });

/** A family that has `id` now, if it is there, and what its subscription has done. */
class World {
  id: number | undefined;
  /** Answers are given when the test says so. */
  readonly asked: (() => void)[] = [];
  readonly done: string[] = [];
  /** Joins that fail yet. */
  failing = 0;
  readonly followed: FollowedFamily;

  constructor(t: Test, id: number | undefined) {
    this.id = id;
    this.followed = new FollowedFamily(
      id,
      {
        find: () => {
          const found = this.id;
          return new Promise((resolve, reject) => {
            this.asked.push(() => (found === undefined ? reject(none) : resolve(family(found))));
          });
        },
        join: (groups) => {
          if (this.failing-- > 0) throw new NetlinkError('ENOMEM', 'no', { operation: 'join' });
          this.done.push(`join ${groups.get('events')}`);
        },
        lost: () => this.done.push('lost'),
        failed: (error) => this.done.push(error instanceof NetlinkError ? error.code : String(error)),
      },
      20,
    );
    t.teardown(() => this.followed.close());
  }

  /** Answers what was asked, and tells what came of it. */
  async answer(): Promise<readonly string[]> {
    for (const one of this.asked.splice(0)) one();
    await delay(0);
    return this.done.splice(0);
  }
}

t.test('one that was not there when it was subscribed to', async (t) => {
  const world = new World(t, undefined);
  world.id = 7;
  const asking = world.followed.ask();
  t.same(await world.answer(), ['join 107', 'lost'], 'it came before the controller was listened to');
  await asking;
  t.ok(world.followed.isOf(7));
  const other = new World(t, undefined);
  const vain = other.followed.ask();
  t.same(await other.answer(), [], 'it is still not there, which is nothing wrong');
  await vain;
  t.notOk(other.followed.isOf(16));
  other.followed.changed(family(9));
  t.same(await other.answer(), ['join 109', 'lost'], 'it comes');
});

t.test('one whose module was loaded again while the socket lost messages', async (t) => {
  const world = new World(t, 7);
  void world.followed.ask();
  t.same(await world.answer(), [], 'the same as before');
  world.id = 8;
  void world.followed.ask();
  t.same(await world.answer(), ['join 108', 'lost']);
  t.same(
    [7, 8].map((type) => world.followed.isOf(type)),
    [false, true],
  );
});

t.test('an answer that is older than what was told since', async (t) => {
  const world = new World(t, 7);
  world.id = 8;
  void world.followed.ask();
  world.id = 9;
  world.followed.changed(family(9));
  t.same(await world.answer(), ['join 109', 'lost'], 'is no answer');
  t.same(await world.answer(), [], 'it is asked again');
  t.ok(world.followed.isOf(9));
  world.followed.changed('gone');
  t.same(await world.answer(), ['lost']);
  t.notOk(world.followed.isOf(9));
});

t.test('groups that cannot be joined are tried again', async (t) => {
  const world = new World(t, 7);
  world.failing = 2;
  world.id = 8;
  world.followed.changed(family(8));
  t.same(world.done.splice(0), ['ENOMEM']);
  const seen: string[] = [];
  for (const end = performance.now() + 20_000; !seen.includes('lost') && performance.now() < end; ) {
    await delay(5);
    seen.push(...(await world.answer()));
  }
  t.same(seen, ['ENOMEM', 'join 108', 'lost']);
  await delay(100);
  t.equal(world.asked.length, 0, 'and then it is not asked for any more');
  world.failing = 1;
  world.followed.changed(family(9));
  world.followed.close();
  await delay(100);
  t.equal(world.asked.length, 0, 'nor once the subscription is closed');
});
