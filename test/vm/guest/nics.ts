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

async function find(pair: number, side: 0 | 1): Promise<Nic | undefined> {
  const address = nicAddress(pair, side);
  return (await linksIn()).find((nic) => (nic.permaddr ?? nic.address) === address);
}

/** Takes a NIC to a namespace, with a new name and the address, MTU and flags of a new device. */
export async function takeNic(pair: number, side: 0 | 1, netns: string, name: string, mtu = 1500): Promise<void> {
  // A namespace is removed by a work queue.
  await until(`NIC ${nicAddress(pair, side)} is there`, async () => (await find(pair, side)) !== undefined, 60_000);
  const nic = await find(pair, side);
  await run('ip', ['link', 'set', nic?.ifname ?? '', 'netns', netns, 'name', name]);
  await ip(netns, `link set ${name} address ${nicAddress(pair, side)} mtu ${mtu} promisc off`);
}
