// SPDX-License-Identifier: Apache-2.0
// Every bundled spec against what the system's own tools say about the same namespace.
import { type BundledSpecName, bundledSpec, enumName, ethtoolFeatures, flagsOf, NetlinkClient } from 'netlink-ts';
import t from 'tap';
import { deleteNetns, inNetns, netnsName } from '../support/lab/netns.js';
import { buildNetlinkLab } from '../support/netlink-lab.js';

const netns = netnsName('kernel');
const ingress = 0xfffffff2;
const egress = 0xfffffff3;
const bridgeFamily = 7;

type Json = Readonly<Record<string, unknown>>;

async function tool(...command: readonly string[]): Promise<Json[]> {
  return JSON.parse((await inNetns(netns, command)) || '[]') as Json[];
}

function client<Name extends BundledSpecName>(spec: Name) {
  return NetlinkClient.open({ spec, netns: `/run/netns/${netns}` });
}

t.before(() => buildNetlinkLab(netns));

t.teardown(() => deleteNetns(netns));

// Names that iproute2 has for attributes whose names in the kernel differ.
const portNames: Readonly<Record<string, string>> = {
  hairpin: 'mode',
  root_block: 'protect',
  fastleave: 'fast_leave',
  flood: 'unicast_flood',
  proxy_arp: 'proxyarp',
  proxy_arp_wifi: 'proxyarp_wifi',
  mcast_to_unicast: 'mcast_to_ucast',
};

/** Numbers and switches that both sides have under the same name, and how many those are. */
function compareNumbers(ours: Json, theirs: Json): { readonly compared: number; readonly different: string[] } {
  let compared = 0;
  const different: string[] = [];
  for (const [name, value] of Object.entries(theirs)) {
    const mine = ours[portNames[name] ?? name];
    // Timers run on between the two looks. Of what is printed as a string these are hexadecimal numbers.
    const text = ['group_fwd_mask', 'id', 'no'].includes(name) && typeof value === 'string';
    if (typeof mine !== 'number' || name.endsWith('timer')) continue;
    if (!text && typeof value !== 'number' && typeof value !== 'boolean') continue;
    const number = text ? Number.parseInt(value, 16) : Number(value);
    compared += 1;
    if (number !== mine) different.push(`${name}: ${mine}, not ${String(value)}`);
  }
  return { compared, different };
}

