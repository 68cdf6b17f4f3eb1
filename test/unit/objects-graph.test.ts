// SPDX-License-Identifier: Apache-2.0
// Objects out of decoded messages, and the graph between them.

import t from 'tap';
import { buildGraph } from '../../src/graph/build.js';
import type { ForcedHooks } from '../../src/model/forced-hooks.js';
import type { Attributes } from '../../src/model/ruleset.js';
import type { Message, Settings } from '../../src/model/snapshot.js';
import { buildObjects, settingPaths } from '../../src/objects/build.js';
import { detailRequests, detailTypes, settingsDecide } from '../../src/objects/details.js';
import { coerce, readPath } from '../../src/objects/path.js';
import { observeSettings } from '../../src/observe/observe.js';
import { graphText } from '../../src/report/graph.js';
import { plain } from '../../src/report/table.js';
import { ruleSet } from '../support/rule-set.js';

t.test('paths lead into messages and lists', async (t) => {
  const message: Message = {
    a: { b: { c: 7 } },
    list: [{ name: 'x', tags: ['1', '2'] }, { name: 'y', tags: [] }, { other: 1 }, 'text'],
    empty: null,
    toString: 'own',
  };
  const at = (path: string) =>
    readPath(
      message,
      path.split('.').flatMap((s) => (s.endsWith('[]') ? [s.slice(0, -2), '[]'] : [s])),
    );
  t.equal(at('a.b.c'), 7);
  t.equal(at('a.x.c'), undefined);
  t.equal(at('a.b.c.d'), undefined, 'a number has no members');
  t.same(at('list[].name'), ['x', 'y'], 'elements without the member are left out');
  t.same(at('list[].tags[]'), ['1', '2'], 'lists of lists become one');
  t.same(at('list[]'), message.list);
  t.equal(at('a[]'), undefined, 'what is no list has no elements');
  t.equal(at('empty.x'), undefined);
  t.equal(at('constructor'), undefined, 'only own members count');
  t.equal(at('toString'), 'own');
});

t.test('values become the declared type, or nothing', async (t) => {
  const cases: readonly (readonly [
    Parameters<typeof coerce>[0],
    Parameters<typeof coerce>[1],
    number | undefined,
    unknown,
  ])[] = [
    [5, 'int', undefined, 5],
    ['5', 'int', undefined, 5],
    ['0x10', 'int', undefined, 16],
    ['five', 'int', undefined, undefined],
    [true, 'int', undefined, 1],
    [[1], 'int', undefined, undefined],
    [0x1043, 'int', 0x40, 0x40],
    [0xffffffff, 'int', 0x80000000, 0x80000000],
    [0x1_0000_0001, 'int', 0x1_0000_0000, 0x1_0000_0000],
    [0x1043, 'bool', 0x1, true],
    [0x1042, 'bool', 0x1, false],
    [1, 'bool', undefined, true],
    [0, 'bool', undefined, false],
    ['0', 'bool', undefined, false],
    ['', 'bool', undefined, false],
    ['1', 'bool', undefined, true],
    [{}, 'bool', undefined, false],
    ['x', 'string', undefined, 'x'],
    [7, 'string', undefined, '7'],
    [true, 'string', undefined, undefined],
    [['a', 1, null, { b: 1 }], 'list', undefined, ['a', 1]],
    ['a', 'list', undefined, undefined],
    [null, 'int', undefined, undefined],
    [undefined, 'bool', undefined, undefined],
  ];
  for (const [value, type, mask, wanted] of cases)
    t.same(
      coerce(value, type, mask),
      wanted,
      `${JSON.stringify(value)} as ${type}${mask === undefined ? '' : ` & ${mask}`}`,
    );
});

const rules = ruleSet(`
sources:
  links: { spec: rt-link, dump: getlink }
  features: { spec: netdev, dump: dev-get, optional: true }
  offloads:
    spec: ethtool
    get: features-get
    for: { object: link, when: "link.kind == ''", request: { header: { dev_index: ifindex, flags: 3 } } }
    optional: true
  far_ends:
    spec: rt-link
    get: getlink
    for: { object: link, when: "link.kind == ''", forced: xdp, request: { ifi_index: ifindex } }
objects:
  link:
    source: links
    key: ifindex
    label: name
    attributes:
      ifindex: { path: ifi_index, type: int }
      name: { path: ifname, type: string }
      kind: { path: linkinfo.kind, type: string, default: "" }
      master: { path: master, type: int, default: 0 }
      up: { path: ifi_flags, mask: 0x1, type: bool }
      xdp: { from: features, on: ifindex, path: xdp_features, mask: 0x1, type: bool, default: false }
      offloads: { from: offloads, on: header.dev_index, path: "active.bits.bit[].name", type: list, default: [] }
  bridge:
    refines: link
    when: link.kind == 'bridge'
    attributes:
      stp: { path: linkinfo.data.stp_state, type: int, default: 0 }
      call: { sysctl: net/bridge/call, type: bool, default: false }
      forwarding: { sysctl: "net/ipv4/conf/\${bridge.name}/forwarding", type: int, default: 1 }
      threads: { sysfs: devices/system/cpu/smt, type: string, default: unknown }
      node: { sysfs: "devices/system/node/\${bridge.name}", type: int, default: 7 }
  stp_bridge:
    refines: bridge
    when: bridge.stp == 1
  pair:
    source: links
    key: [name, ifindex]
    label: name
    when: pair.ifindex > 2
    attributes:
      ifindex: { path: ifi_index, type: int }
      name: { path: ifname, type: string }
dependencies:
  port_of: { from: link, to: bridge, on: { master: ifindex }, label: port of }
  same: { from: pair, to: link, on: { ifindex: ifindex, name: name } }
`);

