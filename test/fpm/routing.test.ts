// SPDX-License-Identifier: Apache-2.0
// Every FPM of routing against a real router: configuration and packet in, reason (or the very packet that Linux would
// send) out; each declared reason is reached here, or listed with the evidence why this kernel can't reach it. TNA_FPM_CASES=TEXT: only
// cases with this in their name.

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';
import { probe, testRun } from 'bpf-loader-native';
import { enterNetns } from 'netlink-ts';
import t, { type Test } from 'tap';
import { hush, withAgent } from '../support/lab/agent.js';
import { checksum, ethernet, hex, ipv4, ipv6, ipv6Address, mac, udp } from '../support/lab/frame.js';
import { inNetns, ip } from '../support/lab/netns.js';
import type { Hook, Kind } from './case.js';
import { everyReason, expectReason, type Unreachable } from './every-reason.js';
import { type Counts, difference, FastPath } from './fast-path.js';
import { forwarded } from './forwarded.js';
import { addPort, command, ifindexOf, makeHosts, makeRouter, ownLibrary } from './lab.js';
import {
  A,
  B,
  type Bench,
  type Case,
  own1,
  own2,
  packet,
  python,
  routed,
  routingModules,
  viaB,
} from './routing-case.js';
import { routingCases } from './routing-cases.js';
import { packet6, routed6, routing6Cases, speakIp6 } from './routing6-cases.js';

t.setTimeout(800_000);
// Some of what Linux remembers of a packet it remembers for the CPU that the packet came by.
execFileSync('taskset', ['-a', '-p', '-c', '0', String(process.pid)]);
const onlyCases = process.env.TNA_FPM_CASES ?? '';
const library = await ownLibrary(t);

/** Reasons that a test has seen, as `fpm:code`. */
const reached = new Set<string>();

async function makeBench(t: Test, hook: Hook, kind: Kind): Promise<Bench> {
  const hosts = await makeHosts(t);
  const { netns, peers, agent } = hosts;
  await hush(agent, [peers]);
  await makeRouter(hosts);
  const ports: number[] = [];
  for (const [i, name] of ['p1', 'p2'].entries()) {
    ports.push(await addPort(hosts, kind, name));
    await ip(netns, `link set ${name} address ${i === 0 ? own1 : own2} up`, `addr add 10.${i + 1}.0.1/24 dev ${name}`);
  }
  await agent.settle(kind === 'veth' ? 300 : 0);
  await ip(netns, 'link set lo up', `neigh add 10.1.0.10 lladdr ${A} dev p1 nud permanent`);
  await ip(netns, `neigh add 10.2.0.10 lladdr ${B} dev p2 nud permanent`);
  await speakIp6(netns);
  await delay(200);
  for (const bytes of [packet(), packet6()]) await agent.send([{ port: ports[0] as number, bytes }]);
  await agent.collect(20);
  enterNetns(`/run/netns/${netns}`);
  const fast = await FastPath.load(library, hook);
  t.teardown(() => fast.close());
  const ifindex = (name: string) => ifindexOf(netns, name);
  return { hook, kind, netns, peers, agent, fast, in: ports[0] as number, out: ports[1] as number, ifindex };
}

/** What each bench's program was made for: verifying one takes longer than a case. */
const used = new WeakMap<Bench, string>();

async function use(bench: Bench, { modules = routingModules, params }: Case): Promise<void> {
  const key = JSON.stringify([modules, params]);
  if (used.get(bench) === key) return;
  await bench.fast.use(modules, params);
  used.set(bench, key);
}

async function runCase(
  bench: Bench,
  one: Case,
): Promise<{ readonly counts: Counts; readonly arrived: readonly string[] }> {
  await use(bench, one);
  for (const text of one.set ?? []) await command(bench.netns, text);
  const undo = await one.prepare?.(bench);
  try {
    if (one.first === true) await bench.agent.send([{ port: bench.in, bytes: one.frame ?? packet(one.packet) }]);
    await bench.agent.collect(bench.kind === 'veth' && one.first === true ? 20 : 1);
    const before = bench.fast.counts();
    const [result] = await bench.agent.send([{ port: bench.in, bytes: one.frame ?? packet(one.packet) }]);
    const late = await bench.agent.collect(bench.kind === 'veth' ? 20 : 1);
    const arrived = [...(result?.received ?? []), ...late]
      .filter((r) => r.port === bench.out && r.bytes.startsWith(mac(B)) && /^(0800|86dd)$/.test(r.bytes.slice(24, 28)))
      .map((r) => r.bytes);
    return { counts: difference(before, bench.fast.counts()), arrived };
  } finally {
    await undo?.();
    for (const text of one.unset ?? []) await command(bench.netns, text);
  }
}

