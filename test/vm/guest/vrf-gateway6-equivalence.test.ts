// SPDX-License-Identifier: Apache-2.0
// Random gateways of IPv6, or of both families, with bridges and VRFs on this kernel, with TNA off and on.

import { makeVrfGateway6Case } from '../../equivalence/routing/case.js';
import { sample } from './sample.js';

sample({
  make: makeVrfGateway6Case,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'tc'],
    ['tap', 'xdp'],
  ],
  dueUnsaid: ['xdp', 'tc'],
  counts: { quick: 1, ci: 2, full: 8 },
});
