// SPDX-License-Identifier: Apache-2.0
// The benchmark measures what it says: each variant is really in force, no frame is lost, and it notices otherwise.

import t from 'tap';
import { measureForwarding, reportForwarding } from '../bench/forwarding.js';
import { openForwardingPath } from '../bench/path.js';
import { goalsText, reportJson, sectionText } from '../bench/report.js';
import { measureRouting, reportRouting } from '../bench/routing.js';
import { quantile, ratios, summarise } from '../bench/statistics.js';
import { Tna } from '../bench/tna.js';
import {
  bridgeSlowAllowed,
  bridgeVariants,
  makeVariants,
  routerVariants,
  type VariantName,
} from '../bench/variants.js';
import { run } from '../support/lab/command.js';
import { ip } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';

t.setTimeout(120_000 * patience);

const skip = process.getuid?.() === 0 ? false : 'needs root';
const machine = { kernel: 'k', processor: 'p', cores: 1, memoryMiB: 1, mitigations: {}, loadAverage: 0, node: 'v' };

t.test('statistics', async (t) => {
  t.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
  t.equal(quantile([10, 0], 0.25), 2.5);
  t.same(summarise([5, 1, 9]), { median: 5, low: 1, high: 9, count: 3 });
  t.same(ratios([2, 9], [1, 3]), [2, 3]);
});

t.test('every variant forwards every frame, and a report comes out', { skip }, async (t) => {
  const frames = 6400;
  const result = await measureForwarding({ rounds: 1, runs: 2, frames, cpu: 0, library: undefined }, () => undefined);
  t.equal(result.frames, bridgeVariants.length * 2 * frames);
  for (const name of bridgeVariants) {
    t.equal(result.rounds[name].length, 1, name);
    t.ok((result.rounds[name][0] ?? 0) > 0, `${name} took time`);
  }
  const section = { ...reportForwarding(result), seconds: 1 };
  t.match(sectionText(section), /Linux bridge +\d/);
  t.match(goalsText([section]), /≥ 3\.6 ×/);
  const json = reportJson({ started: '', mode: 'quick', machine, loadAverageAtEnd: 0, sections: [section] });
  t.match(json, { figures: [{ id: 'mpps.linux', unit: 'Mpps' }] });
  t.notMatch(await run('ip', ['netns', 'list']), `-${process.pid}-`, 'no namespace is left');
});

t.test('the same for routing: one route, many routes, one flow, many flows; a gateway', { skip }, async (t) => {
  const frames = 6400;
  const size = { rounds: 1, runs: 2, frames, cpu: 0, library: undefined, gateway: false };
  const results = [
    ...(await measureRouting({ ...size, families: [4], routes: [1, 2000], flows: [1, 500] }, () => undefined)),
    ...(await measureRouting({ ...size, families: [6], routes: [2000], flows: [500] }, () => undefined)),
    ...(await measureRouting({ ...size, families: [4], routes: [1], flows: [1], gateway: true }, () => undefined)),
  ];
  t.same(
    results.map(({ family, routes, flows, gateway }) => [family, routes, flows, ...(gateway ? ['gateway'] : [])]),
    [
      [4, 1, 1],
      [4, 1, 500],
      [4, 2000, 1],
      [4, 2000, 500],
      [6, 2000, 500],
      [4, 1, 1, 'gateway'],
    ],
  );
  for (const { rounds, frames: sent, gateway } of results) {
    const names = routerVariants.filter((name) => !gateway || name !== 'fib-xdp');
    t.equal(sent, names.length * 2 * frames);
    for (const name of names) t.ok((rounds[name][0] ?? 0) > 0, `${name} took time`);
  }
  const section = { ...reportRouting(results), seconds: 1 };
  t.match(sectionText(section), /IPv6, 2,000 routes, 500 flows/);
  t.match(goalsText([section]), /≥ 2\.5 ×/);
  t.notMatch(await run('ip', ['netns', 'list']), `-${process.pid}-`, 'no namespace is left');
});

t.test('a variant that is not in force and a lost frame are noticed', { skip }, async (t) => {
  const path = await openForwardingPath(0);
  t.teardown(() => path.close());
  const tna = new Tna(path.netns, undefined);
  const variants = makeVariants({
    ...{ names: bridgeVariants, path, tna, what: 'bridge', slowAllowed: bridgeSlowAllowed },
  });
  const variant = (name: VariantName) => {
    const found = variants.find((known) => known.name === name);
    if (found === undefined) throw new Error(name);
    return found;
  };
  t.equal((await path.send(640)).arrived, 640);

  await variant('redirect-tc').enter();
  await t.rejects(variant('linux').check(0), /not plain Linux/);
  await t.rejects(variant('redirect-xdp').check(0), /not alone/);
  await variant('redirect-tc').leave();
  await variant('linux').check(0);

  await variant('tna-xdp').enter();
  const { frames } = await path.send(6400);
  await variant('tna-xdp').check(frames);
  await t.rejects(variant('tna-xdp').check(2 * frames), /of 12800 frames took the fast path/);
  await t.rejects(variant('tna-tc').check(frames), /on xdp/);
  await variant('tna-xdp').leave();
  await tna.close();

  await ip(path.netns, 'link set p2 down');
  t.equal((await path.send(640)).arrived, 0);
});
