// SPDX-License-Identifier: Apache-2.0
// Directed cases of policy rules, the same for both families: one oddity each on the router of oddities.ts and oddities6.ts.

import type { Send } from '../../support/lab/agent.js';
import { step } from '../oddity.js';
import { type Family, type Fields, four, route, six } from './family.js';
import type { RouterOddity } from './oddities.js';
import { addressOf } from './plan.js';

/** Rules that lead to tables. */
function rules(f: Family): RouterOddity[] {
  const from = (port: number, destination: string, fields?: Fields): Send => ({
    port,
    bytes: f.packet(port, destination, fields),
  });
  const other = [f.rule('add pref 100 table 100')];
  const overC = `via ${f.station(2)} dev p3`;
  const plain = ['p1', 'p2', 'p3'];
  const sources = [f.own(1), f.station(2, 1), f.behind, f.four ? '192.0.2.9' : '2001:db8::9'].map((source) =>
    from(0, f.station(1), { source }),
  );
  const invalid = f.four ? ['ip4_route:source-invalid'] : [];
  const all: RouterOddity[] = [
    {
      name: 'another table first',
      setup: [...other, route(`${f.station(1)} ${overC} table 100`)],
      frames: sources,
      aims: invalid,
      fast: plain,
    },
    { name: 'a table that does not exist', setup: [...other, ...[f.rule('add pref 101 table 4321')]], fast: plain },
    { name: 'a rule of VRFs alone', setup: [f.rule('add pref 1000 l3mdev')], fast: plain },
    {
      name: 'rp_filter',
      setup: [
        ...other,
        ...(f.four ? [step('sysctl', 'net/ipv4/conf/all/rp_filter 1')] : []),
        route(`${f.station(0)} ${overC} table 100`),
      ],
      frames: sources,
      aims: f.four ? ['ip4_route:source-elsewhere'] : [],
      fast: ['p2', 'p3'],
    },
    {
      name: 'accept_local',
      setup: [...other, ...(f.four ? [step('sysctl', 'net/ipv4/conf/all/accept_local 1')] : [])],
      frames: sources,
      fast: plain,
    },
    {
      name: 'local addresses are looked for last',
      setup: [f.rule('add pref 32765 table local'), f.rule('del pref 0')],
      frames: [from(0, f.own(0)), from(0, f.own(1)), ...sources],
      fast: plain,
    },
    {
      name: 'the main table is looked for first',
      setup: [f.rule('add pref 0 table main'), f.rule('del pref 0 table local'), f.rule('add pref 9 table local')],
      fast: plain,
    },
    {
      name: 'one appears',
      change: [...other, route(`${f.station(1)} ${overC} table 100`)],
      aims: [f.four ? 'guard_ip4:rules' : 'guard_ip6:rules'],
      fast: plain,
    },
    {
      // The kernel does not forget that there was one: it looks at rules ever since, which no program does here.
      name: 'one that came and went',
      setup: [...other, f.rule('del pref 100')],
      aims: [f.four ? 'guard_ip4:rules' : 'guard_ip6:rules'],
    },
    {
      name: 'a table is filled',
      setup: other,
      change: [route(`${f.station(1)} ${overC} table 100`)],
      fast: plain,
    },
    ...['throw', 'unreachable', 'blackhole'].map(
      (type): RouterOddity => ({
        name: `a ${type} route`,
        setup: [...other, route(`${type} ${f.station(1)} table 100`)],
        frames: [from(0, f.station(2), { source: f.station(1) })],
        aims: [f.four ? 'ip4_route:route-type' : 'ip6_route:route-type', ...invalid],
        fast: ['p1', 'p3'],
      }),
    ),
    ...[
      `from ${f.station(0)} prohibit`,
      `to ${f.station(1)} table 100`,
      'iif p1 table 100',
      'oif p2 table 100',
      'fwmark 7 table 100',
      ...(f.four ? ['fwmark 0/7 table 100'] : []),
      'not from all fwmark 1 table 100',
      f.four ? 'tos 0x10 table 100' : 'tos 0x20 table 100',
      'uidrange 0-9 table 100',
      'ipproto udp table 100',
      'sport 1024 table 100',
      'dport 9 table 100',
      'tun_id 5 table 100',
      'table 100 suppress_prefixlength 0',
      'table 100 suppress_ifgroup 3',
      'blackhole',
      'unreachable',
      'nop',
      'goto 32766',
    ].map(
      (selector): RouterOddity => ({
        name: `${selector.replaceAll(f.station(0), 'one').replaceAll(f.station(1), 'another')}`,
        setup: [...other, route(`${f.network(2)} via ${f.station(1)} dev p2 table 100`)],
        change: [f.rule(`add pref 50 ${selector}`)],
        aims: ['ip_rules:selective'],
        fast: ['p1', 'p2'],
      }),
    ),
    {
      name: 'many',
      setup: other,
      change: [1, 2, 3, 4, 5].map((n) => f.rule(`add pref ${n} table ${n}`)),
      aims: ['ip_rules:too-many'],
      fast: plain,
    },
    {
      name: 'many tables of one hash',
      setup: other,
      change: [
        ...Array.from({ length: 10 }, (_, n) => route(`${f.behind} ${overC} table ${1000 + 256 * n}`)),
        f.rule('add pref 60 table 1000'),
      ],
      aims: ['ip_rules:tables'],
      fast: plain,
    },
  ];
  // The address of the network's broadcasts is of nobody: a packet from it is refused by the local table alone, and of IPv4 alone.
  const nobody = from(0, f.station(1), { source: addressOf(0, 255) });
  const localLast = [f.rule('add pref 32765 table local'), f.rule('del pref 0'), ...other];
  const refusedLate: RouterOddity[] = [
    {
      name: 'many tables before the one that refuses a source',
      setup: [...localLast, ...[100, 101, 102, 103].map((n) => route(`${f.station(1)} ${overC} table ${n}`))],
      change: [101, 102, 103].map((n) => f.rule(`add pref ${n} table ${n}`)),
      frames: [nobody],
      aims: ['ip_rules:too-many', ...invalid],
      fast: plain,
    },
    {
      name: 'many rules before the one that refuses a source',
      setup: [...localLast, route(`${f.station(1)} ${overC} table 100`)],
      change: [101, 102, 103, 104, 105, 106, 107].map((n) => f.rule(`add pref ${n} table 4321`)),
      frames: [nobody],
      aims: ['ip_rules:too-many', ...invalid],
      fast: plain,
    },
  ];
  return [...all, ...(f.four ? refusedLate : [])].map((one) => ({
    ...one,
    name: `rules${f.name}: ${one.name}`,
  }));
}

export const ruleOddities = rules(four);
export const rule6Oddities = rules(six);
