// SPDX-License-Identifier: Apache-2.0
// One random router with VLANs on the way to some of its networks, or with VRFs, and its packets, as a case for the runner.

import type { Send } from '../../support/lab/agent.js';
import type { Claim } from '../accelerator.js';
import type { Hook, PortKind } from '../configuration.js';
import { Random } from '../random.js';
import type { Case } from '../runner.js';
import type { Outcome } from '../side.js';
import { drawFrames6 } from './case.js';
import { bridged, countDue, type Family, ip4, ip6, type Vlans } from './due.js';
import { generateRouter } from './generate.js';
import { generateRouter6 } from './generate6.js';
import { portMac, type RouterPlan } from './plan.js';
import { generateRouterTraffic } from './traffic.js';
import { withVlanBridge } from './vlan-bridge.js';
import { withVlanDevices } from './vlan-devices.js';
import { throughVlans } from './vlan-frames.js';
import { withVrfs } from './vrf-devices.js';
import type { Way } from './way.js';

/** A router, and how its stations are reached. */
interface Placed {
  readonly plan: RouterPlan;
  readonly wayOf: Vlans['wayOf'];
  /** Whose packets of IPv4 may be Linux's, wherever they go. */
  readonly outside?: (network: number) => boolean;
}

/** At XDP no VLAN device has a program: its port's takes the one tag off and puts it on. */
const atXdp =
  (wayOf: Vlans['wayOf']): Vlans['wayOf'] =>
  (network, mac) => {
    const way = wayOf(network, mac);
    return way.tags.length === 1 ? { ...way, claim: `p${way.port + 1}` } : way;
  };

function vlanCase(
  { plan, wayOf: wayAtTc, outside }: Placed,
  frames: readonly Send[],
  family: Family,
  like: Omit<Case, 'configuration' | 'frames'>,
): Case {
  const { seed, kind, hook } = like;
  const wayOf = hook === 'xdp' ? atXdp(wayAtTc) : wayAtTc;
  const arriving = throughVlans(new Random(seed ^ 0x0f1bbcdc), frames, wayOf, kind);
  const one: Case = { ...like, configuration: plan.configuration, frames: arriving.map(({ send }) => send) };
  const meant = frames.map((frame, index) => {
    const { ordinary, way } = arriving[index] ?? {};
    return ordinary === true && way !== undefined ? { frame, way } : undefined;
  });
  const { four } = plan;
  const bridge = bridged(plan);
  const tagKept = hook === 'xdp' && plan.configuration.links.some(({ text }) => text.includes('reorder_hdr off'));
  const slow = plan.allSlow || four?.allSlow === true || tagKept || (hook === 'xdp' && kind === 'veth');
  const meant4 = meant.map((of) => (of !== undefined && outside?.(of.frame.port) === true ? undefined : of));
  const count = (of: RouterPlan, by: Family, plain: Outcome, claims: readonly Claim[]) => {
    const vlans = { wayOf, meant: by === ip4 ? meant4 : meant };
    return countDue(of, by, one, plain, claims, bridge || four !== undefined, vlans);
  };
  return {
    ...one,
    due: (plain, claims) =>
      slow ? 0 : count(plan, family, plain, claims) + (four === undefined ? 0 : count(four, ip4, plain, claims)),
  };
}

type Generate = (seed: number, kind: PortKind, hook: Hook, frames: number) => RouterPlan;

/** Mostly one that does not leave everything to Linux, VLANs or not: machines that know VLANs are slow. */
function seldomSlow(generate: Generate, seed: number, kind: PortKind, hook: Hook, count: number): RouterPlan {
  const drawn = [0, 1, 2, 3].map((turn) => generate(seed ^ (turn * 0x10000000), kind, hook, count));
  return drawn.find((plan) => !plan.allSlow && plan.four?.allSlow !== true) ?? (drawn[0] as RouterPlan);
}

const frames4: DrawFrames = (router, seed, count) =>
  generateRouterTraffic(new Random(seed ^ 0x1b873593), router, count);
type DrawFrames = (router: RouterPlan, seed: number, count: number) => readonly Send[];

type Place = (random: Random, router: RouterPlan, frames: number) => Placed;

const maker =
  (place: Place, generate: Generate, draw: DrawFrames, family: Family) =>
  (seed: number, kind: PortKind, hook: Hook, count: number): Case => {
    const router = seldomSlow(generate, seed, kind, hook, count);
    const placed = place(new Random(seed ^ 0x3c2d9e41), router, count);
    return vlanCase(placed, draw(asNetworks(router, placed.plan), seed, count), family, { seed, kind, hook });
  };

/** With a bridge, as far as traffic is concerned, but the ports are networks. */
function asNetworks(router: RouterPlan, { configuration: { bridges } }: RouterPlan): RouterPlan {
  const like = (plan: RouterPlan) => ({ ...plan, configuration: { ...plan.configuration, bridges } });
  return { ...like(router), ...(router.four === undefined ? {} : { four: like(router.four) }) };
}

/** Routers some of whose networks are on VLAN devices. */
export const makeVlanRouterCase = maker(withVlanDevices, generateRouter, frames4, ip4);
export const makeVlanRouter6Case = maker(withVlanDevices, generateRouter6, drawFrames6, ip6);
/** Routers some of whose networks are on a bridge that filters VLANs. */
export const makeVlanGatewayCase = maker(withVlanBridge, generateRouter, frames4, ip4);
export const makeVlanGateway6Case = maker(withVlanBridge, generateRouter6, drawFrames6, ip6);

/** Of a network that is on a port of its own. */
const plainWay = (network: number): Way => {
  const device = `p${network + 1}`;
  return { device, port: network, tags: [], mac: portMac(network), claim: device };
};

const placeInVrfs: Place = (random, router, frames) => {
  const { plan, wayOf } = random.chance(0.3)
    ? withVlanDevices(random, router, frames)
    : { plan: router, wayOf: plainWay };
  const devices = plan.configuration.ports.map((_, network) => wayOf(network).device);
  return { ...withVrfs(random, plan, devices, frames), wayOf };
};

/** Routers some of whose networks, on ports or VLAN devices, are in VRFs. */
export const makeVrfRouterCase = maker(placeInVrfs, generateRouter, frames4, ip4);
export const makeVrfRouter6Case = maker(placeInVrfs, generateRouter6, drawFrames6, ip6);
