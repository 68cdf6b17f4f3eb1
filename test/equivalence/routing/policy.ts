// SPDX-License-Identifier: Apache-2.0
// Draws routing policy rules for a random router of either family: most lead to tables alone, as TNA follows them, the rest ask for more;
// tables with routes, and changes of both in the middle of traffic.

import type { Change, Step } from '../configuration.js';
import type { Random } from '../random.js';
import { addressOf } from './plan.js';
import { gateway } from './routes.js';

export interface Policy {
  readonly steps: readonly Step[];
  readonly changes: readonly Change[];
  /** Something is configured that leaves no packet due to the fast path. */
  readonly allSlow: boolean;
}

/** What differs between the families. */
export interface PolicyFamily {
  readonly rule: (text: string) => Step;
  /** What no address tells the family of. */
  readonly flush: (table: number) => Step;
  readonly address: (port: number, n: number) => string;
  readonly network: number;
  readonly host: number;
  /** Prefixes beside those of neighbours. */
  readonly wide: readonly string[];
  readonly gateway: (random: Random, ports: number) => string;
  readonly objects: readonly number[];
  readonly tos: readonly string[];
  /** Rules of a namespace that has none of its own. */
  readonly first: number;
}

const ip = (text: string): Step => ({ tool: 'ip', text });

export const policy4: PolicyFamily = {
  rule: (text) => ip(`rule ${text}`),
  flush: (table) => ip(`route flush table ${table}`),
  address: addressOf,
  network: 24,
  host: 32,
  wide: ['0.0.0.0/0', '0.0.0.0/0', '10.0.0.0/8', '172.16.0.0/12', '172.16.0.0/16', '172.17.0.0/16', '198.18.0.0/15'],
  gateway,
  objects: [1, 2, 3],
  tos: ['0x08', '0x10'],
  first: 3,
};

const none: Policy = { steps: [], changes: [], allSlow: false };
const tables = [100, 101, 102, 356];
/** As many tables and rules as TNA follows: see the FPM ip_rules. */
const mostTables = 4;
const mostRules = 7;

class Drawn {
  /** Of rules that were added, and may go. */
  readonly preferences: number[] = [];

  constructor(
    readonly random: Random,
    readonly family: PolicyFamily,
    readonly ports: number,
  ) {}

  table(): number {
    return this.random.pick(tables);
  }

  /** @param broad rather what many packets are for */
  prefix(broad = false): string {
    const { random, family, ports } = this;
    const port = random.below(ports);
    return random.weighted([
      [4, `${family.address(port, random.pick([10, 11, 11, 12, 20]))}/${family.host}`],
      [2, `${family.address(port, 0)}/${family.network}`],
      [broad ? 8 : 3, random.pick(family.wide)],
    ] as const);
  }

  /** Before the local table (which no administrator asks for twice), between it and the main one, or after that. */
  preference(): number {
    const { random } = this;
    const preference = random.weighted([
      [1, 0],
      [12, random.between(1, 32765)],
      [1, random.between(32768, 40000)],
    ] as const);
    this.preferences.push(preference);
    return preference;
  }

  plainRule(): Step {
    const table = this.random.weighted([
      [14, this.table()],
      [1, 4321],
      [1, 254],
      [1, 255],
    ] as const);
    return this.family.rule(`add pref ${this.preference()} table ${table}`);
  }

  selectors(): string {
    const { random, ports, family } = this;
    const name = `p${random.between(1, ports)}`;
    const one = () =>
      random.weighted([
        [4, `from ${this.prefix()}`],
        [4, `to ${this.prefix()}`],
        [3, `iif ${name}`],
        [1, `oif ${name}`],
        [2, `fwmark ${random.pick(['1', '7', '0/7'])}`],
        [2, `tos ${random.pick(family.tos)}`],
        [1, `ipproto ${random.pick(['udp', 'tcp', 'icmp'])}`],
        [1, `sport ${random.pick(['1024', '1024-1030'])}`],
        [1, `dport ${random.pick(['7', '53-80'])}`],
        [1, 'uidrange 0-9'],
        [1, 'tun_id 5'],
      ] as const);
    const some = new Map(
      Array.from(
        {
          length: random.weighted([
            [6, 1],
            [2, 2],
            [1, 3],
          ] as const),
        },
        () => {
          const text = one();
          return [text.split(' ')[0] ?? '', text] as const;
        },
      ),
    );
    return `${random.chance(0.15) ? 'not ' : ''}${[...some.values()].join(' ')}`;
  }

  action(): string {
    const { random } = this;
    return random.weighted([
      [12, `table ${this.table()}`],
      [2, 'prohibit'],
      [1, 'blackhole'],
      [1, 'unreachable'],
      [1, 'nop'],
      [2, `goto ${random.pick([32766, 32766, 40001])}`],
      [3, `table ${random.pick([254, this.table()])} suppress_prefixlength ${random.pick([0, 8, 16, 24, 64])}`],
      [1, `table ${this.table()} suppress_ifgroup 0`],
    ] as const);
  }

