// SPDX-License-Identifier: Apache-2.0
// The rules engine: shipped rules compile, every error stands where it belongs, expressions mean what they say.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import type { Attributes, ServiceRule } from '../../src/model/ruleset.js';
import { protocolsIn, readSpec } from '../../src/platform/protocols.js';
import { compileRules, type Library, lastGood, noRules, ruleFileSchemaText } from '../../src/rules/index.js';
import {
  base,
  good,
  library,
  neutralAttributes,
  objectOf,
  only,
  read,
  root,
  shipped,
  texts,
  withFile,
} from '../support/rule-sets.js';

t.test('the shipped rules compile against the FPMs of this package', async (t) => {
  const modules = read('fpm/modules', '.yaml').map(({ text }) => parse(text) as Library['modules'][number]);
  t.ok(modules.length > 5);
  const rules = good(compileRules(shipped, { modules }));
  t.match(rules.hash, /^[0-9a-f]{64}$/);
  const commented = shipped.map(({ path, text }) => ({ path, text: `${text}# one more comment\n` }));
  t.not(good(compileRules(commented)).hash, rules.hash, 'the hash covers every byte');
  const moved = shipped.map(({ path, text }) => ({ path: `/etc/tna/rules/${path}`, text }));
  t.equal(good(compileRules(moved)).hash, rules.hash, 'and no directory');
});

t.test('sources, objects and edges', async (t) => {
  const rules = good(compileRules(shipped));
  const source = (name: string) => only(rules.sources, (s) => s.name === name);
  t.same(source('links'), {
    name: 'links',
    kind: 'dump',
    spec: 'rt-link',
    operation: 'getlink',
    notify: ['rtnlgrp-link'],
    optional: false,
    request: { ext_mask: 8 },
  });
  t.same(source('attachments'), { name: 'attachments', kind: 'bpf-attachments' });
  const offloads = source('offloads');
  if (offloads.kind !== 'per-object') throw new Error(offloads.kind);
  t.match(offloads, { mode: 'get', object: 'link', optional: true, request: { header: { dev_index: 'ifindex' } } });
  t.equal(offloads.when?.evaluate({ link: { kind: '' } }), true);
  t.equal(offloads.when?.evaluate({ link: { kind: 'veth' } }), false);

  const link = objectOf(rules, 'link');
  const port = objectOf(rules, 'bridge_port');
  t.match(port, { source: 'links', refines: 'link', key: ['ifindex'], label: 'name' });
  t.same(
    port.attributes.slice(0, link.attributes.length).map(({ name }) => name),
    link.attributes.map(({ name }) => name),
    'a refined type has the attributes of its base first',
  );
  t.ok(rules.objects.indexOf(link) < rules.objects.indexOf(port), 'a base comes before what refines it');
  t.same(only(link.attributes, ({ name }) => name === 'features').origin, {
    kind: 'lookup',
    source: 'offloads',
    on: ['header', 'dev_index'],
    path: ['active', 'bits', 'bit', '[]', 'name'],
    mask: undefined,
  });
  t.same(only(link.attributes, ({ name }) => name === 'up').origin, { kind: 'message', path: ['ifi_flags'], mask: 1 });
  t.equal(port.when?.evaluate({ link: { slave_kind: 'bridge' } }), true);
  t.same(only(rules.dependencies, ({ name }) => name === 'port_of').on, [['master', 'ifindex']]);
  const shuffled = good(compileRules([...shipped].reverse()));
  t.ok(
    shuffled.objects.findIndex((o) => o.type === 'link') < shuffled.objects.findIndex((o) => o.type === 'bridge'),
    'whatever the order of the files',
  );
});

