// SPDX-License-Identifier: Apache-2.0
// What a directed case is made of: one oddity on an otherwise plain bridge br0 with ports p1, p2, p3 and two stations
// behind each, and the words to describe it.

import type { Send } from '../support/lab/agent.js';
import { arp, ethernet, ipv4, ipv6, little, sized, tagged, tcp } from '../support/lab/frame.js';
import type { Hook, Host, PortKind, Step, VlanPlan } from './configuration.js';
import { icmpv6, linkLocal } from './payload.js';

export interface Oddity {
  readonly name: string;
  /** Present before TNA starts. */
  readonly setup?: readonly Step[];
  /** Made behind TNA's back after a third of the frames. */
  readonly change?: readonly Step[];
  /** Frames that are sent several times between the others, before and after the change. */
  readonly frames?: readonly Send[];
  /** Instead of all that: exactly these frames, with changes in between. */
  readonly script?: readonly (Send | readonly Step[])[];
  readonly kinds?: readonly PortKind[];
  readonly hooks?: readonly Hook[];
  readonly virtio?: boolean;
  readonly gro?: boolean;
  readonly activity?: boolean;
  /** The bridge filters VLANs. */
  readonly vlans?: VlanPlan;
  /** Only where the kernel can filter VLANs. */
  readonly needsVlans?: boolean;
  /**
   * Checks (`fpm:code`) that this case is there for: it comes upon them, and notices if one is missing. With `@xdp` or
   * `@tc` behind those that only this hook has.
   */
  readonly aims?: readonly string[];
  /** Ports that must forward some frames fast all the same. */
  readonly fast?: readonly string[];
  /** Of all frames that many must be fast. */
  readonly fastFrames?: number;
}

export const step = (tool: Step['tool'], text: string): Step => ({ tool, text });
export const portFlag = (port: string, flags: string): Step => step('bridge', `link set dev ${port} ${flags}`);
export const slaveFlag = (port: string, flags: string): Step =>
  step('ip', `link set ${port} type bridge_slave ${flags}`);
export const bridgeOption = (option: string): Step => step('ip', `link set br0 type bridge ${option}`);
export const staticEntry = (address: string, port: string): Step =>
  step('bridge', `fdb replace ${address} dev ${port} master static`);

/** Station `n` behind a port, both counted from 0. */
export const mac = (port: number, n = 0): string => `02:00:5e:40:00:${port + 1}${n}`;
export const address = (port: number, n = 0): string => `10.1.0.${port * 16 + 16 + n}`;
export const hosts: readonly Host[] = [0, 1, 2].flatMap((port) =>
  [0, 1].map((n) => ({ mac: mac(port, n), ip: address(port, n), port })),
);

export const everybody = 'ff:ff:ff:ff:ff:ff';
export const stranger = '02:00:5e:70:00:01';
export const ownBridge = '02:00:5e:20:00:01';
export const ownPort = (port: number): string => `02:00:5e:10:00:0${port + 1}`;

/** A frame of an unassigned type. */
export const frame = (to: string, from: string, type = 0x88b5, length = 60): string =>
  sized(ethernet(to, from, type), length);

/** From the first station behind a port to the first behind another. */
export const flow = (from: number, to: number, times = 1): Send[] =>
  Array.from({ length: times }, () => ({ port: from, bytes: frame(mac(to), mac(from)) }));

/** Everybody is heard once. */
export const hello: readonly Send[] = hosts.map((host) => ({ port: host.port, bytes: frame(everybody, host.mac) }));

/** A unicast ARP request for the address of a station. */
export const arpRequest = (from: number, to: number): Send => ({
  port: from,
  bytes: sized(ethernet(mac(to), mac(from), 0x0806, arp(1, mac(from), address(from), '000000000000', address(to))), 60),
});

/** A unicast neighbour solicitation for the link-local address of a station. */
export const solicitation = (from: number, to: number): Send => {
  const [source, target] = [linkLocal(mac(from)), linkLocal(mac(to))];
  const body = `8700000000000000${target}0101${mac(from).replaceAll(':', '')}`;
  return { port: from, bytes: ethernet(mac(to), mac(from), 0x86dd, icmpv6(source, target, body)) };
};

/** IPv6, and nothing that a bridge would look into. */
export const ipv6Flow = (from: number, to: number): Send => ({
  port: from,
  bytes: ethernet(mac(to), mac(from), 0x86dd, ipv6(linkLocal(mac(from)), linkLocal(mac(to)), 59, '00'.repeat(24))),
});

/** A TCP segment whose checksum is left to a device (virtio_net_hdr: NEEDS_CSUM, and where it goes). */
export const unfinished = (from: number, to: number, tags = 0): Send => {
  const segment = tcp(address(from), address(to), [1024, 80], 0x10, '5a'.repeat(200));
  const packet = ipv4({ source: address(from), destination: address(to), protocol: 6, payload: segment });
  let bytes = ethernet(mac(to), mac(from), 0x0800, packet);
  for (let vid = 1; vid <= tags; vid += 1) bytes = tagged(bytes, vid);
  const start = 34 + 4 * tags;
  return {
    port: from,
    virtio: true,
    bytes: `0100${little(start + 20)}${little(0)}${little(start)}${little(16)}${bytes}`,
  };
};

/** Sizes around an MTU, untagged and tagged. */
export function around(mtu: number): Send[] {
  return [13, 14, 15, 17, 18, 19, 22, 23].flatMap((more) => [
    { port: 0, bytes: frame(mac(1), mac(0), 0x88b5, mtu + more) },
    { port: 0, bytes: frame(mac(1), mac(0), 0x8100, mtu + more) },
  ]);
}

/** Exactly this short. */
export const cut = (type: number, length: number, rest = ''): Send => ({
  port: 0,
  bytes: `${ethernet(mac(1), mac(0), type)}${rest.padEnd((length - 14) * 2, '0')}`.slice(0, length * 2),
});

export const nft = (family: string, hook: string, rule: string): Step =>
  step('nft', `table ${family} late { chain c { type filter hook ${hook} priority 0; ${rule}; }; }`);