/** All cases run on one kind of device per hook; on the other only what differs there. */
function applies(one: Case, hook: Hook, kind: Kind): boolean {
  const main = hook === 'xdp' ? 'tap' : 'veth';
  if (!(one.hooks ?? [hook]).includes(hook) || !one.name.includes(onlyCases)) return false;
  return one.kinds === undefined
    ? kind === main || one === routingCases[0] || one === routing6Cases[0]
    : one.kinds.includes(kind);
}

for (const [hook, kind] of [
  ['xdp', 'tap'],
  ['xdp', 'veth'],
  ['tc', 'tap'],
  ['tc', 'veth'],
] as const) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const bench = await makeBench(t, hook, kind);
    bench.fast.allow(await bench.ifindex('p2'));
    const program = await bench.fast.use(routingModules);
    await bench.fast.attach(await bench.ifindex('p1'));
    if (onlyCases === '' && hook === 'tc' && kind === 'veth') await localSender(t, bench);
    if (onlyCases === '' && hook === 'tc' && kind === 'tap') await synthetic(t, bench, program);
    // those of IPv6 first: some of IPv4 take IPv6 away from a device
    for (const one of [...routing6Cases, ...routingCases]) {
      if (!applies(one, hook, kind)) continue;
      if (one.needs !== undefined && (await probe(one.needs)).answer !== 'yes') continue;
      const outcome = await runCase(bench, one).catch((error: unknown) => new Error(`${one.name}: ${String(error)}`));
      if (outcome instanceof Error) {
        t.fail(outcome.message);
        continue;
      }
      t.strictSame(outcome.counts, { [one.expect]: 1 }, `${one.name}: ${one.expect}`);
      if (one.expect === 'fast')
        t.strictSame(
          outcome.arrived,
          [forwarded(one.frame ?? packet(one.packet), B, own2)],
          `${one.name}: arrives as Linux would send it`,
        );
      for (const seen of Object.keys(outcome.counts)) reached.add(seen);
    }
  });
}

/** A sender behind the veth that says that it hears from the other end (MSG_CONFIRM), as TCP does: Linux notes that of its own next hop. */
async function confirmingSender(t: Test, bench: Bench, family: 4 | 6, neighbour: string): Promise<void> {
  const { fast, netns, peers } = bench;
  const send = async (flags: number) => {
    const before = fast.counts();
    const twice = `[s.sendto(b'x'*30,${flags},('${neighbour}',7)) for i in (1,2)]`;
    const socket = `socket.socket(socket.AF_INET${family === 4 ? '' : '6'},2)`;
    await (await python(peers, `import socket; s=${socket}; ${twice}; print(1,flush=True)`))();
    await delay(30);
    // what an IPv6 host says to all beside
    const { 'ip_receive:not-ours': _, ...counts } = difference(before, fast.counts());
    return counts;
  };
  await ip(netns, `neigh replace ${neighbour} lladdr ${B} dev p2 nud reachable`);
  // longer than IP4_NEIGHBOUR_refresh, whatever HZ is
  await delay(1200);
  t.strictSame(await send(0), { fast: 2 }, 'nothing to confirm');
  const reason = `ip${family}_neighbour:confirming`;
  t.strictSame(await send(0x800), { fast: 1, [reason]: 1 }, `a confirmation, and again at once: ${reason}`);
  reached.add(reason);
  await ip(netns, `neigh replace ${neighbour} lladdr ${B} dev p2 nud noarp`);
  await delay(1200);
  t.strictSame(await send(0x800), { fast: 1, [reason]: 1 }, `of one that is not probed, but collected: ${reason}`);
  await ip(netns, `neigh replace ${neighbour} lladdr ${B} dev p2 nud permanent`);
}

