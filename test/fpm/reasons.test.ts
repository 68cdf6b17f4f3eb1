// SPDX-License-Identifier: Apache-2.0
// The FPMs of bridges, and those that all pipelines have, against a real bridge: configuration and frame in, reason (or fast) out; each declared
// reason is reached here, or listed with the evidence why this kernel can't reach it. TNA_FPM_CASES=TEXT: only cases with this in their name.

import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { probe, testRun } from 'bpf-loader-native';
import { enterNetns } from 'netlink-ts';
import t, { type Test } from 'tap';
import { hush, withAgent } from '../support/lab/agent.js';
import { ethernet, ipv4, little, mac, sized, tagged, udp } from '../support/lab/frame.js';
import { bridge, inNetns, ip } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { rtnlRequest } from '../support/lab/rtnl.js';
import { bridgeCases } from './bridge-cases.js';
import { A, B, type Bench, type Case, type Hook, type Kind, ownBridge, plain } from './case.js';
import { everyReason, expectReason, type Unreachable } from './every-reason.js';
import { bridgeModules, type Counts, difference, FastPath, vlanModules } from './fast-path.js';
import { addPort, command, forwarding, ifindexOf, makeHosts, ownLibrary } from './lab.js';
import { python } from './routing-case.js';
import { needsVlans } from './vlan-cases.js';

t.setTimeout(600_000 * patience);
const onlyCases = process.env.TNA_FPM_CASES ?? '';
const library = await ownLibrary(t);

/** Reasons that a test has seen, as `fpm:code`. */
const reached = new Set<string>();

/** Executes commands in order; those of `ip` and of `bridge` that follow each other in one process. */
async function commands(bench: Bench, texts: readonly string[]): Promise<void> {
  const { netns } = bench;
  for (let i = 0; i < texts.length; ) {
    const tool = texts[i]?.split(' ')[0];
    const batched = tool === 'ip' || tool === 'bridge';
    let end = i + 1;
    while (batched && texts[end]?.startsWith(`${tool} `)) end += 1;
    const rest = texts.slice(i, end).map((text) => text.slice(`${tool} `.length));
    if (tool === 'ip') await ip(netns, ...rest);
    else if (tool === 'bridge') await bridge(netns, ...rest);
    else await other(bench, texts[i] ?? '');
    i = end;
  }
}

async function other({ netns, agent }: Bench, text: string): Promise<void> {
  if (text.startsWith('rtnl ')) return agent.request(rtnlRequest(text.slice('rtnl '.length)));
  return command(netns, text);
}

/** Undoes as much of a configuration as there is, of which only a part came about. */
async function undoAnyway(bench: Bench, texts: readonly string[]): Promise<void> {
  for (const text of texts) await commands(bench, [text]).catch(() => undefined);
}

async function makeBench(t: Test, hook: Hook, kind: Kind): Promise<Bench> {
  const hosts = await makeHosts(t);
  const { netns, peers, agent } = hosts;
  await hush(agent, [peers, netns]);
  for (const tables of ['iptables', 'ip6tables', 'arptables'])
    await agent.sysctl(`net/bridge/bridge-nf-call-${tables}`, '0');
  // However slow the machine is, no entry comes to a quarter of its age: that, too, is left to Linux.
  await ip(
    netns,
    `link add br0 address ${ownBridge} type bridge mcast_snooping 0 ageing_time 1000000`,
    'link set br0 up',
  );
  const ports: number[] = [];
  for (const [_i, name] of ['p1', 'p2'].entries()) {
    ports.push(await addPort(hosts, kind, name));
    await ip(netns, `link set ${name} master br0 up`);
  }
  await agent.settle(kind === 'veth' ? 300 : 0);
  await forwarding(netns, 2);
  await bridge(netns, `fdb add ${A} dev p1 master static`, `fdb add ${B} dev p2 master static`);
  enterNetns(`/run/netns/${netns}`);
  const fast = await FastPath.load(library, hook);
  t.teardown(() => fast.close());
  const indexes = new Map<string, number>();
  for (const line of (await inNetns(netns, ['ip', '-o', 'link'])).split('\n')) {
    const match = /^(\d+): ([^:@]+)/.exec(line);
    if (match !== null) indexes.set(match[2] as string, Number(match[1]));
  }
  const ifindex = (name: string): number => indexes.get(name) ?? 0;
  return { hook, kind, netns, peers, agent, fast, in: ports[0] as number, out: ports[1] as number, ifindex };
}

