// SPDX-License-Identifier: Apache-2.0
// A bridge whose ports are emulated virtio-net NICs. Each is paired with another one (machine.ts), which a station uses
// in a namespace of its own; frames between the two leave the kernel and come back, as on a wire.

import { Agent, hush, type Received } from '../../support/lab/agent.js';
import type { Owner } from '../../support/lab/bed.js';
import { addNetns, deleteNetns, ip, netnsName } from '../../support/lab/netns.js';
import { detachAtExit, detached, tna, until } from '../../support/lab/tna.js';
import { sendAndWait } from './arrivals.js';
import { linksIn, type NicPlan, takeNics } from './nics.js';

export class NicBed {
  private constructor(
    readonly netns: string,
    readonly stations: string,
    readonly agent: Agent,
  ) {}

  /** Ports `p1`, `p2`, … of bridge `br0`; station n sends through the agent's port n - 1. */
  static async make(owner: Owner, ports: number): Promise<NicBed> {
    const names = [netnsName('nic'), netnsName('nics')] as const;
    await addNetns(...names);
    const bed = new NicBed(names[0], names[1], await Agent.start());
    owner.teardown(() => bed.remove());
    const { netns, stations, agent } = bed;
    await hush(agent, names);
    await ip(netns, 'link add br0 type bridge mcast_snooping 0', 'link set br0 up');
    const numbers = Array.from({ length: ports }, (_, pair) => pair);
    await takeNics(
      numbers.flatMap((pair): readonly NicPlan[] => [
        { pair, side: 0, netns, name: `p${pair + 1}` },
        { pair, side: 1, netns: stations, name: `h${pair + 1}`, promiscuous: true },
      ]),
    );
    await ip(stations, ...numbers.map((pair) => `link set h${pair + 1} up`));
    await agent.enter(stations);
    for (const pair of numbers) await agent.packet(`h${pair + 1}`);
    await ip(netns, ...numbers.map((pair) => `link set p${pair + 1} master br0 up`));
    await until('the ports forward', () => bed.up(), 60_000);
    return bed;
  }

  async up(): Promise<boolean> {
    const all = [...(await linksIn('-n', this.netns)), ...(await linksIn('-n', this.stations))];
    return all.filter((link) => /^[ph]\d/.test(link.ifname)).every((link) => link.operstate === 'UP');
  }

  /** Sends one frame from a station and resolves to what arrives anywhere: `least` frames, unless they don't come. */
  send(port: number, bytes: string, least = 1): Promise<readonly Received[]> {
    return sendAndWait(this.agent, port, bytes, least, 60);
  }

  accelerated(): void {
    detachAtExit(this.netns);
  }

  async remove(): Promise<void> {
    await tna('detach', '--netns', this.netns);
    detached(this.netns);
    await this.agent.stop();
    await deleteNetns(this.netns, this.stations);
  }
}
