// SPDX-License-Identifier: Apache-2.0
// What lies beyond the egress device of a route, and has a say: tunnels below a bond, VLAN devices at the far end of a veth.

import t from 'tap';
import { ethernet, ipv4, sized, udp } from '../../support/lab/frame.js';
import { ip } from '../../support/lab/netns.js';
import { patience } from '../../support/lab/patience.js';
import { neighbourMac, ownMac, RouterBed } from '../../support/lab/router-bed.js';
import { detachAtExit, tnaOk, tnaStatus } from '../../support/lab/tna.js';

t.setTimeout(600_000 * patience);

/** A packet that may not be fragmented, from behind p1, as it comes in. */
function packet(destination: string, length: number): string {
  const payload = udp(1000, 7, '00'.repeat(length - 28));
  const bytes = ipv4({ source: '10.0.1.2', destination, protocol: 17, payload, fragment: 0x4000 });
  return sized(ethernet(ownMac(1), neighbourMac(1), 0x0800, bytes), Math.max(60, 14 + length));
}

/** What arrives where of each frame. ICMP errors have numbers that are drawn at random, so only lengths and kinds. */
async function arrivals(bed: RouterBed, frames: readonly string[], port = 0): Promise<readonly (readonly string[])[]> {
  const results = await bed.agent.send(frames.map((bytes) => ({ port, bytes })));
  return results.map(({ received }) =>
    received
      .filter(({ bytes }) => !bytes.startsWith('3333'))
      .map(({ port, bytes }) => `${port}: ${bytes.slice(24, 28)}, ${bytes.length / 2} bytes`),
  );
}

async function beds(prepare: (bed: RouterBed) => Promise<void>): Promise<readonly [RouterBed, RouterBed]> {
  const [plain, fast] = [
    await RouterBed.make(t, { kind: 'veth', ports: 2 }),
    await RouterBed.make(t, { kind: 'veth', ports: 2 }),
  ];
  for (const bed of [plain, fast]) await prepare(bed);
  detachAtExit(fast.netns);
  await tnaOk('reconcile', '--once', '--netns', fast.netns, '--hook', 'tc');
  return [plain, fast];
}

/** Why packets from p1 were slow. */
async function reasons(bed: RouterBed): Promise<readonly string[]> {
  const port = (await tnaStatus(bed.netns)).find(({ name }) => name === 'p1');
  return (port?.counters.reasons ?? []).map(({ fpm, code }) => `${fpm}:${code}`);
}

t.test('a tunnel below a bond goes by the route of what it carries for its path MTU', async (t) => {
  const [plain, fast] = await beds(async ({ netns, peers, agent }) => {
    // Packets that belong to a socket are slow because of that. What a bridge floods are copies, which belong to nobody; the first port gets the
    // original.
    await ip(
      peers,
      'link add brH type bridge mcast_snooping 0',
      'link add d0 type veth peer name d1',
      'link set d0 master brH up',
      'link set d1 up',
      'link add z0 type veth peer name z1',
      'link set z0 master brH up',
      'link set h1 master brH',
      'link set brH up',
      'link set z1 up',
    );
    await agent.enter(peers);
    await agent.packet('z1');
    await agent.enter(netns);
    await ip(
      netns,
      'link add gt0 type gretap local 10.0.2.1 remote 10.0.2.2',
      'link add bond0 type bond mode active-backup',
      'link set gt0 master bond0',
      'link set gt0 up',
      'link set bond0 mtu 1500 up',
      'addr add 10.3.0.1/24 dev bond0',
      `neigh add 10.3.0.2 lladdr ${neighbourMac(3)} dev bond0 nud permanent`,
    );
  });
  const frames = [packet('10.3.0.2', 100), packet('10.3.0.2', 1480), packet('10.3.0.2', 1480), packet('10.9.0.1', 100)];
  const z1 = 2;
  const [a, b] = [await arrivals(plain, frames, z1), await arrivals(fast, frames, z1)];
  t.same(b, a);
  t.ok(
    a[1]?.some((one) => one.startsWith('0: 0800, 590')),
    `the sender hears that it is too long: ${JSON.stringify(a)}`,
  );
  const why = await reasons(fast);
  t.ok(why.includes('ip_egress:egress-kind'), `is why it is slow: ${why.join(', ')}`);
  const fastFrames = (await tnaStatus(fast.netns)).find(({ name }) => name === 'p1')?.counters.fast ?? 0;
  t.ok(fastFrames > 0, 'others are fast');
});

t.test("a tagged packet's socket does not go on beyond a veth, where a VLAN device is a bridge's port", async (t) => {
  const [plain, fast] = await beds(async ({ netns, peers, agent }) => {
    // at whose far end nothing else looks: a packet socket would make Linux go on with a copy, which belongs to nobody
    await ip(
      netns,
      `link add x2 type veth peer name y2 netns ${peers}`,
      'link set x2 up',
      'link add link x2 name q10 type vlan id 10',
      'link set q10 up',
      'addr add 10.3.0.1/24 dev q10',
      `neigh add 10.3.0.2 lladdr ${neighbourMac(3)} dev q10 nud permanent`,
    );
    await ip(
      peers,
      'link set y2 up',
      'link add link y2 name y2.10 type vlan id 10',
      'link add brB type bridge mcast_snooping 0',
      'link add e0 type veth peer name e1',
      'link set y2.10 master brB up',
      'link set e0 master brB up',
      'link set brB up',
      'link set e1 up',
    );
    await agent.enter(peers);
    await agent.packet('e1');
    // drops what still belongs to a socket
    await agent.request('ofsockets e0');
    await agent.enter(netns);
  });
  const frames = [packet('10.3.0.2', 100), packet('10.3.0.2', 200), packet('10.3.0.2', 300)];
  const [a, b] = [await arrivals(plain, frames), await arrivals(fast, frames)];
  t.same(b, a);
  t.ok(
    a.every((seen) => seen.some((one) => one.startsWith('2: 0800'))),
    `they arrive behind the bridge: ${JSON.stringify(a)}`,
  );
  const why = await reasons(fast);
  t.ok(why.includes('ip_egress:socket-qdisc'), `is why they are slow: ${why.join(', ')}`);
});
