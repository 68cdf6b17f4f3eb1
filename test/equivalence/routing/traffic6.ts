// SPDX-License-Identifier: Apache-2.0
// Draws the packets that an IPv6 router gets, as traffic.ts does for IPv4: mostly flows between neighbours and routed networks,
// in between everything that a router treats specially.

import type { Send } from '../../support/lab/agent.js';
import { ethernet, hex, ipv6, ipv6Address, little, mac, sized, tagged, udp } from '../../support/lab/frame.js';
import { drawFrame } from '../payload.js';
import type { Random } from '../random.js';
import { addressOf, echoReply6, icmp6, type Neighbour, placeOf, portMac, type RouterPlan, summed6 } from './plan.js';
import { linkLocalGateway } from './routes6.js';
import { padded } from './traffic.js';

interface Fields {
  readonly source: string;
  readonly destination: string;
  readonly next: number;
  readonly payload: string;
  readonly hops: number;
  readonly trafficClass: number;
}

const tcpHeader = (ports: readonly [number, number], flags: number): string =>
  `${hex(ports[0], 2)}${hex(ports[1], 2)}0000000100000000${hex(0x5000 | flags, 2)}ffff00000000`;

class Traffic {
  constructor(
    readonly random: Random,
    readonly plan: RouterPlan,
  ) {}

  from(): Neighbour {
    return this.random.pick(this.plan.neighbours);
  }

  own(): string {
    const { own } = this.plan;
    return this.random.pick(own.length > 0 ? own : ['fd00:1::1']);
  }

  /** Mostly behind another port than the sender, and mostly somebody whom the router knows. */
  to(from: Neighbour): string {
    const { random, plan } = this;
    if (!random.chance(0.6)) return random.pick(plan.destinations);
    const others = plan.neighbours.filter((one) => one.port !== from.port && (one.permanent || random.chance(0.2)));
    return random.pick(others.length > 0 && random.chance(0.9) ? others : plan.neighbours).ip;
  }

  /** What the packet carries; checksums are right, since the packet may be the router's own. */
  payload(source: string, destination: string, next: number): string {
    const { random } = this;
    const data = random.bytes(random.below(60)).toString('hex');
    if (next === 17)
      return summed6(source, destination, next, udp(random.between(1024, 1030), random.pick([53, 4789, 7]), data), 6);
    if (next === 6)
      return summed6(source, destination, next, tcpHeader([1024, 80], random.pick([2, 16, 24])) + data, 16);
    if (next === 58)
      return summed6(
        source,
        destination,
        next,
        `${random.pick(['8000', '8000', '8100', 'c800'])}000000010001${data}`,
        2,
      );
    return data;
  }

  /** An IPv6 packet in a frame to the router. */
  packet(from: Neighbour, fields: Partial<Fields> = {}, destination = portMac(from.port)): string {
    const source = fields.source ?? from.ip;
    const target = fields.destination ?? this.to(from);
    const next = fields.next ?? this.random.pick([17, 17, 6, 58, 47, 50]);
    const payload = fields.payload ?? this.payload(source, target, next);
    const packet = ipv6(ipv6Address(source), ipv6Address(target), next, payload, fields.hops);
    const first = `6${hex(fields.trafficClass ?? 0, 1)}${packet.slice(3)}`;
    return ethernet(destination, from.mac, 0x86dd, first);
  }

  /** An ICMPv6 message in a frame to the router or a group. */
  message(from: Neighbour, body: string, to = portMac(from.port)): Send[] {
    return [{ port: placeOf(from), bytes: ethernet(to, from.mac, 0x86dd, body) }];
  }

  run(from: Neighbour, frame: string, most = 4): Send[] {
    return Array.from({ length: this.random.between(1, most) }, () => ({ port: placeOf(from), bytes: frame }));
  }

  padded(frame: string): string {
    return padded(this.random, frame);
  }
}

type Draw = (traffic: Traffic) => Send[];

const flow: Draw = (t) => {
  const from = t.from();
  const trafficClass = t.random.pick([0, 0, 0, 0, 0, 0, 0x10, 0x40, 0xb8, 1]);
  return t.run(from, t.padded(t.packet(from, { trafficClass })), 6);
};

/** To where several next hops lead. */
const scattered: Draw = (t) => {
  const from = t.from();
  return Array.from({ length: t.random.between(4, 12) }, () => ({
    port: placeOf(from),
    bytes: t.padded(t.packet(from, { destination: t.random.pick(t.plan.spread) })),
  }));
};