t.test('rt-link against ip -d link', async (t) => {
  const links = await client('rt-link');
  const spec = bundledSpec('rt-link');
  const ours = new Map((await links.dump('getlink')).map((link) => [link.ifi_index, link]));
  const names = new Map([...ours].map(([index, { ifname }]) => [index, ifname]));
  const theirs = await tool('ip', '-j', '-d', 'link');
  t.equal(theirs.length, ours.size);
  for (const link of theirs) {
    const mine = ours.get(link.ifindex as number);
    if (mine === undefined) throw new Error(`no link ${String(link.ifindex)}`);
    t.equal(mine._unknown, undefined, 'all attributes known');
    const { compared, different } = compareNumbers(mine as Json, { ...link, flags: undefined, group: undefined });
    t.same(different, [], String(link.ifname));
    t.ok(compared >= 10, `${compared} numbers`);
    t.match(mine, { ifname: link.ifname, address: link.address, qdisc: link.qdisc });
    t.equal(names.get(mine.master), link.master);
    if (typeof link.link === 'string') t.equal(names.get(mine.link), link.link);
    t.equal(String(mine.group === 0 ? 'default' : mine.group), link.group);
    t.equal(mine.ifalias, link.ifalias);
    t.same(mine.prop_list?.alt_ifname, link.altnames);
    const state = enumName(spec, 'operstate', mine.operstate ?? -1) ?? '';
    t.equal(state.replaceAll('-', '').toUpperCase(), String(link.operstate).replaceAll('-', ''));
    const flags = flagsOf(spec, 'ifinfo-flags', mine.ifi_flags ?? 0).map((flag) =>
      flag.toUpperCase().replaceAll('-', ''),
    );
    const spoken: Readonly<Record<string, string>> = { LOWERUP: 'LOWER_UP', POINTTOPOINT: 'POINTOPOINT' };
    for (const flag of ['UP', 'BROADCAST', 'LOOPBACK', 'MULTICAST', 'NOARP', 'LOWERUP', 'PROMISC']) {
      const said = (link.flags as readonly string[]).includes(spoken[flag] ?? flag);
      t.equal(flags.includes(flag), said, `${String(link.ifname)} ${flag}`);
    }
    const info = (link.linkinfo ?? {}) as Json;
    const kind = mine.linkinfo?.kind;
    // tap devices are called tun by the kernel.
    t.equal(kind, info.info_kind, 'kind');
    t.equal(mine.linkinfo?.slave_kind, info.info_slave_kind);
    t.equal(mine.linkinfo?._unknown, undefined);
    if (kind === 'bridge') {
      const data = (mine.linkinfo?.data ?? {}) as Json;
      const said = info.info_data as Json;
      const result = compareNumbers(data, said);
      t.same(result.different, []);
      t.ok(result.compared >= 30, `${result.compared} numbers of a bridge`);
      const { prio, addr } = data.bridge_id as { prio: number; addr: string };
      const short = addr.replace(/(^|:)0/g, '$1');
      t.equal(`${prio.toString(16).padStart(4, '0')}.${short}`, said.bridge_id);
      t.equal(data.group_addr, said.group_addr);
      const options = flagsOf(spec, 'bridge-boolopt', (data.multi_boolopt as { optval: number }).optval);
      t.equal(options.includes('no-ll-learn') ? 1 : 0, said.no_linklocal_learn);
      t.equal(data._unknown, undefined, 'all of a bridge is known');
    }
    if (mine.linkinfo?.slave_kind === 'bridge') {
      const data = (mine.linkinfo.slave_data ?? {}) as Json;
      const said = info.info_slave_data as Json;
      const result = compareNumbers(data, { ...said, state: undefined });
      t.same(result.different, []);
      t.ok(result.compared >= 20, `${result.compared} numbers of a port`);
      t.equal(enumName(spec, 'stp-port-state', data.state as number), said.state);
      t.equal(data._unknown, undefined, 'all of a port is known');
    }
    if (kind === 'vxlan') {
      const data = (mine.linkinfo?.data ?? {}) as Json;
      const said = info.info_data as Json;
      const result = compareNumbers(data, { ...said, link: undefined, df: undefined });
      t.same(result.different, []);
      t.ok(result.compared >= 6, `${result.compared} numbers of a VXLAN`);
      t.equal(data.group, said.group);
      t.equal(data.local6, said.local6);
      t.equal(data.group6, said.remote6);
      t.equal(data._unknown, undefined);
    }
    if (kind === 'tun') {
      const said = info.info_data as Json;
      t.match(mine.linkinfo?.data, { type: 2, vnet_hdr: said.vnet_hdr ? 1 : 0, owner: 65534, multi_queue: 0 });
    }
    if (kind === 'macvlan') t.match(mine.linkinfo?.data, { mode: 1 });
    const attached = link.xdp as { mode: number; prog: { id: number } } | undefined;
    t.equal(mine.xdp?.attached, attached?.mode ?? 0);
    t.equal(mine.xdp?.prog_id, attached?.prog.id);
    t.equal(mine.xdp?.skb_prog_id, attached?.prog.id, 'attached in generic mode');
  }
  t.equal([...ours.values()].filter(({ xdp }) => xdp?.attached === 2).length, 1, 'one with XDP');

  const one = await links.do('getlink', { ifname: 'v1' });
  t.equal(one.ifi_index, [...ours].find(([, { ifname }]) => ifname === 'v1')?.[0]);
  const ports = await links.dump('getlink', { ifi_family: bridgeFamily, ext_mask: 2 });
  t.same(
    ports
      .filter(({ protinfo }) => protinfo !== undefined)
      .map(({ ifname }) => ifname)
      .sort(),
    ['v0', 'v2'],
  );
  const br0 = [...ours.values()].find(({ ifname }) => ifname === 'br0')?.ifi_index;
  const members = await links.dump('getlink', { master: br0 });
  t.same(members.map(({ ifname }) => ifname).sort(), ['v0', 'v2'], 'filtered by the kernel');
  links.close();
});

