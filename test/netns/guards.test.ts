// SPDX-License-Identifier: Apache-2.0
// Never stale: with the controller stopped, under load, every change of the configuration that forbids, diverts or
// observes frames acts on the very next one. Frames are numbered; what is begun after the command has returned counts.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BpfMap, BpfObject, probe, u32Bytes } from 'bpf-loader-native';
import t, { type Test } from 'tap';
import type { Hook } from '../../src/model/ruleset.js';
import { buildMutant, findMutations } from '../equivalence/mutations.js';
import { compileBpf } from '../support/bpf/compile.js';
import type { StreamCount } from '../support/lab/agent.js';
import { Bed, frame, station } from '../support/lab/bed.js';
import { isRemoved, removeAtExit } from '../support/lab/cleanup.js';
import { ethernet, ipv4, sized, udp } from '../support/lab/frame.js';
import { Controller, pinDirectory, tna, tnaStatus, until } from '../support/lab/tna.js';

t.setTimeout(600_000);

const trials = 50;
const framesPerTrial = 25;
const A = station(1);
const B = station(2);
/** What the stream consists of: a real IPv4 packet, so that everything that filters IPv4 has something to drop. */
const packet = sized(
  ethernet(
    B,
    A,
    0x800,
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17, payload: udp(7, 7, '00'.repeat(18)) }),
  ),
  60,
);

/** Where a frame must be seen after the change, and hence where it must not. */
type Fate =
  /** Nowhere. */
  | 'dropped'
  /** At the third port and not at the second. */
  | 'moved'
  /** At all other ports. */
  | 'flooded'
  /** By the packet socket, once or more often per frame, and at the second port. */
  | 'tapped'
  | 'tapped twice';

interface Guard {
  readonly name: string;
  readonly fate: Fate;
  /** What the agent does in the middle of the stream. */
  readonly change: string;
  /** Commands that take it back. */
  readonly undo?: readonly string[];
  /** Commands before all trials, and after. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** The change and its undoing happen where the far ends of the ports are. */
  readonly far?: true;
  /** The frames before the change take the slow path already: what counts is the change all the same. */
  readonly slow?: true;
  readonly on?: readonly (readonly [Hook, 'tap' | 'veth'])[];
  /** A probe; where it says no, the kernel has no such thing to change. */
  readonly needs?: string;
}

const everywhere: readonly (readonly [Hook, 'tap' | 'veth'])[] = [
  ['xdp', 'tap'],
  ['tc', 'veth'],
];

const programs = { tc: '', xdp: '' };

