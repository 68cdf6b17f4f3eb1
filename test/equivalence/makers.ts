// SPDX-License-Identifier: Apache-2.0
// The sorts of random configurations that there are, by the names that scripts give them.

import type { Hook, PortKind } from './configuration.js';
import {
  makeGateway6Case,
  makeGatewayCase,
  makeRouter6Case,
  makeRouterCase,
  makeVrfGateway6Case,
  makeVrfGatewayCase,
} from './routing/case.js';
import {
  makeVlanGateway6Case,
  makeVlanGatewayCase,
  makeVlanRouter6Case,
  makeVlanRouterCase,
  makeVrfRouter6Case,
  makeVrfRouterCase,
} from './routing/vlan-case.js';
import { type Case, makeCase } from './runner.js';

export type MakeCase = (seed: number, kind: PortKind, hook: Hook, frames: number) => Case;

export const makers = {
  bridge: makeCase,
  router: makeRouterCase,
  router6: makeRouter6Case,
  gateway: makeGatewayCase,
  gateway6: makeGateway6Case,
  'vlan-router': makeVlanRouterCase,
  'vlan-router6': makeVlanRouter6Case,
  'vlan-gateway': makeVlanGatewayCase,
  'vlan-gateway6': makeVlanGateway6Case,
  'vrf-router': makeVrfRouterCase,
  'vrf-router6': makeVrfRouter6Case,
  'vrf-gateway': makeVrfGatewayCase,
  'vrf-gateway6': makeVrfGateway6Case,
} as const satisfies Readonly<Record<string, MakeCase>>;

export type Sort = keyof typeof makers;
export const sorts = Object.keys(makers) as readonly Sort[];
