// SPDX-License-Identifier: Apache-2.0
// Bridging rate of small frames on one core.

import { atLeast, type Figure, figure } from './figure.js';
import { openForwardingPath } from './path.js';
import type { SectionReport } from './report.js';
import { measureRounds, mpps, type Rounds, type RoundsResult, type RoundsSize, roundsTable, speed } from './rounds.js';
import { type Summary, summarise } from './statistics.js';
import { Tna } from './tna.js';
import { type BridgeVariant, bridgeSlowAllowed, bridgeVariants, makeVariants, variantLabel } from './variants.js';

export interface ForwardingSize extends RoundsSize {
  readonly cpu: number;
  readonly library: string | undefined;
}

export async function measureForwarding(
  size: ForwardingSize,
  progress: (text: string) => void,
): Promise<RoundsResult<BridgeVariant>> {
  const path = await openForwardingPath(size.cpu);
  try {
    const tna = new Tna(path.netns, size.library);
    const variants = makeVariants({
      ...{ names: bridgeVariants, path, tna, what: 'bridge', slowAllowed: bridgeSlowAllowed },
    });
    // The bridge learns the source addresses.
    await path.send(size.frames);
    const result = await measureRounds(variants, path, size, progress);
    await tna.close();
    return result;
  } finally {
    await path.close();
  }
}

export function reportForwarding({ rounds, frames }: RoundsResult<BridgeVariant>): Omit<SectionReport, 'seconds'> {
  return {
    section: 'forwarding',
    title: 'Forwarding: 60-byte frames, 200 sources, veth, everything on one core',
    figures: figuresOf(rounds),
    table: roundsTable(rounds, 'bridge'),
    notes: [
      `${(frames / 1e6).toFixed(1)} million frames sent while timing, none lost; generator, forwarding and sink share the time per frame.`,
      'Medians of rounds; ratios are medians of the ratios within a round.',
    ],
    raw: { nsPerFrame: rounds },
  };
}

function figuresOf(rounds: Rounds<BridgeVariant>): readonly Figure[] {
  const line = (of: Summary, id: string, label: string, unit: string, goal?: number) =>
    figure('forwarding', of, { id, label, unit, ...(goal === undefined ? {} : { goal: atLeast(goal) }) });
  const ratio = (of: BridgeVariant, against: BridgeVariant) => summarise(speed(rounds, of, against));
  return [
    ...bridgeVariants.map((name) =>
      line(summarise(mpps(rounds[name])), `mpps.${name}`, variantLabel(name, 'bridge'), 'Mpps'),
    ),
    line(ratio('tna-xdp', 'linux'), 'xdp-to-linux', 'TNA by XDP ÷ Linux bridge, 60 bytes', '×', 3.6),
    line(ratio('tna-xdp', 'redirect-xdp'), 'xdp-to-ceiling', 'TNA by XDP ÷ bare XDP redirect', '×', 0.88),
    line(ratio('tna-xdp', 'reading-xdp'), 'xdp-to-reading', 'TNA by XDP ÷ bare XDP redirect that reads as much', '×'),
    line(
      ratio('reading-xdp', 'redirect-xdp'),
      'reading-to-ceiling',
      'bare XDP redirect that reads as much ÷ one that reads nothing',
      '×',
    ),
    line(ratio('reading-xdp', 'linux'), 'reading-to-linux', 'bare XDP redirect that reads as much ÷ Linux bridge', '×'),
    line(ratio('tna-tc', 'linux'), 'tc-to-linux', 'TNA by TCX ÷ Linux bridge, 60 bytes', '×', 1.15),
    line(ratio('tna-tc', 'redirect-tc'), 'tc-to-bare-tc', 'TNA by TCX ÷ bare tc redirect', '×'),
    line(ratio('redirect-tc', 'linux'), 'bare-tc-to-linux', 'bare tc redirect ÷ Linux bridge', '×'),
  ];
}
