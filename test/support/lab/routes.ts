// SPDX-License-Identifier: Apache-2.0
// Many routes: one for each network of 256 addresses from 16.0.0.0 on, or of IPv6 for each /48 from 4000::/16 on.

import { ip } from './netns.js';

/** 16.0.0.0/4 has room for a million such networks. */
export const firstDestination = 16 << 24;
export const mostRoutes = 1 << 20;

const batch = 100_000;

export function ipv4Address(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/** Batches of `ip route VERB` for `count` routes; `rest` says where they lead. */
export async function addRoutes(netns: string, count: number, rest: string, verb = 'add'): Promise<void> {
  for (let from = 0; from < count; from += batch) {
    const routes = Array.from(
      { length: Math.min(batch, count - from) },
      (_, index) => `route ${verb} ${ipv4Address(firstDestination + (from + index) * 256)}/24 ${rest}`,
    );
    await ip(netns, ...routes);
  }
}

/** As many as a full table of IPv6 has. */
export const mostRoutes6 = 200_000;

/** The same of IPv6. */
export async function addRoutes6(netns: string, count: number, rest: string, verb = 'add'): Promise<void> {
  const routes = Array.from(
    { length: count },
    (_, n) => `route ${verb} 4000:${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}::/48 ${rest}`,
  );
  for (let from = 0; from < count; from += batch) await ip(netns, ...routes.slice(from, from + batch));
}
