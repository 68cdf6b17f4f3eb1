// SPDX-License-Identifier: Apache-2.0
// A bridge between NICs with a driver that has native XDP: TNA chooses XDP by its own rules, and untagged, 802.1Q and
// 802.1ad frames arrive where Linux alone would deliver them, with and without VLAN filtering.

import t, { type Test } from 'tap';
import { frame } from '../../support/lab/bed.js';
import { run } from '../../support/lab/command.js';
import { ethernet, sized, tagged } from '../../support/lab/frame.js';
import { bridge, ip } from '../../support/lab/netns.js';
import { patience } from '../../support/lab/patience.js';
import { fastFrames, tnaOk, tnaStatus, until } from '../../support/lab/tna.js';
import { leftovers, newLeftovers } from '../../support/leftovers.js';
import { acceleratesAt } from './expectations.js';
import { NicBed } from './nic-bed.js';

t.setTimeout(600_000 * patience);

/** A frame as it is expected at a station. */
interface Arrival {
  readonly port: number;
  readonly bytes: string;
}

const plain = (bytes: string) => bytes;
const vlan10 = (bytes: string) => tagged(bytes, 10);

/** Stations 1 and 2 answer each other; `expected` says what of a frame arrives, at the other's port. */
async function exchange(
  t: Test,
  bed: NicBed,
  what: string,
  sent: (bytes: string) => string,
  expected: (bytes: string, to: number) => string | undefined,
): Promise<void> {
  const passes = expected(frame(0, 1), 1) !== undefined;
  for (const port of [0, 1]) await bed.send(port, sent(frame(0, port + 1)), passes ? 1 : 0);
  const wrong: string[] = [];
  for (let i = 0; i < 12; i += 1) {
    const from = i % 2;
    const bytes = frame(2 - from, 1 + from, i);
    const arrival = expected(bytes, 1 - from);
    const wanted: readonly Arrival[] = arrival === undefined ? [] : [{ port: 1 - from, bytes: arrival }];
    const arrived = await bed.send(from, sent(bytes), wanted.length);
    const received = arrived.map(({ port, bytes }): Arrival => ({ port, bytes }));
    if (JSON.stringify(received) !== JSON.stringify(wanted))
      wrong.push(`frame ${i}: expected ${JSON.stringify(wanted)}, received ${JSON.stringify(received)}`);
  }
  t.same(wrong, [], what);
}

/** Every kind of frame through every kind of bridge. TNA is not told of any change. */
async function traffic(t: Test, bed: NicBed): Promise<void> {
  await exchange(t, bed, 'untagged frames', plain, plain);
  await exchange(t, bed, '802.1Q frames keep their tags', vlan10, vlan10);
  const double = (bytes: string) => tagged(tagged(bytes, 10), 0xa014, 0x88a8);
  await exchange(t, bed, '802.1ad and 802.1Q tags', double, double);
  const priority = (bytes: string) => tagged(bytes, 0xe000);
  await exchange(t, bed, 'priority tags', priority, priority);

  await ip(bed.netns, 'link set br0 type bridge vlan_filtering 1');
  await exchange(t, bed, 'filtering: untagged frames in VLAN 1', plain, plain);
  await exchange(t, bed, 'filtering: no VLAN 10 yet', vlan10, () => undefined);
  await bridge(bed.netns, 'vlan add dev p1 vid 10', 'vlan add dev p2 vid 10');
  await exchange(t, bed, 'filtering: VLAN 10 between trunks', vlan10, vlan10);
  await bridge(bed.netns, 'vlan add dev p2 vid 10 pvid untagged');
  // Station 2 now speaks untagged in VLAN 10.
  const access = async (what: string, from: number, sent: string, arrives: string) => {
    const received = (await bed.send(from, sent)).map(({ port, bytes }) => ({ port, bytes }));
    t.same(received, [{ port: 1 - from, bytes: arrives }], what);
  };
  for (const [port, bytes] of [
    [0, vlan10(frame(0, 1))],
    [1, frame(0, 2)],
  ] as const)
    await bed.send(port, bytes);
  for (let i = 0; i < 3; i += 1) {
    await access('filtering: from trunk to access port', 0, vlan10(frame(2, 1, i)), frame(2, 1, i));
    await access('filtering: from access port to trunk', 1, frame(1, 2, i), vlan10(frame(1, 2, i)));
  }
  await ip(bed.netns, 'link set br0 type bridge vlan_filtering 0');
  await exchange(t, bed, 'untagged frames without filtering', plain, plain);
}

/** VLAN 30 leaves the bridge: devices on two of the ports take its frames to a bridge of their own. */
async function vlanDevices(t: Test, bed: NicBed): Promise<void> {
  const vlan30 = (bytes: string) => tagged(bytes, 30);
  const arrivals = async (from: number, bytes: string) =>
    (await bed.send(from, bytes)).map(({ port, bytes }): Arrival => ({ port, bytes })).sort((a, b) => a.port - b.port);
  await exchange(t, bed, 'VLAN 30 before there are VLAN devices', vlan30, vlan30);
  await bed.send(2, vlan30(frame(0, 3)));
  t.same(
    await arrivals(0, vlan30(frame(3, 1, 1))),
    [{ port: 2, bytes: vlan30(frame(3, 1, 1)) }],
    'station 3 is reached in VLAN 30',
  );

  await ip(bed.netns, 'link add br30 type bridge mcast_snooping 0', 'link set br30 up');
  for (const n of [1, 2])
    await ip(bed.netns, `link add link p${n} name p${n}.30 type vlan id 30`, `link set p${n}.30 master br30 up`);
  await until('the VLAN devices forward', () => bed.up(), 60_000);
  await exchange(t, bed, 'VLAN 30 between VLAN devices', vlan30, vlan30);
  // Station 3 is known to br0 and not to br30: from the first frame on it is no longer reached.
  t.same(
    await arrivals(0, vlan30(frame(3, 1, 2))),
    [{ port: 1, bytes: vlan30(frame(3, 1, 2)) }],
    'VLAN 30 is no longer part of the first bridge',
  );
  t.same(
    await arrivals(2, vlan30(frame(1, 3, 3))),
    [{ port: 0, bytes: vlan30(frame(1, 3, 3)) }],
    'but what a port without VLAN device receives goes through the first bridge',
  );
  await exchange(t, bed, 'VLAN 10 beside VLAN devices', vlan10, vlan10);
  await exchange(t, bed, 'untagged frames beside VLAN devices', plain, plain);

  await ip(bed.netns, 'link del p1.30', 'link del p2.30', 'link del br30');
  await exchange(t, bed, 'VLAN 30 after the VLAN devices', vlan30, vlan30);
}