/** Packets of a socket behind the veth, which they belong to until they are received. */
async function localSender(t: Test, bench: Bench): Promise<void> {
  const { netns, peers } = bench;
  await ip(peers, `link set h1 address ${A}`, 'addr add 10.1.0.10/24 dev h1', 'route add 10.2.0.0/24 via 10.1.0.1');
  await ip(peers, `neigh add 10.1.0.1 lladdr ${own1} dev h1 nud permanent`);
  const send = (option: string) => async () =>
    (
      await python(
        peers,
        `import socket; s=socket.socket(2,2); ${option}; s.sendto(b'x'*30,('10.2.0.10',7)); print(1,flush=True)`,
      )
    )();
  await expectReason(t, bench, reached, 'a sender on this host', 'fast', send('0'));
  // SO_TIMESTAMPING with SOF_TIMESTAMPING_TX_SOFTWARE and SOF_TIMESTAMPING_SOFTWARE
  await expectReason(
    t,
    bench,
    reached,
    'a sender that wants timestamps',
    'ip_receive:timestamp',
    send('s.setsockopt(1,37,18)'),
  );
  await command(netns, 'tc qdisc replace dev p2 root handle 1: pfifo limit 100');
  await expectReason(t, bench, reached, 'a sender and a qdisc', 'ip_egress:socket-qdisc', send('0'));
  await command(netns, 'tc qdisc del dev p2 root');
  const detach = await withAgent(netns, (a) => a.request('tcx p2 egress'));
  await expectReason(t, bench, reached, 'a sender and a program on its way', 'ip_egress:socket-qdisc', send('0'));
  await detach();
  await ip(peers, 'link add br9 type bridge', 'link set h2 master br9');
  await expectReason(t, bench, reached, 'a sender and a bridge at the other end', 'ip_egress:socket-qdisc', send('0'));
  await ip(peers, 'link del br9');
  await command(peers, 'ethtool -K h2 gro on rx-udp-gro-forwarding on');
  await expectReason(t, bench, reached, 'a sender and a veth that merges', 'ip_egress:socket-qdisc', send('0'));
  await command(peers, 'ethtool -K h2 gro off rx-udp-gro-forwarding off');
  await confirmingSender(t, bench, 4, '10.2.0.10');
  await command(peers, 'sysctl net/ipv6/conf/h1/disable_ipv6 0');
  await ip(peers, 'addr add fd00:1::10/64 dev h1 nodad', 'route add fd00:2::/64 via fd00:1::1 dev h1');
  await ip(peers, `neigh add fd00:1::1 lladdr ${own1} dev h1 nud permanent`);
  await confirmingSender(t, bench, 6, 'fd00:2::10');
  await command(peers, 'sysctl net/ipv6/conf/h1/disable_ipv6 1');
  await ip(peers, 'addr flush dev h1');
}

/** What takes an skb that no device here makes. */
async function synthetic(t: Test, bench: Bench, program: Parameters<typeof testRun>[0]): Promise<void> {
  const ifindex = await bench.ifindex('p1');
  await expectReason(t, bench, reached, 'to be segmented, but not TCP', 'ip4_route:segments', async () =>
    testRun(program, { data: Buffer.from(packet(), 'hex'), context: { kind: 'skb', ifindex, gsoSize: 20 } }),
  );
  await expectReason(t, bench, reached, 'IPv6 to be segmented, but not TCP', 'ip6_route:segments', async () =>
    testRun(program, { data: Buffer.from(packet6(), 'hex'), context: { kind: 'skb', ifindex, gsoSize: 20 } }),
  );
  const loopback = await bench.ifindex('lo');
  await expectReason(t, bench, reached, 'not Ethernet', 'ip_receive:not-ethernet', async () =>
    testRun(program, { data: Buffer.from(packet(), 'hex'), context: { kind: 'skb', ifindex: loopback } }),
  );
  await pathMtu(t, bench);
  await pathMtu6(t, bench);
}

/** A message "fragmentation needed" for a socket of the host makes an exception of its next hop. */
async function pathMtu(t: Test, bench: Bench): Promise<void> {
  const { agent, netns } = bench;
  await ip(netns, `route add 10.60.0.0/16 ${viaB}`);
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.bind(5006, '10.2.0.1', () => resolve()));
  await new Promise<void>((resolve) => socket.connect(9, '10.60.0.1', () => resolve()));
  const quoted = ipv4({ source: '10.2.0.1', destination: '10.60.0.1', protocol: 17, payload: udp(5006, 9, '') });
  const body = `0304000000000258${quoted}`;
  const message = `0304${hex(checksum(body), 2)}${body.slice(8)}`;
  const icmp = ipv4({ source: '10.1.0.10', destination: '10.2.0.1', protocol: 1, payload: message });
  await agent.send([{ port: bench.in, bytes: ethernet(own1, A, 0x0800, icmp) }]);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  await expectReason(t, bench, reached, 'a next hop with exceptions', 'ip4_route:exception', () =>
    agent.send([{ port: bench.in, bytes: packet(routed) }]),
  );
  await ip(netns, 'route flush root 10.60.0.0/15');
}

