// SPDX-License-Identifier: Apache-2.0
// Random routers of IPv6, or of both families, with VRFs on this kernel, with TNA off and on.

import { makeVrfRouter6Case } from '../../equivalence/routing/vlan-case.js';
import { sample } from './sample.js';

sample({
  make: makeVrfRouter6Case,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'tc'],
    ['tap', 'xdp'],
  ],
  counts: { quick: 1, ci: 2, full: 8 },
});
