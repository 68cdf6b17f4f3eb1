// SPDX-License-Identifier: Apache-2.0
// Random bridges on this kernel, with TNA off and on.

import { makeCase } from '../../equivalence/runner.js';
import { sample } from './sample.js';

sample({
  make: makeCase,
  pairs: [
    ['veth', 'tc'],
    ['tap', 'xdp'],
    ['veth', 'xdp'],
    ['tap', 'tc'],
  ],
  counts: { quick: 2, ci: 3, full: 25 },
});
