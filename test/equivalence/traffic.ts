// SPDX-License-Identifier: Apache-2.0
// Draws the frames of a case: mostly runs of the same flow, so that the fast path gets what the slow path has learnt,
// in between everything that a bridge treats specially.

import type { Send } from '../support/lab/agent.js';
import { ethernet, hex, ipv4, little, mac, sized, tagged, tcp } from '../support/lab/frame.js';
import { type Configuration, type Host, portsOf } from './configuration.js';
import { atLimit, drawFrame, drawTags, type Station } from './payload.js';
import { Random } from './random.js';
import { inEachVlan, intoCommonVlan } from './vlans.js';

const broadcast: Station = { mac: 'ff:ff:ff:ff:ff:ff', ip: '255.255.255.255' };

const multicasts: readonly Station[] = [
  { mac: '01:00:5e:00:00:01', ip: '224.0.0.1' },
  { mac: '01:00:5e:01:02:03', ip: '239.1.2.3' },
  { mac: '33:33:00:00:00:01', ip: '0.0.0.0' },
  { mac: '33:33:00:01:00:02', ip: '0.0.0.0' },
  { mac: '01:1b:19:00:00:00', ip: '0.0.0.0' },
];

/** Reserved addresses 01:80:c2:00:00:00–0f, and some next to them. */
const reserved = [0, 1, 2, 3, 4, 8, 0x0d, 0x0e, 0x0f, 0x10, 0x20, 0x21];

/** State of a drawing: hosts move while it goes on. */
class Traffic {
  readonly hosts: Host[];
  /** Apart, so that the frames of bridges without VLANs are the same on all kernels. */
  readonly #vlanRandom: Random;

  constructor(
    readonly random: Random,
    readonly configuration: Configuration,
  ) {
    this.hosts = [...configuration.hosts];
    this.#vlanRandom = new Random(configuration.seed ^ 0x1f83d9ab);
  }

  host(): Host {
    return this.random.pick(this.hosts);
  }

  bridgeOf(host: Host): number {
    return this.configuration.ports[host.port]?.bridge ?? 0;
  }

  /** A station behind another port of the same bridge, or any if there is none. */
  peer(host: Host): Host {
    const others = this.hosts.filter(
      (other) => other.port !== host.port && this.bridgeOf(other) === this.bridgeOf(host),
    );
    return others.length === 0 ? this.host() : this.random.pick(others);
  }

  /** The same frame several times, as a flow would send it. */
  run(port: number, frame: string, most = 5): Send[] {
    return Array.from({ length: this.random.between(1, most) }, () => ({ port, bytes: frame }));
  }

