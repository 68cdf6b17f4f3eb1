// SPDX-License-Identifier: Apache-2.0
// Namespaces and devices that all sections of the benchmark need.

import { run } from '../support/lab/command.js';
import { inNetns } from '../support/lab/netns.js';

/** Without its own chatter, and without netfilter on bridged frames: both cost Linux time that is not forwarding. */
export async function quieten(...netns: readonly string[]): Promise<void> {
  const script = [
    'for f in /proc/sys/net/ipv6/conf/all/disable_ipv6 /proc/sys/net/ipv6/conf/default/disable_ipv6; do',
    '  if [ -e $f ]; then echo 1 > $f; fi',
    'done',
    'for f in /proc/sys/net/bridge/bridge-nf-call-*; do if [ -e $f ]; then echo 0 > $f; fi; done',
  ].join('\n');
  for (const name of netns) await inNetns(name, ['sh', '-e', '-c', script]);
}

/** Index by name of all devices in a namespace. */
export async function ifindexes(netns: string): Promise<ReadonlyMap<string, number>> {
  const links = JSON.parse(await run('ip', ['-n', netns, '-j', 'link', 'show'])) as {
    readonly ifindex: number;
    readonly ifname: string;
  }[];
  return new Map(links.map((link) => [link.ifname, link.ifindex]));
}
