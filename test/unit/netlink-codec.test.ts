// SPDX-License-Identifier: Apache-2.0
// Codecs on bytes recorded from a kernel (6.18): what they mean, that they survive a round trip, and that no bytes at
// all can make the decoder do anything but decode or throw a NetlinkError.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  type BundledSpecName,
  bundledSpec,
  decodeMessage,
  decodeMessages,
  encodeMessage,
  flagsOf,
  loadSpec,
  type Message,
  NetlinkError,
} from 'netlink-ts';
import t from 'tap';
import { recording, recordings } from '../support/netlink-fixtures.js';

/** Every run of the tests does the same. Whoever looks for trouble gives another one. */
const fuzzSeed = Number(process.env.TNA_FUZZ_SEED ?? 20261126);

function bodies(name: string, only?: readonly string[]): Message[] {
  const { spec, answer } = recording(name);
  return answer
    .map((bytes) => decodeMessage(bundledSpec(spec as BundledSpecName), bytes, only === undefined ? {} : { only }))
    .flatMap(({ message }) => (message === undefined ? [] : [message]));
}

function find(messages: readonly Message[], wanted: Message): Message {
  const found = messages.find((each) => Object.entries(wanted).every(([name, value]) => each[name] === value));
  if (found === undefined) throw new Error(`nothing like ${JSON.stringify(wanted)} in the recording`);
  return found;
}

const under = (message: Message, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (value as Message | undefined)?.[name], message);

t.test('links', async (t) => {
  const links = bodies('links');
  const index = (name: string) => under(find(links, { ifname: name }), 'ifi_index');
  const br0 = find(links, { ifname: 'br0' });
  t.match(br0, { ifi_family: 0, ifi_type: 1, address: '02:00:00:00:00:01', mtu: 1500, xdp: { attached: 0 } });
  t.match(under(br0, 'linkinfo'), {
    kind: 'bridge',
    data: {
      ageing_time: 12300,
      group_fwd_mask: 8,
      priority: 4096,
      bridge_id: { prio: 4096, addr: '02:00:00:00:00:01' },
      multi_boolopt: { optval: 0, optmask: 31 },
      group_addr: '01:80:c2:00:00:00',
      nf_call_arptables: 0,
    },
  });
  const spec = bundledSpec('rt-link');
  const flags = Number(br0.ifi_flags);
  t.same(flagsOf(spec, 'ifinfo-flags', flags), ['up', 'broadcast', 'running', 'multicast', 'lower-up']);

  const v0 = find(links, { ifname: 'v0' });
  t.match(v0, { master: index('br0'), link: index('v1'), txqlen: 77, operstate: 6, carrier: 1, num_tx_queues: 2 });
  t.match(under(v0, 'linkinfo'), {
    kind: 'veth',
    slave_kind: 'bridge',
    slave_data: { state: 3, priority: 7, cost: 5, mode: 1, guard: 1, isolated: 1, learning: 1, unicast_flood: 1 },
  });
  t.match(under(v0, 'linkinfo', 'slave_data'), { no: 1, mcast_eht_hosts_limit: 512, neigh_suppress: 0, locked: 0 });
  t.same(under(find(links, { ifname: 'v1' }), 'prop_list'), { alt_ifname: ['another-name'] });
  t.match(under(find(links, { ifname: 'vx0' }), 'linkinfo'), {
    kind: 'vxlan',
    data: { id: 42, port: 4790, local: '192.0.2.1', learning: 0, port_range: { low: 0, high: 0 } },
  });
  t.match(under(find(links, { ifname: 'mv0' }), 'linkinfo'), { kind: 'macvlan', data: { mode: 4 } });
  t.match(under(find(links, { ifname: 'tap0' }), 'linkinfo'), {
    kind: 'tun',
    data: { type: 2, multi_queue: 1, persist: 1 },
  });

  t.notOk(
    links.some((link) => Object.hasOwn(link, '_unknown')),
    'the spec knows all that this kernel sends',
  );
  const [statistics = {}] = bodies('links-with-statistics');
  t.equal((statistics.stats64 as Uint8Array).length, 200);

  const only = bodies('links', ['ifname', 'master']);
  t.same(
    Object.keys(find(only, { ifname: 'v0' })).sort(),
    ['ifi_change', 'ifi_family', 'ifi_flags', 'ifi_index', 'ifi_type', 'ifname', 'master'],
    'only what was asked for, and the fixed header',
  );
  const bridge = find(bodies('links', ['ifname', 'linkinfo.data.ageing_time', 'linkinfo.slave_data.state']), {
    ifname: 'br0',
  });
  t.same(
    bridge.linkinfo,
    { kind: 'bridge', data: { ageing_time: 12300 } },
    'a part of a nest comes with what selects its layout, and with nothing else',
  );
  const whole = find(bodies('links', ['ifname', 'linkinfo.kind', 'linkinfo']), { ifname: 'br0' });
  t.same(whole.linkinfo, br0.linkinfo, 'who asks for a whole and for a part gets the whole');

  const port = find(bodies('bridge-ports'), { ifname: 'v0' });
  t.match(port, { ifi_family: 7, protinfo: { state: 3, mode: 1, isolated: 1 } }, 'AF_BRIDGE: protinfo is a nest');
});

