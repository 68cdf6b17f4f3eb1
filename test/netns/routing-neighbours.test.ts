// SPDX-License-Identifier: Apache-2.0
// A next hop that moves to another MAC address without a word is found as soon with TNA as without: the kernel's search for
// neighbours that fell silent must not starve because their packets take the fast path. Two routers side by side, one with TNA.
// IPv4 at both hooks; IPv6, whose neighbours live by the same rules, at one.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Hook } from '../../src/model/ruleset.js';
import { buildMutant, findMutations } from '../equivalence/mutations.js';
import { mac } from '../support/lab/frame.js';
import { ip } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { RouterBed, transit, transit6 } from '../support/lab/router-bed.js';
import { detachAtExit, fastFrames, tnaOk, until } from '../support/lab/tna.js';

t.setTimeout(900_000);

const trials = 5;
/** How long the kernel believes in a neighbour, waits before it asks, and asks: milliseconds. */
const reachable = 400;
const firstProbe = 1000;
const probes = { count: 3, every: 200 };
/** The first of these is drawn at random for each device, from half to one and a half. */
const longest = 1.5 * reachable + firstProbe + probes.count * probes.every;

type Family = 4 | 6;

/** A router whose second neighbour is a host that answers ARP or neighbour solicitations, and the traffic to it. */
class Moving {
  private address = 0;

  private constructor(readonly bed: RouterBed) {}

  static async make(t: Test, family: Family = 4): Promise<Moving> {
    const bed = await RouterBed.make(t, { kind: 'veth', ports: 2, ...(family === 6 ? { ip6: true } : {}) });
    const neigh = `net/ipv${family}/neigh/p2`;
    await bed.agent.sysctl(`${neigh}/base_reachable_time_ms`, String(reachable));
    await bed.agent.sysctl(`${neigh}/delay_first_probe_time`, String(firstProbe / 1000));
    await bed.agent.sysctl(`${neigh}/retrans_time_ms`, String(probes.every));
    await bed.agent.sysctl(`${neigh}/ucast_solicit`, String(probes.count));
    if (family === 6) {
      await bed.agent.enter(bed.peers);
      await bed.agent.sysctl('net/ipv6/conf/h2/disable_ipv6', '0');
      await bed.agent.enter(bed.netns);
    }
    const address = family === 6 ? 'fd00:2::2' : '10.0.2.2';
    await ip(bed.peers, family === 6 ? `addr add ${address}/64 dev h2 nodad` : `addr add ${address}/24 dev h2`);
    await ip(bed.netns, `neigh del ${address} dev p2`);
    await bed.agent.settle(0);
    await bed.agent.stream(0, family === 6 ? transit6() : transit());
    return new Moving(bed);
  }

  /** The host gets another address, and nobody is told; then the time until packets find it, in milliseconds. */
  async move(giveUp: number): Promise<number> {
    const { agent, peers } = this.bed;
    this.address += 1;
    const address = `02:00:5e:50:04:0${this.address}`;
    await agent.match(0, mac(address));
    await ip(peers, `link set h2 address ${address}`);
    return this.found(giveUp);
  }

  /** The time until packets arrive as `match` says. */
  async found(giveUp: number): Promise<number> {
    const started = performance.now();
    for (;;) {
      const { ports } = await this.bed.agent.flow(2);
      const took = performance.now() - started;
      if ((ports[1] ?? 0) > 0 || took > giveUp) return took;
      await delay(10);
    }
  }
}

async function accelerate(moving: Moving, hook: Hook, ...options: readonly string[]): Promise<void> {
  const { netns } = moving.bed;
  detachAtExit(netns);
  await tnaOk('reconcile', '--once', '--netns', netns, '--hook', hook, ...options);
  await until('packets are fast', async () => {
    const before = await fastFrames(netns);
    await moving.bed.agent.flow(50);
    return (await fastFrames(netns)) > before;
  });
}

for (const [family, hook] of [
  [4, 'tc'],
  [4, 'xdp'],
  [6, 'tc'],
] as const) {
  t.test(`found as soon with TNA as without, IPv${family}, ${hook}`, async (t) => {
    const [plain, fast] = [await Moving.make(t, family), await Moving.make(t, family)];
    await Promise.all([plain.found(5000), fast.found(5000)]);
    await accelerate(fast, hook);
    const times: { readonly plain: number; readonly fast: number }[] = [];
    for (let trial = 0; trial < trials; trial += 1) {
      const before = await fastFrames(fast.bed.netns);
      const giveUp = 2 * longest * patience;
      const [a, b] = await Promise.all([plain.move(giveUp), fast.move(giveUp)]);
      times.push({ plain: a, fast: b });
      t.ok((await fastFrames(fast.bed.netns)) > before, `trial ${trial}: packets were fast before`);
    }
    const text = times.map((time) => `${time.plain.toFixed(0)} and ${time.fast.toFixed(0)} ms`).join(', ');
    // When in the life of the entry the host moves is up to chance, so what counts is the longest time.
    const most = Math.max(longest, ...times.map((time) => time.plain)) + 1500 * patience;
    t.ok(
      Math.max(...times.map((time) => time.fast)) < most,
      `without and with TNA: ${text}; at most ${most.toFixed(0)} ms`,
    );
  });
}

t.test('without the check of its state, it is not found', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'tna-neighbours-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  // Either of them would send some packets to Linux, which is enough.
  const ids = ['ip4_neighbour:unconfirmed', 'ip4_neighbour:use-stale'];
  const mutations = findMutations().filter((one) => ids.includes(one.id));
  t.equal(mutations.length, ids.length);
  const moving = await Moving.make(t);
  await moving.found(5000);
  await accelerate(moving, 'tc', '--library', await buildMutant(mutations, directory));
  t.ok((await moving.move(2 * longest)) > 2 * longest, 'packets go on to where it was');
});
