// SPDX-License-Identifier: Apache-2.0
// With the controller killed, every change of a VRF acts on the very next packet of IPv6: tc on veth.

import t from 'tap';
import { patience } from '../../support/lab/patience.js';
import { vrf6GuardsHold } from '../../support/lab/vrf-guards.js';

t.setTimeout(600_000 * patience);
t.test('tc on veth', (t) => vrf6GuardsHold(t, 'veth', 'tc'));
