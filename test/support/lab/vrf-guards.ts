// SPDX-License-Identifier: Apache-2.0
// As netns/routing-guards.test.ts and routing6-guards.test.ts, for a VRF: with the controller killed, under load, every change that forbids, diverts or
// observes what is routed in the VRF acts on the very next packet. Packets come in by p1 and leave by p2; p3 belongs to the same VRF.

import type { Test } from 'tap';
import type { Hook } from '../../../src/model/ruleset.js';
import { change, holds } from './guard-proofs.js';
import { neighbourMac, RouterBed, transit, transit6 } from './router-bed.js';
import { tna } from './tna.js';
import { type Guard, Unwatched } from './unwatched.js';

const trials = 3;

/** How a family speaks of the router. */
interface Words {
  readonly ip: string;
  readonly nft: string;
  readonly beyond: string;
  /** A part of it, where all packets go. */
  readonly part: string;
  readonly next: (port: number) => string;
  /** Settings that no VRF has a say in, but which count as ever. */
  readonly settings: readonly Guard[];
}

const setting = (path: string, value: number, back: number): Guard =>
  change('dropped', `sysctl net/${path} ${value}`, `sysctl -qw net/${path}=${back}`);

const ip4: Words = {
  ip: 'ip',
  nft: 'ip',
  beyond: '10.9.0.0/16',
  part: '10.9.0.1/32',
  next: (port) => `10.0.${port}.2`,
  settings: [setting('ipv4/conf/p1/rp_filter', 1, 0), setting('ipv4/conf/p1/forwarding', 0, 1)],
};

const ip6: Words = {
  ip: 'ip -6',
  nft: 'ip6',
  beyond: 'fd00:9::/32',
  part: 'fd00:9::/33',
  next: (port) => `fd00:${port}::2`,
  settings: [setting('ipv6/conf/all/forwarding', 0, 1)],
};

function guards({ ip, nft, beyond, part, next, settings }: Words): readonly Guard[] {
  const over = (port: number): string => `${beyond} via ${next(port)} dev p${port}`;
  const route = `${ip} route replace ${over(2)} table 100`;
  const known = (port: number): string =>
    `ip neigh replace ${next(port)} lladdr ${neighbourMac(port)} dev p${port} nud permanent`;
  return [
    change('dropped', 'ip link set p1 nomaster', 'ip link set p1 master red'),
    change('dropped', 'ip link set p2 nomaster', 'ip link set p2 master red', route, known(2)),
    {
      ...change('moved', 'ip link set p1 master blue', 'ip link set p1 master red'),
      before: [
        'ip link add blue type vrf table 200',
        'ip link set blue up',
        `${ip} route add ${over(3)} onlink table 200`,
      ],
      after: ['ip link del blue'],
    },
    change(
      'dropped',
      'ip link del red',
      'ip link add red type vrf table 100',
      'ip link set red up',
      ...[1, 2, 3].map((n) => `ip link set p${n} master red`),
      route,
      known(2),
      known(3),
    ),
    change('moved', `${ip} route replace ${over(3)} table 100`, route),
    change('dropped', `${ip} route add unreachable ${part} table 100`, `${ip} route del ${part} table 100`),
    change('dropped', `${ip} rule del pref 1000`, `${ip} rule add pref 1000 l3mdev`),
    change('dropped', `${ip} rule add pref 10 to ${beyond} blackhole`, `${ip} rule del pref 10`),
    {
      ...change('moved', `${ip} rule add pref 10 table 7`, `${ip} rule del pref 10`),
      before: [`${ip} route add ${over(3)} onlink table 7`],
      after: [`${ip} route flush table 7`],
    },
    ...settings,
    change(
      'dropped',
      `nft add table ${nft} t ; add chain ${nft} t c { type filter hook prerouting priority 0 ; } ; add rule ${nft} t c iifname red drop`,
      `nft delete table ${nft} t`,
    ),
    { name: 'packet socket on red', fate: 'tapped', change: 'packet red' },
    change('dropped', 'tc qdisc replace dev p2 root handle 1: pfifo limit 0', 'tc qdisc del dev p2 root'),
  ];
}

async function hold(
  t: Test,
  kind: 'tap' | 'veth',
  hook: Hook,
  words: Words,
  options: { readonly ip6?: true; readonly stream: string },
): Promise<void> {
  const { stream, ...families } = options;
  const bed = await RouterBed.make(t, { kind, ports: 3, vrf: true, ...families });
  const host = await Unwatched.make(t, bed, { hook, stream });
  for (const guard of guards(words)) await holds(t, host, guard, trials);
  const { code } = await tna('plan', '--netns', host.bed.netns, '--hook', hook, '--detailed-exitcode');
  t.equal(code, 0, 'a controller that comes back finds nothing to do');
}

export const vrfGuardsHold = (t: Test, kind: 'tap' | 'veth', hook: Hook): Promise<void> =>
  hold(t, kind, hook, ip4, { stream: transit() });

/** On a router of both families. */
export const vrf6GuardsHold = (t: Test, kind: 'tap' | 'veth', hook: Hook): Promise<void> =>
  hold(t, kind, hook, ip6, { ip6: true, stream: transit6() });
