// SPDX-License-Identifier: Apache-2.0
// Random IPv4 gateways with VRFs on this kernel, with TNA off and on.

import { makeVrfGatewayCase } from '../../equivalence/routing/case.js';
import { sample } from './sample.js';

sample({
  make: makeVrfGatewayCase,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'tc'],
    ['tap', 'xdp'],
  ],
  dueUnsaid: ['xdp', 'tc'],
  counts: { quick: 1, ci: 2, full: 8 },
});