/** Whatever a station may send, addressed to the router's port. */
const anything: Draw = (t) => {
  const from = t.from();
  const station = { mac: from.mac, ip: addressOf(from.port, 10) };
  const frame = drawFrame(t.random, station, { mac: portMac(from.port), ip: addressOf(t.random.below(3), 10) });
  return t.run(from, t.padded(frame), 3);
};

const hopLimit: Draw = (t) => {
  const from = t.from();
  return t.run(from, t.padded(t.packet(from, { hops: t.random.pick([0, 1, 1, 2, 3, 255]) })), 2);
};

/** Extension headers: most are payload to a router, unless the packet is its own. */
const extended: Draw = (t) => {
  const from = t.from();
  const destination = t.random.chance(0.2) ? t.own() : t.to(from);
  const last = t.random.pick([17, 17, 6, 58, 59]);
  const inner = last === 59 ? '' : t.payload(from.ip, destination, last);
  const end = hex(last, 1);
  const options = t.random.pick([
    '010400000000',
    '050200000100',
    '050200000000',
    '830400000000',
    'c30400000000',
    '030400000000',
  ]);
  const segments = `${end}02${t.random.pick(['00', '02', '04', '03'])}${t.random.pick(['00', '01'])}00000000${ipv6Address(t.from().ip)}`;
  // Fragments of stations have small identifications, by which the comparison knows them: see compare.ts.
  const fragment = `${end}00${t.random.pick(['0000', '0001', '05a8', '05a9'])}000000${hex(t.random.below(256), 1)}`;
  const [next, payload] = t.random.pick<readonly [number, string]>([
    [0, `${end}00${options}${inner}`],
    [0, `3c00010400000000${end}00${options}${inner}`],
    [60, `${end}00${options}${inner}`],
    [43, `${segments}${inner}`],
    [44, `${fragment}${inner}`],
    [44, `${fragment}${inner}`],
    [51, `${end}0400000000010000000100000000000000000000000000${inner}`],
    [50, `0000000100000001${inner}`],
    [59, inner],
    [135, `${end}00010400000000${inner}`],
  ]);
  return t.run(from, t.padded(t.packet(from, { destination, next, payload })), 2);
};

/** Jumbo payload, a header's length beyond the packet's end, a header that is cut. */
const oddOptions: Draw = (t) => {
  const from = t.from();
  const payload = t.random.pick([
    `1100c204${hex(70000, 4)}${'00'.repeat(40)}`,
    `11ff010400000000${'00'.repeat(40)}`,
    '1100',
    '11000104',
    '',
  ]);
  const frame = t.packet(from, { next: 0, payload });
  const zero = t.random.chance(0.5) ? `${frame.slice(0, 36)}0000${frame.slice(40)}` : frame;
  return t.run(from, t.padded(zero), 2);
};

const damaged: Draw = (t) => {
  const from = t.from();
  const whole = t.packet(from, { next: 17, payload: udp(1024, 7, '00'.repeat(60)) });
  const frame = t.random.pick([
    // Cut inside the packet, or inside its header.
    () => sized(whole, t.random.between(15, 120)),
    // Another version, another length: too long, shorter than what is there, none.
    () => `${whole.slice(0, 28)}${t.random.pick(['4', '5', '7', '0'])}${whole.slice(29)}`,
    () =>
      `${whole.slice(0, 36)}${t.random.pick(['ffff', '0045', '0044', '0043', '0008', '0004', '0001', '0000'])}${whole.slice(40)}`,
    () => t.packet(from, { next: t.random.pick([59, 17, 6, 58]), payload: '' }),
  ]);
  return t.run(from, t.random.chance(0.5) ? frame() : t.padded(frame()), 2);
};

const oddSources: Draw = (t) => {
  const from = t.from();
  const source = t.random.pick([
    '::',
    '::1',
    'ff02::1',
    'ff0e::1',
    'fe80::10',
    'fe80::1',
    'febf::10',
    'fec0::10',
    '::ffff:a01:a',
    '::a01:a',
    '64:ff9b::a01:a',
    '2001:db8::1',
    'fd10::1',
    'fd00:1::',
    t.own(),
    t.from().ip,
    t.from().ip,
  ]);
  return t.run(from, t.padded(t.packet(from, { source })), 2);
};

