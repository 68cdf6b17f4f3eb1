// SPDX-License-Identifier: Apache-2.0
// Puts some networks of a random router, whatever device they are on, into VRFs: routes go into the tables of these, with leaks between them and
// to the main one, rules before and behind that of the VRFs, the same addresses in two of them.

import type { Change, Configuration, Step } from '../configuration.js';
import type { Random } from '../random.js';
import { type Family, four, ip, six } from './family.js';
import { configured, type Neighbour, quiet6, type RouterPlan } from './plan.js';

const step = (tool: Step['tool'], text: string): Step => ({ tool, text });

interface Vrf {
  readonly name: string;
  readonly table: number;
}

/** The last one's number is more than a byte of the kernel's older field, and hashes to where another one of policy.ts is. */
const some: readonly Vrf[] = [
  { name: 'red', table: 1001 },
  { name: 'blue', table: 100 },
  { name: 'green', table: 70000 },
];

/** What the drawing functions know. */
interface Drawn {
  readonly vrfs: readonly Vrf[];
  readonly families: readonly Family[];
  /** By network. */
  readonly devices: readonly string[];
  readonly members: readonly (Vrf | undefined)[];
  /** Of both families. */
  readonly neighbours: readonly Neighbour[];
  readonly timid: boolean;
}

/** Its address is not the kernel's choice, since neighbours of the VRF device itself have it. */
const create = ({ name, table }: Vrf): Step =>
  ip(`link add ${name} address 02:00:5e:70:00:0${name.length} type vrf table ${table}`);

const network = (random: Random, { devices }: Drawn): number => random.below(devices.length);
const member = (random: Random, { members, devices }: Drawn): string =>
  random.pick(devices.filter((_, n) => members[n] !== undefined));
const device = (random: Random, { devices }: Drawn): string => random.pick(devices);
const vrf = (random: Random, { vrfs }: Drawn): Vrf => random.pick(vrfs);
const family = (random: Random, { families }: Drawn): Family => random.pick(families);
const over = (random: Random, drawn: Drawn, f: Family): string => {
  const n = network(random, drawn);
  return `via ${f.station(n, random.below(2))} dev ${drawn.devices[n]}`;
};
/** The main one among them. */
const table = (random: Random, drawn: Drawn): number | string =>
  random.chance(0.2) ? 'main' : vrf(random, drawn).table;

/** What a device loses when its VRF changes, for which the kernel takes it down and up: addresses of IPv6 and all neighbours. */
function again(random: Random, drawn: Drawn, name: string): Step[] {
  const n = drawn.devices.indexOf(name);
  if (random.chance(0.25)) return [];
  return [
    // A device reports by a work queue that it is up; a bridge, whose ports went down and up with it, some time later.
    step('wait', name.startsWith('br') ? '1200' : '200'),
    ...drawn.families.filter((f) => !f.four).map((f) => ip(`addr replace ${f.own(n)}/${f.length} dev ${name} nodad`)),
    ...drawn.neighbours
      .filter(({ port, permanent }) => port === n && permanent)
      .map((one) => ip(`neigh replace ${one.ip} lladdr ${one.mac} dev ${name} nud permanent`)),
  ];
}

type Draw = (random: Random, drawn: Drawn) => Step[];