t.test('rt-addr against ip address', async (t) => {
  const addresses = await client('rt-addr');
  const ours = (await addresses.dump('getaddr'))
    .map((each) => ({
      ifindex: each.ifa_index,
      // Point-to-point: local is the own address; IPv6 has no local without a peer.
      local: each.local ?? each.address,
      prefixlen: each.ifa_prefixlen,
      broadcast: each.broadcast,
      label: each.label,
    }))
    .map((each) => JSON.stringify(each));
  const theirs = (await tool('ip', '-j', 'addr')).flatMap((link) =>
    (link.addr_info as Json[]).map(({ local, prefixlen, broadcast, label }) =>
      JSON.stringify({ ifindex: link.ifindex, local, prefixlen, broadcast, label }),
    ),
  );
  t.same(ours.sort(), theirs.sort());
  t.ok(theirs.length >= 5);
  addresses.close();
});

t.test('rt-neigh against ip neigh and bridge fdb', async (t) => {
  const neighbours = await client('rt-neigh');
  const spec = bundledSpec('rt-neigh');
  const indexes = new Map((await tool('ip', '-j', 'link')).map((link) => [link.ifname, link.ifindex]));
  const names = new Map([...indexes].map(([name, index]) => [index, name]));
  const all = await neighbours.dump('getneigh');
  for (const said of await tool('ip', '-j', 'neigh', 'show', 'nud', 'all')) {
    const mine = all.find((each) => each.dst === said.dst && each.ndm_ifindex === indexes.get(said.dev));
    t.equal(mine?.lladdr, said.lladdr, String(said.dst));
    t.same(
      flagsOf(spec, 'nud-state', mine?.ndm_state ?? 0).map((state) => state.toUpperCase()),
      said.state,
    );
  }
  t.match(
    all.find(({ dst }) => dst === '192.0.2.77'),
    { lladdr: '02:00:00:00:00:77' },
  );

  const entries = (await neighbours.dump('getneigh', { ndm_family: bridgeFamily })).map((each) =>
    JSON.stringify([
      each.lladdr,
      names.get(each.ndm_ifindex),
      names.get(each.master),
      each.dst,
      each.vni,
      each.port,
      ((each.ndm_flags ?? 0) & 0x40) !== 0,
    ]),
  );
  const said = (await tool('bridge', '-j', 'fdb')).map((each) =>
    JSON.stringify([
      each.mac,
      each.ifname,
      each.master,
      each.dst,
      each.vni,
      each.port,
      (each.flags as string[]).includes('sticky'),
    ]),
  );
  t.same(entries.sort(), said.sort());
  t.ok(
    said.some((each) => each.includes('192.0.2.55')),
    'a remote VTEP among them',
  );
  neighbours.close();
});

t.test('rt-route and rt-rule against ip', async (t) => {
  const routes = await client('rt-route');
  const spec = bundledSpec('rt-route');
  const names = new Map((await tool('ip', '-j', 'link')).map((link) => [link.ifindex, link.ifname]));
  const tables: Readonly<Record<number, string>> = { 254: 'main', 255: 'local' };
  const ours = (await routes.dump('getroute')).map((each) => {
    const host = each.rtm_family === 2 ? 32 : 128;
    const prefix = each.rtm_dst_len === host ? '' : `/${each.rtm_dst_len}`;
    return JSON.stringify({
      type: enumName(spec, 'rtm-type', each.rtm_type ?? 0),
      dst: each.dst === undefined ? 'default' : `${each.dst}${prefix}`,
      gateway: each.gateway,
      // `ip` names no device for a blackhole of IPv6, which has lo.
      dev: names.get(each.oif),
      table: tables[each.table ?? 0] ?? String(each.table),
      prefsrc: each.prefsrc,
      metric: each.priority,
      mtu: each.metrics?.mtu,
    });
  });
  const theirs = (await tool('ip', '-j', '-d', 'route', 'show', 'table', 'all')).map(
    ({ type, dst, gateway, dev, table = 'main', prefsrc, metric, metrics }) =>
      JSON.stringify({
        type,
        dst,
        gateway,
        dev,
        table,
        prefsrc,
        metric,
        mtu: (metrics as Json[] | undefined)?.[0]?.mtu,
      }),
  );
  t.same(ours.sort(), theirs.sort());
  t.ok(theirs.length > 10);
  const found = await routes.do('getroute', { rtm_family: 2, rtm_dst_len: 32, dst: '203.0.113.9' });
  t.match(found, { gateway: '192.0.2.77', dst: '203.0.113.9' }, 'a look-up');
  routes.close();

  const rules = await client('rt-rule');
  const all = await rules.dump('getrule');
  for (const family of [2, 10]) {
    const said = await tool('ip', family === 2 ? '-4' : '-6', '-j', 'rule');
    const mine = all.filter((rule) => rule.family === family);
    t.equal(mine.length, said.length);
    said.forEach((rule, n) => {
      t.match(mine[n], { priority: rule.priority === 0 ? undefined : rule.priority }, `rule ${String(rule.priority)}`);
      t.equal(mine[n]?.iifname, rule.iif);
      if (rule.src !== 'all') t.equal(mine[n]?.src, rule.src);
      if (rule.dst !== undefined) t.equal(mine[n]?.dst, rule.dst);
      if (/^\d+$/.test(String(rule.table))) t.equal(String(mine[n]?.table), rule.table, 'a table above 255');
      if (rule.fwmark !== undefined)
        t.same([mine[n]?.fwmark, mine[n]?.fwmask], [Number(rule.fwmark), Number(rule.fwmask)]);
    });
  }
  rules.close();
});