/** Frames of 20, one right after the other between stations that know each other, that took the fast path. */
async function burst(bed: NicBed, sent: (bytes: string) => string): Promise<number> {
  for (const port of [0, 1]) await bed.send(port, sent(frame(2 - port, 1 + port)));
  const before = await fastFrames(bed.netns);
  await bed.agent.send(
    Array.from({ length: 20 }, (_, i) => ({ port: i % 2, bytes: sent(frame(2 - (i % 2), 1 + (i % 2), i)) })),
  );
  await bed.agent.collect(200);
  return (await fastFrames(bed.netns)) - before;
}

t.test('Linux alone', async (t) => {
  const bed = await NicBed.make(t, 3);
  await traffic(t, bed);
  await vlanDevices(t, bed);
});

t.test('native XDP by its own rules', async (t) => {
  const bed = await NicBed.make(t, 3);
  const before = leftovers();
  const netns = ['--netns', bed.netns];
  bed.accelerated();
  await tnaOk('reconcile', '--once', ...netns);
  const status = await tnaStatus(bed.netns);
  const ports = status.filter((one) => one.name.startsWith('p'));
  if (!acceleratesAt('nic', 'xdp')) {
    t.ok(
      ports.every((one) => one.hook !== 'xdp'),
      'nothing is accelerated by XDP',
    );
    await traffic(t, bed);
    await vlanDevices(t, bed);
    return;
  }
  t.same(
    ports.map((one) => `${one.name} ${one.hook ?? one.reasons.map((reason) => reason.code).join('+')}`),
    ['p1 xdp', 'p2 xdp', 'p3 xdp'],
    'all ports are accelerated by XDP',
  );
  // virtio_net can transmit XDP frames, and says so, only once a program is attached: the next pass makes use of it.
  await tnaOk('reconcile', '--once', ...netns);
  const again = await tnaOk('reconcile', '--once', ...netns);
  t.match(again, /Nothing to do/, 'and a further pass changes nothing');
  t.match(await run('ip', ['-n', bed.netns, 'link', 'show', 'p1']), / xdp /, 'in native mode');

  // Two stations that know each other: nearly all frames are due on the fast path.
  await exchange(t, bed, 'first frames', plain, plain);
  for (const [what, sent] of [
    ['untagged', plain],
    ['802.1Q', vlan10],
  ] as const) {
    const fast = await burst(bed, sent);
    // On a slow machine several are due to Linux, which refreshes its table.
    t.ok(fast >= 5, `${what} frames take the fast path (${fast} of 20)`);
  }
  const full = sized(ethernet('02:00:5e:40:00:02', '02:00:5e:40:00:01', 0x88b5, 'a5'.repeat(1500)), 1514);
  t.same(
    (await bed.send(0, full)).map((one) => one.bytes),
    [full],
    'a frame of full size arrives whole',
  );

  await traffic(t, bed);
  await vlanDevices(t, bed);
  // The controller has not been told; with VLAN devices in place, another pass decides anew.
  for (const n of [1, 2]) await ip(bed.netns, `link add link p${n} name p${n}.30 type vlan id 30`);
  await tnaOk('reconcile', '--once', ...netns);
  for (const n of [1, 2]) await ip(bed.netns, `link del p${n}.30`);
  await vlanDevices(t, bed);
  t.comment(await tnaOk('status', ...netns));
  await tnaOk('detach', ...netns);
  t.same(await newLeftovers(before), [], 'detach leaves nothing');
  t.notMatch(await run('ip', ['-n', bed.netns, 'link', 'show', 'p1']), / xdp /);
});

t.test('a NIC joins the bridge while the controller is away', async (t) => {
  const bed = await NicBed.make(t, 3);
  bed.accelerated();
  await ip(bed.netns, 'link set p3 nomaster');
  await tnaOk('reconcile', '--once', '--netns', bed.netns);
  await exchange(t, bed, 'two ports', plain, plain);
  await ip(bed.netns, 'link set p3 master br0');
  await until('the third port forwards', () => bed.up(), 60_000);
  // Its station speaks, is learnt, and answered, whether or not anybody accelerates it.
  await bed.send(2, frame(0, 3));
  const there = await bed.send(0, frame(3, 1, 7));
  t.same(
    there.map(({ port, bytes }) => ({ port, bytes })),
    [{ port: 2, bytes: frame(3, 1, 7) }],
  );
  const back = await bed.send(2, frame(1, 3, 8));
  t.same(
    back.map(({ port, bytes }) => ({ port, bytes })),
    [{ port: 0, bytes: frame(1, 3, 8) }],
  );
});