t.test('a VLAN device as iproute2 asks for it', async (t) => {
  const { request } = recording('vlan-request');
  const { operation, message = {} } = decodeMessage(bundledSpec('rt-link'), request, { direction: 'out' });
  t.equal(operation, 'newlink');
  t.same(under(message, 'linkinfo'), {
    kind: 'vlan',
    data: {
      protocol: 0x88a8,
      id: 5,
      egress_qos: {
        mapping: [
          { from: 1, to: 2 },
          { from: 3, to: 4 },
        ],
      },
      ingress_qos: { mapping: [{ from: 5, to: 6 }] },
      flags: { flags: 2, mask: 2 },
    },
  });
});

t.test('addresses, neighbours, FDB, routes, rules', async (t) => {
  const addresses = bodies('addresses');
  t.match(find(addresses, { local: '192.0.2.1' }), {
    ifa_family: 2,
    ifa_prefixlen: 24,
    address: '192.0.2.1',
    label: 'br0',
  });
  const v6 = find(addresses, { address: '2001:db8::1' });
  t.match(v6, { ifa_family: 10, ifa_prefixlen: 64, cacheinfo: { valid: 0xffffffff } });
  t.same(flagsOf(bundledSpec('rt-addr'), 'ifa-flags', Number(v6.flags)), ['nodad', 'permanent']);

  t.match(find(bodies('neighbours'), { dst: '192.0.2.9' }), {
    ndm_family: 2,
    lladdr: '02:00:00:00:00:09',
    ndm_state: 0x80,
  });
  const fdb = bodies('fdb');
  t.match(find(fdb, { lladdr: '02:00:00:00:00:0a' }), { ndm_family: 7, ndm_state: 0x40, cacheinfo: { refcnt: 0 } });
  t.match(find(fdb, { lladdr: '02:00:00:00:00:0b' }), { dst: '192.0.2.77', ndm_flags: 2 });

  const routes = bodies('routes');
  t.match(find(routes, { dst: '198.51.100.0' }), {
    rtm_dst_len: 24,
    gateway: '192.0.2.9',
    priority: 5,
    table: 254,
    rtm_type: 1,
  });
  t.match(find(routes, { dst: '2001:db8:1::' }), { rtm_family: 10, gateway: '2001:db8::9' });
  const multipath = find(routes, { dst: '203.0.113.0' });
  t.match(multipath, { rtm_protocol: 4 });
  t.equal((multipath.multipath as Uint8Array).length, 32, 'two next hops of 8 + 8 bytes');

  const rule = find(bodies('rules'), { priority: 500 });
  t.match(rule, { family: 2, src_len: 24, src: '198.51.100.0', iifname: 'v1', table: 1000, action: 1 });
  t.equal(rule.suppress_prefixlen, -1);
});

