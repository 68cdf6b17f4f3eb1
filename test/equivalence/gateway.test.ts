// SPDX-License-Identifier: Apache-2.0
// Bridges with an address, with TNA off and on: CI's sample of random ones, and one oddity at a time, each on one kind of port and hook by
// turns; run.js --of gateway and --directed gateway have them all.

import t from 'tap';
import { eachOddityOnce, sample } from './by-turns.js';
import { makeGatewayCase } from './routing/case.js';
import { gatewayCases } from './routing/gateway.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(600_000);

t.test('one oddity at a time', (t) => eachOddityOnce(t, gatewayCases()));
t.test('tap, XDP', (t) => sample(t, makeGatewayCase, 'tap', 'xdp', 3));
t.test('tap, tc', (t) => sample(t, makeGatewayCase, 'tap', 'tc', 3));
t.test('veth, tc', (t) => sample(t, makeGatewayCase, 'veth', 'tc', 2));
