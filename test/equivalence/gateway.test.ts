// SPDX-License-Identifier: Apache-2.0
// Bridges with an address, with TNA off and on: CI's sample of random ones, and one oddity at a time, each on one kind of port and hook by
// turns; run.js --of gateway and --directed gateway have them all.

import t from 'tap';
import { eachOddityOnce, sample } from './by-turns.js';
import type { Hook } from './configuration.js';
import { Resident } from './resident-accelerator.js';
import { makeGateway6Case, makeGatewayCase } from './routing/case.js';
import { gatewayCases } from './routing/gateway.js';

// Real commands on a machine that may be busy with others.
t.setTimeout(1_500_000);

// One process does them all: samples of routing.test.ts start it each time.
const resident = new Resident();
t.teardown(() => resident.close());
const tna = (hook: Hook) => resident.accelerator(hook);

t.test('one oddity at a time', (t) => eachOddityOnce(t, gatewayCases(), tna));
t.test('tap, XDP', (t) => sample(t, makeGatewayCase, 'tap', 'xdp', 2, tna, 7002));
t.test('tap, tc', (t) => sample(t, makeGatewayCase, 'tap', 'tc', 2, tna, 7002));
t.test('veth, tc', (t) => sample(t, makeGatewayCase, 'veth', 'tc', 1, tna, 7002));
// Of both families.
t.test('IPv6: tap, XDP', (t) => sample(t, makeGateway6Case, 'tap', 'xdp', 1, tna, 504));
t.test('IPv6: veth, tc', (t) => sample(t, makeGateway6Case, 'veth', 'tc', 1, tna, 504));