t.test('conditions of the bridge service', async (t) => {
  const rules = good(compileRules(shipped));
  const service: ServiceRule = only(rules.services, ({ name }) => name === 'bridging');
  t.match(service, { on: 'bridge_port', variable: 'port', hooks: ['xdp', 'tc'] });
  t.same(service.bindings, [
    { variable: 'bridge', kind: 'edge', edge: 'port_of', reverse: false, many: false },
    { variable: 'bridge_chains', kind: 'all', type: 'bridge_chain' },
    { variable: 'ingress_chains', kind: 'all', type: 'ingress_chain' },
  ]);
  const port = {
    ...neutralAttributes(rules, 'bridge_port'),
    name: 'eth1',
    up: true,
    state: 3,
    parent_dev: '0000:01:00.0',
  };
  const bridge = { ...neutralAttributes(rules, 'bridge'), name: 'br0', up: true };
  const none = { bridge_chains: [], ingress_chains: [] };
  const holding = (scope: Parameters<ServiceRule['blockedBy'][number]['holds']>[0]) =>
    service.blockedBy.filter((condition) => condition.holds(scope)).map((c) => [c.code, c.message.render(scope)]);
  t.same(holding({ port, bridge, ...none }), [], 'a forwarding port is not blocked');
  t.same(holding({ port: { ...port, state: 2 }, bridge, ...none }), [
    ['port-not-forwarding', 'eth1 is in STP state learning'],
  ]);
  const filtering = { ...bridge, vlan_filtering: true };
  t.same(holding({ port, bridge: filtering, ...none }), [], 'nor one of a bridge that filters VLANs');
  t.same(holding({ port: { ...port, up: false }, bridge: { ...filtering, vlan_stats: true }, ...none }), [
    ['port-down', 'eth1 is down'],
    ['bridge-vlan-stats', 'bridge br0 counts frames per VLAN'],
  ]);
  const chain = { family: 7, table: 'fw', name: 'forward', hook: 2, device: '', devices: [], prefixes: [] };
  t.same(holding({ port, bridge, ...none, bridge_chains: [{ ...chain, hook: 1 }, chain] }), [
    ['nft-bridge-hook', 'nftables filters bridged frames (table fw)'],
  ]);
  const input = { ...none, bridge_chains: [{ ...chain, hook: 1 }] };
  t.same(holding({ port, bridge, ...input }), [], 'a chain at input sees nothing of what is forwarded');
  const ingress = { ...chain, family: 5, hook: 0, devices: ['eth0', 'eth1'] };
  t.same(holding({ port, bridge, ...none, ingress_chains: [ingress] }), [
    ['nft-ingress-hook', 'nftables filters on eth1 itself (an ingress chain)'],
  ]);
  t.equal(
    service.blockedBy.find((c) => c.code === 'nft-bridge-hook')?.message.render({ port, bridge, ...none }),
    `nftables filters bridged frames (table \${bridge_chains.filter(c, c.hook in [0, 2, 4])[0].table})`,
    'a part of a message that has no value shows its expression',
  );
  const missing = holding({ port, ...none }).map(([code]) => code);
  t.ok(missing.includes('bridge-down') && missing.includes('br-netfilter'), 'what cannot be evaluated holds');
  t.notOk(missing.includes('port-down'));
  t.equal(
    only(service.modules, ({ fpm }) => fpm === 'offload').params.veth?.evaluate({
      port: { kind: 'veth' },
      bridge,
      ...none,
    }),
    true,
  );
  const condition = only(service.blockedBy, ({ code }) => code === 'port-down');
  t.equal(condition.text, '!(port.up)');
});

t.test('broken files: each error with its position and suggestion', async (t) => {
  t.same(texts(compileRules([base], library)), [], 'the base itself is good');
  const broken = read('fixtures/rules/broken', '.yaml');
  t.ok(broken.length >= 45);
  for (const { path, text } of broken) {
    const expected = readFileSync(join(root, 'fixtures/rules/broken', path.replace(/yaml$/, 'txt')), 'utf8');
    t.equal(`${texts(compileRules([base, { path, text }], library)).join('\n')}\n`, expected, path);
  }
});

