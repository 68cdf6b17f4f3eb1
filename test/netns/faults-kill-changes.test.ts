// SPDX-License-Identifier: Apache-2.0
// kill -9 between any two actions of the plans that change something: pipelines, hooks, the set of interfaces.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Bed } from '../support/lab/bed.js';
import { Footprint } from '../support/lab/footprint.js';
import { teach } from '../support/lab/forwarding.js';
import { killAtEachStep } from '../support/lab/kill-steps.js';
import { patience } from '../support/lab/patience.js';
import { pinDirectory, tnaOk } from '../support/lab/tna.js';
import { root } from '../support/scenarios/files.js';

t.setTimeout(1_500_000 * patience);

/** The rules with one parameter changed, which makes every pipeline another one. */
function otherRules(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tna-rules-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  cpSync(join(root, 'rules'), directory, { recursive: true });
  const file = join(directory, 'bridge.yaml');
  const text = readFileSync(file, 'utf8');
  const other = text.replace("veth: port.kind == 'veth'", 'veth: port.ifindex > 0');
  if (other === text) throw new Error('the rules have no such parameter any more');
  writeFileSync(file, other);
  return directory;
}

t.test('kill -9 while something changes', async (t) => {
  const bed = await Bed.make(t, { kind: 'tap', ports: 3 });
  bed.accelerated();
  await teach(bed, [0, 1]);
  const footprint = new Footprint(pinDirectory(bed.netns));
  const on = (hook: string) => ({ name: `to ${hook}`, command: ['reconcile', '--once', '--hook', hook] });
  const deploy = on('xdp');
  const without = { ...deploy, name: 'removal', host: 'link set p3 nomaster' };
  const withAll = { ...deploy, name: 'addition', host: 'link set p3 master br0' };
  await tnaOk(...deploy.command, '--netns', bed.netns);
  let kills = await killAtEachStep(t, bed, footprint, [0, 1], withAll, without);
  kills += await killAtEachStep(t, bed, footprint, [0, 1], deploy, on('tc'));
  const other = { name: 'change of pipeline', command: [...on('tc').command, '--rules', otherRules(t)] };
  kills += await killAtEachStep(t, bed, footprint, [0, 1], on('tc'), other);
  t.ok(kills >= 30, `killed ${kills} times`);
  await tnaOk('detach', '--netns', bed.netns);
  t.same(await footprint.remains(), [], 'in the end nothing at all is left');
});
