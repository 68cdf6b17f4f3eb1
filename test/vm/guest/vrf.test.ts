// SPDX-License-Identifier: Apache-2.0
// Routers with VRFs, with TNA off and on: one oddity at a time.

import t from 'tap';
import { eachOddityOnce } from '../../equivalence/by-turns.js';
import { Resident } from '../../equivalence/resident-accelerator.js';
import { vrfCases } from '../../equivalence/routing/directed.js';

t.setTimeout(0);
const resident = new Resident();
t.teardown(() => resident.close());

t.test('one oddity at a time', (t) => eachOddityOnce(t, vrfCases(), (hook) => resident.accelerator(hook)));
