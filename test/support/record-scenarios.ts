// SPDX-License-Identifier: Apache-2.0
// Records the golden scenarios anew, from real devices in namespaces of their own (root). Arguments are names; none means all.
// Goldens follow with `UPDATE=1 node dist/test/scenario/scenarios.test.js`.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Snapshot } from '../../src/model/snapshot.js';
import { removeAtExit } from './lab/cleanup.js';
import { run } from './lab/command.js';
import { addNetns, deleteNetns, netnsName } from './lab/netns.js';
import {
  builtLibraryDirectory,
  fixedLibrary,
  libraryDirectory,
  lines,
  listScenarios,
  main,
  root,
  type Scenario,
  scenariosDirectory,
} from './scenarios/files.js';
import { applyEdits, type Edit, normalise } from './scenarios/normalise.js';

const work = mkdtempSync(join(tmpdir(), 'tna-record-'));
removeAtExit(work, ['rm', '-rf', work]);
const pins = `/sys/fs/bpf/tna-record-${process.pid}`;
const tools = join(work, 'bin');
const holders = join(work, 'holders');
const foreign = join(work, 'foreign.bpf.o');

/** Objects as built, under the manifest with the fixed hash, so that deployed pipelines have the ids that goldens have. */
function makeLibrary(): string {
  const manifest = fixedLibrary();
  if (manifest === undefined) throw new Error('build the FPM library first: tna fpm build');
  mkdirSync(libraryDirectory, { recursive: true });
  writeFileSync(join(libraryDirectory, 'library.json'), manifest);
  const directory = join(work, 'library');
  mkdirSync(directory);
  writeFileSync(join(directory, 'library.json'), manifest);
  const objects = ['xdp', 'tc'].flatMap((hook) => [`tna_${hook}.bpf.o`, `dispatcher_${hook}.bpf.o`]);
  for (const object of [...objects, 'lease.bpf.o'])
    symlinkSync(join(builtLibraryDirectory, object), join(directory, object));
  return directory;
}

function makeTools(library: string): void {
  mkdirSync(tools);
  const attach = join(root, 'dist', 'test', 'support', 'scenarios', 'attach-foreign.js');
  const scripts = {
    tna: `exec "${process.execPath}" "${main}" --library "${library}" "$@"`,
    'attach-foreign': `exec "${process.execPath}" "${attach}" "$@"`,
  };
  for (const [name, command] of Object.entries(scripts))
    writeFileSync(join(tools, name), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
}

async function record(scenario: Scenario): Promise<void> {
  const host = netnsName('scenario');
  const far = netnsName('far');
  await addNetns(host, far);
  const env = {
    ...process.env,
    PATH: `${tools}:${process.env.PATH}`,
    FAR: far,
    FOREIGN: foreign,
    PINS: pins,
    HOLDERS: holders,
  };
  // `ip netns exec` would hide the BPF filesystem behind a mount of its own.
  const inside = (script: string) =>
    run('nsenter', [`--net=/run/netns/${host}`, 'bash', '-euc', script], { env, cwd: scenario.directory });
  const look = async () => normalise(JSON.parse(await inside('tna record -')) as Snapshot);
  try {
    // Addresses that the kernel makes up itself come late; those that a scenario is about are set by it.
    await inside('sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.all.addr_gen_mode=1');
    await inside(`. "${join(scenariosDirectory, 'lab.sh')}"; . ./setup.sh`);
    const seen = await settled(look);
    const edits = join(scenario.directory, 'edit.json');
    const edited = existsSync(edits)
      ? applyEdits(seen, JSON.parse(readFileSync(edits, 'utf8')) as readonly Edit[])
      : seen;
    writeFileSync(scenario.recording, lines(edited, 1, { sources: 2, sysctls: 1, capabilities: 1, deployed: 2 }));
  } finally {
    await inside('tna detach').catch((error: unknown) => console.error(error));
    for (const pid of existsSync(holders) ? readFileSync(holders, 'utf8').split('\n').filter(Boolean) : [])
      process.kill(Number(pid));
    rmSync(holders, { force: true });
    rmSync(pins, { recursive: true, force: true });
    mkdirSync(pins);
    await deleteNetns(host, far);
  }
}

/** Carriers, STP states and the like take a moment: looks until two looks show the same. */
async function settled(look: () => Promise<Snapshot>): Promise<Snapshot> {
  let last = await look();
  for (let attempt = 0; attempt < 20; attempt++) {
    await delay(400);
    const next = await look();
    if (JSON.stringify(next) === JSON.stringify(last)) return next;
    last = next;
  }
  throw new Error('the host does not come to rest');
}

const names = process.argv.slice(2);
makeTools(makeLibrary());
mkdirSync(pins);
removeAtExit(pins, ['rm', '-rf', pins]);
await run('clang', [
  ...['-O2', '-target', 'bpf', '-c', join(root, 'test', 'support', 'scenarios', 'foreign.bpf.c')],
  ...['-o', foreign],
]);
for (const scenario of listScenarios().filter(({ name }) => names.length === 0 || names.includes(name))) {
  await record(scenario);
  console.log(`recorded ${scenario.name}`);
}
