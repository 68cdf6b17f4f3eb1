// SPDX-License-Identifier: Apache-2.0
// The emulated NICs of the machine. They are found by the addresses that they were made with, in the first namespace,
// to which they fall back when the one that they were taken to is gone.

import { run } from '../../support/lab/command.js';
import { ip } from '../../support/lab/netns.js';
import { until } from '../../support/lab/tna.js';
import { nicAddress } from '../machine.js';

export interface Nic {
  readonly ifname: string;
  readonly address: string;
  readonly operstate: string;
  /** Where `address` has been changed. */
  readonly permaddr?: string;
}

export async function linksIn(...where: readonly string[]): Promise<readonly Nic[]> {
  return JSON.parse(await run('ip', [...where, '-j', 'link', 'show'])) as readonly Nic[];
}

/** What becomes of a NIC. */
export interface NicPlan {
  readonly pair: number;
  readonly side: 0 | 1;
  readonly netns: string;
  readonly name: string;
  readonly mtu?: number;
  /** Takes frames to any address. */
  readonly promiscuous?: boolean;
}

/**
 * Takes NICs to namespaces, with new names and the addresses, MTUs and flags of new devices. In few processes: to start
 * one takes an emulated processor a quarter of a second.
 */
export async function takeNics(plans: readonly NicPlan[]): Promise<void> {
  let present: readonly Nic[] = [];
  const find = ({ pair, side }: NicPlan) =>
    present.find((nic) => (nic.permaddr ?? nic.address) === nicAddress(pair, side));
  const look = async () => {
    present = await linksIn();
    return plans.every((plan) => find(plan) !== undefined);
  };
  // A namespace is removed by a work queue, and its NICs come back then.
  await until('the NICs are there', look, 60_000);
  const moves = plans.map((plan) => `link set ${find(plan)?.ifname} netns ${plan.netns} name ${plan.name}\n`);
  await run('ip', ['-b', '-'], { input: moves.join('') });
  for (const netns of new Set(plans.map((plan) => plan.netns))) {
    const own = plans.filter((plan) => plan.netns === netns);
    const commands = own.map(({ pair, side, name, mtu = 1500, promiscuous = false }) => {
      const flags = `promisc ${promiscuous ? 'on' : 'off'}`;
      return `link set ${name} address ${nicAddress(pair, side)} mtu ${mtu} ${flags}`;
    });
    await ip(netns, ...commands);
  }
}