  /** The frame in a VLAN that both have, where the bridges filter VLANs. */
  inVlan(frame: string, from: Host, to: { readonly port?: number }): string {
    const { vlans } = this.configuration;
    return vlans === undefined
      ? frame
      : intoCommonVlan(this.#vlanRandom, vlans, from.port, to.port ?? from.port, frame);
  }

  /** Never where the bridges do not filter VLANs. */
  vlanChance(probability: number): boolean {
    return this.configuration.vlans !== undefined && this.#vlanRandom.chance(probability);
  }

  mtu(port: number): number {
    return this.configuration.ports[port]?.mtu ?? 1500;
  }
}

type Draw = (traffic: Traffic) => Send[];

const flow: Draw = (t) => {
  const from = t.host();
  const to = t.peer(from);
  const frame = sized(drawFrame(t.random, from, to), t.random.pick([60, 60, 61, 64, 128, 300, 590]));
  return t.run(from.port, t.inVlan(frame, from, to), 6);
};

const unpadded: Draw = (t) => {
  const from = t.host();
  const to = t.peer(from);
  return t.run(from.port, t.inVlan(drawFrame(t.random, from, to), from, to), 3);
};

const unknown: Draw = (t) => {
  const from = t.host();
  const to = { mac: `02:00:5e:50:00:${hex(t.random.below(8), 1)}`, ip: '10.1.0.200' };
  return t.run(from.port, t.inVlan(sized(drawFrame(t.random, from, to), 60), from, {}), 2);
};

const groups: Draw = (t) => {
  const from = t.host();
  const to = t.random.chance(0.4) ? broadcast : t.random.pick(multicasts);
  return t.run(from.port, t.inVlan(sized(drawFrame(t.random, from, to), 60), from, {}), 2);
};

/** IGMP and MLD reports and leaves, so that snooping has something to do. */
const membership: Draw = (t) => {
  const from = t.host();
  const report = `4600001c000000000102${'0000'}${'0a010010'}${'ef010203'}94040000${t.random.pick(['1600', '1700'])}fa00${'ef010203'}`;
  return t.run(from.port, sized(ethernet('01:00:5e:01:02:03', from.mac, 0x0800, report), 60), 1);
};

const control: Draw = (t) => {
  const from = t.host();
  const to = `01:80:c2:00:00:${hex(t.random.pick(reserved), 1)}`;
  const frame = t.random.pick([
    // Not a BPDU that would elect anything: unknown protocol version, or a cut one.
    ethernet(to, from.mac, 38, `424203000009${'00'.repeat(32)}`),
    ethernet(to, from.mac, 7, '42420300000080'),
    ethernet(to, from.mac, 0x88cc, `0207040002${'00'.repeat(40)}`),
    ethernet(to, from.mac, 0x8809, `0101${'00'.repeat(60)}`),
    ethernet(to, from.mac, 0x8808, `0001ffff${'00'.repeat(42)}`),
    ethernet(to, from.mac, 0x88f7, '00'.repeat(44)),
  ]);
  return t.run(from.port, sized(frame, 60), 1);
};

const vlan: Draw = (t) => {
  const from = t.host();
  const to = t.peer(from);
  const frame = sized(drawTags(t.random, drawFrame(t.random, from, to)), t.random.pick([60, 64, 200, 18, 22, 16]));
  // Half of them by themselves, half of them inside a tag of the bridge's.
  return t.run(from.port, t.vlanChance(0.5) ? t.inVlan(frame, from, to) : frame, 4);
};

/** On veth the tag travels beside the frame, as a VLAN device or a bridge behind the port would send it. */
const vlanMetadata: Draw = (t) => {
  const from = t.host();
  const frame = sized(drawFrame(t.random, from, t.peer(from)), t.random.pick([60, 200]));
  const tci = t.random.pick([1, 10, 100, 0x2064]);
  if (t.configuration.kind === 'tap') {
    return t.run(from.port, tagged(frame, tci), 3);
  }
  return t
    .run(from.port, frame, 3)
    .map((send) => ({ ...send, mark: t.random.pick([0x8100, 0x8100, 0x88a8]) * 65536 + tci }));
};

const runt: Draw = (t) => {
  const from = t.host();
  return t.run(
    from.port,
    sized(drawFrame(t.random, from, t.peer(from)), t.random.between(t.random.chance(0.1) ? 1 : 14, 59)),
    3,
  );
};

const large: Draw = (t) => {
  const from = t.host();
  const to = t.peer(from);
  const frame = drawFrame(t.random, from, to);
  const limits = [t.mtu(to.port), t.mtu(to.port), t.mtu(from.port)];
  const inside = t.random.chance(0.4) ? drawTags(t.random, frame) : t.inVlan(frame, from, to);
  const size = atLimit(t.random, inside, t.random.pick(limits));
  return t.run(from.port, t.random.chance(0.1) ? sized(frame, t.random.pick([3700, 9018, 20000])) : size, 3);
};

/** A station is heard on another port: perhaps it moved, perhaps somebody lies. */
const moved: Draw = (t) => {
  const from = t.host();
  const bridge = t.random.chance(0.9) ? t.bridgeOf(from) : t.random.below(t.configuration.bridges.length);
  const port = t.random.pick(portsOf(t.configuration, bridge));
  const to = t.peer(from);
  const there = { ...from, port };
  const sent = t.run(port, t.inVlan(sized(drawFrame(t.random, from, to), 60), there, to), 3);
  if (t.random.chance(0.6)) {
    t.hosts[t.hosts.indexOf(from)] = { ...from, port };
  }
  return [...sent, ...t.run(to.port, t.inVlan(sized(drawFrame(t.random, to, from), 60), to, there), 3)];
};

const oddSource: Draw = (t) => {
  const from = t.host();
  const source = t.random.pick([
    t.configuration.bridges[t.bridgeOf(from)]?.mac ?? from.mac,
    t.random.pick(t.configuration.ports).mac,
    '01:00:5e:01:02:03',
    'ff:ff:ff:ff:ff:ff',
    '00:00:00:00:00:00',
    '01:80:c2:00:00:00',
    '02:00:5e:60:00:01',
  ]);
  const to = t.peer(from);
  return t.run(from.port, t.inVlan(sized(drawFrame(t.random, { ...from, mac: source }, to), 60), from, to), 3);
};

/** To the bridge, to a port's own address, to itself, to a station on the same port, to nobody. */
const oddDestination: Draw = (t) => {
  const from = t.host();
  const bridge = t.configuration.bridges[t.bridgeOf(from)];
  const neighbour = t.hosts.find((other) => other.port === from.port && other !== from) ?? from;
  const to = t.random.pick<Station>([
    { mac: bridge?.mac ?? from.mac, ip: bridge?.address ?? '10.1.0.1' },
    { mac: t.random.pick(t.configuration.ports).mac, ip: bridge?.address ?? '10.1.0.1' },
    from,
    neighbour,
    neighbour,
    { mac: '00:00:00:00:00:00', ip: '0.0.0.0' },
    t.host(),
  ]);
  return t.run(from.port, t.inVlan(sized(drawFrame(t.random, from, to), 60), from, from), 3);
};

/** To and from addresses of the FDB entries made by hand. */
const entries: Draw = (t) => {
  if (t.configuration.fdb.length === 0) {
    return flow(t);
  }
  const from = t.host();
  const entry = t.random.pick(t.configuration.fdb);
  const station = { mac: entry.mac, ip: '10.1.0.210' };
  if (t.random.chance(0.6)) {
    const there = entry.port === undefined ? {} : { port: entry.port };
    return t.run(from.port, t.inVlan(sized(drawFrame(t.random, from, station), 60), from, there), 4);
  }
  const port = entry.port !== undefined && t.random.chance(0.7) ? entry.port : from.port;
  return t.run(port, sized(drawFrame(t.random, station, from), 60), 4);
};

/**
 * On veth, and on the tap of a virtual machine, a sender leaves the checksum, and the cutting of long segments, to the device: struct virtio_net_hdr
 * with flags NEEDS_CSUM (1), gso_type TCPV4 (1), and where the checksum of a TCP segment goes.
 */
const offloaded: Draw = (t) => {
  const from = t.host();
  const to = t.peer(from);
  const tap = t.configuration.kind === 'tap';
  if (tap && t.configuration.ports[from.port]?.virtio !== true) {
    return flow(t);
  }
  const segmented = (tap || t.configuration.segmentation) && t.random.chance(0.5);
  const segment = tcp(from.ip, to.ip, [1024, 80], 0x10, '5a'.repeat(segmented ? 3000 : 200));
  const packet = ipv4({ source: from.ip, destination: to.ip, protocol: 6, payload: segment });
  const untagged = ethernet(to.mac, from.mac, 0x0800, packet);
  const frame = t.inVlan(t.vlanChance(0.15) ? drawTags(t.random, untagged) : untagged, from, to);
  const tags = (frame.length - untagged.length) / 2;
  const header = `01${segmented ? '01' : '00'}${little(54 + tags)}${little(segmented ? 500 : 0)}${little(34 + tags)}${little(16)}`;
  const bytes = header + frame;
  return t.run(from.port, bytes, 3).map((send) => ({ ...send, virtio: true }));
};

const draws: readonly (readonly [number, Draw])[] = [
  [34, flow],
  [3, unpadded],
  [4, unknown],
  [6, groups],
  [1, membership],
  [5, control],
  [6, vlan],
  [3, vlanMetadata],
  [4, runt],
  [8, large],
  [6, moved],
  [4, oddSource],
  [7, oddDestination],
  [8, entries],
  [4, offloaded],
];

/** Draws exactly `count` frames, the first of which let the bridge learn most stations. */
export function generateTraffic(random: Random, configuration: Configuration, count: number): Send[] {
  const traffic = new Traffic(random, configuration);
  const sends: Send[] = traffic.hosts
    .filter(() => random.chance(0.9))
    .flatMap((host) => {
      const frame = sized(ethernet(broadcast.mac, mac(host.mac), 0x88b5), 60);
      const { vlans } = configuration;
      const frames = vlans === undefined ? [frame] : inEachVlan(vlans, host.port, frame);
      return frames.map((bytes) => ({ port: host.port, bytes }));
    });
  while (sends.length < count) {
    sends.push(...random.weighted(draws)(traffic));
  }
  return sends.slice(0, count);
}
