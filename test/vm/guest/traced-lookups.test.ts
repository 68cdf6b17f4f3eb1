// SPDX-License-Identifier: Apache-2.0
// Who traces the kernel's lookups of routes is told of those of all packets, since they are Linux's while somebody does.

import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { patience } from '../../support/lab/patience.js';
import { RouterBed, transit, transit6 } from '../../support/lab/router-bed.js';
import { tnaOk, tnaStatus } from '../../support/lab/tna.js';
import { sendAndWait } from './arrivals.js';

t.setTimeout(600_000 * patience);

const tracing = '/sys/kernel/tracing';
const families = [
  { event: 'fib/fib_table_lookup', reason: 'guard_ip4:traced', packet: transit(), destination: '10.9.0.1' },
  { event: 'fib6/fib6_table_lookup', reason: 'guard_ip6:traced', packet: transit6(), destination: 'fd00:9::1' },
];

t.test('a router at XDP', async (t) => {
  const bed = await RouterBed.make(t, { kind: 'tap', ports: 2, ip6: true });
  await tnaOk('reconcile', '--once', '--netns', bed.netns, '--hook', 'xdp');
  const counters = async () => (await tnaStatus(bed.netns)).find(({ name }) => name === 'p1')?.counters;
  // The first one to a neighbour is Linux's.
  for (const { packet } of families) await sendAndWait(bed.agent, 0, packet, 1, 20);
  let last = await counters();

  for (const { event, reason, packet, destination } of families) {
    /** Sends ten packets, which have to arrive; resolves to how many of them were fast, and how many slow for this reason. */
    const send = async () => {
      for (let i = 0; i < 10; i += 1) t.equal((await sendAndWait(bed.agent, 0, packet, 1, 20)).length, 1, 'arrives');
      const before = last;
      last = await counters();
      const slow = (of: typeof last) => of?.reasons.find(({ fpm, code }) => `${fpm}:${code}` === reason)?.packets ?? 0;
      return { fast: (last?.fast ?? 0) - (before?.fast ?? 0), traced: slow(last) - slow(before) };
    };
    t.same(await send(), { fast: 10, traced: 0 }, `${event}: nobody traces`);

    writeFileSync(`${tracing}/trace`, '');
    writeFileSync(`${tracing}/events/${event}/enable`, '1');
    t.same(await send(), { fast: 0, traced: 10 }, 'while somebody does');
    writeFileSync(`${tracing}/events/${event}/enable`, '0');
    const told = readFileSync(`${tracing}/trace`, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`${destination}/`));
    t.ok(told.length >= 10, `who is told of each (${told.length})`);

    t.same(await send(), { fast: 10, traced: 0 }, 'and afterwards');
  }
  await tnaOk('detach', '--netns', bed.netns);
});
