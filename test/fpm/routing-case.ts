// SPDX-License-Identifier: Apache-2.0
// What the cases of the FPMs of routing are made of: a router of two ports, a configuration, a packet, what becomes of it.

import { spawn } from 'node:child_process';
import { type Agent, withAgent } from '../support/lab/agent.js';
import { countsPackets } from '../support/lab/counting-group.js';
import { ethernet, type Ipv4, ipv4, udp } from '../support/lab/frame.js';
import { ip } from '../support/lab/netns.js';
import type { Hook, Kind } from './case.js';
import type { FastPath } from './fast-path.js';

export const routingModules = [
  'frame',
  'ip_receive',
  'ip4_header',
  'guard_ip4',
  'ip4_demux',
  'ip4_route',
  'ip4_neighbour',
  'ip6_header',
  'guard_ip6',
  'ip6_demux',
  'ip6_route',
  'ip6_neighbour',
  'guard_ingress',
  'offload',
  'ip_egress',
  'ip4_forward',
  'ip6_forward',
];

export const A = '02:00:00:00:00:0a';
export const B = '02:00:00:00:00:0b';
export const own1 = '02:00:00:00:01:01';
export const own2 = '02:00:00:00:01:02';

/** A router between p1 (10.1.0.0/24, A is 10.1.0.10) and p2 (10.2.0.0/24, B is 10.2.0.10); the fast path is on p1. */
export interface Bench {
  readonly hook: Hook;
  readonly kind: Kind;
  readonly netns: string;
  readonly peers: string;
  readonly agent: Agent;
  readonly fast: FastPath;
  readonly in: number;
  readonly out: number;
  ifindex(name: string): Promise<number>;
}

export interface Case {
  readonly name: string;
  /** `fast` or `fpm:code`. */
  readonly expect: string;
  readonly hooks?: readonly Hook[];
  readonly kinds?: readonly Kind[];
  readonly packet?: Partial<Ipv4>;
  /** The whole frame, in place of one with the packet. */
  readonly frame?: string;
  readonly set?: readonly string[];
  readonly unset?: readonly string[];
  readonly prepare?: (bench: Bench) => Promise<(() => Promise<void>) | undefined>;
  readonly modules?: readonly string[];
  readonly params?: Readonly<Record<string, number>>;
  /** A probe; where it says no, the case does not run. */
  readonly needs?: string;
  /** The next hop is new: its first packet is left to Linux, as ever. */
  readonly first?: boolean;
}

export function packet(fields: Partial<Ipv4> = {}): string {
  const defaults = {
    source: '10.1.0.10',
    destination: '10.2.0.10',
    protocol: 17,
    payload: udp(1024, 7, '5a'.repeat(18)),
  };
  return ethernet(own1, A, 0x0800, ipv4({ ...defaults, ...fields }));
}

/** A Python program in a namespace, up to the moment that it has printed a line; what is returned ends it. */
export async function python(netns: string, text: string): Promise<() => Promise<void>> {
  const child = spawn('ip', ['netns', 'exec', netns, 'python3', '-c', text], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('close', (code) => reject(new Error(`python3 exited with ${code}`)));
  });
  return async () => {
    child.stdin.end();
    await closed;
  };
}

/** The group 9 counts from now on. */
export const countingGroup = (b: Bench): Promise<() => Promise<void>> =>
  python(b.netns, `${countsPackets}\nprint(1, flush=True)`);

/** A tap p4 to 10.4.0.0/24, with a neighbour. */
export async function thirdPort(b: Bench): Promise<() => Promise<void>> {
  const undo = await withAgent(b.netns, (a) => a.tap('p4'));
  await ip(
    b.netns,
    'link set p4 up',
    'addr add 10.4.0.1/24 dev p4',
    `neigh add 10.4.0.10 lladdr ${B} dev p4 nud permanent`,
  );
  return async () => {
    await ip(b.netns, 'link del p4');
    await undo();
  };
}

export const routed = { destination: '10.60.0.1' };
export const viaB = 'via 10.2.0.10 dev p2';

/** A route to 10.60.0.0/16 that is gone afterwards. */
export function route(text: string, ...more: string[]): Pick<Case, 'set' | 'unset' | 'packet'> {
  return {
    packet: routed,
    set: [...more, `ip route add ${text.includes('10.60') ? text : `10.60.0.0/16 ${text}`}`],
    unset: [...(text.includes('nhid') ? ['ip nexthop flush'] : []), 'ip route flush root 10.60.0.0/15'],
  };
}
