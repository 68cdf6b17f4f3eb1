// SPDX-License-Identifier: Apache-2.0
// One random router and its packets as a case for the runner, and how many of the packets are due to the fast path.

import { mac } from '../../support/lab/frame.js';
import type { Claim } from '../accelerator.js';
import type { Hook, PortKind } from '../configuration.js';
import { Random } from '../random.js';
import type { Case } from '../runner.js';
import type { Outcome } from '../side.js';
import { withBridges } from './bridged.js';
import { generateRouter } from './generate.js';
import { type Neighbour, placeOf, portMac, type RouterPlan } from './plan.js';
import { generateRouterTraffic } from './traffic.js';

const address = (text: string): string =>
  text
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');

/**
 * Counts packets that leave no doubt: to a neighbour with a permanent entry, the first one aside, before any change,
 * forwarded by Linux to exactly one port, where it and the sender's port are both claimed as accelerated.
 */
function countDue(plan: RouterPlan, one: Case, plain: Outcome, claims: readonly Claim[]): number {
  const { configuration } = plan;
  if (plan.allSlow || (one.kind === 'veth' && one.hook === 'xdp')) {
    return 0;
  }
  const claimed = new Set(claims.filter((claim) => claim.accelerated).map((claim) => claim.name));
  const accelerated = (port: number) => claimed.has(`p${port + 1}`);
  const permanent = new Map(plan.neighbours.filter((n) => n.permanent).map((n) => [address(n.ip), n]));
  const end = configuration.changes[0]?.before ?? one.frames.length;
  const used = new Set<Neighbour>();
  return one.frames.slice(0, end).filter((frame, index) => {
    const received = plain.frames[index]?.received ?? [];
    const arrived = received[0];
    const neighbour = permanent.get(frame.bytes.slice(60, 68));
    if (frame.virtio === true || received.length !== 1 || arrived === undefined || neighbour === undefined)
      return false;
    const forwarded = `${mac(neighbour.mac)}${mac(portMac(neighbour.port))}080045`;
    // Captures and qdiscs are no port's fault: what passes one of them is left to Linux.
    const plainPort = !configuration.setup.some((step) => step.tool === 'capture' || step.tool === 'tc');
    const ordinary = frame.bytes.slice(30, 32) === '00' && !/^06|^11/.test(frame.bytes.slice(46, 48));
    const again = used.has(neighbour);
    if (arrived.bytes.startsWith(forwarded)) used.add(neighbour);
    return (
      again &&
      plainPort &&
      ordinary &&
      arrived.port === placeOf(neighbour) &&
      arrived.port !== frame.port &&
      arrived.bytes.startsWith(forwarded) &&
      accelerated(frame.port) &&
      accelerated(arrived.port)
    );
  }).length;
}

function caseOf(plan: RouterPlan, seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const frames = generateRouterTraffic(new Random(seed ^ 0x1b873593), plan, count);
  const one: Case = { seed, kind, hook, configuration: plan.configuration, frames };
  return { ...one, due: (plain, claims) => countDue(plan, one, plain, claims) };
}

export function makeRouterCase(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  return caseOf(generateRouter(seed, kind, hook, count), seed, kind, hook, count);
}

/** A router some of whose networks are on bridges. */
export function makeGatewayCase(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const router = generateRouter(seed, kind, hook, count);
  return caseOf(withBridges(new Random(seed ^ 0x51ed270b), router, count), seed, kind, hook, count);
}