t.test('tc, nftables, generic families', async (t) => {
  const clsact = find(bodies('qdiscs'), { kind: 'clsact' });
  t.match(clsact, { parent: 0xfffffff1, handle: 0xffff0000, options: {} });

  t.match(find(bodies('nft-tables'), { name: 'filter' }), { nfgen_family: 1, use: 2, flags: 0 });
  const chains = bodies('nft-chains');
  const forward = find(chains, { name: 'forward' });
  t.match(forward, { table: 'filter', type: 'filter', policy: 0, use: 1, hook: { num: 2, priority: -5 } });
  t.match(find(chains, { name: 'in' }), { nfgen_family: 5, hook: { num: 0, priority: 10, devs: { name: ['v1'] } } });
  t.notOk(Object.hasOwn(find(chains, { name: 'plain' }), 'hook'));
  const [rule] = bodies('nft-rules');
  const expressions = under(rule ?? {}, 'expressions', 'elem') as readonly Message[];
  t.same(
    expressions.map(({ name }) => name),
    ['meta', 'cmp', 'payload', 'cmp', 'counter', 'immediate'],
  );
  t.type(under(bodies('nft-generation')[0] ?? {}, 'id'), 'number');

  const [family = {}] = bodies('family');
  t.match(family, { family_name: 'netdev', version: 1, mcast_groups: [{ name: 'mgmt' }, { name: 'page-pool' }] });
  const features = bodies('xdp-features');
  t.same(
    flagsOf(
      bundledSpec('netdev'),
      'xdp-act',
      features.map((each) => Number(each.xdp_features)).find((n) => n > 0) ?? 0,
    ),
    ['basic', 'redirect', 'rx-sg'],
    'veth without GRO cannot transmit XDP frames',
  );
  const names = under(bodies('feature-names')[0] ?? {}, 'stringsets', 'stringset') as readonly Message[];
  const strings = under(names[0] ?? {}, 'strings', 'string') as readonly Message[];
  t.match(find(strings, { index: 0 }), { value: 'tx-scatter-gather' });
  const active = under(bodies('features')[0] ?? {}, 'active') as Message;
  t.equal((active.value as readonly number[]).length, Math.ceil(Number(active.size) / 32));
});

t.test('acknowledgements', async (t) => {
  const spec = bundledSpec('rt-link');
  const acknowledgement = (name: string) =>
    decodeMessage(spec, recording(name).answer.at(-1) ?? new Uint8Array()).acknowledgement;
  t.same(acknowledgement('no-such-link'), { errno: 19 });
  t.same(acknowledgement('refused-header'), { errno: 22, text: 'Invalid values in header for get link request' });
  t.match(acknowledgement('refused-attribute'), { errno: 34, text: 'Attribute failed policy validation', offset: 40 });
  t.same(acknowledgement('links'), { errno: 0 }, 'the end of a dump');
});

t.test('whatever decodes encodes to the same', async (t) => {
  let messages = 0;
  for (const { name, spec: specName, answer } of recordings()) {
    const spec = bundledSpec(specName as BundledSpecName);
    for (const bytes of answer) {
      const first = decodeMessage(spec, bytes);
      if (first.message === undefined || first.operation === undefined) continue;
      // The request that this message answers has the same layout.
      const { value } = [...spec.incoming.values()].find(({ operation }) => operation === first.operation) ?? {};
      const asked = [...spec.operations.values()].find(({ reply }) => reply !== undefined && reply.value === value);
      const again = encodeMessage(spec, asked?.name ?? '', 'do', first.message, { familyId: first.type });
      const second = decodeMessage(spec, again, { direction: 'out' });
      t.same(second.message, first.message, `${name} #${messages}`);
      messages += 1;
    }
  }
  t.ok(messages > 80, `${messages} messages`);
});

t.test('values', async (t) => {
  const spec = bundledSpec('rt-link');
  const bridge = (data: Message) => ({ ifname: 'b', linkinfo: { kind: 'bridge', data } });
  const again = (request: Message) =>
    decodeMessage(spec, encodeMessage(spec, 'newlink', 'do', request), { direction: 'out' }).message ?? {};
  t.equal(under(again(bridge({ gc_timer: 2 ** 53 - 1 })), 'linkinfo', 'data', 'gc_timer'), Number.MAX_SAFE_INTEGER);
  t.equal(under(again(bridge({ gc_timer: 2n ** 64n - 1n })), 'linkinfo', 'data', 'gc_timer'), 2n ** 64n - 1n);
  t.equal(under(again({ link_netnsid: -1 }), 'link_netnsid'), -1);
  const refusal = (request: Message): unknown => {
    try {
      return encodeMessage(spec, 'newlink', 'do', request);
    } catch (error) {
      return error;
    }
  };
  const invalid = (attribute: string) => ({ code: 'invalid-request', attribute });
  t.match(refusal({ ifnam: 'x' }), invalid('ifnam'));
  t.match(refusal({ mtu: -1 }), invalid('mtu'));
  t.match(refusal({ mtu: 1.5 }), invalid('mtu'));
  t.match(refusal({ address: 'zz:00' }), invalid('address'));
  t.match(refusal(bridge({ vlan_filtering: 256 })), invalid('linkinfo.data.vlan_filtering'));
  t.match(refusal({ linkinfo: { kind: 'nothing', data: {} } }), invalid('linkinfo.data'));
  t.match(refusal({ ifalias: 'x'.repeat(70_000) }), invalid('ifalias'));

  const unknown = { _unknown: [{ type: 900, data: new Uint8Array([1, 2, 3]) }] };
  t.same(again({ ifname: 'x', ...unknown })._unknown, unknown._unknown, 'what the spec does not know is kept');
  const strange = { linkinfo: { kind: 'new-kind', _unknown: [{ type: 2, data: new Uint8Array([9]) }] } };
  // Several times: what looked alike before must not leave anything behind.
  for (let round = 0; round < 6; round++)
    t.same(again(strange).linkinfo, strange.linkinfo, 'nor the data of a new kind');
  for (let round = 0; round < 6; round++) {
    const either = { local6: '2001:db8::1', local: '192.0.2.1' };
    const odd = { _unknown: [{ type: 4, data: new Uint8Array([1, 2]) }] };
    t.same(under(again({ linkinfo: { kind: 'vxlan', data: either } }), 'linkinfo', 'data'), either);
    t.same(
      under(again({ linkinfo: { kind: 'vxlan', data: odd } }), 'linkinfo', 'data'),
      odd,
      'nor an address that is none',
    );
  }

  const [bytes = new Uint8Array()] = recording('links').answer;
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  t.same(decodeMessage(spec, shifted.subarray(1)), decodeMessage(spec, bytes), 'bytes need not be aligned in memory');
});