  /** One that asks for more than a table, or does something else. */
  selectiveRule(): Step {
    const { random, family } = this;
    const action = this.action();
    // With nothing but a table it would be a plain one.
    const selectors = /^table \d+$/.test(action) || random.chance(0.7) ? `${this.selectors()} ` : '';
    return family.rule(`add pref ${this.preference()} ${selectors}${action}`);
  }

  /** @param plain only what a packet to a neighbour comes past without a doubt */
  route(plain: boolean, table = this.table()): Step {
    const { random, family, ports } = this;
    const over = () => family.gateway(random, ports);
    const prefix = this.prefix(true);
    const text = random.weighted([
      [10, `${prefix} ${over()}`],
      [2, `${prefix} dev p${random.between(1, ports)}`],
      [2, `${prefix} ${over()} metric ${random.pick([10, 20])}`],
      [1, `${prefix} nexthop ${over()} nexthop ${over()}`],
      [plain ? 0 : 3, `${random.pick(['blackhole', 'unreachable', 'prohibit'])} ${prefix}`],
      [plain ? 0 : 3, `throw ${prefix}`],
      [plain ? 0 : 1, `${prefix} nhid ${random.pick(family.objects)}`],
      [plain ? 0 : 1, `${prefix} ${over()} mtu ${random.pick([600, 1300, 1400])}`],
      [plain ? 0 : 1, `local ${prefix} dev lo`],
    ] as const);
    // Behind next hops it would be refused.
    return ip(`route add table ${table} ${text}`);
  }

  change(): Step[] {
    const { random, family } = this;
    const pick = random.weighted<() => Step[]>([
      [4, () => [this.plainRule()]],
      [12, () => [this.selectiveRule()]],
      [
        4,
        () =>
          this.preferences.length > 0 ? [family.rule(`del pref ${random.pick(this.preferences)}`)] : [this.plainRule()],
      ],
      [4, () => [this.route(true)]],
      [3, () => [this.route(false)]],
      [2, () => [ip(`route replace ${this.prefix()} ${family.gateway(random, this.ports)} table ${this.table()}`)]],
      [2, () => [family.flush(this.table())]],
      [1, () => [family.rule('flush')]],
      [1, () => [family.rule('del pref 32766')]],
      [1, () => localLast(family)],
      [1, () => Array.from({ length: 6 }, () => this.plainRule())],
    ]);
    return pick();
  }
}

const localLast = ({ rule }: PolicyFamily): Step[] => [rule('add pref 32765 table local'), rule('del pref 0')];
const mainFirst = ({ rule }: PolicyFamily): Step[] => [
  rule('add pref 0 table main'),
  rule('del pref 0 table local'),
  rule('add pref 9 table local'),
];

export function drawPolicy(random: Random, family: PolicyFamily, ports: number, frames: number): Policy {
  if (!random.chance(0.35)) return none;
  const drawn = new Drawn(random, family, ports);
  const change = (): Change => ({ before: random.between(Math.floor(frames / 4), frames - 10), steps: drawn.change() });
  const changes = () => (random.chance(0.6) ? Array.from({ length: random.between(1, 3) }, change) : []);
  // Rules that only appear in the middle of traffic, too.
  if (random.chance(0.12)) return { ...none, changes: changes() };
  const follows = random.weighted([
    [12, 'all'],
    [3, 'not all packets'],
    [2, 'none'],
  ] as const);
  const steps: Step[] = [];
  const some = new Set(Array.from({ length: follows === 'all' ? 2 : random.between(1, 3) }, () => drawn.table()));
  for (const table of some) {
    for (let n = random.between(1, 6); n > 0; n -= 1) steps.push(drawn.route(follows === 'all', table));
  }
  const leading = follows === 'all' ? random.between(1, 2) : random.between(1, random.chance(0.2) ? 6 : 3);
  for (let n = 0; n < leading; n += 1) {
    const table = [...some][n];
    steps.push(table === undefined ? drawn.plainRule() : family.rule(`add pref ${drawn.preference()} table ${table}`));
  }
  steps.push(
    ...random.weighted<() => Step[]>([
      [12, () => []],
      [1, () => localLast(family)],
      [1, () => mainFirst(family)],
      [1, () => [family.rule('add pref 1000 l3mdev')]],
      [1, () => [family.rule('add pref 1001 table 4321')]],
    ])(),
  );
  if (follows === 'none') {
    for (let n = random.between(1, 3); n > 0; n -= 1) steps.push(drawn.selectiveRule());
  }
  const count = (word: RegExp) => steps.filter(({ text }) => word.test(text)).length;
  const gone = count(/rule del/);
  const rules = count(/rule add/) - gone + family.first;
  // For IPv6 a rule makes the table that it leads to. Of those that a namespace begins with, two exist.
  const looked = count(/rule add .*table/) - gone + 2;
  const tooMany = looked > mostTables || rules > mostRules;
  return { steps, changes: changes(), allSlow: follows !== 'all' || tooMany };
}
