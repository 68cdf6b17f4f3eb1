// SPDX-License-Identifier: Apache-2.0
// Records golden scenarios from real devices in namespaces of their own (root).

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pipeline } from '../../../src/model/desired.js';
import type { Deployed, Snapshot } from '../../../src/model/snapshot.js';
import { makePipeline } from '../../../src/pipeline/library-view.js';
import { isRemoved, removeAtExit } from '../lab/cleanup.js';
import { run } from '../lab/command.js';
import { addNetns, deleteNetns, netnsName } from '../lab/netns.js';
import { makePinDirectory } from '../lab/pins.js';
import { fixedHash, root, type Scenario, scenariosDirectory } from './files.js';
import { compileForeign } from './foreign.js';
import { applyEdits, type Edit, normalise } from './normalise.js';

export class Recorder {
  private readonly work = mkdtempSync(join(tmpdir(), 'tna-record-'));
  private readonly pins = `/sys/fs/bpf/tna-record-${process.pid}`;
  private readonly tools = join(this.work, 'bin');
  private readonly holders = join(this.work, 'holders');
  private readonly pipelines = join(this.work, 'pipelines');

  private constructor(private readonly foreign: string) {
    removeAtExit(this.work, ['rm', '-rf', this.work]);
    removeAtExit(this.pins, ['rm', '-rf', this.pins]);
    mkdirSync(this.tools);
    const support = join(root, 'dist', 'test', 'support', 'scenarios');
    for (const [name, script] of Object.entries({ tna: 'noting.js', 'attach-foreign': 'attach-foreign.js' }))
      writeFileSync(
        join(this.tools, name),
        `#!/bin/sh\nexec "${process.execPath}" --enable-source-maps "${join(support, script)}" "$@"\n`,
        { mode: 0o755 },
      );
  }

  static async make(): Promise<Recorder> {
    return new Recorder(await compileForeign());
  }

  /** Sets the scenario up, looks at it, and takes it down. */
  async record(scenario: Scenario): Promise<Snapshot> {
    const [host, far] = [netnsName('scenario'), netnsName('far')];
    await addNetns(host, far);
    makePinDirectory(this.pins);
    writeFileSync(this.holders, '');
    writeFileSync(this.pipelines, '');
    const env = {
      ...process.env,
      PATH: `${this.tools}:${process.env.PATH}`,
      FAR: far,
      FOREIGN: this.foreign,
      PINS: this.pins,
      HOLDERS: this.holders,
      PIPELINES: this.pipelines,
    };
    // `ip netns exec` would hide the BPF filesystem behind a mount of its own.
    const inside = (script: string) =>
      run('nsenter', [`--net=/run/netns/${host}`, 'bash', '-euc', script], { env, cwd: scenario.directory });
    try {
      // Addresses that the kernel makes up itself come late; those that a scenario is about are set by it.
      await inside('sysctl -qw net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.all.addr_gen_mode=1');
      await inside(`. "${join(scenariosDirectory, 'lab.sh')}"; . ./setup.sh`);
      return edited(
        scenario,
        await settled(async () => this.look(JSON.parse(await inside('tna record -')) as Snapshot)),
      );
    } finally {
      await inside('tna detach').catch((error: unknown) => console.error(error));
      for (const pid of readFileSync(this.holders, 'utf8').split('\n').filter(Boolean)) process.kill(Number(pid));
      rmSync(this.pins, { recursive: true, force: true });
      await deleteNetns(host, far);
    }
  }

  close(): void {
    rmSync(this.work, { recursive: true, force: true });
    for (const directory of [this.work, this.pins]) isRemoved(directory);
  }

  private look(seen: Snapshot): Snapshot {
    const normal = normalise(seen);
    return { ...normal, deployed: renamed(normal.deployed, this.fixedNames()) };
  }

  /** Pipelines are named after the library as built; goldens have the names that they get from the fixed one. */
  private fixedNames(): ReadonlyMap<string, string> {
    const loaded = readFileSync(this.pipelines, 'utf8').split('\n').filter(Boolean);
    return new Map(
      loaded.map((line) => {
        const { id, hook, modules, params } = JSON.parse(line) as Pipeline;
        const fpms = new Map(modules.map((fpm) => [fpm, params[fpm] ?? {}]));
        return [id, makePipeline(fixedHash, hook, fpms).id];
      }),
    );
  }
}

function renamed(deployed: Deployed, names: ReadonlyMap<string, string>): Deployed {
  const rename = (id: string): string => {
    const name = names.get(id);
    if (name === undefined) throw new Error(`nobody saw pipeline ${id} being loaded`);
    return name;
  };
  return {
    ...deployed,
    attachments: deployed.attachments.map((one) => ({
      ...one,
      pipeline: one.pipeline === undefined ? undefined : rename(one.pipeline),
    })),
    pipelines: deployed.pipelines.map((one) => ({ ...one, id: rename(one.id) })).sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

function edited({ directory }: Scenario, seen: Snapshot): Snapshot {
  const edits = join(directory, 'edit.json');
  return existsSync(edits) ? applyEdits(seen, JSON.parse(readFileSync(edits, 'utf8')) as readonly Edit[]) : seen;
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
