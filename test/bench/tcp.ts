// SPDX-License-Identifier: Apache-2.0
// TCP between two hosts on the bridge by iperf3: pairs of runs, one by the Linux bridge and one by TNA on the hook that it chooses itself.

import { setTimeout as sleep } from 'node:timers/promises';
import { tryRun } from '../support/lab/command.js';
import { addNetns, deleteNetns, ip, netnsName } from '../support/lab/netns.js';
import { startCommand } from './background.js';
import { quieten } from './devices.js';
import { atLeast, figure } from './figure.js';
import type { BenchOptions } from './options.js';
import type { SectionReport } from './report.js';
import { ratios, summarise } from './statistics.js';
import { Tna } from './tna.js';

const serverAddress = '192.0.2.2';

interface TcpResult {
  /** Gbit/s at the receiver, one value per pair. */
  readonly linux: readonly number[];
  readonly tna: readonly number[];
  readonly hook: string;
}

export async function measureTcp(
  options: BenchOptions,
  progress: (text: string) => void,
): Promise<Omit<SectionReport, 'seconds'>> {
  return reportTcp(await runPairs(options, progress), options);
}

async function runPairs(options: BenchOptions, progress: (text: string) => void): Promise<TcpResult> {
  const [client, dut, server] = [netnsName('client'), netnsName('dut'), netnsName('server')] as const;
  const results = { linux: [] as number[], tna: [] as number[] };
  let hook = 'none';
  try {
    await addNetns(client, dut, server);
    await quieten(client, dut, server);
    await makeHosts(client, dut, server);
    const tna = new Tna(dut, options.library);
    const iperf = await startCommand(
      ['ip', 'netns', 'exec', server, 'taskset', '--cpu-list', '1', 'iperf3', '--server', '--forceflush'],
      'Server listening',
    );
    try {
      const measure = {
        linux: async () => {
          results.linux.push(await transfer(client, options.seconds));
        },
        tna: async () => {
          await tna.run('reconcile', '--once');
          results.tna.push(await transfer(client, options.seconds));
          const { counters, hook: used } = await tna.statusOf('p1');
          // Not all: the handshake and the first packets are Linux's to learn from.
          if (used === null || counters.fast < counters.slow || counters.fast === 0)
            throw new Error(`TCP did not take the fast path: ${counters.fast} fast, ${counters.slow} slow`);
          hook = used;
          await tna.detach();
        },
      };
      await transfer(client, 1);
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
  return { ...results, hook };
}

async function makeHosts(client: string, dut: string, server: string): Promise<void> {
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
  await ip(server, `addr add ${serverAddress}/24 dev eth0`, 'link set eth0 up');
}

/** The part of iperf3's JSON that matters. */
interface Transfer {
  readonly error?: string;
  readonly end: { readonly sum_received?: { readonly bits_per_second: number } };
}

/** Gbit/s that the receiver saw. */
async function transfer(client: string, seconds: number): Promise<number> {
  const iperf = ['iperf3', '--client', serverAddress, '--time', String(seconds), '--json'];
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

function reportTcp({ linux, tna, hook }: TcpResult, options: BenchOptions): Omit<SectionReport, 'seconds'> {
  const ratio = summarise(ratios(tna, linux));
  const rows = [
    { label: 'Linux bridge', of: summarise(linux) },
    { label: `TNA by ${hook === 'tc' ? 'TCX' : 'XDP'}, its own choice`, of: summarise(tna) },
  ];
  return {
    section: 'tcp',
    title: `TCP: one iperf3 stream between two hosts, veth with its defaults, ${options.seconds} s per run`,
    figures: [
      figure('tcp', summarise(linux), { id: 'gbps.linux', label: 'TCP, Linux bridge', unit: 'Gbit/s' }),
      figure('tcp', summarise(tna), { id: 'gbps.tna', label: 'TCP, TNA', unit: 'Gbit/s' }),
      figure('tcp', ratio, { id: 'tcp-to-linux', label: 'TNA ÷ Linux bridge, TCP', unit: '×', goal: atLeast(1) }),
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