/** What changes in the middle of traffic. */
const draws: readonly (readonly [number, Draw])[] = [
  [
    6,
    (r, d) => [device(r, d)].flatMap((name) => [ip(`link set ${name} master ${vrf(r, d).name}`), ...again(r, d, name)]),
  ],
  [5, (r, d) => [member(r, d)].flatMap((name) => [ip(`link set ${name} nomaster`), ...again(r, d, name)])],
  [
    5,
    (r, d) => {
      const f = family(r, d);
      return [ip(`route replace vrf ${vrf(r, d).name} ${f.station(network(r, d), r.below(2))} ${over(r, d, f)}`)];
    },
  ],
  [
    4,
    (r, d) => {
      const f = family(r, d);
      return [ip(`route replace table ${table(r, d)} ${f.everything} ${over(r, d, f)}`)];
    },
  ],
  [
    4,
    (r, d) => {
      const f = family(r, d);
      const type = r.pick(['unreachable', 'blackhole', 'prohibit', 'throw']);
      const prefix = r.chance(0.5) ? f.station(network(r, d), r.below(2)) : f.network(network(r, d));
      return [ip(`route add table ${table(r, d)} ${type} ${prefix}`)];
    },
  ],
  [
    4,
    (r, d) => {
      const n = network(r, d);
      const f = family(r, d);
      return [ip(`route ${r.pick(['add', 'del'])} table ${table(r, d)} ${f.network(n)} dev ${d.devices[n]}`)];
    },
  ],
  [
    2,
    (r, d) =>
      [family(r, d)].map((f) => ip(`route add table ${vrf(r, d).table} unreachable ${f.everything} metric 4278198272`)),
  ],
  [2, (r, d) => [ip(`route flush table ${vrf(r, d).table}`)]],
  [2, (r, d) => [family(r, d).rule('del pref 1000')]],
  [
    2,
    (r, d) =>
      [family(r, d)].flatMap((f) => [f.rule(`add pref ${r.pick([5, 500, 32800])} l3mdev`), f.rule('del pref 1000')]),
  ],
  [3, (r, d) => [family(r, d).rule(`add pref ${r.pick([10, 900, 1100, 32767])} table ${table(r, d)}`)]],
  [
    2,
    (r, d) => [
      family(r, d).rule(
        `add pref ${r.pick([10, 900])} ${r.pick(['iif', 'oif'])} ${vrf(r, d).name} ${r.pick(['prohibit', 'table main'])}`,
      ),
    ],
  ],
  [1, (r, d) => [family(r, d)].flatMap((f) => [f.rule('add pref 32765 table local'), f.rule('del pref 0')])],
  [3, (r, d) => [ip(`link set ${vrf(r, d).name} ${r.pick(['down', 'up'])}`)]],
  [3, (r, d) => [ip(`link del ${vrf(r, d).name}`)]],
  [1, (r, d) => [vrf(r, d)].flatMap((one) => [ip(`link del ${one.name}`), create(one), ip(`link set ${one.name} up`)])],
  [
    1,
    (r, d) => [
      ip(`link add white address 02:00:5e:70:00:09 type vrf table ${r.pick([1001, 300])}`),
      ip('link set white up'),
      ...[device(r, d)].flatMap((name) => [ip(`link set ${name} master white`), ...again(r, d, name)]),
    ],
  ],
  [1, (r, d) => [ip(`addr add ${r.pick(['10.9.9.9/32', '10.1.0.77/24', '127.0.0.1/8'])} dev ${vrf(r, d).name}`)]],
  [2, (r, d) => [step('capture', `${vrf(r, d).name}${r.pick(['', '', ' out', ' ip'])}`)]],
  [1, (r, d) => [step('agent', `tcx ${vrf(r, d).name} ${r.pick(['ingress', 'egress'])}`)]],
  [
    1,
    (r, d) => [
      step('tc', `qdisc add dev ${r.chance(0.5) ? vrf(r, d).name : member(r, d)} root handle 7: pfifo limit 900`),
    ],
  ],
  [1, (r, d) => [step('sysctl', `net/ipv4/conf/${r.pick([member(r, d), vrf(r, d).name])}/rp_filter ${r.below(3)}`)]],
  [
    2,
    (r, d) => [
      step(
        'nft',
        `table inet late { chain c { type filter hook ${r.pick(['prerouting', 'forward', 'postrouting'])} priority 0; ${r.pick(['iifname', 'oifname'])} ${vrf(r, d).name} drop; }; }`,
      ),
    ],
  ],
  [
    1,
    (r, d) => [
      step(
        'nft',
        `table netdev late { chain c { type filter hook ${r.pick(['ingress', 'egress'])} device ${vrf(r, d).name} priority 0; drop; }; }`,
      ),
    ],
  ],
];

const routing = /^((?:exec ip -6 )?route (?:add|append|replace|del|flush)) (?!.*\b(?:table|vrf) )/;

/** A command about routes that names no table: about those of some VRFs, and perhaps about the main one's. */
function placed(random: Random, vrfs: readonly Vrf[], one: Step): Step[] {
  if (!routing.test(one.text)) return [one];
  const into = [
    ...vrfs.filter(() => random.chance(0.65)).map((vrf) => `${vrf.table}`),
    ...(random.chance(0.55) ? ['main'] : []),
  ];
  const tables = into.length === 0 ? [`${random.pick(vrfs).table}`] : into;
  return tables.map((table) => ({ ...one, text: one.text.replace(routing, `$1 table ${table} `) }));
}

/** Routes of a table to what is behind devices of other VRFs, or of none. */
function leaks(random: Random, drawn: Drawn): Step[] {
  const { vrfs, devices, members, families } = drawn;
  const to = (where: number | string, n: number): Step[] =>
    families.flatMap((f) =>
      random.weighted<() => Step[]>([
        [7, () => [ip(`route add table ${where} ${f.network(n)} dev ${devices[n]}`)]],
        [2, () => [0, 1].map((k) => ip(`route add table ${where} ${f.station(n, k)} dev ${devices[n]}`))],
        [1, () => [ip(`route add table ${where} ${f.network(n)} ${over(random, drawn, f)}`)]],
        [drawn.timid ? 0 : 1, () => [ip(`route add table ${where} ${f.network(n)} dev ${random.pick(vrfs).name}`)]],
        [5, () => []],
      ])(),
    );
  return devices.flatMap((_, n) => [
    ...vrfs.filter((one) => one !== members[n]).flatMap((one) => to(one.table, n)),
    ...(members[n] === undefined ? [] : to('main', n)),
  ]);
}

