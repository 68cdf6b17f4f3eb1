// SPDX-License-Identifier: Apache-2.0
// Random gateways of IPv6, or of both families, on bridges that filter VLANs on this kernel, with TNA off and on.

import { makeVlanGateway6Case } from '../../equivalence/routing/vlan-case.js';
import { sample } from './sample.js';

sample({
  make: makeVlanGateway6Case,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'tc'],
    ['tap', 'xdp'],
  ],
  dueUnsaid: ['xdp'],
  counts: { quick: 1, ci: 2, full: 8 },
});