t.test('hostile bytes', async (t) => {
  const all = recordings();
  const decode = (specName: string, bytes: Uint8Array): void => {
    for (const direction of ['in', 'out'] as const) {
      try {
        decodeMessages(bundledSpec(specName as BundledSpecName), bytes, { direction });
      } catch (error) {
        if (!(error instanceof NetlinkError) || error.code !== 'malformed') throw error;
      }
    }
  };
  const started = performance.now();
  const seeds = all.flatMap(({ spec, answer }) => answer.map((bytes) => ({ spec, bytes })));
  const seed = fc.constantFrom(...seeds);
  fc.assert(
    fc.property(
      seed,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
      ({ spec, bytes }, edits) => {
        const changed = bytes.slice();
        for (const [at, value] of edits) changed[at % changed.length] = value;
        decode(spec, changed);
      },
    ),
    { numRuns: 12_000, seed: fuzzSeed },
  );
  fc.assert(
    fc.property(seed, fc.nat(), fc.boolean(), ({ spec, bytes }, cut, repaired) => {
      const short = bytes.slice(0, cut % bytes.length);
      // With the length in its header put right the truncation is met further inside.
      if (repaired && short.length >= 4) new DataView(short.buffer).setUint32(0, short.length, true);
      decode(spec, short);
    }),
    { numRuns: 6_000, seed: fuzzSeed },
  );
  const specName = fc.constantFrom(...new Set(all.map(({ spec }) => spec)));
  fc.assert(
    fc.property(specName, fc.uint8Array({ minLength: 16, maxLength: 400 }), fc.nat(0xfff), (spec, bytes, type) => {
      const framed = bytes.slice();
      new DataView(framed.buffer).setUint32(0, framed.length, true);
      new DataView(framed.buffer).setUint16(4, type, true);
      decode(spec, framed);
    }),
    { numRuns: 6_000, seed: fuzzSeed },
  );
  const perRun = (performance.now() - started) / 24_000;
  t.ok(perRun < 5, `${perRun.toFixed(3)} ms per run`);
});

t.test('nesting is bounded', async (t) => {
  const spec = loadSpec(
    readFileSync(new URL('../../../fixtures/netlink/recursive.yaml', import.meta.url), 'utf8'),
    'recursive.yaml',
  );
  let request: Message = { leaf: 1 };
  for (let depth = 0; depth < 20; depth++) request = { child: request };
  const bytes = encodeMessage(spec, 'get', 'do', request);
  t.same(decodeMessage(spec, bytes, { direction: 'out' }).message, request);
  for (let depth = 0; depth < 20; depth++) request = { child: request };
  t.throws(() => encodeMessage(spec, 'get', 'do', request), { code: 'invalid-request' });
  // 60 nests in one another, by hand.
  const deep = new Uint8Array(20 + 60 * 4);
  const view = new DataView(deep.buffer);
  view.setUint32(0, deep.length, true);
  view.setUint16(4, 16, true);
  view.setUint8(16, 1);
  for (let at = 20; at < deep.length; at += 4) {
    view.setUint16(at, deep.length - at, true);
    view.setUint16(at + 2, 1, true);
  }
  t.throws(() => decodeMessage(spec, deep), { code: 'malformed' });
});
