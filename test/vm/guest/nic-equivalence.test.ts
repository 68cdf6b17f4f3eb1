// SPDX-License-Identifier: Apache-2.0
// Equivalence with emulated NICs as ports: random bridges and frames, first without TNA, then with it at native XDP, on
// the same NICs. What a NIC can't do (a veth's MTU, say) is refused on both sides alike. TNA_VM_SEED and TNA_VM_COUNT
// choose others.

import t from 'tap';
import type { Accelerator } from '../../equivalence/accelerator.js';
import { noAccelerator, tnaAccelerator } from '../../equivalence/accelerator.js';
import type { Configuration } from '../../equivalence/configuration.js';
import { addResult, emptyTotals, reproduction, totalsText } from '../../equivalence/report.js';
import { makeCase, runCase } from '../../equivalence/runner.js';
import type { Wiring } from '../../equivalence/side.js';
import { type NicPlan, takeNics } from './nics.js';

t.setTimeout(0);

const pairs = 5;
const extent = process.env.TNA_VM_EXTENT ?? 'full';
const count = Number(process.env.TNA_VM_COUNT ?? (extent === 'full' ? 20 : 3));
const firstSeed = Number(process.env.TNA_VM_SEED ?? 9000);
const frames = 100;

const nics: Wiring = {
  connect: async ({ ports }, netns, peers) => {
    await takeNics(
      ports.flatMap(({ name, mtu }, pair): readonly NicPlan[] => [
        { pair, side: 0, netns, name, mtu },
        { pair, side: 1, netns: peers, name: `h${pair + 1}`, mtu, promiscuous: true },
      ]),
    );
  },
  settle: 5000,
  carrier: false,
};

/** A driver that can transmit XDP frames only once a program is attached needs a second pass. */
const tna = tnaAccelerator('xdp');
const twice: Accelerator = {
  ...tna,
  start: async (netns) => {
    await tna.start(netns);
    await tna.start(netns);
  },
};

/**
 * Is a port down at any time? An emulated NIC keeps what arrives then, for when it is up again, and its peer cannot send any more as soon as
 * that are too many; a real one forgets it.
 */
function downAtTimes({ ports, changes }: Configuration): boolean {
  return (
    ports.some(({ up }) => !up) || changes.some(({ steps }) => steps.some(({ text }) => /\bset p\d+ down\b/.test(text)))
  );
}

/** Cases from a seed on, of those that these NICs can play. */
function* cases() {
  for (let seed = firstSeed; ; seed += 1) {
    const one = makeCase(seed, 'veth', 'xdp', frames);
    if (one.configuration.ports.length <= pairs && !downAtTimes(one.configuration)) yield one;
  }
}

t.test('Linux equals Linux', async (t) => {
  const [one] = cases();
  if (one !== undefined) t.same((await runCase(one, noAccelerator, nics)).differences, []);
});

t.test('NICs, XDP', async (t) => {
  const totals = emptyTotals();
  let left = count;
  for (const one of cases()) {
    if (left === 0) break;
    left -= 1;
    const result = await runCase(one, twice, nics);
    addResult(totals, result);
    if (result.differences.length > 0) t.fail(`seed ${one.seed} differs`, { reproduction: reproduction(result) });
  }
  t.comment(totalsText('NICs, xdp', totals));
  t.equal(totals.different, 0, `${count} configurations are equal`);
  t.ok(totals.accelerated > count / 3, `${totals.accelerated} of them accelerated`);
  t.ok(
    totals.fast > 0 && totals.fast >= totals.mustBeFast / 2,
    `frames that are due take the fast path (${totals.fast})`,
  );
});
