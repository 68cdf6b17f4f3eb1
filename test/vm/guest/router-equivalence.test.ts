// SPDX-License-Identifier: Apache-2.0
// Random routers on this kernel, with TNA off and on.

import { makeRouterCase } from '../../equivalence/routing/case.js';
import { sample } from './sample.js';

sample({
  make: makeRouterCase,
  pairs: [
    ['tap', 'xdp'],
    ['veth', 'tc'],
    ['tap', 'tc'],
  ],
  counts: { quick: 1, ci: 2, full: 10 },
});
