// SPDX-License-Identifier: Apache-2.0
// VLAN devices that route: frames with tags come in by one and leave by another, or by devices without, as with Linux alone.

import t from 'tap';
import type { Received } from '../../support/lab/agent.js';
import { ethernet, ipv4, ipv6, ipv6Address, sized, tagged, udp } from '../../support/lab/frame.js';
import { ip } from '../../support/lab/netns.js';
import { patience } from '../../support/lab/patience.js';
import { neighbourMac, ownMac, RouterBed, type RouterOptions } from '../../support/lab/router-bed.js';
import { detachAtExit, tnaOk, tnaStatus } from '../../support/lab/tna.js';
import { routes } from './expectations.js';

t.setTimeout(600_000 * patience);

interface VlanDevice {
  readonly name: string;
  readonly lower: string;
  /** The far end that sees its frames, counted from 1. */
  readonly port: number;
  /** The third number of its network. */
  readonly net: number;
  readonly options: string;
  /** Puts on what a frame of this device has beside its own bytes. */
  readonly tag: (bytes: string) => string;
}

const devices: readonly VlanDevice[] = [
  { name: 'q10', lower: 'p1', port: 1, net: 10, options: 'id 10', tag: (bytes) => tagged(bytes, 10) },
  {
    name: 'q20',
    lower: 'p2',
    port: 2,
    net: 20,
    options: 'id 20 egress-qos-map 0:5',
    tag: (bytes) => tagged(bytes, 0xa014),
  },
  {
    name: 'ad30',
    lower: 'p2',
    port: 2,
    net: 30,
    options: 'id 30 protocol 802.1ad',
    tag: (bytes) => tagged(bytes, 30, 0x88a8),
  },
  {
    name: 'qq40',
    lower: 'ad30',
    port: 2,
    net: 40,
    options: 'id 40',
    tag: (bytes) => tagged(tagged(bytes, 40), 30, 0x88a8),
  },
  {
    name: 'pcp50',
    lower: 'p1',
    port: 1,
    net: 50,
    options: 'id 50 ingress-qos-map 3:6',
    tag: (bytes) => tagged(bytes, 0x6032),
  },
  {
    name: 'kept60',
    lower: 'p1',
    port: 1,
    net: 60,
    options: 'id 60 reorder_hdr off',
    tag: (bytes) => tagged(bytes, 60),
  },
];
/** Gets the header for what it sends from the device below, which puts its own tag there. */
const onKept: VlanDevice = {
  name: 'on70',
  lower: 'kept60',
  port: 1,
  net: 70,
  options: 'id 70',
  tag: (bytes) => bytes,
};
/** Ports themselves, as if they were VLAN devices without a tag. */
const ports = [1, 2].map((port) => ({ name: `p${port}`, port, net: port, tag: (bytes: string) => bytes }));
type End = Pick<VlanDevice, 'name' | 'port' | 'net' | 'tag'>;

/** IPv4 and IPv6 packets from behind one end to behind another, as they come in. */
function packets(from: End, to: End): readonly { readonly port: number; readonly bytes: string }[] {
  const enclose = (type: number, bytes: string) => ({
    port: from.port,
    bytes: from.tag(ethernet(ownMac(from.port), neighbourMac(from.port), type, bytes)),
  });
  const payload = (id: number) => udp(1000 + id, 7, '00'.repeat(20 + id));
  const [source, destination] = [from, to].map(({ net }) => `10.0.${net}.2`) as [string, string];
  const [source6, destination6] = [from, to].map(({ net }) => ipv6Address(`fd00:${net}::2`)) as [string, string];
  return [0, 1, 2].flatMap((id) => [
    enclose(0x0800, ipv4({ source, destination, protocol: 17, payload: payload(id), tos: id * 0x10 })),
    enclose(0x86dd, ipv6(source6, destination6, 17, payload(id))),
  ]);
}

/** What a bed's stations see of the frames, in order. */
async function exchange(
  bed: RouterBed,
  frames: readonly { readonly port: number; readonly bytes: string }[],
): Promise<readonly Received[]> {
  const results = await bed.agent.send(
    frames.map(({ port, bytes }) => ({ port: port - 1, bytes: sized(bytes, Math.max(60, bytes.length / 2)) })),
  );
  // ICMP errors have a number that is drawn at random; a host with IPv6 sends to groups when it likes.
  return results.flatMap(({ received }) => received).filter(({ bytes }) => !/^3333|080045[cd]0/.test(bytes));
}

async function makeBed(options: RouterOptions): Promise<RouterBed> {
  const bed = await RouterBed.make(t, options);
  for (const which of ['all', 'default']) {
    await bed.agent.sysctl(`net/ipv6/conf/${which}/accept_dad`, '0');
    await bed.agent.sysctl(`net/ipv6/conf/${which}/disable_ipv6`, '0');
    await bed.agent.sysctl(`net/ipv6/conf/${which}/forwarding`, '1');
  }
  for (const { name, lower, options: more } of [...devices, onKept])
    await ip(bed.netns, `link add link ${lower} name ${name} type vlan ${more}`, `link set ${name} up`);
  for (const { name, port, net } of [...devices, onKept])
    await ip(
      bed.netns,
      `addr add 10.0.${net}.1/24 dev ${name}`,
      `neigh add 10.0.${net}.2 lladdr ${neighbourMac(port)} dev ${name} nud permanent`,
    );
  for (const { name, port, net } of [...ports, ...devices, onKept])
    await ip(
      bed.netns,
      `addr add fd00:${net}::1/64 dev ${name} nodad`,
      `neigh add fd00:${net}::2 lladdr ${neighbourMac(port)} dev ${name} nud permanent`,
    );
  return bed;
}

