// SPDX-License-Identifier: Apache-2.0
// One random router and its packets as a case for the runner, and how many of the packets are due to the fast path.

import { ipv6Address, mac } from '../../support/lab/frame.js';
import type { Claim } from '../accelerator.js';
import type { Hook, PortKind } from '../configuration.js';
import { Random } from '../random.js';
import type { Case } from '../runner.js';
import type { Outcome } from '../side.js';
import { withBridges } from './bridged.js';
import { generateRouter } from './generate.js';
import { generateRouter6 } from './generate6.js';
import { address6Of, addressOf, type Neighbour, placeOf, portMac, type RouterPlan } from './plan.js';
import { generateRouterTraffic } from './traffic.js';
import { generateRouter6Traffic, interleaved } from './traffic6.js';

/** Where an IP packet in an Ethernet frame has what is asked of it, as hexadecimal digits. */
interface Family {
  readonly type: string;
  readonly destination: (bytes: string) => string;
  /** Nothing about it that could be the kernel's. Ports may be those of sockets. */
  readonly ordinary: (bytes: string) => boolean;
  readonly address: (text: string) => string;
  readonly own: (port: number) => string;
}

const ip4: Family = {
  type: '080045',
  destination: (bytes) => bytes.slice(60, 68),
  ordinary: (bytes) => bytes.slice(30, 32) === '00' && !/^06|^11/.test(bytes.slice(46, 48)),
  address: (text) =>
    text
      .split('.')
      .map((part) => Number(part).toString(16).padStart(2, '0'))
      .join(''),
  own: (port) => addressOf(port, 1),
};

const ip6: Family = {
  type: '86dd60',
  destination: (bytes) => bytes.slice(76, 108),
  ordinary: (bytes) =>
    Number.parseInt(bytes.slice(36, 40), 16) >= 4 &&
    !/^(00|06|11)/.test(bytes.slice(40, 42)) &&
    !bytes.slice(44).startsWith('0000000000000000'),
  address: ipv6Address,
  own: (port) => address6Of(port, 1),
};

/**
 * Counts packets that leave no doubt: to a neighbour with a permanent entry, the first one aside, before any change,
 * forwarded by Linux to exactly one port, where it and the sender's port are both claimed as accelerated.
 *
 * @param mixed claims may be those of the other family, or of bridges alone, so that both ports need an address of this family
 */
function countDue(
  plan: RouterPlan,
  family: Family,
  one: Case,
  plain: Outcome,
  claims: readonly Claim[],
  mixed: boolean,
): number {
  const { configuration } = one;
  if (plan.allSlow || (one.kind === 'veth' && one.hook === 'xdp')) {
    return 0;
  }
  const claimed = new Set(claims.filter((claim) => claim.accelerated).map((claim) => claim.name));
  const accelerated = (port: number) => claimed.has(`p${port + 1}`) && (!mixed || plan.own.includes(family.own(port)));
  const permanent = new Map(plan.neighbours.filter((n) => n.permanent).map((n) => [family.address(n.ip), n]));
  const end = configuration.changes[0]?.before ?? one.frames.length;
  const used = new Set<Neighbour>();
  return one.frames.slice(0, end).filter((frame, index) => {
    const received = plain.frames[index]?.received ?? [];
    const arrived = received[0];
    const neighbour = permanent.get(family.destination(frame.bytes));
    if (frame.virtio === true || received.length !== 1 || arrived === undefined || neighbour === undefined)
      return false;
    const forwarded = `${mac(neighbour.mac)}${mac(portMac(neighbour.port))}${family.type}`;
    // Captures and qdiscs are no port's fault: what passes one of them is left to Linux.
    const plainPort = !configuration.setup.some((step) => step.tool === 'capture' || step.tool === 'tc');
    const again = used.has(neighbour);
    if (arrived.bytes.startsWith(forwarded)) used.add(neighbour);
    return (
      again &&
      plainPort &&
      family.ordinary(frame.bytes) &&
      arrived.port === placeOf(neighbour) &&
      arrived.port !== frame.port &&
      arrived.bytes.startsWith(forwarded) &&
      accelerated(frame.port) &&
      accelerated(arrived.port)
    );
  }).length;
}

const bridged = ({ configuration }: RouterPlan): boolean => configuration.bridges.length > 0;

function caseOf(plan: RouterPlan, seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const frames = generateRouterTraffic(new Random(seed ^ 0x1b873593), plan, count);
  const one: Case = { seed, kind, hook, configuration: plan.configuration, frames };
  return { ...one, due: (plain, claims) => countDue(plan, ip4, one, plain, claims, bridged(plan)) };
}

export function makeRouterCase(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  return caseOf(generateRouter(seed, kind, hook, count), seed, kind, hook, count);
}

function case6Of(plan: RouterPlan, seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const { configuration, four } = plan;
  const random = new Random(seed ^ 0x1b873593);
  const six = generateRouter6Traffic(random, plan, count);
  const frames = four === undefined ? six : interleaved(random, generateRouterTraffic(random, four, count), six);
  const one: Case = { seed, kind, hook, configuration, frames };
  // IPsec policies of one family have the guards of both refuse.
  if (four === undefined || four.allSlow || plan.allSlow)
    return {
      ...one,
      due: (plain, claims) => (four === undefined ? countDue(plan, ip6, one, plain, claims, bridged(plan)) : 0),
    };
  return {
    ...one,
    due: (plain, claims) =>
      countDue(plan, ip6, one, plain, claims, true) + countDue(four, ip4, one, plain, claims, true),
  };
}

/** A router of IPv6, or of both families. */
export function makeRouter6Case(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  return case6Of(generateRouter6(seed, kind, hook, count), seed, kind, hook, count);
}

/** The same, some of its networks being on bridges. */
export function makeGateway6Case(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const router = generateRouter6(seed, kind, hook, count);
  return case6Of(withBridges(new Random(seed ^ 0x51ed270b), router, count), seed, kind, hook, count);
}

/** A router some of whose networks are on bridges. */
export function makeGatewayCase(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const router = generateRouter(seed, kind, hook, count);
  return caseOf(withBridges(new Random(seed ^ 0x51ed270b), router, count), seed, kind, hook, count);
}