/** The same of IPv6: "packet too big". */
async function pathMtu6(t: Test, bench: Bench): Promise<void> {
  const { agent, netns } = bench;
  await ip(netns, 'route add fd00:60::/32 via fd00:2::10 dev p2');
  const socket = createSocket('udp6');
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.bind(5006, 'fd00:2::1', () => resolve()));
  await new Promise<void>((resolve) => socket.connect(9, 'fd00:60::1', () => resolve()));
  const [host, far, station] = [ipv6Address('fd00:2::1'), ipv6Address('fd00:60::1'), ipv6Address('fd00:1::10')];
  const body = `0200000000000514${ipv6(host, far, 17, udp(5006, 9, ''))}`;
  const sum = checksum(`${station}${host}${hex(body.length / 2, 4)}0000003a${body}`);
  const message = ipv6(station, host, 58, `0200${hex(sum, 2)}${body.slice(8)}`);
  await agent.send([{ port: bench.in, bytes: ethernet(own1, A, 0x86dd, message) }]);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  await expectReason(t, bench, reached, 'an IPv6 next hop with exceptions', 'ip6_route:exception', () =>
    agent.send([{ port: bench.in, bytes: packet6(routed6) }]),
  );
  await inNetns(netns, ['ip', '-6', 'route', 'flush', 'root', 'fd00:60::/31']);
}

const unreachable: Unreachable = {
  'ip_receive:dsa': { because: 'takes switch hardware' },
  'ip_receive:switchdev-mark': { because: 'takes switch hardware' },
  'ip_receive:vrf': { because: 'no VRF here', without: 'btf:net_vrf.tb_id' },
  'ip4_route:source-vrf': { because: 'no VRF here', without: 'btf:net_vrf.tb_id' },
  'vrf:tapped': { because: 'no VRF here', without: 'btf:net_vrf.tb_id' },
  'vrf:unknown': { because: 'takes the instant at which a port joins or leaves a VRF' },
  'ip_receive:routed': { because: 'takes a tunnel device with metadata, which is no Ethernet port of a router' },
  'ip_receive:extensions': { because: 'a veth takes extensions away, and other devices do not make any' },
  'ip_receive:encapsulated': { because: 'takes a tunnel whose segmentation is left to a veth' },
  'ip_receive:assigned-socket': { because: 'takes another tc program that assigns sockets' },
  'ip4_demux:not-mapped': { because: 'drivers here map more of a packet than its ports' },
  'ip4_route:no-ip': { because: 'the least MTU of these devices is enough for IPv4, which never leaves them then' },
  'ip4_route:multipath': { because: 'takes a kernel before 6.11, which does not show its seed' },
  'ip4_forward:no-room': { because: 'drivers leave room before a frame, and a tag in metadata takes none' },
  'ip6_forward:no-room': { because: 'drivers leave room before a frame, and a tag in metadata takes none' },
  'ip4_neighbour:changing': { because: 'a matter of nanoseconds' },
  'ip6_demux:not-mapped': { because: 'drivers here map more of a packet than its ports' },
  'ip6_route:multipath': { because: 'takes a kernel before 6.11, which does not show its seed' },
  'ip6_route:undecided': { because: 'a matter of nanoseconds' },
  'ip6_neighbour:changing': { because: 'a matter of nanoseconds' },
  'ip6_forward:cut': { because: 'cutting fails for want of memory only' },
  'ip6_forward:short': { because: 'the length was looked at before; the verifier wants it again' },
  'ip_egress:egress-down': { because: 'routes of a device that is down are gone or dead, which is seen first' },
  'guard_ip4:traced': {
    because: 'takes the tracepoint, whose switch is of all namespaces: test/vm/guest/traced-lookups.test.ts',
  },
  'guard_ip6:traced': {
    because: 'takes the tracepoint, whose switch is of all namespaces: test/vm/guest/traced-lookups.test.ts',
  },
  'ip_egress:ingress-device': { because: 'concerns what a bridge hands up, of which gateway.test.ts takes care' },
  'ip_egress:summed': { because: 'takes hardware that computes the sums of whole frames' },
  'ip_egress:no-queue': { because: 'takes hardware' },
  'ip_egress:egress-below': { because: 'no VLAN devices here', without: 'btf:vlan_info.grp' },
  'ip4_forward:cut': { because: 'cutting fails for want of memory only' },
  'ip4_forward:short': { because: 'the length was looked at before; the verifier wants it again' },
};

if (onlyCases === '')
  await t.test('every declared reason is reached, or has an excuse', (t) =>
    everyReason(t, 'routing', library, reached, unreachable),
  );
