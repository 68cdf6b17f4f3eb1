// SPDX-License-Identifier: Apache-2.0
// kill -9 between any two actions of the plans for a first deployment and for a detach.

import t from 'tap';
import { Bed } from '../support/lab/bed.js';
import { Footprint } from '../support/lab/footprint.js';
import { misdelivered, teach } from '../support/lab/forwarding.js';
import { killAtEachStep } from '../support/lab/kill-steps.js';
import { patience } from '../support/lab/patience.js';
import { pinDirectory } from '../support/lab/tna.js';

t.setTimeout(1_500_000 * patience);

for (const hook of ['xdp', 'tc'] as const) {
  t.test(`kill -9 while everything comes and while everything goes: ${hook}`, async (t) => {
    const bed = await Bed.make(t, { kind: 'tap', ports: 2 });
    bed.accelerated();
    await teach(bed, [0, 1]);
    const footprint = new Footprint(pinDirectory(bed.netns));
    const nothing = { name: 'detach', command: ['detach'] };
    const all = { name: 'first deployment', command: ['reconcile', '--once', '--hook', hook] };
    const kills = await killAtEachStep(t, bed, footprint, [0, 1], nothing, all);
    t.ok(kills >= 12, `killed ${kills} times`);
    t.same(await footprint.remains(), [], 'in the end nothing at all is left');
    t.same(await misdelivered(bed, [0, 1]), []);
  });
}
