// SPDX-License-Identifier: Apache-2.0
// How directed cases that are the same for IPv4 and IPv6 speak of the routers of oddities.ts and oddities6.ts.

import type { Send } from '../../support/lab/agent.js';
import type { Step } from '../configuration.js';
import { step } from '../oddity.js';
import { hello, packet, station } from './oddities.js';
import { hello6, packet6, station6 } from './oddities6.js';
import { address6Of, addressOf, quiet6 } from './plan.js';

export interface Fields {
  readonly source?: string;
  readonly hops?: number;
  readonly protocol?: number;
  readonly payload?: string;
}

/** How the families are spoken of. */
export interface Family {
  readonly name: string;
  readonly four: boolean;
  /** Settings of the namespace, without which it does not forward, or is not quiet. */
  readonly namespace: readonly string[];
  readonly own: (port: number) => string;
  readonly station: (port: number, n?: number) => string;
  /** The network behind a port, and its length. */
  readonly network: (port: number) => string;
  readonly length: number;
  readonly everything: string;
  readonly beyond: string;
  readonly behind: string;
  readonly hello: readonly Send[];
  readonly packet: (port: number, destination: string, fields?: Fields) => string;
  readonly rule: (text: string) => Step;
}

export const four: Family = {
  name: '',
  four: true,
  namespace: ['net/ipv6/conf/all/disable_ipv6 1', 'net/ipv6/conf/default/disable_ipv6 1', 'net/ipv4/ip_forward 1'],
  own: (port) => addressOf(port, 1),
  station,
  network: (port) => `${addressOf(port, 0)}/24`,
  length: 24,
  everything: '0.0.0.0/0',
  beyond: '172.16.0.0/16',
  behind: '172.16.0.9',
  hello,
  packet: (port, destination, { hops, ...fields } = {}) =>
    packet(port, destination, { ...fields, ...(hops === undefined ? {} : { ttl: hops }) }),
  rule: (text) => step('ip', `rule ${text}`),
};

export const six: Family = {
  name: '6',
  four: false,
  namespace: quiet6,
  own: (port) => address6Of(port, 1),
  station: station6,
  network: (port) => `${address6Of(port, 0).replace(/0$/, '')}/64`,
  length: 64,
  everything: '::/0',
  beyond: 'fd00:b::/32',
  behind: 'fd00:b::9',
  hello: hello6,
  packet: (port, destination, { protocol, ...fields } = {}) =>
    packet6(port, destination, { ...fields, ...(protocol === undefined ? {} : { next: protocol }) }),
  // `ip -b` takes a rule for one of IPv4
  rule: (text) => step('agent', `exec ip -6 rule ${text}`),
};

export const ip = (text: string): Step => step('ip', text);

export const route = (text: string): Step => ip(`route add ${text}`);
