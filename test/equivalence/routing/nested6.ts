// SPDX-License-Identifier: Apache-2.0
// Random IPv6 routes that nest and branch at any bit, and destinations that follow some of them for some way.

import type { Random } from '../random.js';

const bits = 128n;
const base = 0xfd10n << 112n;

/** An IPv6 address in full, from a number. */
function text(value: bigint): string {
  return (value.toString(16).padStart(32, '0').match(/.{4}/g) ?? []).join(':');
}

/** Few different bits, so that prefixes share most of them. */
function address(random: Random): bigint {
  let value = base;
  for (let i = random.below(5); i > 0; i -= 1)
    value |= 1n << BigInt(random.pick([0, 1, 2, 31, 47, 62, 63, 64, 65, 79, 80, 95, 96, 100]));
  return value;
}

export interface Prefix {
  readonly text: string;
  /** Addresses that it leads to. */
  readonly inside: () => string;
}

/** A prefix that shares most of its bits with others. */
export function drawPrefix(random: Random): Prefix {
  const length = random.pick([16, 20, 32, 32, 40, 48, 48, 56, 63, 64, 64, 64, 65, 80, 96, 120, 127, 128, 128]);
  const free = bits - BigInt(length);
  const value = (address(random) >> free) << free;
  const inside = () => {
    const other = random.chance(0.7) ? address(random) : BigInt(random.bits());
    return text(value | (other & ((1n << free) - 1n)));
  };
  return { text: `${text(value)}/${length}`, inside };
}

export interface NestedRoutes {
  /** Arguments of `ip route add`; some may name a prefix that is there already. */
  readonly routes: readonly string[];
  readonly destinations: readonly string[];
}

/** @param ways where routes lead: what follows the prefix, or the kind of a route that refuses */
export function drawNestedRoutes(random: Random, count: number, ways: readonly string[]): NestedRoutes {
  const prefixes = Array.from({ length: count }, () => {
    const length = random.pick([16, 17, 32, 33, 48, 56, 61, 62, 63, 64, 64, 65, 66, 80, 96, 112, 126, 127, 128, 128]);
    const value = address(random);
    return { value: (value >> (bits - BigInt(length))) << (bits - BigInt(length)), length };
  });
  const routes = prefixes.map(({ value, length }) => {
    const way = random.pick(ways);
    const prefix = `${text(value)}/${length}`;
    return way.includes(' ') ? `${prefix} ${way}` : `${way} ${prefix}`;
  });
  const destinations = Array.from({ length: count }, () => {
    const { value } = random.pick(prefixes);
    const other = random.chance(0.6) ? value | (1n << BigInt(random.below(112))) : value ^ address(random) ^ base;
    return text(other);
  });
  return { routes, destinations };
}