const oddDestinations: Draw = (t) => {
  const from = t.from();
  const destination = t.random.pick([
    '::',
    '::1',
    'ff00::1',
    'ff01::1',
    'ff02::1',
    'ff02::2',
    'ff02::1:ff00:10',
    'ff05::2',
    'ff0e::1',
    linkLocalGateway,
    'fe80::1',
    'fe80::77',
    'febf::10',
    'fec0::10',
    '::ffff:a01:a',
    '::a01:a',
    'fd00:1::',
    'fd00:2::',
    'fd00:1::77',
    'fd00:2::77',
    'fd00:99::1',
    'fd20:1::9',
    t.own(),
    t.own(),
    from.ip,
  ]);
  return t.run(from, t.padded(t.packet(from, { destination })), 2);
};

/** Not to the router, as far as the frame says. */
const notOurs: Draw = (t) => {
  const from = t.from();
  const to = t.random.pick([
    'ff:ff:ff:ff:ff:ff',
    '33:33:00:00:00:01',
    '33:33:ff:00:00:01',
    '01:00:5e:00:00:01',
    '02:00:5e:66:00:01',
    portMac(from.port + 1),
    '00:00:00:00:00:00',
  ]);
  return t.run(from, t.padded(t.packet(from, {}, to)), 2);
};

/** Sizes around the limits. */
const large: Draw = (t) => {
  const from = t.from();
  const mtu = t.random.pick([...t.plan.configuration.ports.map((port) => port.mtu), 1280, 1300, 1400, 1000]);
  const length = mtu + t.random.pick([-1, 0, 0, 1, 2, 4, 100]) - 40;
  const destination = t.to(from);
  const payload = summed6(from.ip, destination, 17, udp(1024, 7, '5a'.repeat(Math.max(0, length - 8))), 6);
  return t.run(from, t.packet(from, { destination, next: 17, payload }), 2);
};

const vlan: Draw = (t) => {
  const from = t.from();
  const frame = t.padded(t.packet(from));
  return t.run(from, tagged(frame, t.random.pick([0, 1, 10, 0x2064]), t.random.pick([0x8100, 0x8100, 0x88a8])), 2);
};

/** Questions for addresses, answers and announcements of stations, routers that announce themselves. */
const discovery: Draw = (t) => {
  const from = t.from();
  const target = t.random.chance(0.7) ? t.own() : t.random.pick(t.plan.neighbours).ip;
  const source = t.random.pick([from.ip, from.ip, linkLocalGateway, '::']);
  const hops = t.random.chance(0.9) ? 255 : 64;
  const address = ipv6Address(target);
  const group = `ff02::1:ff${address.slice(26, 28)}:${address.slice(28)}`;
  const groupMac = `33:33:ff:${address.slice(26).match(/../g)?.join(':')}`;
  const linkAddress = (type: string) => `${type}01${mac(from.mac)}`;
  const asked = `00000000${address}${source === '::' ? '' : linkAddress('01')}`;
  const flags = t.random.pick(['60000000', '40000000', '20000000', '00000000', 'e0000000']);
  const announced = `${flags}${ipv6Address(from.ip)}${linkAddress('02')}`;
  const router = (lifetime: number) =>
    `40${t.random.pick(['00', '08', '18'])}${hex(lifetime, 2)}0000000000000000${linkAddress('01')}05010000${hex(1300, 4)}`;
  return t.random.pick([
    () => t.message(from, icmp6(source, group, '8700', asked, hops), groupMac),
    () => t.message(from, icmp6(source === '::' ? from.ip : source, target, '8700', asked, hops)),
    () => t.message(from, icmp6(from.ip, t.own(), '8800', announced, hops)),
    () => t.message(from, icmp6(from.ip, t.own(), '8800', announced, hops)),
    () => t.message(from, icmp6(from.ip, 'ff02::1', '8800', announced, hops), '33:33:00:00:00:01'),
    () => t.message(from, icmp6(source, 'ff02::2', '8500', '00000000', hops), '33:33:00:00:00:02'),
    () =>
      t.message(
        from,
        icmp6(linkLocalGateway, 'ff02::1', '8600', router(t.random.pick([0, 1800])), hops),
        '33:33:00:00:00:01',
      ),
  ])();
};

