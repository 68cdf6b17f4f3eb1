// SPDX-License-Identifier: Apache-2.0
// Routing daemons of FRR in a network namespace, from Debian's package but not installed: each runs with the libraries and the
// directories that it wants in a mount namespace of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRemoved, removeAtExit } from './cleanup.js';
import { run } from './command.js';

// Compiled, this file lies in dist/test/support/lab/.
const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
const directory = join(packageRoot, 'dist/frr');
const root = join(directory, 'root');
const libraries = ['usr/lib/x86_64-linux-gnu/frr', 'usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']
  .map((path) => join(root, path))
  .join(':');

/** Fetches the packages if need be. Rejects when Debian's archive cannot be reached. */
export async function fetchFrr(): Promise<void> {
  await run('bash', [join(packageRoot, 'test/support/fetch-frr.sh'), directory], { timeout: 300_000 });
}

type Daemon = 'zebra' | 'ospfd' | 'bgpd';

/** Configuration files of the daemons that are to run, zebra aside, which always does. */
export type FrrConfiguration = Readonly<Partial<Record<Daemon, string>>>;

export class Frr {
  private readonly processes: ChildProcess[] = [];
  #log = '';

  private constructor(
    readonly netns: string,
    private readonly state: string,
  ) {}

  /** Starts the daemons of one router, with their files below `parent`. */
  static async start(netns: string, parent: string, configuration: FrrConfiguration): Promise<Frr> {
    const frr = new Frr(netns, join(parent, netns));
    mkdirSync(frr.state, { recursive: true });
    writeFileSync(join(frr.state, 'vtysh.conf'), 'username root nopassword\n');
    for (const daemon of ['zebra', 'ospfd', 'bgpd'] as const) {
      const text = configuration[daemon];
      if (text === undefined && daemon !== 'zebra') continue;
      writeFileSync(join(frr.state, `${daemon}.conf`), text ?? '');
      frr.spawn(daemon);
      const socket = join(frr.state, daemon === 'zebra' ? 'zserv.api' : `${daemon}.vty`);
      for (let tries = 0; !existsSync(socket); tries += 1) {
        if (tries > 600) throw new Error(`${daemon} did not start in ${netns}: ${frr.#log}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    return frr;
  }

  private spawn(daemon: Daemon): void {
    const file = (name: string) => join(this.state, name);
    // The package would have made the group, and directories below /run and /var/tmp.
    const words = [
      'mount -t tmpfs frr /run && mount -t tmpfs frr /var/tmp && mkdir /run/frr /var/tmp/frr',
      `(cat /etc/group; echo frrvty:x:65533:root) >${file(`${daemon}.group`)} && mount --bind ${file(`${daemon}.group`)} /etc/group`,
      `LD_LIBRARY_PATH=${libraries} exec ${join(root, 'usr/lib/frr', daemon)} -f ${file(`${daemon}.conf`)} -i ${file(`${daemon}.pid`)} -z ${file('zserv.api')} --vty_socket ${this.state} -P 0 -u root -g root --log stdout --log-level warnings`,
    ];
    const child = spawn('ip', ['netns', 'exec', this.netns, 'unshare', '-m', 'sh', '-c', words.join(' && ')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => {
        this.#log += data.toString();
      });
    const name = `process ${child.pid}`;
    removeAtExit(name, ['kill', '-9', String(child.pid)]);
    child.once('close', () => isRemoved(name));
    this.processes.push(child);
  }

  /** Output of one `show … json`. */
  async show(daemon: Daemon, command: string): Promise<unknown> {
    const vtysh = join(root, 'usr/bin/vtysh');
    const text = await run(
      vtysh,
      ['--config_dir', this.state, '--vty_socket', this.state, '-d', daemon, '-c', `show ${command} json`],
      {
        env: { ...process.env, LD_LIBRARY_PATH: libraries },
      },
    );
    return JSON.parse(text);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.processes.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve();
            child.once('close', () => resolve());
            child.kill('SIGTERM');
          }),
      ),
    );
  }
}