t.test('tc against tc', async (t) => {
  const tc = await client('tc');
  const indexes = new Map((await tool('ip', '-j', 'link')).map((link) => [link.ifname, link.ifindex as number]));
  const ours = (await tc.dump('getqdisc')).map(({ kind, ifindex, handle = 0, parent }) =>
    JSON.stringify([kind, ifindex, (handle >>> 16).toString(16), parent === 0xffffffff]),
  );
  const theirs = (await tool('tc', '-j', 'qdisc')).map(({ kind, dev, handle, root }) =>
    JSON.stringify([kind, indexes.get(dev), String(handle).replace(':', ''), root === true]),
  );
  t.same(ours.sort(), theirs.sort());
  t.ok(ours.some((each) => each.includes('clsact')));
  for (const [hook, parent, count] of [
    ['ingress', ingress, 1],
    ['egress', egress, 2],
  ] as const) {
    const filters = await tc.dump('gettfilter', { ifindex: indexes.get('v1'), parent });
    // The first message of a priority stands for the chain, with no handle.
    const programs = filters.filter(({ handle }) => handle !== 0);
    t.equal(programs.length, count, hook);
    for (const filter of programs) t.match(filter, { kind: 'bpf', chain: 0, options: { flags: 1, ops_len: 1 } });
    const said = await tool('tc', '-j', 'filter', 'show', 'dev', 'v1', hook);
    t.same(
      filters.map(({ info = 0 }) => info >>> 16),
      said.map(({ pref }) => pref),
    );
  }
  t.same(await tc.dump('gettfilter', { ifindex: indexes.get('v3'), parent: ingress }), [], 'none elsewhere');
  tc.close();
});

t.test('nftables against nft', async (t) => {
  const nft = await client('nftables');
  const spec = bundledSpec('nftables');
  const families: Readonly<Record<string, string>> = { ipv4: 'ip', ipv6: 'ip6' };
  const family = (number = 0): string => {
    const name = enumName(spec, 'nf-family', number) ?? '';
    return families[name] ?? name;
  };
  const hooks: Readonly<Record<string, readonly string[]>> = {
    netdev: ['ingress', 'egress'],
    any: ['prerouting', 'input', 'forward', 'output', 'postrouting', 'ingress'],
  };
  const listed = JSON.parse(await inNetns(netns, ['nft', '-j', '-n', 'list', 'ruleset'])) as { nftables: Json[] };
  const objects = (kind: string) =>
    listed.nftables.flatMap((each) => (each[kind] === undefined ? [] : [each[kind] as Json]));

  const tables = await nft.dump('gettable');
  t.same(
    tables.map((each) => [family(each.nfgen_family), each.name, each.handle]),
    objects('table').map((each) => [each.family, each.name, each.handle]),
  );
  t.ok(tables.length >= 2);
  const chains = (await nft.dump('getchain')).map((each) => {
    const names = each.nfgen_family === 5 ? hooks.netdev : hooks.any;
    const policy = each.policy === undefined ? undefined : enumName(spec, 'verdict', each.policy);
    const hook = each.hook === undefined ? undefined : names?.[each.hook.num ?? -1];
    return [
      family(each.nfgen_family),
      each.table,
      each.name,
      each.handle,
      each.type,
      hook,
      each.hook?.priority,
      policy,
    ];
  });
  t.same(
    chains,
    objects('chain').map((each) => [
      each.family,
      each.table,
      each.name,
      each.handle,
      each.type,
      each.hook,
      each.prio,
      each.policy,
    ]),
  );
  t.ok(chains.length >= 3);
  const two = (await nft.dump('getchain')).find(({ name }) => name === 'two');
  t.same([...(two?.hook?.devs?.name ?? [])].sort(), ['v1', 'v3'], 'devices, which nft leaves out of its JSON');
  const rules = await nft.dump('getrule');
  t.same(
    rules.map((each) => [family(each.nfgen_family), each.table, each.chain, each.handle]),
    objects('rule').map((each) => [each.family, each.table, each.chain, each.handle]),
  );
  const used = (await nft.dump('getchain', {})).find(({ name }) => name === 'forward');
  t.equal(used?.use, 2, 'two rules');

  const before = await nft.do('getgen', {});
  const seen: string[] = [];
  const events = await nft.subscribe(['nftables'], (event) =>
    seen.push(event.kind === 'message' ? event.operation : event.kind),
  );
  await inNetns(netns, ['nft', 'add', 'table', 'inet', 'more']);
  const after = await nft.do('getgen', {});
  t.ok(Number(after.id) > Number(before.id), 'the generation counts changes');
  t.same(seen, ['newtable-ntf', 'newgen-ntf']);
  events.close();
  nft.close();
});

