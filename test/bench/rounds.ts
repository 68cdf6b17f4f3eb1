// SPDX-License-Identifier: Apache-2.0
// Rates of several ways to forward on one path: each round measures every variant once, in alternating order.

import type { BenchOptions } from './options.js';
import type { ForwardingPath, Sent } from './path.js';
import { median, quantile, ratios, summarise } from './statistics.js';
import { type Variant, type VariantName, variantLabel } from './variants.js';

/** Of each variant: nanoseconds per frame of each round. */
export type Rounds<Name extends VariantName> = Readonly<Record<Name, readonly number[]>>;

export interface RoundsResult<Name extends VariantName> {
  readonly rounds: Rounds<Name>;
  /** Frames sent while timing; as many arrived. */
  readonly frames: number;
}

export type RoundsSize = Pick<BenchOptions, 'rounds' | 'runs' | 'frames'>;

export async function measureRounds<Name extends VariantName>(
  variants: readonly Variant<Name>[],
  path: Pick<ForwardingPath, 'send'>,
  size: RoundsSize,
  progress: (text: string) => void,
): Promise<RoundsResult<Name>> {
  const rounds = new Map<Name, number[]>(variants.map(({ name }) => [name, []]));
  let frames = 0;
  for (let round = 0; round < size.rounds; round++) {
    for (const variant of round % 2 === 0 ? variants : [...variants].reverse()) {
      progress(`round ${round + 1} of ${size.rounds}: ${variant.label}`);
      const visit = await visitVariant(variant, path.send, size);
      rounds.get(variant.name)?.push(visit.nsPerFrame);
      frames += visit.frames;
    }
  }
  return { rounds: Object.fromEntries(rounds) as Record<Name, number[]>, frames };
}

/** Puts a variant in force, measures it, and proves that it was in force and lost nothing. */
async function visitVariant(
  variant: Variant,
  send: (frames: number) => Promise<Sent>,
  size: RoundsSize,
): Promise<{ readonly nsPerFrame: number; readonly frames: number }> {
  await variant.enter();
  try {
    const warmUp = await send(Math.ceil(size.frames / 4));
    const runs = [];
    for (let run = 0; run < size.runs; run++) runs.push(await send(size.frames));
    for (const { frames, arrived } of [warmUp, ...runs]) {
      if (arrived !== frames) throw new Error(`${variant.label}: ${arrived} of ${frames} frames arrived`);
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

export const mpps = (ns: readonly number[]) => ns.map((value) => 1000 / value);

/** Time per frame is the inverse of the rate: a variant's speed in units of another is the other's time by its own. */
export function speed<Name extends VariantName>(rounds: Rounds<Name>, of: Name, against: Name): readonly number[] {
  return ratios(rounds[against], rounds[of]);
}

export function roundsTable<Name extends VariantName>(
  rounds: Rounds<Name | 'linux' | 'redirect-xdp'>,
  what: string,
): readonly (readonly string[])[] {
  const head = ['', 'Mpps', 'min–max', 'ns/frame', '× Linux', '% of ceiling'];
  const rows = (Object.keys(rounds) as (keyof typeof rounds)[]).map((name) => {
    const rate = summarise(mpps(rounds[name]));
    const toLinux = median(speed(rounds, name, 'linux'));
    const toCeiling = median(speed(rounds, name, 'redirect-xdp'));
    return [
      variantLabel(name, what),
      rate.median.toFixed(3),
      `${rate.low.toFixed(2)}–${rate.high.toFixed(2)}`,
      median(rounds[name]).toFixed(0),
      toLinux.toFixed(2),
      (toCeiling * 100).toFixed(0),
    ];
  });
  return [head, ...rows];
}
