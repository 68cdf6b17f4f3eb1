// SPDX-License-Identifier: Apache-2.0
// How the policy rules of a random router are said for IPv6.

import { address6Of } from './plan.js';
import type { PolicyFamily } from './policy.js';
import { gateway6, ip6 } from './routes6.js';

export const policy6: PolicyFamily = {
  // `ip -b` takes a rule for one of IPv4
  rule: (text) => ip6(`rule ${text}`),
  flush: (table) => ip6(`route flush table ${table}`),
  address: address6Of,
  network: 64,
  host: 128,
  wide: ['::/0', '::/0', 'fd00::/16', 'fd10::/16', 'fd10::/32', 'fd10:0:8000::/33', 'fd40::/12'],
  gateway: gateway6,
  objects: [11, 12, 13, 14],
  tos: ['0x10', '0x40'],
  first: 2,
};