interface Outcome {
  readonly counts: Counts;
  /** Frames that came out of the other port. */
  readonly arrived: readonly string[];
}

async function runCase(bench: Bench, one: Case): Promise<Outcome> {
  await bench.fast.use(one.modules ?? bridgeModules, one.params);
  let undo: (() => Promise<void>) | undefined;
  try {
    await commands(bench, one.set ?? []);
    undo = await one.prepare?.(bench);
  } catch (error) {
    // The cases that follow are not to suffer for it.
    await undoAnyway(bench, one.unset ?? []);
    throw error;
  }
  try {
    const before = bench.fast.counts();
    const [result] = await bench.agent.send([{ port: bench.in, bytes: one.frame ?? plain }]);
    const late = await bench.agent.collect(bench.kind === 'veth' ? 10 : 1);
    const arrived = [...(result?.received ?? []), ...late].filter((r) => r.port === bench.out).map((r) => r.bytes);
    // What the bridge says by itself, such as a query for group members, is not the frame.
    const own = mac(ownBridge);
    return {
      counts: difference(before, bench.fast.counts()),
      arrived: arrived.filter((bytes) => bytes.slice(12, 24) !== own),
    };
  } finally {
    await undo?.();
    await commands(bench, one.unset ?? []);
    if (one.unset?.some((text) => /\b(up|master|mtu|state)\b/.test(text))) await forwarding(bench.netns, 2);
  }
}

/** All cases run on one kind of device per hook; on the other only what differs there. */
function applies(one: Case, hook: Hook, kind: Kind): boolean {
  const main = hook === 'xdp' ? 'tap' : 'veth';
  if (!(one.hooks ?? [hook]).includes(hook)) return false;
  return one.kinds === undefined ? kind === main || one === bridgeCases[0] : one.kinds.includes(kind);
}

for (const [hook, kind] of [
  ['xdp', 'tap'],
  ['xdp', 'veth'],
  ['tc', 'tap'],
  ['tc', 'veth'],
] as const) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const bench = await makeBench(t, hook, kind);
    bench.fast.allow(bench.ifindex('p2'));
    await bench.fast.use(bridgeModules);
    await bench.fast.attach(bench.ifindex('p1'));
    for (const one of bridgeCases) {
      if (!applies(one, hook, kind) || !one.name.includes(onlyCases)) continue;
      if (one.needs !== undefined && (await probe(one.needs)).answer !== 'yes') continue;
      const outcome = await runCase(bench, one).catch((error: unknown) => error);
      if (outcome instanceof Error || typeof outcome !== 'object' || outcome === null) {
        t.fail(`${one.name}: ${String(outcome)}`);
        continue;
      }
      const { counts, arrived } = outcome as Outcome;
      t.strictSame(counts, { [one.expect]: 1 }, `${one.name}: ${one.expect}`);
      if (one.expect === 'fast')
        t.strictSame(arrived, [one.arrives ?? one.frame ?? plain], `${one.name}: arrives as it should`);
      for (const seen of Object.keys(counts)) reached.add(seen);
    }
    if (onlyCases === '' || onlyCases === 'offloads') await offloads(t, bench);
  });
}

/** What takes other devices than the bench's two ports. */
async function offloads(t: Test, bench: Bench): Promise<void> {
  await bench.fast.use(bridgeModules);
  if (bench.hook === 'xdp' && bench.kind === 'veth') await vethMetadata(t, bench);
  if (bench.hook === 'xdp' && bench.kind === 'tap') await otherDevices(t, bench);
  if (bench.hook === 'tc' && bench.kind === 'tap') await skbMetadata(t, bench);
}

