// SPDX-License-Identifier: Apache-2.0
// What a random router is: its ports, who is behind them, and where its routes lead, as the traffic knows it.

import { checksum, hex, ipv4 } from '../../support/lab/frame.js';
import type { Configuration } from '../configuration.js';

/** Somebody behind a port, known to the router or not. */
export interface Neighbour {
  readonly mac: string;
  readonly ip: string;
  readonly port: number;
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
  /** Something is configured for which all packets are left to Linux. */
  readonly allSlow: boolean;
}

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