function guards(): readonly Guard[] {
  const clsact = (port: string) => ({
    before: [`tc qdisc add dev ${port} clsact`],
    after: [`tc qdisc del dev ${port} clsact`],
  });
  return [
    {
      name: 'nft add table, chain (bridge, policy drop)',
      fate: 'dropped',
      change: 'nft add table bridge t ; add chain bridge t c { type filter hook forward priority 0 ; policy drop ; }',
      undo: ['nft delete table bridge t'],
    },
    {
      name: 'nft add rule bridge … drop, with its chain',
      fate: 'dropped',
      change:
        'nft add table bridge t ; add chain bridge t c { type filter hook prerouting priority 0 ; } ; add rule bridge t c ip protocol udp drop',
      undo: ['nft delete table bridge t'],
    },
    {
      name: 'nft add rule bridge … drop, chain exists',
      fate: 'dropped',
      slow: true,
      before: ['nft add table bridge t ; add chain bridge t c { type filter hook forward priority 0 ; }'],
      change: 'nft add rule bridge t c ip protocol udp drop',
      undo: ['nft flush chain bridge t c'],
      after: ['nft delete table bridge t'],
    },
    {
      name: 'nft add chain netdev, ingress',
      fate: 'dropped',
      before: ['nft add table netdev t'],
      change: 'nft add chain netdev t c { type filter hook ingress device p1 priority 0 ; policy drop ; }',
      undo: ['nft delete chain netdev t c'],
      after: ['nft delete table netdev t'],
    },
    {
      name: 'nft add chain netdev, egress',
      fate: 'dropped',
      before: ['nft add table netdev t'],
      change: 'nft add chain netdev t c { type filter hook egress device p2 priority 0 ; policy drop ; }',
      undo: ['nft delete chain netdev t c'],
      after: ['nft delete table netdev t'],
    },
    {
      name: 'tc filter add, ingress',
      fate: 'dropped',
      ...clsact('p1'),
      change: `tc filter add dev p1 ingress bpf direct-action object-pinned ${programs.tc}`,
      undo: ['tc filter del dev p1 ingress'],
    },
    {
      name: 'tc filter add, egress',
      fate: 'dropped',
      ...clsact('p2'),
      change: `tc filter add dev p2 egress bpf direct-action object-pinned ${programs.tc}`,
      undo: ['tc filter del dev p2 egress'],
    },
    { name: 'tcx program, ingress', fate: 'dropped', change: 'tcx p1 ingress' },
    { name: 'tcx program, egress', fate: 'dropped', change: 'tcx p2 egress' },
    {
      name: 'ip link set nomaster, ingress',
      fate: 'dropped',
      change: 'ip link set p1 nomaster',
      undo: ['ip link set p1 master br0'],
    },
    {
      name: 'ip link set nomaster, egress',
      fate: 'moved',
      change: 'ip link set p2 nomaster',
      undo: ['ip link set p2 master br0'],
    },
    {
      name: 'bridge link set state disabled, ingress',
      fate: 'dropped',
      change: 'bridge link set dev p1 state 0',
      undo: ['bridge link set dev p1 state 3'],
    },
    // Not `blocking`: without STP the kernel itself makes it forwarding again at once (br_port_state_selection).
    {
      name: 'bridge link set state listening, egress',
      fate: 'dropped',
      change: 'bridge link set dev p2 state 1',
      undo: ['bridge link set dev p2 state 3'],
    },
    {
      name: 'bridge link set isolated on, both',
      fate: 'dropped',
      before: ['bridge link set dev p1 isolated on'],
      change: 'bridge link set dev p2 isolated on',
      undo: ['bridge link set dev p2 isolated off'],
      after: ['bridge link set dev p1 isolated off'],
    },
    {
      name: 'ip link set down, ingress',
      fate: 'dropped',
      change: 'ip link set p1 down',
      undo: ['ip link set p1 up'],
    },
    {
      name: 'ip link set down, egress',
      fate: 'moved',
      change: 'ip link set p2 down',
      undo: ['ip link set p2 up'],
    },
    {
      name: 'bridge fdb replace: the host moves',
      fate: 'moved',
      change: `bridge fdb replace ${B} dev p3 master dynamic`,
      undo: [`bridge fdb replace ${B} dev p2 master dynamic`],
    },
    {
      name: 'bridge fdb del: nobody knows the host',
      fate: 'flooded',
      change: `bridge fdb del ${B} dev p2 master`,
    },
    { name: 'packet socket, ingress', fate: 'tapped', change: 'packet p1' },
    { name: 'packet socket, egress', fate: 'tapped', change: 'packet p2' },
    { name: 'packet socket, all devices', fate: 'tapped twice', change: 'packet any' },
    {
      name: 'sysctl bridge-nf-call-iptables 1',
      fate: 'dropped',
      before: ['nft add table ip t ; add chain ip t c { type filter hook forward priority 0 ; policy drop ; }'],
      change: 'sysctl net/bridge/bridge-nf-call-iptables 1',
      undo: ['sysctl -qw net.bridge.bridge-nf-call-iptables=0'],
      after: ['nft delete table ip t'],
      needs: 'btf:brnf_net.call_iptables',
    },
    {
      name: 'ip link set br0 type bridge nf_call_iptables 1',
      fate: 'dropped',
      before: ['nft add table ip t ; add chain ip t c { type filter hook forward priority 0 ; policy drop ; }'],
      change: 'ip link set br0 type bridge nf_call_iptables 1',
      undo: ['ip link set br0 type bridge nf_call_iptables 0'],
      after: ['nft delete table ip t'],
      needs: 'btf:brnf_net.call_iptables',
    },
    {
      name: 'tc qdisc replace, egress',
      fate: 'dropped',
      change: 'tc qdisc replace dev p2 root handle 1: pfifo limit 0',
      undo: ['tc qdisc del dev p2 root'],
    },
    {
      name: 'ip link set br0 type bridge vlan_filtering 1, no pvid',
      fate: 'dropped',
      change: 'ip link set br0 type bridge vlan_filtering 1',
      undo: ['ip link set br0 type bridge vlan_filtering 0'],
      needs: 'btf:net_bridge_port.vlgrp',
    },
    {
      name: 'XDP program on the peer of the egress',
      fate: 'dropped',
      on: [
        ['xdp', 'veth'],
        ['tc', 'veth'],
      ],
      far: true,
      change: `ip link set h2 xdpdrv pinned ${programs.xdp}`,
      undo: ['ip link set h2 xdpdrv off'],
    },
    {
      name: 'generic XDP program on the peer of the egress',
      fate: 'dropped',
      on: [
        ['xdp', 'veth'],
        ['tc', 'veth'],
      ],
      far: true,
      change: `ip link set h2 xdpgeneric pinned ${programs.xdp}`,
      undo: ['ip link set h2 xdpgeneric off'],
    },
  ];
}

