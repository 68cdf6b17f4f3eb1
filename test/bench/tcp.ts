// SPDX-License-Identifier: Apache-2.0
// TCP between two hosts by iperf3: pairs of runs, one by the Linux bridge or router and one by TNA at tc, which suits local senders.

import { setTimeout as sleep } from 'node:timers/promises';
import { tryRun } from '../support/lab/command.js';
import { addNetns, deleteNetns, inNetns, ip, netnsName } from '../support/lab/netns.js';
import { startCommand } from './background.js';
import { quieten } from './devices.js';
import { atLeast, figure } from './figure.js';
import type { BenchOptions } from './options.js';
import type { SectionReport } from './report.js';
import { ratios, summarise } from './statistics.js';
import { Tna } from './tna.js';

/** What is between the two hosts. */
export interface Hosts {
  readonly section: 'tcp' | 'routed-tcp' | 'routed-tcp6';
  /** Of the figures' names. */
  readonly prefix: '' | 'routed-' | 'routed6-';
  /** What Linux is without TNA. */
  readonly what: 'bridge' | 'router' | 'IPv6 router';
  readonly server: string;
  make(client: string, dut: string, server: string): Promise<void>;
}

interface TcpResult {
  /** Gbit/s at the receiver, one value per pair. */
  readonly linux: readonly number[];
  readonly tna: readonly number[];
}

export async function measureTcp(
  options: BenchOptions,
  progress: (text: string) => void,
  hosts: Hosts,
): Promise<Omit<SectionReport, 'seconds'>> {
  return reportTcp(await runPairs(options, progress, hosts), options, hosts);
}

async function runPairs(options: BenchOptions, progress: (text: string) => void, hosts: Hosts): Promise<TcpResult> {
  const [client, dut, server] = [netnsName('client'), netnsName('dut'), netnsName('server')] as const;
  const results = { linux: [] as number[], tna: [] as number[] };
  try {
    await addNetns(client, dut, server);
    await quieten(client, dut, server);
    await hosts.make(client, dut, server);
    const tna = new Tna(dut, options.library, 'tc');
    const iperf = await startCommand(
      ['ip', 'netns', 'exec', server, 'taskset', '--cpu-list', '1', 'iperf3', '--server', '--forceflush'],
      'Server listening',
    );
    try {
      const measure = {
        linux: async () => {
          results.linux.push(await transfer(client, hosts.server, options.seconds));
        },
        tna: async () => {
          await tna.run('reconcile', '--once');
          results.tna.push(await transfer(client, hosts.server, options.seconds));
          const { counters, hook } = await tna.statusOf('p1');
          // Not all: the handshake and the first packets are Linux's to learn from.
          if (hook !== 'tc' || counters.fast < counters.slow || counters.fast === 0)
            throw new Error(`TCP did not take the fast path: ${counters.fast} fast, ${counters.slow} slow`);
          await tna.detach();
        },
      };
      await transfer(client, hosts.server, 1);
      for (let pair = 0; pair < options.pairs; pair++) {
        for (const side of pair % 2 === 0 ? (['linux', 'tna'] as const) : (['tna', 'linux'] as const)) {
          progress(`pair ${pair + 1} of ${options.pairs}: ${side}`);
          try {
            await measure[side]();
          } catch (cause) {
            throw new Error(`${side}, pair ${pair + 1}: ${cause instanceof Error ? cause.message : String(cause)}`, {
              cause,
            });
          }
        }
      }
    } finally {
      await iperf.stop();
    }
    await tna.close();
  } finally {
    await deleteNetns(client, dut, server);
  }
  return results;
}

export const bridgedHosts: Hosts = {
  section: 'tcp',
  prefix: '',
  what: 'bridge',
  server: '192.0.2.2',
  make: async (client, dut, server) => {
    await ip(
      dut,
      'link add br0 type bridge stp_state 0',
      `link add p1 type veth peer name eth0 netns ${client}`,
      `link add p2 type veth peer name eth0 netns ${server}`,
      'link set p1 master br0 up',
      'link set p2 master br0 up',
      'link set br0 up',
    );
    await ip(client, 'addr add 192.0.2.1/24 dev eth0', 'link set eth0 up');
    await ip(server, 'addr add 192.0.2.2/24 dev eth0', 'link set eth0 up');
  },
};

