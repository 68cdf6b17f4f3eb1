// SPDX-License-Identifier: Apache-2.0
// Reading a host. What is deployed, while somebody else changes it: a pin that goes between being listed and being opened.

import t from 'tap';
import { DeviceHooks } from '../../src/platform/attachments.js';
import { readDeployed } from '../../src/platform/deployed.js';
import { LiveHost } from '../../src/platform/live-host.js';
import { NetlinkReader } from '../../src/platform/netlink-reader.js';
import { PinDirectory, type PinListing } from '../../src/platform/pin-directory.js';
import type { Pin } from '../../src/platform/pins.js';

/** Lists, at each look, one pin that is not there any more; then none. */
class Changing extends PinDirectory {
  looks = 0;

  constructor(private readonly gone: readonly Pin[]) {
    super('no-namespace');
  }

  override list(): PinListing {
    const pin = this.gone[this.looks++];
    return { pins: pin === undefined ? [] : [pin], strays: [] };
  }
}

const read = (directory: PinDirectory) => {
  const devices = new DeviceHooks(new NetlinkReader('/nonexistent', undefined));
  return readDeployed(directory, async () => new Map(), devices, true);
};

const pipeline = { kind: 'pipeline', hook: 'tc', id: '0123456789ab' } as const;

t.test('what has gone is looked for anew, and is no stray', async (t) => {
  const directory = new Changing([
    pipeline,
    { kind: 'link', hook: 'xdp', ifindex: 7, slot: 0 },
    { kind: 'map', name: 'tna_egress' },
    { kind: 'filter', hook: 'tc', ifindex: 7, slot: 0 },
  ]);
  t.match(await read(directory), { prepared: [], attachments: [], pipelines: [], egress: [], strays: [] });
  t.equal(directory.looks, 5);
});

t.test('but not for ever', async (t) => {
  await t.rejects(read(new Changing(Array(100).fill(pipeline))), { code: 'ENOENT' });
});

t.test('a sysctl that is not there has no value; one that cannot be read is an error', async (t) => {
  const host = LiveHost.open(undefined, { namespace: undefined, specDirectory: '/nonexistent', pruning: undefined });
  t.teardown(() => host.close());
  t.match(host.sysctl('net/ipv4/ip_forward'), /^[01]$/);
  t.equal(host.sysctl('net/ipv4/conf/no-such-device/forwarding'), null);
  t.equal(host.sysctl('net/ipv4'), null, 'a directory');
  // Only to be written, by root, too.
  const message = /^cannot read \/proc\/sys\/net\/ipv4\/route\/flush: EACCES/;
  t.throws(() => host.sysctl('net/ipv4/route/flush'), { code: 'sysctl', message });
});