async function vethMetadata(t: Test, bench: Bench): Promise<void> {
  const { agent, netns, peers } = bench;
  await severalBuffers(t, bench);
  const undo = await withAgent(peers, (a) => a.pushVlanFromMark('h1'));
  await expectReason(t, bench, reached, 'tag in metadata', 'offload:vlan-metadata', () =>
    agent.send([{ port: bench.in, bytes: plain, mark: 0x81000005 }]),
  );
  await undo();

  await agent.enter(peers);
  const guest = await agent.tap('v1', true);
  for (const tables of ['iptables', 'ip6tables', 'arptables'])
    await agent.sysctl(`net/bridge/bridge-nf-call-${tables}`, '0');
  await ip(
    peers,
    'link add brp type bridge mcast_snooping 0',
    'link set brp up',
    'link set v1 master brp up',
    'link set h1 master brp',
  );
  await forwarding(peers, 2);
  const datagram = ethernet(
    B,
    A,
    0x800,
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, payload: udp(1, 2, '00'.repeat(20)) }),
  );
  const needsChecksum = `0100${little(0)}${little(0)}${little(34)}${little(6)}`;
  await expectReason(t, bench, reached, 'checksum left to a device', 'offload:partial-checksum', () =>
    agent.send([{ port: guest, bytes: needsChecksum + datagram, virtio: true }]),
  );
  await ip(peers, 'link set h1 nomaster', 'link del brp');

  await ip(netns, 'link add m1 type veth peer name m2', 'link set m1 master br0 up', 'link set m2 up');
  await agent.enter(netns);
  await forwarding(netns, 3);
  await bridge(netns, 'fdb add 02:00:00:00:00:0c dev m1 master static', 'link set dev m1 state 3');
  await bench.fast.attach(await ifindexOf(netns, 'm1'));
  // SO_TXTIME by the monotonic clock, and at once
  const frame = `bytes.fromhex('${sized(ethernet(B, '02:00:00:00:00:0c', 0x88b5), 60)}')`;
  const timed = `s.setsockopt(1,61,bytes([1]+[0]*7)); s.sendmsg([${frame}],[(1,61,time.monotonic_ns().to_bytes(8,'little'))])`;
  const script = `import socket,time; s=socket.socket(17,3,0); s.bind(('m2',0)); ${timed}; print(1,flush=True)`;
  await expectReason(t, bench, reached, 'a time of delivery', 'offload:delivery-time', async () =>
    (await python(netns, script))(),
  );
  const near = await agent.packet('m2');
  await expectReason(t, bench, reached, 'mark through a veth pair', 'offload:mark', () =>
    agent.send([{ port: near, bytes: sized(ethernet(B, '02:00:00:00:00:0c', 0x88b5), 60), mark: 7 }]),
  );
}

/** A frame that a veth with XDP has to lay into two buffers: as long as its MTU allows, the tag included. */
async function severalBuffers(t: Test, bench: Bench): Promise<void> {
  const { agent, netns, peers } = bench;
  await ip(netns, 'link set p1 mtu 3506');
  await ip(peers, 'link set h1 mtu 3506');
  await expectReason(t, bench, reached, 'longer than a buffer', 'offload:fragments', () =>
    agent.send([{ port: bench.in, bytes: sized(tagged(ethernet(B, A, 0x88b5), 1), 3524) }]),
  );
  await ip(peers, 'link set h1 mtu 1500');
  await ip(netns, 'link set p1 mtu 1500');
}

/** A frame from the first of two queues of a tap, which it goes to once somebody asks for it by a file. */
async function severalQueues(t: Test, bench: Bench): Promise<void> {
  const { netns, fast } = bench;
  const go = join(t.testdir({}), 'go');
  const C = '02:00:00:00:00:1f';
  const open = "f=os.open('/dev/net/tun',os.O_RDWR);fcntl.ioctl(f,0x400454ca,struct.pack('16sH22x',b'q1',0x1102))";
  const wait = `exec("while not os.path.exists('${go}'): time.sleep(0.01)")`;
  const send = `os.write(f,bytes.fromhex('${sized(ethernet(B, C, 0x88b5), 60)}'))`;
  const stop = await python(
    netns,
    `import fcntl,os,struct,sys,time;${open};g=f;${open};print(1,flush=True);${wait};${send};sys.stdin.read()`,
  );
  await ip(netns, 'link set q1 master br0 up');
  await forwarding(netns, 3);
  await bridge(netns, `fdb add ${C} dev q1 master static`, 'link set dev q1 state 3');
  await fast.attach(await ifindexOf(netns, 'q1'));
  await expectReason(t, bench, reached, 'one queue of several', 'offload:several-queues', async () => {
    writeFileSync(go, '');
    await delay(200);
  });
  await stop();
}