const bridge: Message = {
  ifi_index: 2,
  ifname: 'br0',
  ifi_flags: 0x1003,
  linkinfo: { kind: 'bridge', data: { stp_state: 1 } },
};
const port: Message = { ifi_index: 3, ifname: 'p1', ifi_flags: 0x1002, master: 2 };

t.test('messages become objects, refined where the rules say', async (t) => {
  const sources = {
    links: [bridge, port, { ifname: 'without an index' }, { ifi_index: 3, ifname: 'again' }],
    features: [{ ifindex: 3, xdp_features: 35 }, { ifindex: 3, xdp_features: 0 }, { xdp_features: 1 }],
    offloads: [{ header: { dev_index: 3 }, active: { bits: { bit: [{ name: 'a' }, { name: 'b' }] } } }],
  };
  const sysctls = { 'net/bridge/call': '1\n', 'net/ipv4/conf/br0/forwarding': null };
  const objects = buildObjects(rules, { sources, sysctls, sysfs: { 'devices/system/cpu/smt': 'on\n' } });
  const attributes = (id: string): Attributes | undefined => objects.find((object) => object.id === id)?.attributes;
  t.same(
    objects.map((object) => [object.id, object.label, object.base]),
    [
      ['bridge:2', 'br0', 'link:2'],
      ['link:2', 'br0', undefined],
      ['link:3', 'p1', undefined],
      ['pair:again/3', 'again', undefined],
      ['pair:p1/3', 'p1', undefined],
      ['stp_bridge:2', 'br0', 'bridge:2'],
    ],
    'sorted; the first of two with one key counts; without a key there is none',
  );
  t.same(attributes('link:3'), {
    ifindex: 3,
    name: 'p1',
    kind: '',
    master: 2,
    up: false,
    xdp: true,
    offloads: ['a', 'b'],
  });
  t.match(
    attributes('link:2'),
    { kind: 'bridge', up: true, xdp: false, offloads: [] },
    'defaults where a lookup finds nothing',
  );
  t.match(
    attributes('bridge:2'),
    { name: 'br0', up: true, stp: 1, call: true, forwarding: 1, threads: 'on', node: 7 },
    'a setting that is not there has its default',
  );
  t.match(attributes('stp_bridge:2'), { name: 'br0', stp: 1, call: true }, 'all that the chain of bases has');
});

t.test('settings decide which objects there are, and with that which more are read', async (t) => {
  const chain = ruleSet(`
sources:
  links: { spec: rt-link, dump: getlink }
objects:
  link:
    source: links
    key: ifindex
    label: name
    attributes:
      ifindex: { path: ifi_index, type: int }
      name: { path: ifname, type: string }
      forwarding: { sysctl: "net/conf/\${link.name}/forwarding", type: bool, default: false }
  router:
    refines: link
    when: link.forwarding
    attributes:
      threads: { sysfs: devices/system/cpu/smt, type: string, default: "" }
      strict: { sysctl: "net/conf/\${router.name}/strict", type: bool, default: false }
  strict_router: { refines: router, when: router.strict }
`);
  const files: { readonly [path: string]: string } = {
    'net/conf/r1/forwarding': '1',
    'net/conf/r1/strict': '1',
    'devices/system/cpu/smt': 'off',
  };
  const asked: string[] = [];
  const read = (path: string) => {
    asked.push(path);
    return files[path] ?? null;
  };
  const links = ['r1', 'h2'].map((ifname, i) => ({ ifi_index: i + 1, ifname }));
  const objectsBy = (known: Settings) => buildObjects(chain, { sources: { links }, ...known }, detailTypes(chain));
  const settings = observeSettings(
    { sysctl: read, sysfs: read },
    (known) => settingPaths(chain, objectsBy(known)),
    settingsDecide(chain),
  );
  t.same(
    asked,
    ['net/conf/h2/forwarding', 'net/conf/r1/forwarding', 'net/conf/r1/strict', 'devices/system/cpu/smt'],
    'each once, and none of what does not exist',
  );
  t.same(Object.keys(settings.sysctls), [...Object.keys(settings.sysctls)].sort());
  t.equal(settingsDecide(rules), false, 'other rules need no second look');
  t.match(
    buildObjects(chain, { sources: { links }, ...settings }).filter(({ type }) => type !== 'link'),
    [{ id: 'router:1', attributes: { threads: 'off', strict: true } }, { id: 'strict_router:1' }],
  );
});

