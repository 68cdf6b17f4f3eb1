// SPDX-License-Identifier: Apache-2.0
// One side of a comparison: the configuration in a namespace of its own, and what its frames did there.

import { existsSync } from 'node:fs';
import { Agent, type Received, type Send } from '../support/lab/agent.js';
import { tryRun } from '../support/lab/command.js';
import { ip } from '../support/lab/netns.js';
import { patience } from '../support/lab/patience.js';
import { rtnlRequest } from '../support/lab/rtnl.js';
import type { Configuration, Step } from './configuration.js';
import { FdbMonitor } from './fdb-monitor.js';
import { type Activity, type KernelState, readActivity, readNeighbourUse, readState } from './state.js';

/** What happened between two changes of the configuration. */
export interface SentFrame {
  readonly errno: number;
  readonly received: readonly Received[];
}

export interface Outcome {
  /** One per frame sent. What comes late on asynchronous devices is in a later one, or in `late`. */
  readonly frames: readonly SentFrame[];
  readonly late: readonly Received[];
  /** Error text of the commands, setup first, then one per change. */
  readonly messages: readonly string[];
  readonly state: KernelState;
  /** Where the configuration asks for it: times of FDB entries, and what user space was told of them; of routers, of neighbours. */
  readonly activity: readonly Activity[];
  readonly events: readonly string[];
}

/** Name of the far end of a port that is not a tap. */
const farName = (index: number): string => `h${index + 1}`;

/** Brings about ports that are no taps: each in `netns`, its far end (`h1`, `h2`, …) in `peers`. */
export interface Wiring {
  connect(configuration: Configuration, netns: string, peers: string): Promise<void>;
  /** Time that a frame is given to arrive before the next one is sent, in microseconds. */
  readonly settle: number;
  /** Whether a far end goes down with its port. */
  readonly carrier: boolean;
}

const veths: Wiring = {
  connect: async (configuration, netns, peers) => {
    const links = configuration.ports.map(
      ({ name, mtu }, index) =>
        `link add ${name} mtu ${mtu} type veth peer name ${farName(index)} mtu ${mtu} netns ${peers}`,
    );
    await ip(netns, ...links);
  },
  settle: 60,
  carrier: true,
};

/** Commands of the same tool that follow each other are executed in one process. */
function batches(steps: readonly Step[]): Step[] {
  const joined: { tool: Step['tool']; text: string }[] = [];
  for (const step of steps) {
    const last = joined.at(-1);
    if (last !== undefined && last.tool === step.tool && (step.tool === 'ip' || step.tool === 'bridge')) {
      last.text += `\n${step.text}`;
    } else {
      joined.push({ ...step });
    }
  }
  return joined;
}

export class Side {
  readonly #messages: string[] = [];
  readonly #frames: SentFrame[] = [];
  #sent = 0;
  /** When the last frame was sent. */
  #ended = 0;
  #monitor: FdbMonitor | undefined;

  private constructor(
    readonly configuration: Configuration,
    readonly netns: string,
    readonly peers: string,
    readonly agent: Agent,
    readonly wiring: Wiring,
  ) {}

  /** Makes ports and bridges in two existing, empty namespaces: `netns`, and `peers` for the far ends. */
  static async build(configuration: Configuration, netns: string, peers: string, wiring = veths): Promise<Side> {
    const side = new Side(configuration, netns, peers, await Agent.start(), wiring);
    try {
      await side.#ports();
      await side.execute(configuration.links);
      await side.#linksSettle();
      await side.#bridgesSettle();
      await side.execute(configuration.setup);
      await side.#addressesSettle();
      await side.agent.collect(side.#quiet);
      if (configuration.activity && configuration.own === undefined) {
        side.#monitor = await FdbMonitor.start(netns);
      }
    } catch (error) {
      await side.agent.stop();
      throw error;
    }
    return side;
  }

  get #quiet(): number {
    return this.configuration.kind === 'tap' ? 1 : 20;
  }