t.test('errors are data, sorted and complete', async (t) => {
  const result = compileRules([
    { path: 'b.yaml', text: 'apiVersion: tna/v1\nsubsystem: b\nobjects: {\n' },
    {
      path: 'a.yaml',
      text: 'apiVersion: tna/v1\nsubsystem: a\nsumary: x\ndependencies:\n  e: { from: gone, to: gone, on: { a: b } }\n',
    },
  ]);
  if (!('errors' in result)) throw new Error('no errors');
  t.same(
    result.errors.map(({ file, line, column, code, suggestion }) => [file, line, column, code, suggestion]),
    [
      ['a.yaml', 3, 1, 'unknown-key', 'summary'],
      ['b.yaml', 4, 1, 'yaml-syntax', undefined],
    ],
    'a name that may be in the unreadable file is not reported',
  );
  t.equal(result.errors[0]?.text, 'a.yaml:3:1: unknown key "sumary"; did you mean "summary"?');
  const crlf = compileRules([{ path: 'c.yaml', text: 'apiVersion: tna/v1\r\nsubsystem: c\r\nsumary: x\r\n' }]);
  t.same(texts(crlf), ['c.yaml:3:1: unknown key "sumary"; did you mean "summary"?']);
});

t.test('anchors, aliases and merge keys', async (t) => {
  const rules = good(
    withFile(`x-down: &down
  code: down
  unless: port.up
  message: \${port.name} is down
services:
  one:
    on: { port: port }
    blockedBy:
      - *down
      - <<: *down
        code: other
        message: other text
    modules: &modules [{ fpm: egress }]
  two:
    on: { port: port }
    blockedBy: [{ <<: [{ code: first, hint: none }, *down] }]
    modules: *modules
`),
  );
  const one = only(rules.services, ({ name }) => name === 'one');
  t.same(
    one.blockedBy.map(({ code, text, message }) => [code, text, message.text]),
    [
      ['down', '!(port.up)', `\${port.name} is down`],
      ['other', '!(port.up)', 'other text'],
    ],
  );
  const two = only(rules.services, ({ name }) => name === 'two');
  t.same(
    two.blockedBy.map(({ code, hint }) => [code, hint?.text]),
    [['first', 'none']],
  );
  t.same(
    texts(
      withFile(
        'x-a: &a\n  code: c\n  when: port.nme\n  message: m\nservices:\n  one:\n    on: { port: port }\n    blockedBy: [{ <<: *a }]\n    modules: [{ fpm: egress }]\n',
      ),
    ),
    ['x.yaml:5:14: unknown attribute "nme" of port; did you mean "name"?'],
    'an error in merged text stands where the text is written',
  );
  const again = good(withFile('x-a: &a one\nx-b: &k [*a]\nx-c: &a two\nsummary: *a\n'));
  t.equal(again.services.length, 0, 'an anchor may be defined again');
});

t.test('expressions over plain numbers', async (t) => {
  const value = (expression: string, port: Attributes, qdiscs: readonly Attributes[] = []) => {
    const rules = good(
      withFile(`services:
  one:
    on: { port: port }
    bind: { qdiscs: { edge: qdisc_of, reverse: true, many: true } }
    blockedBy: [{ code: shown, when: "true", message: ${JSON.stringify(`\${${expression}}`)} }]
    modules: [{ fpm: egress }]
`),
    );
    return rules.services[0]?.blockedBy[0]?.message.render({ port, qdiscs });
  };
  t.equal(value('port.master + 1', { master: 41 }), '42');
  t.equal(value('port.master', { master: 4294967295 }), '4294967295');
  t.equal(value("port.name + '!'", { name: 'eth0' }), 'eth0!');
  t.equal(value('size(port.features)', { features: ['a', 'b'] }), '2');
  t.equal(value('3 in port.features', { features: [1, 2, 3] }), 'true', 'numbers in lists become integers too');
  t.equal(value("'b' in port.features", { features: [] }), 'false');
  t.equal(value("port.features.filter(f, f == 'b').size()", { features: ['a', 'b'] }), '1');
  t.equal(
    value('qdiscs.filter(q, q.handle > 1)[0].kind', {}, [
      { handle: 1, kind: 'a' },
      { handle: 2, kind: 'b' },
    ]),
    'b',
  );
  t.equal(value("qdiscs.map(q, q.kind).join(', ')", {}, [{ kind: 'a' }, { kind: 'b' }]), 'a, b');
  t.equal(value('qdiscs.all(q, q.ifindex == port.ifindex)', { ifindex: 3 }, [{ ifindex: 3 }]), 'true');
  t.equal(value("port.up ? 'up' : 'down'", { up: false }), 'down');
  t.equal(value('port.master', { master: 1.5 }), `\${port.master}`, 'a fraction is not an integer');
});

