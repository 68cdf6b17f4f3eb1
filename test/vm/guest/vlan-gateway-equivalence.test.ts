// SPDX-License-Identifier: Apache-2.0
// Random IPv4 gateways on bridges that filter VLANs on this kernel, with TNA off and on.

import { makeVlanGatewayCase } from '../../equivalence/routing/vlan-case.js';
import { sample } from './sample.js';

sample({
  make: makeVlanGatewayCase,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'tc'],
    ['tap', 'xdp'],
  ],
  dueUnsaid: ['xdp'],
  counts: { quick: 1, ci: 2, full: 8 },
});