async function otherDevices(t: Test, bench: Bench): Promise<void> {
  const { agent, netns, fast } = bench;
  const from = (last: string): string => sized(ethernet(B, `02:00:00:00:00:${last}`, 0x88b5), 60);
  await severalQueues(t, bench);
  await agent.enter(netns);
  const guest = await agent.tap('v1', true);
  const generic = await agent.tap('g1');
  await agent.tap('p3');
  await agent.request('pitap i1');
  const ports = ['v1', 'g1', 'p3', 'i1', 'f1'];
  await ip(netns, 'link add f1 type ifb', ...ports.map((name) => `link set ${name} master br0 up`));
  await forwarding(netns, 2 + ports.length);
  await bridge(
    netns,
    ...Object.entries({ v1: '1a', g1: '1b', p3: '1c', f1: '1d', i1: '1e' }).flatMap(([name, last]) => [
      `fdb add 02:00:00:00:00:${last} dev ${name} master static`,
      `link set dev ${name} state 3`,
    ]),
  );
  await fast.attach(await ifindexOf(netns, 'v1'));
  await expectReason(t, bench, reached, 'tap of a virtual machine', 'offload:vnet-header', () =>
    agent.send([{ port: guest, bytes: '00'.repeat(10) + from('1a'), virtio: true }]),
  );
  await fast.attach(await ifindexOf(netns, 'g1'), 'generic');
  await expectReason(t, bench, reached, 'generic XDP', 'guard_ingress:generic-xdp', () =>
    agent.send([{ port: generic, bytes: from('1b') }]),
  );
  await expectReason(t, bench, reached, 'egress outside the device map', 'egress:egress-cannot-xdp', () =>
    agent.send([{ port: bench.in, bytes: sized(ethernet('02:00:00:00:00:1c', A, 0x88b5), 60) }]),
  );
  fast.allow(await ifindexOf(netns, 'i1'));
  await expectReason(t, bench, reached, 'a reader that wants packet information', 'bridge_egress:tap-filter', () =>
    agent.send([{ port: bench.in, bytes: sized(ethernet('02:00:00:00:00:1e', A, 0x88b5), 60) }]),
  );
  const program = await fast.use(bridgeModules);
  const ingressIfindex = await ifindexOf(netns, 'f1');
  await expectReason(t, bench, reached, 'a driver not known', 'offload:unknown-device', () =>
    testRun(program, { data: Buffer.from(from('1d'), 'hex'), context: { kind: 'xdp', ingressIfindex } }),
  );
}

/** Tags where Linux would not have them. */
async function vlanMetadata(t: Test, bench: Bench): Promise<void> {
  const { netns, fast } = bench;
  const program = await fast.use(vlanModules);
  await ip(netns, 'link set br0 type bridge vlan_filtering 1');
  await expectReason(t, bench, reached, 'tag in the packet', 'bridge_vlan:tag-inside', () =>
    testRun(program, {
      data: Buffer.from(sized(tagged(ethernet(B, A, 0x88b5), 1), 64), 'hex'),
      context: { kind: 'skb', ifindex: bench.ifindex('p1') },
    }),
  );
  await ip(netns, 'link set br0 type bridge vlan_filtering 0');
}