t.test('a refined `when` sees the base; attributes are read when they are needed', async (t) => {
  const rules = good(compileRules([base]));
  const when = objectOf(rules, 'port').when;
  const growing: { [name: string]: string } = { kind: 'other' };
  t.equal(when?.evaluate({ link: growing }), false);
  growing.kind = 'port';
  t.equal(when?.evaluate({ link: growing }), true, 'no stale copy of the attributes is kept');
  t.throws(() => when?.evaluate({}), { code: 'rule-evaluation', object: 'base.yaml:22:11' });
});

t.test('the examples of the documentation', async (t) => {
  const text = readFileSync(join(root, 'docs/rules.md'), 'utf8');
  const example = /<!-- test: compiles[^>]*-->\s*```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const modules = read('fpm/modules', '.yaml').map((file) => parse(file.text) as Library['modules'][number]);
  // the reader's own
  const own = { name: 'vlan_forward', hooks: ['tc'], params: { id: { type: 'u16' } } } as const;
  const built = { modules: [...modules, own] };
  const rules = good(compileRules([...shipped, { path: 'rules/vlan.yaml', text: example }], built));
  const service = only(rules.services, ({ name }) => name === 'vlan_forwarding');
  const vlan = { ...neutralAttributes(rules, 'vlan'), name: 'eth0.10', up: true };
  const parent = { ...neutralAttributes(rules, 'link'), name: 'eth0', up: false };
  const addresses = [{ address: '192.0.2.1' }];
  t.same(
    [...service.requires, ...service.blockedBy]
      .filter((c) => c.holds({ vlan, parent, addresses }))
      .map((c) => c.message.render({ vlan, parent, addresses })),
    ['eth0, which carries eth0.10, is down', 'the host itself speaks on eth0.10 (192.0.2.1)'],
  );
  t.same(
    [...service.requires, ...service.blockedBy].filter((c) => c.live.length === 0),
    [],
    'it needs no lease',
  );
  const mistake = { path: 'rules/vlan.yaml', text: example.replace('vlan.up', 'vlan.upp') };
  const shown = texts(compileRules([...shipped, mistake]));
  t.equal(shown.length, 1);
  t.ok(text.includes(`\n    ${shown[0]}\n`), `the error is shown as it is: ${shown[0]}`);
  const codes = new Set([...text.matchAll(/`([a-z]+-[a-z-]+)`/g)].map((match) => match[1]));
  const used = read('fixtures/rules/broken', '.yaml').flatMap((file) => {
    const result = compileRules([base, file], library);
    return 'errors' in result ? result.errors.map(({ code }) => code) : [];
  });
  for (const code of new Set(used)) t.ok(code === 'cycle' || codes.has(code), `${code} is documented`);
});

t.test('sources and members are those of the netlink specs', async (t) => {
  const protocols = protocolsIn(join(root, 'rules', 'specs'));
  t.same(texts(compileRules(shipped, undefined, protocols)), [], 'all that is shipped is there');
  const faults = [
    ['links', 'spec: rt-link', 'spec: rt-lnk', 'unknown netlink spec "rt-lnk"; did you mean "rt-link"?'],
    ['links', 'dump: getlink', 'dump: getlinc', /no operation "getlinc" that can dump; did you mean "getlink"\?$/],
    [
      'links',
      'get: features-get',
      'get: features-ge',
      /no operation "features-ge" that .*; did you mean "features-get"\?$/,
    ],
    ['links', 'notify: [rtnlgrp-tc]', 'notify: [rtnlgrp-tcp]', /group "rtnlgrp-tcp"; did you mean "rtnlgrp-tc"\?$/],
    [
      'links',
      'on: header.dev_index',
      'on: header.dev_indx',
      /no member "dev_indx" in header; did you mean "dev_index"\?$/,
    ],
    [
      'links',
      'active.bits.bit[].name',
      'active.bits.bit[].nam',
      /no member "nam" in active.bits.bit; did you mean "name"\?$/,
    ],
    [
      'links',
      '{ path: ifi_flags, mask: 0x8',
      '{ path: ifi_flag, mask: 0x8',
      /in what getlink answers; did you mean "ifi_flags"\?$/,
    ],
    [
      'bridge',
      'slave_data.vlan_tunnel',
      'slave_data.vlan_tunell',
      /in linkinfo.slave_data; did you mean "vlan_tunnel"\?$/,
    ],
    [
      'bridge',
      'linkinfo.slave_data.state',
      'linkinfo.slave_data.state.up',
      'there is no member "up" in linkinfo.slave_data.state',
    ],
  ] as const;
  for (const [name, right, wrong, error] of faults) {
    const files = shipped.map((file) =>
      file.path.endsWith(`${name}.yaml`) ? { ...file, text: file.text.replace(right, wrong) } : file,
    );
    const result = compileRules(files, undefined, protocols);
    const [found, ...more] = 'errors' in result ? result.errors : [];
    t.same(more, [], wrong);
    if (typeof error === 'string') t.ok(found?.text.endsWith(`: ${error}`), found?.text ?? wrong);
    else t.match(found?.text, error);
    const lines = files.find(({ path }) => path === found?.file)?.text.split('\n') ?? [];
    const at = lines[(found?.line ?? 0) - 1]?.slice((found?.column ?? 0) - 1) ?? '';
    t.ok(found?.message.includes(`"${/^[\w-]+/.exec(at)?.[0]}"`), `${wrong}: its place is that of ${at}`);
  }
  const own = mkdtempSync(join(tmpdir(), 'tna-specs-'));
  t.teardown(() => rmSync(own, { recursive: true }));
  writeFileSync(join(own, 'mine.yaml'), 'name: mine\n');
  const mine = {
    path: 'mine.yaml',
    text: 'apiVersion: tna/v1\nsubsystem: m\nsources: { s: { spec: mine, dump: get } }\n',
  };
  t.match(
    texts(compileRules([mine], undefined, protocolsIn(own))),
    [/^mine.yaml:3:23: spec mine: /],
    'a spec that is wrong',
  );
  t.throws(() => readSpec(own, 'yours'), { code: 'spec', hint: new RegExp(`rt-link.*, and those in ${own}$`) });
  rmSync(join(own, 'mine.yaml'));
  writeFileSync(join(own, 'rt-link.yaml'), readFileSync(join(root, 'src/netlink-ts/specs/rt-link.yaml')));
  t.same(
    texts(compileRules(shipped, undefined, protocolsIn(own))),
    [
      `${own}/rt-link.yaml:1:1: netlink spec rt-link is one of TNA's own, which is read instead: call this one otherwise`,
    ],
    'a spec that nobody would read',
  );
});

t.test('the last good rule set stays', async (t) => {
  const first = lastGood(noRules, compileRules([base]));
  t.ok(first.ruleSet);
  t.same(first.errors, []);
  const broken = lastGood(first, withFile('sumary: x\n'));
  t.equal(broken.ruleSet, first.ruleSet);
  t.equal(broken.errors.length, 1);
  t.equal(lastGood(broken, compileRules([base])).ruleSet, first.ruleSet, 'an unchanged set keeps its identity');
  t.not(lastGood(broken, withFile('summary: x\n')).ruleSet, first.ruleSet);
  t.equal(lastGood(noRules, withFile('sumary: x\n')).ruleSet, undefined);
});

t.test('generated files are those of the schema', async (t) => {
  t.equal(
    ruleFileSchemaText,
    readFileSync(join(root, 'rules/schema/rule-file.schema.json'), 'utf8'),
    'npm run generate',
  );
});
