// SPDX-License-Identifier: Apache-2.0
// Draws the packets that a router gets: mostly flows between neighbours and routed networks, in between everything that
// a router treats specially.

import type { Send } from '../../support/lab/agent.js';
import { arp, ethernet, hex, type Ipv4, ipv4, little, sized, tagged, tcp, udp } from '../../support/lab/frame.js';
import { drawFrame } from '../payload.js';
import type { Random } from '../random.js';
import { icmpAbout, type Neighbour, placeOf, portMac, type RouterPlan } from './plan.js';

class Traffic {
  constructor(
    readonly random: Random,
    readonly plan: RouterPlan,
  ) {}

  from(): Neighbour {
    return this.random.pick(this.plan.neighbours);
  }

  /** Mostly behind another port than the sender, and mostly somebody whom the router knows. */
  to(from: Neighbour): string {
    const { random, plan } = this;
    if (!random.chance(0.6)) return random.pick(plan.destinations);
    const others = plan.neighbours.filter((one) => one.port !== from.port && (one.permanent || random.chance(0.2)));
    return random.pick(others.length > 0 && random.chance(0.9) ? others : plan.neighbours).ip;
  }

  /** An IPv4 packet in a frame to the router. */
  packet(from: Neighbour, packet: Partial<Ipv4>, destination = portMac(from.port)): string {
    const protocol = packet.protocol ?? this.random.pick([17, 17, 6, 1, 47]);
    const data = this.random.bytes(this.random.below(60)).toString('hex');
    const source = packet.source ?? from.ip;
    const target = packet.destination ?? this.to(from);
    const payload =
      packet.payload ??
      (protocol === 17
        ? udp(this.random.between(1024, 1030), this.random.pick([53, 4789, 7]), data)
        : protocol === 6
          ? tcp(source, target, [1024, 80], this.random.pick([2, 16, 24]), data)
          : data);
    return ethernet(destination, from.mac, 0x0800, ipv4({ ...packet, source, destination: target, protocol, payload }));
  }

  run(port: number, frame: string, most = 4): Send[] {
    return Array.from({ length: this.random.between(1, most) }, () => ({ port, bytes: frame }));
  }

  padded(frame: string): string {
    return padded(this.random, frame);
  }
}

/** Pads to what an Ethernet needs, or not, or more. */
export function padded(random: Random, frame: string): string {
  const length = frame.length / 2;
  return sized(frame, random.pick([Math.max(60, length), length, length + random.below(30)]));
}

type Draw = (traffic: Traffic) => Send[];

const flow: Draw = (t) => {
  const from = t.from();
  return t.run(
    placeOf(from),
    t.padded(
      t.packet(from, {
        tos: t.random.weighted([
          [6, 0],
          [1, 0x10],
          [1, 0x08],
          [1, 0xb8],
          [1, 1],
        ] as const),
      }),
    ),
    6,
  );
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
  const frame = drawFrame(t.random, from, { mac: portMac(from.port), ip: t.to(from) });
  return t.run(placeOf(from), t.padded(frame), 3);
};

const lifetime: Draw = (t) => {
  const from = t.from();
  return t.run(placeOf(from), t.padded(t.packet(from, { ttl: t.random.pick([0, 1, 1, 2, 3, 255]) })), 2);
};

const damaged: Draw = (t) => {
  const from = t.from();
  const frame = t.random.pick([
    () => t.packet(from, { badChecksum: true }),
    () => t.packet(from, { options: t.random.pick(['94040000', '01010101', '0707040000000000']) }),
    // Cut inside the packet, or inside its header.
    () => sized(t.packet(from, { payload: '00'.repeat(60) }), t.random.between(15, 90)),
    // Another version, another header length.
    () => t.packet(from, {}).replace(/^(.{28})45/, `$1${t.random.pick(['46', '44', '65', '55', '4f'])}`),
  ]);
  return t.run(placeOf(from), frame(), 2);
};

const fragment: Draw = (t) => {
  const from = t.from();
  return t.run(
    placeOf(from),
    t.padded(t.packet(from, { fragment: t.random.pick([0x2000, 0x4000, 0x00b9, 0x20b9]) })),
    3,
  );
};

const oddAddresses: Draw = (t) => {
  const from = t.from();
  const { own } = t.plan;
  const source = t.random.pick([
    '0.0.0.0',
    '127.0.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '240.1.2.3',
    '10.1.0.255',
    '10.2.0.0',
    '192.0.2.1',
    '172.16.0.1',
    t.random.pick(own.length > 0 ? own : ['10.1.0.1']),
    t.from().ip,
    t.from().ip,
  ]);
  return t.run(placeOf(from), t.padded(t.packet(from, { source })), 2);
};

const oddDestinations: Draw = (t) => {
  const from = t.from();
  const { own } = t.plan;
  const destination = t.random.pick([
    '0.0.0.0',
    '127.0.0.1',
    '224.0.0.1',
    '239.1.2.3',
    '255.255.255.255',
    '240.1.2.3',
    '10.1.0.255',
    '10.2.0.0',
    '10.1.0.77',
    '10.2.0.77',
    '10.9.9.9',
    t.random.pick(own.length > 0 ? own : ['10.1.0.1']),
    from.ip,
  ]);
  return t.run(placeOf(from), t.padded(t.packet(from, { destination })), 2);
};