t.test('what a host lacks altogether leaves no objects and no errors', async (t) => {
  t.same(buildObjects(rules, { sources: {}, sysctls: {} }), []);
});

t.test('objects tell which sysctls and which further messages are needed', async (t) => {
  const objects = buildObjects(rules, { sources: { links: [bridge, port] }, sysctls: {} });
  const asked = (forced: ForcedHooks | 'any') =>
    detailRequests(rules, objects, forced).map(({ source, request }) => [source.name, request]);
  t.same(
    settingPaths(rules, objects),
    {
      sysctl: ['net/bridge/call', 'net/ipv4/conf/br0/forwarding'],
      sysfs: ['devices/system/cpu/smt', 'devices/system/node/br0'],
    },
    'not once more for the refinement',
  );
  t.same(
    asked('any'),
    [
      ['offloads', { header: { dev_index: 3, flags: 3 } }],
      ['far_ends', { ifi_index: 3 }],
    ],
    'only for objects that the source is for',
  );
  const always = asked('any').slice(0, 1);
  t.same(asked(new Map()), always, 'what only matters to a forced hook is not asked otherwise');
  t.same(asked(new Map([['p1', 'tc']])), always);
  t.same(
    asked(
      new Map([
        ['*', 'xdp'],
        ['p1', 'tc'],
      ]),
    ),
    always,
    'an own wish comes first',
  );
  t.same(asked(new Map([['*', 'xdp']])), asked('any'));
  t.same(asked(new Map([['p1', 'xdp']])), asked('any'));
});

t.test('dependencies join objects by equal attributes', async (t) => {
  const objects = buildObjects(rules, {
    sources: { links: [bridge, port, { ...port, ifi_index: 4, ifname: 'p2', master: 9 }] },
    sysctls: {},
  });
  const graph = buildGraph(rules, objects);
  t.equal(graph.nodes, objects);
  t.same(
    graph.edges.map((edge) => `${edge.from} ${edge.name} ${edge.to}`),
    [
      'bridge:2 is link:2',
      'link:3 port_of bridge:2',
      'pair:p1/3 same link:3',
      'pair:p2/4 same link:4',
      'stp_bridge:2 is bridge:2',
    ],
    'sorted; nothing for a master that is not there',
  );
  t.equal(graph.edges.find((edge) => edge.name === 'same')?.label, 'same');
});

t.test('devices that depend on each other in a circle are no problem', async (t) => {
  const circle = ruleSet(`
sources:
  links: { spec: rt-link, dump: getlink }
objects:
  link:
    source: links
    key: ifindex
    label: name
    attributes:
      ifindex: { path: ifi_index, type: int }
      name: { path: ifname, type: string }
      peer: { path: link, type: int, default: 0 }
dependencies:
  cable: { from: link, to: link, on: { peer: ifindex }, label: cable to }
`);
  const links = [
    { ifi_index: 1, ifname: 'a', link: 2 },
    { ifi_index: 2, ifname: 'b', link: 1 },
    { ifi_index: 3, ifname: 'c', link: 1 },
    { ifi_index: 4, ifname: 'alone' },
  ];
  const graph = buildGraph(circle, buildObjects(circle, { sources: { links }, sysctls: {} }));
  t.equal(graph.edges.length, 3);
  const text = graphText(graph, plain);
  for (const name of ['a', 'b', 'c', 'alone']) t.match(text, new RegExp(`link ${name}\\b`), `${name} is drawn`);
});

t.test('a thousand ports take time in proportion to their number', async (t) => {
  const linksOf = (n: number): readonly Message[] => [
    bridge,
    ...Array.from({ length: n }, (_, i) => ({ ...port, ifi_index: 10 + i, ifname: `p${i}` })),
  ];
  /** Processor time in milliseconds: a busy machine does not lengthen it. */
  const millis = (n: number, times: number): number => {
    const links = linksOf(n);
    const features = links.map((link) => ({ ifindex: link.ifi_index as number, xdp_features: 1 }));
    const started = process.cpuUsage();
    for (let i = 0; i < times; i++) {
      const graph = buildGraph(rules, buildObjects(rules, { sources: { links, features }, sysctls: {} }));
      if (graph.edges.filter((edge) => edge.name === 'port_of').length !== n) throw new Error('edges are missing');
    }
    return process.cpuUsage(started).user / 1000;
  };
  millis(1000, 10);
  const [small, large] = [millis(1000, 24) / 24, millis(8000, 3) / 3];
  t.comment(`objects and graph: ${small.toFixed(1)} ms for 1,000 ports, ${large.toFixed(1)} ms for 8,000`);
  // 8 times as many ports take 64 times as long in quadratic time; caches cost a little more than 8 in linear time.
  t.ok(large < 30 * small, `${(large / small).toFixed(1)} times as long for 8 times as many`);
});
