// SPDX-License-Identifier: Apache-2.0
// A bridge with ports in a namespace of its own, for tests of behaviour: ports are taps, or veths whose far ends are
// in a second namespace. Nothing speaks by itself.

import { existsSync } from 'node:fs';
import { Agent, hush } from './agent.js';
import { tryRun } from './command.js';
import { colons, ethernet, sized } from './frame.js';
import { addNetns, deleteNetns, ip, netnsName } from './netns.js';
import { detachAtExit, detached, tna, until } from './tna.js';

export interface BedOptions {
  readonly kind: 'tap' | 'veth';
  readonly ports: number;
  /** Options of `ip link add … type bridge`. */
  readonly bridge?: string;
}

/** Something that calls back when it ends, such as a test. */
export interface Owner {
  teardown(callback: () => Promise<void>): void;
}

export class Bed {
  #ports = 0;

  private constructor(
    readonly netns: string,
    readonly peers: string,
    readonly agent: Agent,
    readonly options: BedOptions,
  ) {}

  static async make(owner: Owner, options: BedOptions): Promise<Bed> {
    const names = [netnsName('bed'), netnsName('bedp')] as const;
    await addNetns(...names);
    const bed = new Bed(names[0], names[1], await Agent.start(), options);
    owner.teardown(() => bed.remove());
    const { agent, netns } = bed;
    await hush(agent, names);
    await agent.enter(netns);
    // They come with br_netfilter, which may be a module that nobody has loaded.
    if (existsSync('/proc/sys/net/bridge')) {
      for (const family of ['iptables', 'ip6tables', 'arptables']) {
        await agent.sysctl(`net/bridge/bridge-nf-call-${family}`, '0');
      }
    }
    await ip(netns, `link add br0 type bridge mcast_snooping 0 ${options.bridge ?? ''}`, 'link set br0 up');
    for (let i = 0; i < options.ports; i += 1) {
      await bed.addPort();
    }
    return bed;
  }

  /** Adds the next port, `p1`, `p2`, …, and returns its number for `agent.send`. */
  async addPort(): Promise<number> {
    const { agent, netns, peers, options } = this;
    this.#ports += 1;
    const name = `p${this.#ports}`;
    const far = `h${this.#ports}`;
    let port: number;
    await agent.enter(netns);
    if (options.kind === 'tap') {
      port = await agent.tap(name);
    } else {
      await ip(netns, `link add ${name} type veth peer name ${far} netns ${peers}`);
      await ip(peers, `link set ${far} up`);
      await agent.enter(peers);
      port = await agent.packet(far);
      await agent.gro(far, true);
      await agent.settle(100);
      await agent.enter(netns);
    }
    await ip(netns, `link set ${name} master br0 up`);
    await until(`${name} forwards`, async () => (await this.state(name)) === 'forwarding');
    return port;
  }

  /** State of a bridge port: `forwarding`, `disabled`, … */
  async state(port: string): Promise<string> {
    const { stdout } = await tryRun('ip', ['-n', this.netns, '-j', '-d', 'link', 'show', port]);
    return /"state":"(\w+)"/.exec(stdout)?.[1] ?? 'none';
  }

  async remove(): Promise<void> {
    await tna('detach', '--netns', this.netns);
    detached(this.netns);
    await this.agent.stop();
    await deleteNetns(this.netns, this.peers);
  }

  /** Registers that TNA runs here, so that it is taken out even if the test dies. */
  accelerated(): void {
    detachAtExit(this.netns);
  }
}

/** Address of the n-th station, counted from 1, with colons. */
export function station(n: number): string {
  return colons(`02005e4000${n.toString(16).padStart(2, '0')}`);
}

/** A frame of 60 bytes between stations; 0 is everybody. `mark` distinguishes frames that are otherwise the same. */
export function frame(to: number, from: number, mark = 0): string {
  const destination = to === 0 ? 'ff:ff:ff:ff:ff:ff' : station(to);
  return sized(ethernet(destination, station(from), 0x88b5, mark.toString(16).padStart(8, '0')), 60);
}
