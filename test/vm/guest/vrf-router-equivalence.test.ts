// SPDX-License-Identifier: Apache-2.0
// Random IPv4 routers with VRFs on this kernel, with TNA off and on.

import { makeVrfRouterCase } from '../../equivalence/routing/vlan-case.js';
import { sample } from './sample.js';

sample({
  make: makeVrfRouterCase,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'tc'],
    ['tap', 'xdp'],
  ],
  counts: { quick: 1, ci: 2, full: 8 },
});
