// SPDX-License-Identifier: Apache-2.0
// Draws routes with several next hops for a random router of either family, and addresses behind them: enough that each next hop gets some.

import type { Change, Step } from '../configuration.js';
import type { Random } from '../random.js';

export interface Spread {
  readonly steps: readonly Step[];
  readonly destinations: readonly string[];
  readonly changes: readonly Change[];
}

/** What differs between the families. */
export interface SpreadFamily {
  readonly name: 'ipv4' | 'ipv6';
  /** The n-th network, with its length, and the m-th address in it. */
  readonly network: (n: number) => string;
  readonly address: (n: number, m: number) => string;
  /** Numbers of next hop objects, which both families share. */
  readonly firstObject: number;
  readonly gateway: (random: Random, ports: number) => string;
}

const none: Spread = { steps: [], destinations: [], changes: [] };
const mostHops = 6;
const groups = 3;
const ip = (text: string): Step => ({ tool: 'ip', text });
/** What a kernel lacks, or refuses, is recorded. */
const sysctl = (text: string): Step => ({ tool: 'agent', text: `sysctl ${text}` });

const weight = (random: Random): number => random.pick([1, 1, 1, 2, 3, 5, 20, 200]);

export function drawSpread(random: Random, family: SpreadFamily, ports: number, frames: number): Spread {
  if (!random.chance(0.35)) return none;
  const { gateway, firstObject: object } = family;
  const objects = Array.from({ length: mostHops }, (_, n) =>
    ip(
      `nexthop add id ${object + n} ${random.chance(0.9) ? gateway(random, ports) : `dev p${random.between(1, ports)}`}`,
    ),
  );
  const members = () =>
    Array.from({ length: random.between(1, mostHops) }, (_, n) => `${object + n},${weight(random)}`).join('/');
  const group = (n: number) => object + mostHops + n;
  // a group stays of its type for ever
  const types = Array.from({ length: groups }, () => (random.chance(0.2) ? ' type resilient buckets 16' : ''));
  const grouped = types.map((type, n) => ip(`nexthop add id ${group(n)} group ${members()}${type}`));
  const regrouped = () => {
    const n = random.below(groups);
    return ip(`nexthop replace id ${group(n)} group ${members()}${types[n]}`);
  };
  const hop = () =>
    `nexthop ${random.chance(0.93) ? gateway(random, ports) : `dev p${random.between(1, ports)}`} weight ${weight(random)}`;
  const hops = () => Array.from({ length: random.between(2, mostHops) }, hop).join(' ');
  const count = random.between(1, 4);
  const over = () => (random.chance(0.4) ? `nhid ${group(random.below(groups))}` : hops());
  const routes = Array.from({ length: count }, (_, n) => ip(`route add ${family.network(n)} ${over()}`));
  const setting = (name: string, value: number) => sysctl(`net/${family.name}/fib_multipath_${name} ${value}`);
  const policy = () => setting('hash_policy', random.pick([0, 0, 0, 1, 1, 2, 2, 3, 3, 3]));
  const fields = () =>
    setting('hash_fields', random.pick([random.between(1, 63), random.between(1, 63), random.between(1, 4095)]));
  const settings = [
    policy(),
    ...(random.chance(0.6) ? [fields()] : []),
    ...(random.chance(0.3) ? [sysctl(`net/ipv4/fib_multipath_hash_seed ${random.between(1, 2 ** 31)}`)] : []),
    ...(random.chance(0.15) ? [setting('use_neigh', 1)] : []),
  ];
  const change = (): Step => {
    const n = random.below(mostHops);
    return random.pick([
      () => ip(`route replace ${family.network(random.below(count))} ${over()}`),
      () => ip(`nexthop replace id ${object + n} ${gateway(random, ports)}`),
      regrouped,
      () => ip(`nexthop del id ${object + n}`),
      () => sysctl(`net/ipv4/fib_multipath_hash_seed ${random.between(0, 9)}`),
      policy,
      fields,
    ])();
  };
  const changes = random.chance(0.5)
    ? Array.from({ length: random.between(1, 3) }, () => ({
        before: random.between(Math.floor(frames / 4), frames - 10),
        steps: [change()],
      }))
    : [];
  return {
    steps: [...settings, ...objects, ...grouped, ...routes],
    destinations: Array.from({ length: count * 40 }, () =>
      family.address(random.below(count), random.between(1, 60000)),
    ),
    changes,
  };
}
