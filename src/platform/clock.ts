// SPDX-License-Identifier: Apache-2.0
// The system's monotonic clock.

import { performance } from 'node:perf_hooks';
import type { Clock } from '../model/ports.js';

export const systemClock: Clock = {
  now: () => performance.now(),
};