/** Frames of a virtual machine with a tag inside, whose network header the bridge sets. */
async function checksumBehindTags(t: Test, bench: Bench): Promise<void> {
  const { agent, netns, fast } = bench;
  await agent.enter(netns);
  const guest = await agent.tap('v1', true);
  await ip(netns, 'link set v1 master br0 up');
  await forwarding(netns, 3);
  const C = '02:00:00:00:00:1a';
  await bridge(netns, `fdb add ${C} dev v1 master static`, 'link set dev v1 state 3');
  await fast.attach(await ifindexOf(netns, 'v1'));
  const packet = ipv4({
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 17,
    payload: udp(1, 2, '00'.repeat(20)),
  });
  const needsChecksum = (at: number) => `0100${little(0)}${little(0)}${little(at)}${little(6)}`;
  const frame = ethernet(B, C, 0x800, packet);
  const innerTag = 'offload:inner-tag-checksum';
  for (const [name, expect, header, bytes] of [
    ['a checksum to come', 'fast', needsChecksum(34), frame],
    ['a checksum to come and a tag', 'fast', needsChecksum(38), tagged(frame, 5)],
    ['two tags', 'fast', '00'.repeat(10), tagged(tagged(frame, 5), 6)],
    ['a checksum to come and two tags', innerTag, needsChecksum(42), tagged(tagged(frame, 5), 6)],
    ['a checksum to come and an S tag inside', innerTag, needsChecksum(42), tagged(tagged(frame, 5, 0x88a8), 6)],
  ] as const)
    await expectReason(t, bench, reached, name, expect, () =>
      agent.send([{ port: guest, bytes: header + bytes, virtio: true }]),
    );
  await ip(netns, 'link del v1');
}

/** A packet that iptables has seen below: on a bridge whose device is, by a macvlan, a port of this one. */
async function extensions(t: Test, bench: Bench): Promise<void> {
  const { agent, netns, fast } = bench;
  await agent.enter(netns);
  const port = await agent.tap('t1');
  await ip(
    netns,
    'link add br1 type bridge mcast_snooping 0',
    'link set br1 up',
    'link set t1 master br1 up',
    'link add link br1 name m1 type macvlan mode passthru',
    'link set m1 master br0 up',
  );
  await forwarding(netns, 4);
  const C = '02:00:00:00:00:1e';
  await bridge(netns, `fdb add ${C} dev m1 master static`, 'link set dev m1 state 3', 'link set dev t1 state 3');
  await fast.attach(await ifindexOf(netns, 'm1'));
  const packet = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, payload: udp(1, 2, '') });
  const send = () => agent.send([{ port, bytes: sized(ethernet(B, C, 0x800, packet), 60) }]);
  await expectReason(t, bench, reached, 'from a bridge below', 'fast', send);
  await ip(netns, 'link set br1 type bridge nf_call_iptables 1');
  await expectReason(t, bench, reached, 'from a bridge below that asks iptables', 'offload:extensions', send);
  await ip(netns, 'link del m1', 'link del t1', 'link del br1');
}

async function skbMetadata(t: Test, bench: Bench): Promise<void> {
  const { agent, netns } = bench;
  await ip(netns, 'link add vx0 type vxlan id 7 remote 10.9.9.9 dstport 4789', 'link set vx0 master br0 up');
  await forwarding(netns, 3);
  await bridge(netns, 'fdb add 02:00:00:00:00:1f dev vx0 master static', 'link set dev vx0 state 3');
  await bench.fast.use(bridgeModules);
  await expectReason(t, bench, reached, 'a tunnel as egress', 'bridge_egress:egress-kind', () =>
    agent.send([{ port: bench.in, bytes: sized(ethernet('02:00:00:00:00:1f', A, 0x88b5), 60) }]),
  );
  await ip(netns, 'link del vx0');
  if ((await probe('btf:vlan_info.grp')).answer === 'yes') await stackedEgress(t, bench);
  const program = await bench.fast.use(bridgeModules);
  await expectReason(t, bench, reached, 'merged by LRO', 'offload:lro', () =>
    testRun(program, {
      data: Buffer.from(plain, 'hex'),
      context: { kind: 'skb', ifindex: bench.ifindex('p1'), gsoSize: 1000 },
    }),
  );
  if ((await probe(needsVlans)).answer === 'yes') await vlanMetadata(t, bench);
  await bench.fast.use(bridgeModules);
  await checksumBehindTags(t, bench);
  await extensions(t, bench);
  await bench.fast.use(['frame', 'offload']);
  await ip(bench.netns, 'addr add 10.1.1.1/24 dev p1');
  const before = bench.fast.counts();
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  await new Promise<void>((resolve) => socket.bind(5005, resolve));
  socket.addMembership('239.1.1.1', '10.1.1.1');
  socket.setMulticastInterface('10.1.1.1');
  await new Promise((resolve) => socket.send('x', 5005, '239.1.1.1', resolve));
  await delay(20);
  socket.close();
  t.ok(
    (difference(before, bench.fast.counts())['offload:loopback'] ?? 0) > 0,
    "the host's own multicast: offload:loopback",
  );
  reached.add('offload:loopback');
}