/** What makes exceptions of next hops, path MTUs and redirects by gateways, and what then goes there. */
const exception: Draw = (t) => {
  const from = t.from();
  const router = t.own();
  const about = t.random.pick([...t.plan.destinations, t.from().ip]);
  const mtu = hex(t.random.pick([600, 1280, 1300, 1400]), 4);
  const target = t.random.pick([linkLocalGateway, about]);
  const message = t.random.chance(0.6)
    ? icmp6(from.ip, router, '0200', mtu + echoReply6(router, about))
    : icmp6(
        linkLocalGateway,
        router,
        '8900',
        `00000000${ipv6Address(target)}${ipv6Address(about)}0201${mac(from.mac)}`,
        255,
      );
  const sender = t.from();
  const payload = udp(1024, 7, '5a'.repeat(t.random.pick([8, 1300, 1400])));
  return [
    ...t.message(from, message),
    ...t.run(sender, t.packet(sender, { destination: about, next: 17, payload }), 2),
  ];
};

/** Segments that are to be cut, or lack their checksum: struct virtio_net_hdr as senders on a veth use it. */
const offloaded: Draw = (t) => {
  if (t.plan.configuration.kind === 'tap') return flow(t);
  const from = t.from();
  const destination = t.to(from);
  const segmented = t.plan.configuration.segmentation && t.random.chance(0.6);
  const datagrams = segmented && t.random.chance(0.3);
  const size = t.random.pick([400, 1219, 1220, 1221, 1340, 1400, 1440, 1441]);
  const data = '5a'.repeat(segmented ? 3000 : 200);
  const payload = datagrams ? udp(1024, 7, data) : tcpHeader([1024, 80], 0x10) + data;
  const [next, type, length, at] = datagrams ? [17, '05', 62, 6] : [6, segmented ? '04' : '00', 74, 16];
  const header = `01${type}${little(length)}${little(segmented ? size : 0)}${little(54)}${little(at)}`;
  const bytes = header + t.packet(from, { destination, next, payload });
  return t.run(from, bytes, 3).map((send) => ({ ...send, virtio: true }));
};

const draws: readonly (readonly [number, Draw])[] = [
  [40, flow],
  [4, anything],
  [5, hopLimit],
  [9, extended],
  [2, oddOptions],
  [5, damaged],
  [6, oddSources],
  [7, oddDestinations],
  [4, notOurs],
  [9, large],
  [2, vlan],
  [4, discovery],
  [5, offloaded],
  [2, exception],
];

/** Between stations of one network, which only a bridge brings to each other. */
const neighbourly: Draw = (t) => {
  const from = t.from();
  const to = t.random.pick(t.plan.neighbours.filter((one) => one.port === from.port));
  const destination = t.random.chance(0.8) ? to.ip : t.to(from);
  return t.run(from, t.padded(t.packet(from, { destination }, to.mac)), 3);
};

/** A station that has moved to another port. */
const moved: Draw = (t) => {
  const port = t.random.below(t.plan.configuration.ports.length);
  return flow(t).map((send) => ({ ...send, port }));
};

/** Of bridges with addresses, which learn who is where from what everybody sends first. */
const bridgeDraws: readonly (readonly [number, Draw])[] = [...draws, [6, neighbourly], [1, moved]];

function drawsFor(plan: RouterPlan): readonly (readonly [number, Draw])[] {
  const some = plan.configuration.bridges.length > 0 ? bridgeDraws : draws;
  return plan.spread.length > 0 ? [...some, [30, scattered]] : some;
}

export function generateRouter6Traffic(random: Random, plan: RouterPlan, count: number): Send[] {
  const traffic = new Traffic(random, plan);
  const bridges = plan.configuration.bridges.length > 0;
  const sends: Send[] = bridges
    ? plan.neighbours.map((one) => ({ port: placeOf(one), bytes: traffic.packet(one) }))
    : [];
  const some = drawsFor(plan);
  while (sends.length < count) sends.push(...random.weighted(some)(traffic));
  return sends.slice(0, count);
}

/** Of a router of both families: by turns, a few of one and a few of the other. */
export function interleaved(random: Random, four: readonly Send[], six: readonly Send[]): Send[] {
  const sends: Send[] = [];
  const all = [four, six];
  const at = [0, 0];
  while (sends.length < Math.max(four.length, six.length)) {
    const which = random.below(2);
    const from = at[which] ?? 0;
    const most = random.between(1, 4);
    sends.push(...(all[which]?.slice(from, from + most) ?? []));
    at[which] = from + most;
  }
  return sends.slice(0, Math.max(four.length, six.length));
}
