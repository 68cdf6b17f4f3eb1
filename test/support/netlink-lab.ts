// SPDX-License-Identifier: Apache-2.0
// A namespace with one of everything that the netlink specs describe, as far as the running kernel has it.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeAtExit } from './lab/cleanup.js';
import { run } from './lab/command.js';
import { addNetns, bridge, deleteNetns, inNetns, ip } from './lab/netns.js';

async function attachXdp(netns: string, device: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'netlink-xdp-'));
  removeAtExit(directory, ['rm', '-rf', directory]);
  const source = join(directory, 'pass.c');
  writeFileSync(source, '__attribute__((section("xdp"), used)) int pass(void *ctx) { return 2; }\n');
  await run('clang', ['-target', 'bpf', '-O2', '-g', '-c', source, '-o', join(directory, 'pass.o')]);
  await ip(netns, `link set dev ${device} xdpgeneric obj ${join(directory, 'pass.o')} sec xdp`);
}

/** Creates and fills the namespace; the caller deletes it. */
export async function buildNetlinkLab(netns: string): Promise<void> {
  await addNetns(netns);
  // No addresses of the kernel's own making: their traffic would change neighbours between two looks.
  await inNetns(netns, ['sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1']);
  await ip(
    netns,
    'link set lo up',
    'link add br0 type bridge ageing_time 45600 priority 8192 mcast_snooping 0 group_fwd_mask 0x4000',
    'link add br1 type bridge no_linklocal_learn 1 forward_delay 400',
    'link add v0 mtu 1400 txqueuelen 55 type veth peer name v1',
    'link add v2 type veth peer name v3',
    'link set v0 master br0 group 9',
    'link set v2 master br0',
    'link set v0 type bridge_slave hairpin on cost 12 learning off flood off neigh_suppress on mcast_to_unicast on',
    'link set v2 type bridge_slave guard on root_block on fastleave on isolated on bcast_flood off mcast_flood off priority 3',
    'link add vx0 type vxlan id 99 dstport 4790 group 239.1.1.1 dev v1 ttl 9 nolearning',
    'link add vx1 type vxlan id 98 dstport 4791 local 2001:db8::7 remote 2001:db8::8',
    'link add mv0 link v3 type macvlan mode private',
    'tuntap add tap0 mode tap vnet_hdr user 65534',
    'link property add dev v3 altname first-name altname second-name',
    'link set v1 alias wan',
    'addr add 192.0.2.1/24 brd + dev br0',
    'addr add 198.51.100.1 peer 198.51.100.2/32 dev v1',
    'addr add 2001:db8::1/64 dev br0 nodad',
    ...['br0', 'v0', 'v1', 'v2', 'v3'].map((name) => `link set ${name} up`),
    'neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 nud permanent dev br0',
    'neigh add 2001:db8::77 lladdr 02:00:00:00:00:78 nud noarp dev br0',
    'route add 203.0.113.0/24 via 192.0.2.77 metric 30 mtu 1300',
    'route add blackhole 203.0.114.0/24 table 7000',
    'route add 2001:db8:5::/48 via 2001:db8::77',
    'rule add from 192.0.2.0/24 iif v1 fwmark 0x5/0xff table 7000 priority 700',
  ).catch(async (error: unknown) => {
    await deleteNetns(netns);
    throw error;
  });
  await inNetns(netns, 'ip -6 rule add to 2001:db8:9::/48 table 7001 priority 701'.split(' '));
  await bridge(
    netns,
    'fdb add 02:00:00:00:00:0a dev v0 master static',
    'fdb add 02:00:00:00:00:0b dev vx0 dst 192.0.2.55 port 5000 vni 7',
    'fdb add 02:00:00:00:00:0c dev v2 master static sticky',
  );
  await attachXdp(netns, 'v3');
  await inNetns(netns, ['tc', 'qdisc', 'add', 'dev', 'v1', 'clsact']);
  for (const [hook, count] of [
    ['ingress', 1],
    ['egress', 2],
  ] as const) {
    for (let n = 1; n <= count; n++) {
      await inNetns(netns, [
        'tc',
        'filter',
        'add',
        'dev',
        'v1',
        hook,
        'pref',
        String(n),
        'bpf',
        'da',
        'bytecode',
        '1,6 0 0 0,',
      ]);
    }
  }
  const ruleset = `table ip nat {
    chain post {
      type nat hook postrouting priority 100; policy accept;
      ip saddr 192.0.2.0/24 masquerade
    }
  }
  table inet filter {
    chain forward {
      type filter hook forward priority -7; policy drop;
      ip saddr 192.0.2.7 counter accept
      jump sub
    }
    chain sub {
    }
  }
  table netdev early {
    chain two {
      type filter hook ingress devices = { "v1", "v3" } priority 10; policy accept;
    }
  }
`;
  // What this kernel cannot do (NAT, perhaps) is left out rather than faked.
  const withoutNat = ruleset.slice(ruleset.indexOf('table inet'));
  await inNetns(netns, ['nft', '-f', '-'], ruleset).catch(() => inNetns(netns, ['nft', '-f', '-'], withoutNat));
}