export const routedHosts: Hosts = {
  section: 'routed-tcp',
  prefix: 'routed-',
  what: 'router',
  server: '198.51.100.2',
  make: async (client, dut, server) => {
    await inNetns(dut, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    await ip(
      dut,
      `link add p1 type veth peer name eth0 netns ${client}`,
      `link add p2 type veth peer name eth0 netns ${server}`,
      'addr add 192.0.2.1/24 dev p1',
      'addr add 198.51.100.1/24 dev p2',
      'link set p1 up',
      'link set p2 up',
    );
    await ip(client, 'addr add 192.0.2.2/24 dev eth0', 'link set eth0 up', 'route add default via 192.0.2.1');
    await ip(server, 'addr add 198.51.100.2/24 dev eth0', 'link set eth0 up', 'route add default via 198.51.100.1');
  },
};

export const routed6Hosts: Hosts = {
  section: 'routed-tcp6',
  prefix: 'routed6-',
  what: 'IPv6 router',
  server: 'fd00:2::2',
  make: async (client, dut, server) => {
    const routes = (netns: string, n: number) =>
      ip(
        netns,
        `addr add fd00:${n}::2/64 dev eth0 nodad`,
        'link set eth0 up',
        `route add default via fd00:${n}::1 dev eth0`,
      );
    for (const netns of [client, dut, server])
      await inNetns(netns, [
        'sysctl',
        '-qw',
        'net.ipv6.conf.all.disable_ipv6=0',
        'net.ipv6.conf.default.disable_ipv6=0',
      ]);
    await inNetns(dut, ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1']);
    await ip(
      dut,
      `link add p1 type veth peer name eth0 netns ${client}`,
      `link add p2 type veth peer name eth0 netns ${server}`,
      'addr add fd00:1::1/64 dev p1 nodad',
      'addr add fd00:2::1/64 dev p2 nodad',
      'link set p1 up',
      'link set p2 up',
    );
    await routes(client, 1);
    await routes(server, 2);
  },
};

/** The part of iperf3's JSON that matters. */
interface Transfer {
  readonly error?: string;
  readonly end: { readonly sum_received?: { readonly bits_per_second: number } };
}

/** Gbit/s that the receiver saw. */
async function transfer(client: string, server: string, seconds: number): Promise<number> {
  const iperf = ['iperf3', '--client', server, '--time', String(seconds), '--json'];
  const command = ['netns', 'exec', client, 'taskset', '--cpu-list', '0', ...iperf];
  for (let attempt = 1; ; attempt++) {
    const { code, stdout, stderr } = await tryRun('ip', command, { timeout: 30_000 });
    const { error, end }: Transfer = stdout.startsWith('{') ? JSON.parse(stdout) : { end: {} };
    if (end.sum_received !== undefined) return end.sum_received.bits_per_second / 1e9;
    const cause = error ?? (stderr.trim() || 'no result');
    // The server takes a moment to finish with the previous client; anything else is a failure of TCP itself.
    if (!cause.includes('busy') || attempt === 10) throw new Error(`iperf3 ended with ${code}: ${cause}`);
    await sleep(100);
  }
}

function reportTcp(
  { linux, tna }: TcpResult,
  options: BenchOptions,
  { section, what, prefix }: Hosts,
): Omit<SectionReport, 'seconds'> {
  const ratio = summarise(ratios(tna, linux));
  const rows = [
    { label: `Linux ${what}`, of: summarise(linux) },
    { label: 'TNA by TCX', of: summarise(tna) },
  ];
  return {
    section,
    title: `TCP: one iperf3 stream between two hosts (${what}), veth with its defaults, ${options.seconds} s per run`,
    figures: [
      figure(section, summarise(linux), { id: `${prefix}gbps.linux`, label: `TCP, Linux ${what}`, unit: 'Gbit/s' }),
      figure(section, summarise(tna), { id: `${prefix}gbps.tna`, label: 'TCP, TNA', unit: 'Gbit/s' }),
      figure(section, ratio, {
        id: `${prefix}tcp-to-linux`,
        label: `TNA ÷ Linux ${what}, TCP`,
        unit: '×',
        goal: atLeast(1),
      }),
    ],
    table: [
      ['', 'Gbit/s', 'min–max'],
      ...rows.map(({ label, of }) => [label, of.median.toFixed(1), `${of.low.toFixed(1)}–${of.high.toFixed(1)}`]),
    ],
    notes: [
      `Ratio within a pair: median ${ratio.median.toFixed(2)}, ${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}, ${ratio.count} pairs in alternating order.`,
    ],
    raw: { gbps: { linux, tna } },
  };
}
