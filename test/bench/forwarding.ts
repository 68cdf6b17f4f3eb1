// SPDX-License-Identifier: Apache-2.0
// Forwarding rate of small frames on one core: each round measures every variant once, in alternating order.

import { atLeast, type Figure, figure } from './figure.js';
import type { BenchOptions } from './options.js';
import { openForwardingPath } from './path.js';
import type { SectionReport } from './report.js';
import { median, quantile, ratios, type Summary, summarise } from './statistics.js';
import { Tna } from './tna.js';
import { makeVariants, type Variant, type VariantName, variantLabels, variantNames } from './variants.js';

/** Of one variant: nanoseconds per frame of each round. */
export type Rounds = Readonly<Record<VariantName, readonly number[]>>;

export interface ForwardingResult {
  readonly rounds: Rounds;
  /** Frames sent while timing; as many arrived. */
  readonly frames: number;
}

export type ForwardingSize = Pick<BenchOptions, 'rounds' | 'runs' | 'frames' | 'cpu' | 'library'>;

export async function measureForwarding(
  size: ForwardingSize,
  progress: (text: string) => void,
): Promise<ForwardingResult> {
  const path = await openForwardingPath(size.cpu);
  try {
    const tna = new Tna(path.netns, size.library);
    const variants = makeVariants(path, tna);
    // The bridge learns the source addresses.
    await path.send(size.frames);
    const rounds = Object.fromEntries(variantNames.map((name) => [name, [] as number[]])) as Record<
      VariantName,
      number[]
    >;
    let frames = 0;
    for (let round = 0; round < size.rounds; round++) {
      for (const variant of round % 2 === 0 ? variants : [...variants].reverse()) {
        progress(`round ${round + 1} of ${size.rounds}: ${variantLabels[variant.name]}`);
        const visit = await visitVariant(variant, path.send, size);
        rounds[variant.name].push(visit.nsPerFrame);
        frames += visit.frames;
      }
    }
    await tna.close();
    return { rounds, frames };
  } finally {
    await path.close();
  }
}

export function reportForwarding({ rounds, frames }: ForwardingResult): Omit<SectionReport, 'seconds'> {
  return {
    section: 'forwarding',
    title: 'Forwarding: 60-byte frames, 200 sources, veth, everything on one core',
    figures: figuresOf(rounds),
    table: tableOf(rounds),
    notes: [
      `${(frames / 1e6).toFixed(1)} million frames sent while timing, none lost; generator, forwarding and sink share the time per frame.`,
      'Medians of rounds; ratios are medians of the ratios within a round.',
    ],
    raw: { nsPerFrame: rounds },
  };
}

/** Puts a variant in force, measures it, and proves that it was in force and lost nothing. */
async function visitVariant(
  variant: Variant,
  send: (frames: number) => Promise<{ readonly frames: number; readonly arrived: number; readonly nsPerFrame: number }>,
  size: ForwardingSize,
): Promise<{ readonly nsPerFrame: number; readonly frames: number }> {
  await variant.enter();
  try {
    const warmUp = await send(Math.ceil(size.frames / 4));
    const runs = [];
    for (let run = 0; run < size.runs; run++) runs.push(await send(size.frames));
    for (const { frames, arrived } of [warmUp, ...runs]) {
      if (arrived !== frames) throw new Error(`${variantLabels[variant.name]}: ${arrived} of ${frames} frames arrived`);
    }
    const timed = runs.reduce((sum, run) => sum + run.frames, 0);
    await variant.check(warmUp.frames + timed);
    // What else runs on the machine only ever adds time, to some runs more than to others.
    const nsPerFrame = quantile(
      runs.map((run) => run.nsPerFrame),
      0.25,
    );
    return { nsPerFrame, frames: timed };
  } finally {
    await variant.leave();
  }
}

const mpps = (ns: readonly number[]) => ns.map((value) => 1000 / value);

function figuresOf(rounds: Rounds): readonly Figure[] {
  // Time per frame is the inverse of the rate: a variant's speed in units of another is the other's time by its own.
  const speed = (of: VariantName, against: VariantName) => summarise(ratios(rounds[against], rounds[of]));
  const line = (of: Summary, id: string, label: string, unit: string, goal?: number) =>
    figure('forwarding', of, { id, label, unit, ...(goal === undefined ? {} : { goal: atLeast(goal) }) });
  return [
    ...variantNames.map((name) => line(summarise(mpps(rounds[name])), `mpps.${name}`, variantLabels[name], 'Mpps')),
    line(speed('tna-xdp', 'linux'), 'xdp-to-linux', 'TNA by XDP ÷ Linux bridge, 60 bytes', '×', 3.6),
    line(speed('tna-xdp', 'redirect-xdp'), 'xdp-to-ceiling', 'TNA by XDP ÷ bare XDP redirect', '×', 0.88),
    line(speed('tna-tc', 'linux'), 'tc-to-linux', 'TNA by TCX ÷ Linux bridge, 60 bytes', '×', 1.15),
    line(speed('tna-tc', 'redirect-tc'), 'tc-to-bare-tc', 'TNA by TCX ÷ bare tc redirect', '×'),
    line(speed('redirect-tc', 'linux'), 'bare-tc-to-linux', 'bare tc redirect ÷ Linux bridge', '×'),
  ];
}

function tableOf(rounds: Rounds): readonly (readonly string[])[] {
  const head = ['', 'Mpps', 'min–max', 'ns/frame', '× Linux', '% of ceiling'];
  const rows = variantNames.map((name) => {
    const rate = summarise(mpps(rounds[name]));
    const toLinux = median(ratios(rounds.linux, rounds[name]));
    const toCeiling = median(ratios(rounds['redirect-xdp'], rounds[name]));
    return [
      variantLabels[name],
      rate.median.toFixed(3),
      `${rate.low.toFixed(2)}–${rate.high.toFixed(2)}`,
      median(rounds[name]).toFixed(0),
      toLinux.toFixed(2),
      (toCeiling * 100).toFixed(0),
    ];
  });
  return [head, ...rows];
}
