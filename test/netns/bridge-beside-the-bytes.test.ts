// SPDX-License-Identifier: Apache-2.0
// Linux lets some of what a packet carries beside its bytes survive a veth pair. Whoever looks at it behind the bridge finds the same
// with TNA at either hook as without.

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfMap, u32Bytes } from 'bpf-loader-native';
import t, { type Test } from 'tap';
import { compileBpf } from '../support/bpf/compile.js';
import { Bed } from '../support/lab/bed.js';
import { run } from '../support/lab/command.js';
import { misdelivered, teach } from '../support/lab/forwarding.js';
import { patience } from '../support/lab/patience.js';
import { makePinDirectory } from '../support/lab/pins.js';
import { fastFrames, tna, tnaOk } from '../support/lab/tna.js';

t.setTimeout(300_000 * patience);

const script = join(dirname(fileURLToPath(import.meta.url)), '../support/lab/beside.js');

interface Given {
  readonly mark: number;
  readonly priority: number;
  readonly tcIndex: number;
}

/** What each of some frames had beside its bytes when it arrived at the second port's far end. */
async function arriving(t: Test, bed: Bed, given: Given): Promise<readonly Given[]> {
  const pins = `/sys/fs/bpf/tna-beside-${process.pid}`;
  makePinDirectory(pins);
  try {
    const values = [given.mark, given.priority, given.tcIndex].map(String);
    const command = [process.execPath, script, compileBpf('beside'), pins, 'h1', 'h2', ...values];
    await run('nsenter', [`--net=/run/netns/${bed.peers}`, ...command]);
    for (let round = 0; round < rounds; round++) t.same(await misdelivered(bed, [0, 1]), []);
    const map = BpfMap.openPinned(join(pins, 'beside'));
    const entries = Array.from({ length: map.info.maxEntries }, (_, i) => map.get(u32Bytes(i)));
    map.close();
    const packets = entries.flatMap((entry) => {
      const [marked = 0, priority = 0, tcIndex = 0] = new Uint32Array(entry?.slice().buffer ?? []);
      return marked === 0 ? [] : [{ mark: marked - 1, priority, tcIndex }];
    });
    t.equal(packets.length, rounds);
    return packets;
  } finally {
    rmSync(pins, { recursive: true });
  }
}

/** The first frames may take the slow path, which refreshes the FDB. */
const rounds = 4;
const nothing: Given = { mark: 0, priority: 0, tcIndex: 0 };
const cases: readonly Given[] = [
  { mark: 7, priority: 6, tcIndex: 5 },
  { ...nothing, priority: 6 },
  { ...nothing, tcIndex: 0x8000 },
  nothing,
];

t.test('mark, priority and tc_index arrive as Linux lets them', async (t) => {
  const bed = await Bed.make(t, { kind: 'veth', ports: 2 });
  bed.accelerated();
  await teach(bed, [0, 1]);
  const linux: (readonly Given[])[] = [];
  for (const given of cases) linux.push(await arriving(t, bed, given));
  t.same(
    linux,
    cases.map(({ tcIndex }) => Array<Given>(rounds).fill({ ...nothing, tcIndex })),
    'between namespaces, Linux takes mark and priority away (skb_scrub_packet, ____dev_forward_skb) and leaves tc_index',
  );
  for (const hook of ['xdp', 'tc'] as const) {
    await tnaOk('reconcile', '--once', '--netns', bed.netns, '--hook', hook);
    for (const [i, given] of cases.entries())
      t.same(await arriving(t, bed, given), linux[i], `${hook}: ${JSON.stringify(given)}`);
    t.ok((await fastFrames(bed.netns)) > 0, `${hook}: by the fast path where that is the same`);
    await tna('detach', '--netns', bed.netns);
  }
});
