// SPDX-License-Identifier: Apache-2.0
// Every check of an FPM is aimed at by a directed equivalence case, or listed with the reason why none can see it.

import t from 'tap';
import { directedCases, oddities } from '../equivalence/directed.js';
import { equivalents } from '../equivalence/equivalents.js';
import { findMutations } from '../equivalence/mutations.js';
import { routerCases } from '../equivalence/routing/directed.js';
import { gateway6Oddities, gatewayCases, gatewayOddities } from '../equivalence/routing/gateway.js';
import { vlanGateway6Oddities, vlanGatewayCases, vlanGatewayOddities } from '../equivalence/routing/gateway-vlans.js';
import { routerOddities } from '../equivalence/routing/oddities.js';
import { router6Oddities } from '../equivalence/routing/oddities6.js';

const mutations = findMutations();
const aims = new Set(
  [...directedCases(200, true), ...routerCases(), ...gatewayCases(), ...vlanGatewayCases()].flatMap((one) => one.aims),
);

t.test('each check', async (t) => {
  for (const { id, reason } of mutations) t.ok(aims.has(reason) || id in equivalents, id);
});

t.test('what is listed or aimed at exists', async (t) => {
  const ids = new Set(mutations.map(({ id }) => id));
  const reasons = new Set(mutations.map(({ reason }) => reason));
  for (const [id, { with: partner }] of Object.entries(equivalents)) {
    t.ok(ids.has(id), id);
    if (partner !== undefined) t.ok(ids.has(partner), `${id}: ${partner}`);
  }
  for (const reason of aims) t.ok(reasons.has(reason), reason);
  const names = [
    ...oddities,
    ...routerOddities,
    ...router6Oddities,
    ...gatewayOddities,
    ...gateway6Oddities,
    ...vlanGatewayOddities,
    ...vlanGateway6Oddities,
  ].map(({ name }) => name);
  t.equal(new Set(names).size, names.length, 'names of directed cases differ');
});
