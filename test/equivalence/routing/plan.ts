// SPDX-License-Identifier: Apache-2.0
// What a random router is: its ports, who is behind them, and where its routes lead, as the traffic knows it.

import { checksum, hex, ipv4, ipv6, ipv6Address } from '../../support/lab/frame.js';
import type { Configuration } from '../configuration.js';

/** Somebody behind a port, known to the router or not. */
export interface Neighbour {
  readonly mac: string;
  readonly ip: string;
  /** Number of its network, and of the port that leads there; of a network on a bridge, of the first of its ports. */
  readonly port: number;
  /** The port behind which it is, where that is another one of the same bridge. */
  readonly at?: number;
  /** A permanent entry in the router's neighbour table: nothing stands between it and the fast path. */
  readonly permanent: boolean;
}

export interface RouterPlan {
  readonly configuration: Configuration;
  readonly neighbours: readonly Neighbour[];
  /** The router's own addresses, as text; a port has none, one or two. */
  readonly own: readonly string[];
  /** Addresses that some route leads to. */
  readonly destinations: readonly string[];
  /** Addresses behind several next hops; empty on most routers. */
  readonly spread: readonly string[];
  /** Something is configured for which all packets are left to Linux. */
  readonly allSlow: boolean;
  /** Of a router of both families: what it is for IPv4. The configuration is that of both. */
  readonly four?: RouterPlan;
}

/** The same router, configured otherwise. */
export function configured(plan: RouterPlan, configuration: Configuration): RouterPlan {
  const four = plan.four === undefined ? {} : { four: { ...plan.four, configuration } };
  return { ...plan, configuration, ...four };
}

/** The port behind which a neighbour is. */
export const placeOf = (neighbour: Neighbour): number => neighbour.at ?? neighbour.port;

/** Of the device that has a network: a port or a bridge. */
export function portMac(port: number): string {
  return `02:00:5e:10:00:${(port + 1).toString(16).padStart(2, '0')}`;
}

/** The n-th address of the network behind a port. */
export function addressOf(port: number, n: number): string {
  return `10.${port + 1}.0.${n}`;
}

/**
 * An ICMP message about an answer that the router has sent to a ping: of those the router itself takes note (icmp_err).
 *
 * @param kind type and code, as four hexadecimal digits
 * @param word what follows the checksum: MTU or gateway, as eight
 */
export function icmpAbout(own: string, destination: string, kind: string, word: string): string {
  const body = `${kind}0000${word}${ipv4({ source: own, destination, protocol: 1, payload: '0000ffff00000000' })}`;
  return `${kind}${hex(checksum(body), 2)}${body.slice(8)}`;
}

/** The n-th address, in hexadecimal digits, of the IPv6 network behind a port. */
export function address6Of(port: number, n: number): string {
  return `fd00:${port + 1}::${n}`;
}

/**
 * A payload with its checksum over the pseudo-header of IPv6.
 *
 * @param at where the two bytes of the checksum are, which are zero
 */
export function summed6(source: string, destination: string, protocol: number, payload: string, at: number): string {
  const pseudo = `${ipv6Address(source)}${ipv6Address(destination)}${hex(payload.length / 2, 4)}${hex(protocol, 4)}`;
  return `${payload.slice(0, at * 2)}${hex(checksum(pseudo + payload), 2)}${payload.slice(at * 2 + 4)}`;
}

/** An ICMPv6 message between two addresses, its checksum right. */
export function icmp6(source: string, destination: string, type: string, body: string, hops = 64): string {
  const message = summed6(source, destination, 58, `${type}0000${body}`, 2);
  return ipv6(ipv6Address(source), ipv6Address(destination), 58, message, hops);
}

/** "Packet too big", "redirect": about an answer that the router has sent to a ping, as icmpAbout() says of IPv4. */
export function echoReply6(own: string, destination: string): string {
  return icmp6(own, destination, '8100', '00010001');
}

/** A device with a smaller MTU has no IPv6. */
export const leastMtu6 = 1280;

/** Settings of a router of directed cases: nothing is sent by timers or limited by time, and any source will do. */
export const quietRouter: readonly string[] = [
  'net/ipv4/icmp_ratemask 0',
  'net/ipv4/igmp_link_local_mcast_reports 0',
  'net/ipv4/conf/all/send_redirects 0',
  'net/ipv4/conf/default/send_redirects 0',
  'net/ipv4/conf/all/rp_filter 0',
  'net/ipv4/conf/default/rp_filter 0',
];

/** Settings of a namespace that speaks IPv6 only when it is spoken to, without limits by time. */
export const quiet6: readonly string[] = [
  'net/ipv6/conf/all/accept_dad 0',
  'net/ipv6/conf/default/accept_dad 0',
  'net/ipv6/conf/default/addr_gen_mode 1',
  'net/ipv6/conf/default/router_solicitations 0',
  'net/ipv6/conf/default/mldv2_unsolicited_report_interval 1',
  'net/ipv6/conf/all/forwarding 1',
  'net/ipv6/icmp/ratelimit 0',
  'net/ipv6/icmp/ratemask 200',
  'net/ipv6/auto_flowlabels 0',
];