/** The addresses of another VRF's network, and its neighbours, on a device of this one. */
function twice(random: Random, { devices, members, families }: Drawn): Step[] {
  const pairs = devices.flatMap((name, n) =>
    devices.flatMap((_, m) => (m !== n && members[m] !== members[n] ? [{ name, n, m }] : [])),
  );
  if (pairs.length === 0 || !random.chance(0.3)) return [];
  const { name, n, m } = random.pick(pairs);
  return families.flatMap((f) => [
    ip(`addr add ${f.own(m)}/${f.length} dev ${name}${f.four ? '' : ' nodad'}`),
    ...[0, 1].map((k) => ip(`neigh add ${f.station(m, k)} lladdr 02:00:5e:4${n + 1}:00:10 dev ${name} nud permanent`)),
  ]);
}

function rules(random: Random, drawn: Drawn): Step[] {
  if (!random.chance(0.35)) return [];
  return drawn.families.flatMap((f) =>
    random.weighted<() => Step[]>([
      [3, () => [f.rule('add pref 32765 table local'), f.rule('del pref 0')]],
      [3, () => [f.rule(`add pref ${random.pick([10, 900, 1100, 32765])} table ${table(random, drawn)}`)]],
      [2, () => [f.rule(`add pref ${random.pick([5, 500, 32800])} l3mdev`), f.rule('del pref 1000')]],
      [1, () => [f.rule('del pref 1000')]],
      [2, () => []],
    ])(),
  );
}

/**
 * More rules or tables than TNA follows, by the rules of one family; or none of its own any more, which the kernel never forgets. The namespace
 * begins with two or three, and the VRFs bring one.
 */
function tooMuch(setup: readonly Step[], f: Family): boolean {
  const own = setup.filter(({ text }) => text.includes('rule ') && text.includes('-6') !== f.four);
  const count = (word: RegExp) => own.filter(({ text }) => word.test(text)).length;
  const gone = count(/rule del/);
  const looked = 3 + count(/rule add .*(table|lookup|l3mdev)/) - gone;
  const added = count(/rule add/);
  return looked > 4 || (f.four ? 4 : 3) + added - gone > 7 || (added === 0 && count(/rule del pref 1000/) > 0);
}

/**
 * The router in VRFs, and whether a network is in none, so that Linux is asked about the sources of its packets.
 *
 * @param devices by network, those that have its address
 */
export function withVrfs(
  random: Random,
  plan: RouterPlan,
  devices: readonly string[],
  frames: number,
): { readonly plan: RouterPlan; readonly outside: (network: number) => boolean } {
  const { configuration } = plan;
  const vrfs = some.slice(0, random.between(1, some.length));
  const first = random.below(devices.length);
  const members = devices.map((_, n) => (n === first || random.chance(0.8) ? random.pick(vrfs) : undefined));
  const ipv6 = quiet6.every((text) => configuration.namespace.some((one) => one.text === text));
  const families = plan.four !== undefined ? [four, six] : [ipv6 ? six : four];
  const neighbours = [...plan.neighbours, ...(plan.four?.neighbours ?? [])];
  const drawn: Drawn = { vrfs, families, devices, members, neighbours, timid: random.chance(0.8) };
  const links = [
    ...configuration.links,
    ...vrfs.flatMap((one) => [create(one), ...(random.chance(0.95) ? [ip(`link set ${one.name} up`)] : [])]),
    ...devices.flatMap((name, n) => {
      const master = members[n]?.name;
      return master === undefined ? [] : [ip(`link set ${name} master ${master}`)];
    }),
  ];
  const refusing = vrfs.flatMap((one) =>
    random.chance(0.5)
      ? families.map((f) => ip(`route add table ${one.table} unreachable ${f.everything} metric 4278198272`))
      : [],
  );
  const setup = [
    ...configuration.setup.flatMap((one) => placed(random, vrfs, one)),
    ...leaks(random, drawn),
    ...refusing,
    ...twice(random, drawn),
    ...rules(random, drawn),
    ...vrfs.flatMap((one) => (random.chance(0.2) ? [ip(`addr add 10.9.9.${one.name.length}/32 dev ${one.name}`)] : [])),
  ];
  const place = (change: Change): Change => ({
    ...change,
    steps: change.steps.flatMap((one) => placed(random, vrfs, one)),
  });
  const bridges = devices.some((name) => name.startsWith('br'));
  const own = (): Change => {
    const before = random.between(Math.floor(frames / 3), frames - 10);
    const steps = random.weighted(draws)(random, drawn);
    const settled = bridges && steps.some(({ text }) => /master|link del/.test(text)) ? [step('wait', '1200')] : [];
    return { before, steps: [...steps, ...settled] };
  };
  const changes = [
    ...configuration.changes.map(place),
    ...(random.chance(0.65) ? Array.from({ length: random.between(1, 2) }, own) : []),
  ].sort((a, b) => a.before - b.before);
  const whole: Configuration = { ...configuration, links, setup, changes };
  const slow = (one: RouterPlan, f: Family): RouterPlan => ({ ...one, allSlow: one.allSlow || tooMuch(setup, f) });
  const result = slow(configured(plan, whole), plan.four === undefined && !ipv6 ? four : six);
  return {
    plan: result.four === undefined ? result : { ...result, four: slow(result.four, four) },
    outside: (n) => members[n] === undefined,
  };
}
