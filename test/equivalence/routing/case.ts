// SPDX-License-Identifier: Apache-2.0
// One random router and its packets as a case for the runner.

import type { Send } from '../../support/lab/agent.js';
import type { Hook, PortKind } from '../configuration.js';
import { Random } from '../random.js';
import type { Case } from '../runner.js';
import { withBridges } from './bridged.js';
import { bridged, countDue, ip4, ip6 } from './due.js';
import { generateRouter } from './generate.js';
import { generateRouter6 } from './generate6.js';
import type { RouterPlan } from './plan.js';
import { generateRouterTraffic } from './traffic.js';
import { generateRouter6Traffic, interleaved } from './traffic6.js';
import { withVrfs } from './vrf-devices.js';

function caseOf(plan: RouterPlan, seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const frames = generateRouterTraffic(new Random(seed ^ 0x1b873593), plan, count);
  const one: Case = { seed, kind, hook, configuration: plan.configuration, frames };
  return { ...one, due: (plain, claims) => countDue(plan, ip4, one, plain, claims, bridged(plan)) };
}

export function makeRouterCase(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  return caseOf(generateRouter(seed, kind, hook, count), seed, kind, hook, count);
}

/** Of IPv6, or of both families, mingled. */
export function drawFrames6(plan: RouterPlan, seed: number, count: number): readonly Send[] {
  const random = new Random(seed ^ 0x1b873593);
  const six = generateRouter6Traffic(random, plan, count);
  return plan.four === undefined ? six : interleaved(random, generateRouterTraffic(random, plan.four, count), six);
}

function case6Of(plan: RouterPlan, seed: number, kind: PortKind, hook: Hook, count: number): Case {
  const { configuration, four } = plan;
  const frames = drawFrames6(plan, seed, count);
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

type Make = (plan: RouterPlan, seed: number, kind: PortKind, hook: Hook, count: number) => Case;

/** Some networks on bridges, some in VRFs. */
function vrfGateway(router: RouterPlan, seed: number, kind: PortKind, hook: Hook, count: number, make: Make): Case {
  const bridged = withBridges(new Random(seed ^ 0x51ed270b), router, count);
  const names = bridged.configuration.bridges.map(({ name }) => name);
  const networks = router.configuration.ports.map((_, n) => n);
  const devices = networks.map((n) => (names.includes(`br${n + 1}`) ? `br${n + 1}` : `p${n + 1}`));
  const { plan, outside } = withVrfs(new Random(seed ^ 0x3c2d9e41), bridged, devices, count);
  const one = make(plan, seed, kind, hook, count);
  return networks.some(outside) ? { ...one, due: () => 0 } : one;
}

export function makeVrfGatewayCase(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  return vrfGateway(generateRouter(seed, kind, hook, count), seed, kind, hook, count, caseOf);
}

export function makeVrfGateway6Case(seed: number, kind: PortKind, hook: Hook, count: number): Case {
  return vrfGateway(generateRouter6(seed, kind, hook, count), seed, kind, hook, count, case6Of);
}