/** Not to the router, as far as the frame says. */
const notOurs: Draw = (t) => {
  const from = t.from();
  const to = t.random.pick([
    'ff:ff:ff:ff:ff:ff',
    '01:00:5e:00:00:01',
    '02:00:5e:66:00:01',
    portMac(from.port + 1),
    '00:00:00:00:00:00',
  ]);
  return t.run(placeOf(from), t.padded(t.packet(from, {}, to)), 2);
};

/** Sizes around the limits, with and without leave to fragment. */
const large: Draw = (t) => {
  const from = t.from();
  const mtu = t.random.pick([...t.plan.configuration.ports.map((port) => port.mtu), 600, 1000, 1400, 200]);
  const length = mtu + t.random.pick([-1, 0, 0, 1, 2, 4, 100]) - 20;
  const payload = udp(1024, 7, '5a'.repeat(Math.max(0, length - 8)));
  return t.run(placeOf(from), t.packet(from, { protocol: 17, payload, fragment: t.random.pick([0, 0x4000]) }), 2);
};

const vlan: Draw = (t) => {
  const from = t.from();
  return t.run(
    placeOf(from),
    tagged(t.padded(t.packet(from, {})), t.random.pick([0, 1, 10, 0x2064]), t.random.pick([0x8100, 0x8100, 0x88a8])),
    2,
  );
};

/** Questions for the router's addresses, and announcements of stations. */
const question: Draw = (t) => {
  const from = t.from();
  const { own } = t.plan;
  const target = t.random.pick(own.length > 0 ? own : ['10.1.0.1']);
  const body = arp(t.random.pick([1, 2] as const), from.mac, from.ip, '000000000000', target);
  const to = t.random.pick(['ff:ff:ff:ff:ff:ff', portMac(from.port)]);
  return t.run(placeOf(from), sized(ethernet(to, from.mac, 0x0806, body), 60), 1);
};

/** What makes exceptions of next hops: path MTUs, and redirects by neighbours. */
const exception: Draw = (t) => {
  const from = t.from();
  const { own, destinations } = t.plan;
  const router = t.random.pick(own.length > 0 ? own : ['10.1.0.1']);
  const [kind, word] = t.random.chance(0.6)
    ? ['0304', hex(t.random.pick([600, 1000, 1400]), 4)]
    : ['0501', `0a0${from.port + 1}000${t.random.pick(['a', 'b'])}`];
  const payload = icmpAbout(router, t.random.pick(destinations), kind, word);
  return t.run(placeOf(from), t.packet(from, { protocol: 1, destination: router, payload }), 1);
};

/** Segments that are to be cut, or lack their checksum: struct virtio_net_hdr as senders on a veth use it. */
const offloaded: Draw = (t) => {
  if (t.plan.configuration.kind === 'tap') {
    return flow(t);
  }
  const from = t.from();
  const to = t.to(from);
  const segmented = t.plan.configuration.segmentation && t.random.chance(0.6);
  const size = t.random.pick([400, 500, 536, 537, 1360, 1400, 1460, 1461]);
  const segment = tcp(from.ip, to, [1024, 80], 0x10, '5a'.repeat(segmented ? 3000 : 200));
  const packet = ipv4({
    source: from.ip,
    destination: to,
    protocol: 6,
    payload: segment,
    fragment: t.random.pick([0, 0x4000]),
  });
  const header = `01${segmented ? '01' : '00'}${little(54)}${little(segmented ? size : 0)}${little(34)}${little(16)}`;
  const bytes = header + ethernet(portMac(from.port), from.mac, 0x0800, packet);
  return t.run(placeOf(from), bytes, 3).map((send) => ({ ...send, virtio: true }));
};

/** Between stations of one network, which only a bridge brings to each other. */
const neighbourly: Draw = (t) => {
  const from = t.from();
  const others = t.plan.neighbours.filter((one) => one.port === from.port);
  const frame = drawFrame(t.random, from, t.random.pick(others));
  return t.run(placeOf(from), t.padded(frame), 3);
};

/** A station that has moved to another port. */
const moved: Draw = (t) => {
  const from = t.from();
  const ports = t.plan.configuration.ports.length;
  return t.run(t.random.below(ports), t.padded(t.packet(from, {})), 2);
};

const draws: readonly (readonly [number, Draw])[] = [
  [40, flow],
  [8, anything],
  [5, lifetime],
  [5, damaged],
  [4, fragment],
  [6, oddAddresses],
  [6, oddDestinations],
  [4, notOurs],
  [9, large],
  [2, vlan],
  [2, question],
  [5, offloaded],
  [1, exception],
];

/** Of bridges with addresses, which learn who is where from what everybody sends first. */
const bridgeDraws: readonly (readonly [number, Draw])[] = [...draws, [6, neighbourly], [1, moved]];

function drawsFor(plan: RouterPlan): readonly (readonly [number, Draw])[] {
  const some = plan.configuration.bridges.length > 0 ? bridgeDraws : draws;
  return plan.spread.length > 0 ? [...some, [30, scattered]] : some;
}

export function generateRouterTraffic(random: Random, plan: RouterPlan, count: number): Send[] {
  const traffic = new Traffic(random, plan);
  const bridges = plan.configuration.bridges.length > 0;
  const sends: Send[] = bridges
    ? plan.neighbours.map((one) => ({ port: placeOf(one), bytes: traffic.packet(one, {}) }))
    : [];
  const some = drawsFor(plan);
  while (sends.length < count) {
    sends.push(...random.weighted(some)(traffic));
  }
  return sends.slice(0, count);
}