/** A VLAN device as port: what tc redirects into it is marked for whoever is below. */
async function stackedEgress(t: Test, bench: Bench): Promise<void> {
  const { agent, netns } = bench;
  await ip(
    netns,
    'link add d1 type veth peer name d2',
    'link set d2 up',
    'link set d1 up',
    'link add link d1 name d1.9 type vlan id 9',
    'link set d1.9 master br0 up',
  );
  await forwarding(netns, 3);
  await bridge(netns, 'fdb add 02:00:00:00:00:20 dev d1.9 master static', 'link set dev d1.9 state 3');
  const send = () => agent.send([{ port: bench.in, bytes: sized(ethernet('02:00:00:00:00:20', A, 0x88b5), 60) }]);
  // A kernel without CONFIG_KALLSYMS_ALL does not tell whether anybody is.
  if (/ generic_xdp_needed_key\b/.test(await inNetns(netns, ['cat', '/proc/kallsyms'])))
    await expectReason(t, bench, reached, 'a VLAN device with nothing below', 'fast', send);
  const undo = await withAgent(netns, (a) => a.request('generic d2'));
  await expectReason(t, bench, reached, 'generic XDP below a VLAN device', 'bridge_egress:egress-below', send);
  await undo();
  await ip(netns, 'link del d1');
}

const unreachable: Unreachable = {
  'frame:runt': { because: 'taps, packet sockets and BPF_PROG_TEST_RUN refuse frames below 14 bytes' },
  'guard_ingress:vlan-device': { because: 'no 802.1Q here', without: 'btf:vlan_info.grp' },
  'offload:gso': { because: 'XDP on a veth takes segmentation offload away from its peer, which then segments itself' },
  'offload:vlan-rx-offload': { because: 'takes hardware' },
  'offload:switchdev-mark': { because: 'takes switch hardware' },
  'bridge_egress:summed': { because: 'takes hardware that computes the sums of whole frames' },
  'bridge_egress:no-queue': { because: 'takes hardware' },
  'offload:xen': { because: 'takes Xen' },
  'offload:memory-reserve': { because: 'takes a machine that is out of memory, and swaps over the network' },
  'bridge_port:switchdev': { because: 'takes switch hardware' },
  'bridge_egress:egress-switchdev': { because: 'takes switch hardware' },
  'bridge_port:vlan-filtering': { because: 'no VLAN filtering here', without: 'btf:net_bridge_port.vlgrp' },
  'bridge_port:vlan-stats': { because: 'no VLAN filtering here', without: needsVlans },
  'bridge_port:mst': { because: 'no multiple spanning trees without VLANs', without: needsVlans },
  ...Object.fromEntries(
    ['bridge_vlan', 'bridge_vlan_egress'].flatMap((module) =>
      (library.modules.find((one) => one.name === module)?.reasons ?? []).map(({ code }) => [
        `${module}:${code}`,
        { because: 'no VLAN filtering here', without: needsVlans },
      ]),
    ),
  ),
  'egress:no-room': { because: 'drivers leave room before the frame, and metadata of a tag takes none' },
  'bridge_fdb:fdb-no-port': { because: 'br_fdb_add() makes entries without a port local only' },
  'bridge_egress:egress-below': { because: 'no VLAN devices, bond or team here', without: 'btf:vlan_info.grp' },
};

if (onlyCases === '')
  await t.test('every declared reason is reached, or has an excuse', (t) =>
    everyReason(t, 'reasons', library, reached, unreachable),
  );