/** At XDP the ports' own programs take tags off and put them on, as far as there is one; VLAN devices have theirs at tc all the same. */
const combinations = [
  { kind: 'veth', hook: 'tc' },
  { kind: 'tap', hook: 'tc' },
  { kind: 'veth', hook: 'xdp' },
  { kind: 'tap', hook: 'xdp' },
] as const;

for (const { kind, hook } of combinations) {
  t.test(`VLAN devices over ${kind}, ports at ${hook}`, async (t) => {
    const atXdp = hook === 'xdp';
    const [plain, fast] = [await makeBed({ kind, ports: 2 }), await makeBed({ kind, ports: 2 })];
    detachAtExit(fast.netns);
    // VLAN devices are for tc only
    const hooks = ['--hook', 'tc', '--hook', `p1=${hook}`, '--hook', `p2=${hook}`];
    await tnaOk('reconcile', '--once', '--netns', fast.netns, ...hooks);
    const status = await tnaStatus(fast.netns);
    for (const { name } of devices.filter((one) => one.name !== 'kept60'))
      t.equal(status.find((one) => one.name === name)?.accelerated, routes, `${name} is accelerated`);
    const ends: readonly End[] = [...ports, ...devices];
    const end = (name: string) => ends.find((one) => one.name === name) as End;
    const pairs: readonly (readonly [End, End])[] = [
      ...ends.map((from, i) => [from, ends[(i + 4) % ends.length] as End] as const),
      [end('q20'), end('q10')],
      [end('p1'), end('kept60')],
      [end('p2'), onKept],
    ];
    for (const [from, to] of pairs) {
      const frames = packets(from, to);
      const [a, b] = [await exchange(plain, frames), await exchange(fast, frames)];
      t.same(b, a, `${from.name} to ${to.name}`);
      t.equal(a.length, frames.length, `${from.name} to ${to.name}: all arrived`);
    }
    const counted = await tnaStatus(fast.netns);
    for (const { name } of ends) {
      const counters = counted.find((one) => one.name === name)?.counters;
      // More than there are of either family alone; a port's first packets to a neighbour are the kernel's.
      const fast = counters?.fast ?? 0;
      const passedBy = atXdp && name !== 'qq40' && !/^p\d$/.test(name);
      t.equal(
        fast > (atXdp && name !== 'qq40' ? 7 : 3),
        routes && name !== 'kept60' && !passedBy,
        `${name}: ${JSON.stringify(counters)}`,
      );
    }
    // Each change takes effect with nobody to watch.
    const [q10, q20] = [devices[0] as VlanDevice, devices[1] as VlanDevice];
    for (const change of [
      'link set q10 type vlan reorder_hdr off',
      'link set q10 type vlan reorder_hdr on',
      'link set q20 down',
      'link set q20 up',
      'link set q10 address 02:00:5e:50:09:09',
      'link del q10',
    ]) {
      for (const bed of [plain, fast]) {
        await ip(bed.netns, change);
        if (change === 'link set q20 up')
          for (const address of ['10.0.20.2', 'fd00:20::2'])
            await ip(bed.netns, `neigh replace ${address} lladdr ${neighbourMac(2)} dev q20 nud permanent`);
      }
      const frames = packets(q10, q20);
      t.same(await exchange(fast, frames), await exchange(plain, frames), change);
      if (!routes || !change.endsWith('reorder_hdr off')) continue;
      const { reasons } = (await tnaStatus(fast.netns)).find(({ name }) => name === 'q10')?.counters ?? { reasons: [] };
      t.ok(
        reasons.some(({ fpm, code }) => `${fpm}:${code}` === 'vlan_device:tag-kept'),
        `${change}: is why they are slow`,
      );
    }
    // Routing lets go of the sender's socket: nobody must find it below VLAN devices, one or two, either.
    if (kind !== 'veth' || atXdp) return;
    const below = [...packets(end('pcp50'), end('ad30')), ...packets(end('pcp50'), end('qq40'))];
    for (const bed of [plain, fast]) await bed.agent.request('ofsockets p2');
    const [a, b] = [await exchange(plain, below), await exchange(fast, below)];
    t.same(b, a, 'a program below that asks for sockets');
    t.equal(a.length, below.length, 'a program below that asks for sockets: all arrived');
    const reasons = (await tnaStatus(fast.netns)).find(({ name }) => name === 'pcp50')?.counters.reasons ?? [];
    const slow = reasons.find(({ fpm, code }) => `${fpm}:${code}` === 'ip_egress:socket-qdisc')?.packets ?? 0;
    t.equal(slow, routes ? below.length : 0, 'a program below that asks for sockets: is why they are slow');
  });
}
