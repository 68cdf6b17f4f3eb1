// SPDX-License-Identifier: Apache-2.0
// `npm run bench -- guards`: what each FPM that only checks costs, as the time that a pipeline without it saves. The programs run on a
// real bridge's port by BPF_PROG_TEST_RUN, interleaved, so figures are of the processor alone: no driver, no cache misses by packets.

import { testRunAsync } from 'bpf-loader-native';
import { enterNetns } from 'netlink-ts';
import type { Hook } from '../../src/model/ruleset.js';
import { readFpmLibrary } from '../../src/platform/fpm-library.js';
import { libraryDirectory } from '../../src/platform/package-paths.js';
import { bridgeModules, FastPath } from '../fpm/fast-path.js';
import { Bed, frame } from '../support/lab/bed.js';
import { tryRun } from '../support/lab/command.js';
import type { GuardOptions } from './options.js';
import { align } from './report.js';
import { summarise } from './statistics.js';

/** FPMs without which a pipeline still forwards: they only say no. */
const optional = ['guard_ingress', 'guard_bridge_nf', 'offload', 'l2_control', 'bridge_source', 'bridge_egress'];
/** XDP_REDIRECT and TC_ACT_REDIRECT. */
const redirected: Readonly<Record<Hook, number>> = { xdp: 4, tc: 7 };

interface Variant {
  readonly name: string;
  readonly modules: readonly string[];
}

/** The whole pipeline first; then without each FPM, and with the lease that most pipelines do not need. */
function variants(): readonly Variant[] {
  return [
    { name: 'pipeline', modules: bridgeModules },
    ...optional.map((name) => ({ name, modules: bridgeModules.filter((one) => one !== name) })),
    { name: 'lease', modules: ['lease', ...bridgeModules] },
  ];
}

async function indexOf(netns: string, device: string): Promise<number> {
  const { stdout } = await tryRun('ip', ['-n', netns, '-j', 'link', 'show', device]);
  return Number(/"ifindex":(\d+)/.exec(stdout)?.[1]);
}

/** Nanoseconds per run of each variant, in each round. */
async function measure(bed: Bed, hook: Hook, options: GuardOptions): Promise<ReadonlyMap<string, readonly number[]>> {
  const ifindex = await indexOf(bed.netns, 'p1');
  const fast = await FastPath.load(await readFpmLibrary(options.library ?? libraryDirectory()), hook);
  try {
    fast.allow(await indexOf(bed.netns, 'p2'));
    await fast.attach(ifindex);
    const lease = new Uint8Array(24);
    new DataView(lease.buffer).setBigUint64(0, 2n ** 40n, true);
    fast.lease(lease);
    const data = Buffer.from(frame(2, 1), 'hex');
    const context =
      hook === 'xdp' ? { kind: 'xdp' as const, ingressIfindex: ifindex } : { kind: 'skb' as const, ifindex };
    const times = new Map<string, number[]>();
    const programs = [];
    for (const { name, modules } of variants()) {
      const program = await fast.use(modules);
      const { retval } = await testRunAsync(program, { data, context });
      if (retval !== redirected[hook])
        throw new Error(`${hook} without ${name}: not fast (${JSON.stringify(fast.counts())})`);
      programs.push({ name, program });
      times.set(name, []);
    }
    for (let round = 0; round < options.rounds; round += 1) {
      for (const { name, program } of programs) {
        const { durationNs } = await testRunAsync(program, { data, context, repeat: options.frames });
        times.get(name)?.push(durationNs);
      }
    }
    return times;
  } finally {
    fast.close();
  }
}

/** A table: for each FPM the median of what it costs, and the range over the rounds. The kernel counts whole nanoseconds. */
export async function measureGuards(options: GuardOptions): Promise<string> {
  const undo: (() => Promise<void>)[] = [];
  try {
    const bed = await Bed.make({ teardown: (act) => undo.push(act) }, { kind: 'tap', ports: 2 });
    for (const port of [0, 1]) await bed.agent.send([{ port, bytes: frame(0, port + 1) }]);
    enterNetns(`/run/netns/${bed.netns}`);
    const rows: string[][] = [['HOOK', 'FPM', 'ns', 'min–max']];
    for (const hook of ['xdp', 'tc'] as const) {
      const times = await measure(bed, hook, options);
      const whole = times.get('pipeline') ?? [];
      for (const [name, values] of times) {
        const sign = name === 'lease' ? 1 : -1;
        const cost = name === 'pipeline' ? whole : values.map((value, round) => sign * (value - (whole[round] ?? 0)));
        const { median, low, high } = summarise(cost);
        rows.push([hook, name, median.toFixed(0), `${low}–${high}`]);
      }
    }
    return align(rows).join('\n');
  } finally {
    for (const act of undo) await act();
  }
}