/** What one guard let through. */
interface Figures {
  trials: number;
  frames: number;
  leaked: number;
}

/** A bridge of three ports that a daemon has accelerated, and that nobody watches any more. */
class Unwatched {
  private constructor(
    readonly bed: Bed,
    readonly controller: Controller,
    private readonly counters: BpfMap,
    private readonly slots: readonly number[],
  ) {}

  static async make(t: Test, hook: Hook, kind: 'tap' | 'veth', options: readonly string[] = []): Promise<Unwatched> {
    const filters = (await probe('btf:net_bridge_port.vlgrp')).answer === 'yes';
    const bed = await Bed.make(t, { kind, ports: 3, bridge: filters ? 'vlan_default_pvid 0' : '' });
    const controller = Controller.start(bed.netns, '--hook', hook, ...options);
    t.teardown(() => controller.stop('SIGKILL'));
    await until('the controller has attached', () => controller.log.includes('set-slot p3'), 60_000);
    const pins = pinDirectory(bed.netns);
    const slots = readdirSync(pins).flatMap((name) => /^link-\w+-\d+-(\d+)$/.exec(name)?.[1] ?? []);
    const counters = BpfMap.openPinned(join(pins, `map-tna_counters_${hook}`));
    t.teardown(async () => counters.close());
    controller.process.kill('SIGSTOP');
    await bed.agent.settle(0);
    await bed.agent.stream(0, packet);
    return new Unwatched(bed, controller, counters, slots.map(Number));
  }

  /** Frames that took the fast path so far. */
  fast(): number {
    let sum = 0;
    for (const slot of this.slots)
      for (const cpu of this.counters.getPerCpu(u32Bytes(slot)) ?? [])
        sum += Number(new DataView(cpu.buffer, cpu.byteOffset, 8).getBigUint64(0, true));
    return sum;
  }

  /** Both stations make themselves known; then frames flow to the second port, by the fast path unless `slow`. */
  async flows(slow = false): Promise<void> {
    const { agent } = this.bed;
    let last = '';
    // Attempts, not time: a busy machine may stop us for long, and entries are due for a refresh afterwards.
    for (let attempt = 0; attempt < 250; attempt += 1) {
      await agent.send([0, 1].map((port) => ({ port, bytes: frame(0, port + 1) })));
      const before = this.fast();
      const { sent, ports } = await agent.flow(8);
      const fast = this.fast() - before;
      if (ports[1] === sent && ports[2] === 0 && (slow || fast >= sent / 2)) return;
      last = `${sent} sent, ${ports.join(' ')} arrived, ${fast} fast`;
      await delay(20);
    }
    const seen = (await tnaStatus(this.bed.netns)).map(({ name, accelerated, counters }) => ({
      ...{ name, accelerated, reasons: counters.reasons.map(({ code, packets }) => `${packets} ${code}`) },
    }));
    throw new Error(`frames do not flow: ${last}; ${JSON.stringify(seen)}; ${this.controller.log}`);
  }

  async run(guard: Guard, count: number): Promise<Figures> {
    const { agent, netns, peers } = this.bed;
    const figures: Figures = { trials: 0, frames: 0, leaked: 0 };
    if (guard.far === true) await agent.enter(peers);
    for (const command of guard.before ?? []) await agent.exec(command);
    for (; figures.trials < count; figures.trials += 1) {
      await this.flows(guard.slow);
      const result = await agent.change(guard.change, framesPerTrial);
      if (result.code !== 0) throw new Error(`${guard.change}: ${result.code}`);
      figures.frames += result.sent;
      figures.leaked += leaks(guard.fate, result);
      for (const command of guard.undo ?? []) await agent.exec(command);
    }
    for (const command of guard.after ?? []) await agent.exec(command);
    await agent.enter(netns);
    return figures;
  }
}