  async #ports(): Promise<void> {
    const { configuration, agent, netns, peers, wiring } = this;
    await agent.enter(netns);
    await this.execute(configuration.namespace);
    if (configuration.kind === 'tap') {
      for (const port of configuration.ports) {
        await agent.tap(port.name, port.virtio);
      }
      return;
    }
    await agent.enter(peers);
    await agent.sysctl('net/ipv6/conf/all/disable_ipv6', '1');
    await agent.sysctl('net/ipv6/conf/default/disable_ipv6', '1');
    const names = configuration.ports.map((_, index) => farName(index));
    await wiring.connect(configuration, netns, peers);
    await ip(peers, ...names.map((name) => `link set ${name} up arp off`));
    for (const name of names) {
      await agent.packet(name);
      await agent.pushVlanFromMark(name);
      await agent.gro(name, configuration.gro);
    }
    await agent.settle(wiring.settle);
    await agent.enter(netns);
  }

  async #sysctl(step: Step): Promise<void> {
    const [path, value] = step.text.split(' ');
    // Settings of br_netfilter, where that is a module that nobody has loaded.
    if (path?.startsWith('net/bridge/') === true && !existsSync('/proc/sys/net/bridge')) return;
    await this.agent.sysctl(path ?? '', value ?? '');
  }

  /** Executes commands as an administrator would; refusals are recorded, not thrown. */
  async execute(steps: readonly Step[]): Promise<void> {
    const messages: string[] = [];
    for (const { tool, text } of batches(steps)) {
      if (tool === 'sysctl') {
        await this.#sysctl({ tool, text });
      } else if (tool === 'capture') {
        // The capture is one more port of the agent, so what it sees is compared as well.
        const [device, kind] = text.split(' ');
        await this.agent.packet(device ?? '', kind === 'out' || kind === 'ip' ? kind : undefined);
      } else if (tool === 'wait') {
        await new Promise((resolve) => setTimeout(resolve, Number(text)));
      } else if (tool === 'rtnl') {
        // A kernel that does not know the attribute ignores it, or refuses: on both sides alike.
        await this.agent.request(rtnlRequest(text)).catch((error: Error) => messages.push(`${error.message}\n`));
      } else if (tool === 'agent' || tool === 'far') {
        await this.agent.enter(tool === 'far' ? this.peers : this.netns);
        const mtu = /^mtu (\w+) (\d+)$/.exec(text);
        const done = mtu === null ? this.agent.request(text) : ip(this.peers, `link set ${mtu[1]} mtu ${mtu[2]}`);
        await done.catch((error: Error) => messages.push(`${error.message}\n`));
        await this.agent.enter(this.netns);
      } else if (tool === 'nft') {
        messages.push((await tryRun('ip', ['netns', 'exec', this.netns, 'nft', '-f', '-'], { input: text })).stderr);
      } else {
        messages.push(...(await this.#batch(tool, text.split('\n'))));
      }
    }
    // The two sides differ in the names of their namespaces only.
    this.#messages.push(
      messages
        .join('')
        .trim()
        .replace(/\btna-[a-z]+-\d+-\d+/g, 'NETNS'),
    );
  }

  /**
   * A batch of commands, each of which may be refused. Some refusals end the whole batch (`neigh add` of IPv6 on a device that has none): a
   * question after each command tells how far it came, and the rest is a batch of its own.
   */
  async #batch(tool: Step['tool'], commands: readonly string[]): Promise<readonly string[]> {
    const messages: string[] = [];
    for (let left = commands; left.length > 0; ) {
      const input = left.map((command) => `${command}\n${tool === 'ip' ? 'link show lo\n' : ''}`).join('');
      const { code, stdout, stderr } = await tryRun(tool, ['-n', this.netns, '-force', '-b', '-'], { input });
      messages.push(stderr);
      const early = tool === 'ip' && code !== 0 && code !== 1;
      left = early ? left.slice((stdout.match(/^\d+: lo:/gm)?.length ?? 0) + 1) : [];
    }
    return messages;
  }

  /** Waits until link changes, which veth reports through a work queue, have reached the bridge. */
  async #linksSettle(): Promise<void> {
    if (this.configuration.kind === 'tap') {
      return;
    }
    const { agent, netns, peers, wiring } = this;
    const { ports } = this.configuration;
    for (let attempt = 0; attempt < 3000 * patience; attempt += 1) {
      const near = await Promise.all(ports.map(({ name }) => agent.link(name)));
      await agent.enter(peers);
      const far = await Promise.all(ports.map((_, index) => agent.link(farName(index))));
      await agent.enter(netns);
      const settled = near.every(
        ({ up, running }, index) => running === up && (!wiring.carrier || far[index]?.running === up),
      );
      if (settled) {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`the ports of ${this.netns} do not settle`);
  }

  /**
   * Waits until bridges that route have their carrier, which comes by a work queue up to a second later and resets their MTU for
   * IPv6 (addrconf_notify). One whose ports are all down gets none.
   */
  async #bridgesSettle(): Promise<void> {
    const { bridges, own } = this.configuration;
    if (own === undefined) return;
    for (let attempt = 0; attempt < 150; attempt += 1) {
      const links = await Promise.all(bridges.map(({ name }) => this.agent.link(name)));
      if (links.every(({ running }) => running)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until new IPv6 addresses are in use, for which a work queue joins the groups of their neighbour solicitations (addrconf_dad_work). */
  async #addressesSettle(): Promise<void> {
    if (this.configuration.own === undefined) return;
    for (let attempt = 0; attempt < 1000 * patience; attempt += 1) {
      const addresses = await this.agent.read('/proc/net/if_inet6');
      const groups = await this.agent.read('/proc/net/igmp6');
      const joined = new Set(groups.split('\n').map((line) => line.split(/\s+/).slice(1, 3).join(' ')));
      const missing = addresses.split('\n').flatMap((line) => {
        const [address, , , , , device] = line.trim().split(/\s+/);
        if (address === undefined || device === undefined || device === 'lo') return [];
        return joined.has(`${device} ff0200000000000000000001ff${address.slice(26)}`) ? [] : [device];
      });
      const waiting = await Promise.all([...new Set(missing)].map((device) => this.agent.link(device)));
      if (!waiting.some(({ running }) => running)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Sends all frames, making the configuration's changes in between. */
  async send(frames: readonly Send[]): Promise<void> {
    // A growing FDB is resized by a work queue, and until that is done not all entries are where a fast path looks.
    await this.#segment(frames, this.configuration.hosts.length);
    await new Promise((resolve) => setTimeout(resolve, 40));
    for (const change of this.configuration.changes) {
      await this.#segment(frames, change.before);
      await this.execute(change.steps);
      await this.#linksSettle();
      await this.#addressesSettle();
      // The removal of expired entries, too, is done by a work queue.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await this.#segment(frames, frames.length);
    this.#ended = performance.now();
  }

  async #segment(frames: readonly Send[], end: number): Promise<void> {
    const results = await this.agent.send(frames.slice(this.#sent, end));
    this.#sent = Math.max(this.#sent, end);
    this.#frames.push(...results);
  }

  async finish(): Promise<Outcome> {
    const { configuration, netns, agent } = this;
    const late = await agent.collect(this.#quiet);
    const steps = [...configuration.setup, ...configuration.changes.flatMap((change) => change.steps)];
    const read = configuration.own === undefined ? readActivity : readNeighbourUse;
    const since = Math.floor((performance.now() - this.#ended) / 1000);
    const activity = configuration.activity ? await read(netns) : [];
    const nftables = steps.some((one) => one.tool === 'nft');
    const state = await readState(netns, agent, nftables, configuration.own !== undefined);
    const events = (await this.#monitor?.stop()) ?? [];
    const before = (seconds: number) => Math.max(0, seconds - since);
    return {
      ...{ frames: this.#frames, late, messages: this.#messages, state, events },
      activity: activity.map((one) => ({ ...one, updated: before(one.updated), used: before(one.used) })),
    };
  }

  async close(): Promise<void> {
    await this.#monitor?.stop();
    await this.agent.stop();
  }
}
