// SPDX-License-Identifier: Apache-2.0
// Bridges with an address, with TNA off and on: one oddity at a time, each on one kind of port and hook by turns; run.js --directed gateway
// has them all.

import t from 'tap';
import { eachOddityOnce } from './by-turns.js';
import { gatewayCases } from './routing/gateway.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(600_000);

t.test('one oddity at a time', (t) => eachOddityOnce(t, gatewayCases()));
