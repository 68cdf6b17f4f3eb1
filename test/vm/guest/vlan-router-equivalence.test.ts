// SPDX-License-Identifier: Apache-2.0
// Random IPv4 routers with VLAN devices on this kernel, with TNA off and on.

import { makeVlanRouterCase } from '../../equivalence/routing/vlan-case.js';
import { sample } from './sample.js';

sample({
  make: makeVlanRouterCase,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'tc'],
    ['tap', 'xdp'],
  ],
  counts: { quick: 1, ci: 2, full: 8 },
});