t.test('netdev, ethtool and nlctrl', async (t) => {
  const links = (await tool('ip', '-j', 'link')).map(({ ifindex, ifname }) => ({ ifindex, name: String(ifname) }));
  const devices = await client('netdev');
  const spec = bundledSpec('netdev');
  const all = await devices.dump('dev-get');
  t.same(all.map(({ ifindex }) => ifindex).sort(), links.map(({ ifindex }) => ifindex).sort());
  const of = (name: string) => all.find(({ ifindex }) => ifindex === links.find((each) => each.name === name)?.ifindex);
  t.ok(flagsOf(spec, 'xdp-act', of('v1')?.xdp_features ?? 0).includes('redirect'));
  t.same(await devices.do('dev-get', { ifindex: of('v1')?.ifindex }), of('v1'));

  // GRO on makes a veth able to transmit XDP frames of its peer, which the kernel tells.
  const changes: unknown[] = [];
  await devices.subscribe(['mgmt'], (event) => {
    if (event.kind === 'message' && event.operation === 'dev-change-ntf') changes.push(event.message.ifindex);
  });
  await inNetns(netns, ['ethtool', '-K', 'v3', 'gro', 'on']);
  const peer = await devices.do('dev-get', { ifindex: of('v2')?.ifindex });
  t.same(changes, [peer.ifindex]);
  t.ok(flagsOf(spec, 'xdp-act', peer.xdp_features ?? 0).includes('ndo-xmit'));
  devices.close();

  const ethtool = await client('ethtool');
  const features = await ethtoolFeatures(ethtool);
  t.same(features.map(({ name }) => name).sort(), links.map(({ name }) => name).sort());
  for (const { name, ifindex, active } of features) {
    const [said = {}] = JSON.parse(await inNetns(netns, ['ethtool', '--json', '-k', name])) as Json[];
    const on = Object.entries(said).flatMap(([feature, value]) =>
      (value as { active?: boolean }).active === true ? [feature] : [],
    );
    // ethtool prints some under names of its own, for several at once.
    const common = on.filter(
      (feature) =>
        !/^(rx|tx)-checksumming$|^(scatter-gather|tcp-segmentation-offload|generic-|rx-vlan-offload|tx-vlan-offload|highdma|large-receive|ntuple|receive-hashing)/.test(
          feature,
        ),
    );
    t.ok(common.length >= 1, name);
    t.same(
      common.filter((feature) => !active.includes(feature)),
      [],
      `${name}: ${active.length} features`,
    );
    t.same(
      active.filter((feature) => (said[feature] as { active?: boolean } | undefined)?.active === false),
      [],
    );
    t.same(await ethtoolFeatures(ethtool, ifindex), [{ name, ifindex, active }]);
  }
  ethtool.close();

  const controller = await client('nlctrl');
  const families = await controller.dump('getfamily');
  const named = families.find(({ family_name: name }) => name === 'ethtool');
  const asked = await controller.do('getfamily', { family_name: 'ethtool' });
  t.equal(asked.family_id, named?.family_id);
  t.ok(
    asked.ops?.some(({ id }) => id === 11),
    'features-get is among the operations',
  );
  t.same(
    asked.mcast_groups?.map(({ name }) => name),
    ['monitor'],
  );
  controller.close();
});