/** Frames that went where they must not, or did not go where they must. */
function leaks(fate: Fate, { sent, ports, tapped }: StreamCount): number {
  const [, second = 0, third = 0] = ports;
  switch (fate) {
    case 'dropped':
      return second + third;
    case 'moved':
      return second + (sent - third);
    case 'flooded':
      return sent - second + (sent - third);
    case 'tapped':
      return sent - tapped + (sent - second);
    case 'tapped twice':
      return 2 * sent - tapped + (sent - second);
  }
}

/** Programs of others, pinned where `tc` and `ip` find them. */
async function pinPrograms(): Promise<void> {
  const object = await BpfObject.open(compileBpf('drop'));
  await object.load();
  for (const hook of ['tc', 'xdp'] as const) {
    const path = `/sys/fs/bpf/tna-guards-${process.pid}-${hook}`;
    removeAtExit(`pin ${path}`, ['rm', '-f', path]);
    object.program(`drop_${hook}`).pin(path);
    programs[hook] = path;
  }
  object.close();
  t.teardown(() => {
    for (const path of Object.values(programs)) {
      rmSync(path, { force: true });
      isRemoved(`pin ${path}`);
    }
  });
}

await pinPrograms();

for (const [hook, kind] of [...everywhere, ['xdp', 'veth']] as const) {
  await t.test(`${hook} on ${kind}`, async (t) => {
    const host = await Unwatched.make(t, hook, kind);
    for (const guard of guards()) {
      if (!(guard.on ?? everywhere).some(([h, k]) => h === hook && k === kind)) continue;
      if (guard.needs !== undefined && (await probe(guard.needs)).answer !== 'yes') continue;
      const started = performance.now();
      const figures = await host.run(guard, trials);
      const took = ((performance.now() - started) / 1000).toFixed(1);
      t.equal(
        figures.leaked,
        0,
        `${guard.name}: ${figures.leaked} of ${figures.frames} leaked, ${figures.trials} trials, ${took} s`,
      );
    }
    host.controller.process.kill('SIGCONT');
    await until('the controller has looked again', async () => {
      const { code } = await tna('plan', '--netns', host.bed.netns, '--hook', hook, '--detailed-exitcode');
      return code === 0;
    });
  });
}

// The packet socket above, as users open it.
for (const [hook, kind] of everywhere) {
  await t.test(`tcpdump, ${hook} on ${kind}`, async (t) => {
    const { bed, ...host } = await Unwatched.make(t, hook, kind).then((made) => ({
      bed: made.bed,
      flows: () => made.flows(),
    }));
    for (const [device, times] of [
      ['p1', 1],
      ['p2', 1],
      ['any', 2],
    ] as const) {
      await host.flows();
      const args = [
        'netns',
        'exec',
        bed.netns,
        'tcpdump',
        '-n',
        '--immediate-mode',
        '-w',
        '-',
        '-i',
        device,
        '-c',
        String(times * 20),
        'udp',
      ];
      const tcpdump = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
      tcpdump.stdout.resume();
      let said = '';
      tcpdump.stderr.on('data', (data: Buffer) => {
        said += data.toString();
      });
      await until('tcpdump listens', () => said.includes('listening on'), 60_000);
      const { sent, ports } = await bed.agent.flow(20);
      t.equal(ports[1], sent, `${device}: all frames arrive`);
      // It ends by itself once it has seen every one of them; otherwise it is asked how many it saw.
      await until('all are seen', () => tcpdump.exitCode !== null).catch(() => tcpdump.kill('SIGINT'));
      await until('tcpdump ends', () => said.includes('packets captured'));
      tcpdump.kill();
      t.match(
        said,
        new RegExp(`^${times * sent} packets captured`, 'm'),
        `${device}: tcpdump sees all of ${sent} frames`,
      );
    }
  });
}

// The proof proves something only if it fails without the guard.
for (const [id, hook, kind, name] of [
  ['guard_bridge_nf:bridge-hook#2', 'xdp', 'tap', 'nft add table, chain (bridge, policy drop)'],
  ['bridge_egress:egress-state', 'xdp', 'tap', 'bridge link set state listening, egress'],
] as const) {
  await t.test(`without ${id}`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'tna-guards-'));
    t.teardown(() => rmSync(directory, { recursive: true }));
    const mutation = findMutations().find((one) => one.id === id);
    if (mutation === undefined) throw new Error(`no check ${id}`);
    const host = await Unwatched.make(t, hook, kind, ['--library', await buildMutant([mutation], directory)]);
    const guard = guards().find((one) => one.name === name) as Guard;
    const { leaked, frames } = await host.run(guard, 3);
    t.ok(leaked > 0, `${name}: ${leaked} of ${frames} leaked`);
  });
}
