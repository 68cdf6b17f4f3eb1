// SPDX-License-Identifier: Apache-2.0
// Records what the running kernel answers, for fixtures/netlink: one message per line in hex. Needs root.
// Usage: node dist/test/support/netlink-record.js fixtures/netlink
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BundledSpecName, bundledSpec, encodeMessage, type Message, MessageFlag } from 'netlink-ts';
import { RequestChannel } from 'netlink-ts/dist/request-channel.js';
import { addNetns, deleteNetns, inNetns, ip, netnsName } from './lab/netns.js';

const netns = netnsName('record');
const target = process.argv[2] ?? '.';
const bridgeFamily = 7;
const compactBitsets = 1;

async function configure(): Promise<void> {
  await ip(
    netns,
    'link set lo up',
    'link add br0 address 02:00:00:00:00:01 type bridge ageing_time 12300 group_fwd_mask 8 priority 4096',
    'link add v0 address 02:00:00:00:00:02 txqueuelen 77 type veth peer name v1 address 02:00:00:00:00:03',
    'link set v0 master br0',
    'link set v0 type bridge_slave hairpin on isolated on cost 5 priority 7 guard on',
    'link add vx0 address 02:00:00:00:00:04 type vxlan id 42 dstport 4790 local 192.0.2.1 nolearning',
    'link add mv0 link v1 address 02:00:00:00:00:05 type macvlan mode bridge',
    'tuntap add tap0 mode tap multi_queue',
    'link property add dev v1 altname another-name',
    'link set br0 up',
    'link set v0 up',
    'link set v1 up',
    'addr add 192.0.2.1/24 dev br0',
    'addr add 2001:db8::1/64 dev br0 nodad',
    'neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 nud permanent dev br0',
    'route add 198.51.100.0/24 via 192.0.2.9 metric 5',
    'route add 203.0.113.0/24 proto static nexthop via 192.0.2.9 weight 2 nexthop via 192.0.2.10',
    'route add 2001:db8:1::/48 via 2001:db8::9',
    'rule add from 198.51.100.0/24 iif v1 table 1000 priority 500',
  );
  await inNetns(netns, ['bridge', 'fdb', 'add', '02:00:00:00:00:0a', 'dev', 'v0', 'master', 'static']);
  await inNetns(netns, ['bridge', 'fdb', 'add', '02:00:00:00:00:0b', 'dev', 'vx0', 'dst', '192.0.2.77']);
  await inNetns(netns, ['tc', 'qdisc', 'add', 'dev', 'v1', 'clsact']);
  await inNetns(
    netns,
    ['nft', '-f', '-'],
    `table inet filter {
      chain forward {
        type filter hook forward priority -5; policy drop;
        ip saddr 192.0.2.7 counter accept
      }
      chain plain {
      }
    }
    table netdev early {
      chain in {
        type filter hook ingress device "v1" priority 10; policy accept;
      }
    }
    `,
  );
}

/** A request and every message of its answer, the acknowledgement included. */
async function exchange(
  spec: BundledSpecName,
  operation: string,
  mode: 'do' | 'dump',
  request: Message,
  familyId: number | undefined,
): Promise<string[]> {
  const compiled = bundledSpec(spec);
  const bytes = encodeMessage(compiled, operation, mode, request, {
    flags: mode === 'do' ? MessageFlag.ack : 0,
    ...(familyId === undefined ? {} : { familyId }),
  });
  const lines: string[] = [];
  const channel = new RequestChannel(compiled.protocol, `/run/netns/${netns}`, 5000, (input) => {
    for (let at = 0; at < input.bytes.length; ) {
      const length = input.view.getUint32(at, true);
      lines.push(Buffer.from(input.bytes.subarray(at, at + length)).toString('hex'));
      at += (length + 3) & ~3;
    }
  });
  await channel.send({ operation: `${spec} ${operation}`, bytes, onMessage: () => undefined });
  channel.close();
  return [`# ${spec} ${operation} ${mode} ${JSON.stringify(request)}`, Buffer.from(bytes).toString('hex'), ...lines];
}

async function familyId(name: string): Promise<number> {
  const [, , reply] = await exchange('nlctrl', 'getfamily', 'do', { family_name: name }, undefined);
  // The first attribute of the answer may be any: look for the family id, type 1, length 6.
  const at = reply?.indexOf('06000100') ?? -1;
  return Buffer.from(reply?.slice(at + 8, at + 12) ?? '', 'hex').readUInt16LE();
}

await addNetns(netns);
try {
  await configure();
  const netdev = await familyId('netdev');
  const ethtool = await familyId('ethtool');
  const header = { flags: compactBitsets };
  const recordings: readonly [string, BundledSpecName, string, 'do' | 'dump', Message, number?][] = [
    ['links', 'rt-link', 'getlink', 'dump', { ext_mask: 8 }],
    ['links-with-statistics', 'rt-link', 'getlink', 'do', { ifname: 'v0' }],
    ['bridge-ports', 'rt-link', 'getlink', 'dump', { ifi_family: bridgeFamily, ext_mask: 2 }],
    ['no-such-link', 'rt-link', 'getlink', 'do', { ifname: 'missing' }],
    ['refused-header', 'rt-link', 'getlink', 'do', { ifi_index: 1, ifi_type: 7 }],
    ['refused-attribute', 'rt-link', 'newlink', 'do', { ifi_index: 1, mtu: 1, ifname: 'far-too-long-a-name' }],
    ['addresses', 'rt-addr', 'getaddr', 'dump', {}],
    ['neighbours', 'rt-neigh', 'getneigh', 'dump', {}],
    ['fdb', 'rt-neigh', 'getneigh', 'dump', { ndm_family: bridgeFamily }],
    ['routes', 'rt-route', 'getroute', 'dump', {}],
    ['rules', 'rt-rule', 'getrule', 'dump', {}],
    ['qdiscs', 'tc', 'getqdisc', 'dump', {}],
    ['nft-tables', 'nftables', 'gettable', 'dump', {}],
    ['nft-chains', 'nftables', 'getchain', 'dump', {}],
    ['nft-rules', 'nftables', 'getrule', 'dump', {}],
    ['nft-generation', 'nftables', 'getgen', 'do', {}],
    ['family', 'nlctrl', 'getfamily', 'do', { family_name: 'netdev' }],
    ['xdp-features', 'netdev', 'dev-get', 'dump', {}, netdev],
    ['features', 'ethtool', 'features-get', 'dump', { header }, ethtool],
    ['feature-names', 'ethtool', 'strset-get', 'do', { header: {}, stringsets: { stringset: [{ id: 4 }] } }, ethtool],
  ];
  for (const [name, spec, operation, mode, request, family] of recordings) {
    const lines = await exchange(spec, operation, mode, request, family);
    writeFileSync(join(target, `${name}.hex`), `${lines.join('\n')}\n`);
    process.stdout.write(`${name}: ${lines.length - 2} messages\n`);
  }
} finally {
  await deleteNetns(netns);
}
