// SPDX-License-Identifier: Apache-2.0
// FRR runs OSPF and BGP over accelerated interfaces: routes converge and fail over as without TNA, no adjacency is lost while
// what is accelerated changes all the time, and packets between the hosts are fast.
//
//   h1 ── a ══ b ══ d ── h2      the way through c costs more; BGP between all four routers' own addresses
//         ╚═══ c ═══╝            leads to the hosts' networks

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { tryRun } from '../support/lab/command.js';
import { Frr, fetchFrr } from '../support/lab/frr.js';
import { addNetns, deleteNetns, inNetns, ip, netnsName } from '../support/lab/netns.js';
import { type Arrivals, NumberedStream } from '../support/lab/numbered.js';
import { patience } from '../support/lab/patience.js';
import { Controller, detached, fastFrames, tna, until } from '../support/lab/tna.js';

t.setTimeout(1_500_000 * patience);

const routers = ['a', 'b', 'c', 'd'] as const;
type Router = (typeof routers)[number];
const links: readonly (readonly [Router, Router, number])[] = [
  ['a', 'b', 10],
  ['b', 'd', 10],
  ['a', 'c', 30],
  ['c', 'd', 30],
];
const hosts = { a: 'h1', d: 'h2' } as const;
const networks: Readonly<Partial<Record<Router, number>>> = { a: 1, d: 2 };
const own = (router: Router) => `10.255.0.${routers.indexOf(router) + 1}`;
const deviceTo = (router: string) => `to-${router}`;
const rounds = 100;
const waitMs = 180_000;

function ospf(router: Router): string {
  const interfaces = links
    .filter(([a, b]) => a === router || b === router)
    .map(
      ([a, b, cost]) => `interface ${deviceTo(a === router ? b : a)}
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 20
 ip ospf cost ${cost}
`,
    );
  return `${interfaces.join('')}router ospf
 ospf router-id ${own(router)}
 timers throttle spf 0 50 200
 timers throttle lsa all 0
 timers lsa min-arrival 0
 network 10.0.0.0/8 area 0
`;
}

function bgp(router: Router): string {
  const peers = routers.filter((other) => other !== router);
  const network = networks[router];
  return `router bgp 65000
 bgp router-id ${own(router)}
${peers
  .map(
    (peer) => ` neighbor ${own(peer)} remote-as 65000
 neighbor ${own(peer)} update-source lo
 neighbor ${own(peer)} timers 3 30
 neighbor ${own(peer)} timers connect 1
`,
  )
  .join('')}${network === undefined ? '' : ` address-family ipv4 unicast\n  network 172.16.${network}.0/24\n`}`;
}

class Network {
  private constructor(
    private readonly names: Readonly<Record<string, string>>,
    private readonly daemons: ReadonlyMap<Router, Frr>,
  ) {}

  static async make(t: Test): Promise<Network> {
    const names = Object.fromEntries([...routers, 'h1', 'h2'].map((name) => [name, netnsName(name)]));
    const netns = (name: string) => names[name] as string;
    await addNetns(...Object.values(names));
    t.teardown(() => deleteNetns(...Object.values(names)));
    for (const name of Object.values(names)) await ip(name, 'link set lo up');
    for (const [i, [a, b]] of links.entries()) {
      await ip(netns(a), `link add ${deviceTo(b)} type veth peer name ${deviceTo(a)} netns ${netns(b)}`);
      await ip(netns(a), `addr add 10.0.${i}.1/30 dev ${deviceTo(b)}`, `link set ${deviceTo(b)} up`);
      await ip(netns(b), `addr add 10.0.${i}.2/30 dev ${deviceTo(a)}`, `link set ${deviceTo(a)} up`);
    }
    for (const [router, host] of Object.entries(hosts) as [keyof typeof hosts, string][]) {
      const network = `172.16.${networks[router]}`;
      await ip(netns(router), `link add ${host} type veth peer name eth0 netns ${netns(host)}`);
      await ip(netns(router), `addr add ${network}.1/24 dev ${host}`, `link set ${host} up`);
      await ip(
        netns(host),
        `addr add ${network}.2/24 dev eth0`,
        'link set eth0 up',
        `route add default via ${network}.1`,
      );
    }
    const directory = mkdtempSync(join(tmpdir(), 'tna-frr-'));
    t.teardown(() => rmSync(directory, { recursive: true }));
    const daemons = new Map<Router, Frr>();
    t.teardown(() => Promise.all([...daemons.values()].map((frr) => frr.stop())));
    for (const router of routers) {
      await ip(netns(router), `addr add ${own(router)}/32 dev lo`);
      await inNetns(netns(router), ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
      daemons.set(router, await Frr.start(netns(router), directory, { ospfd: ospf(router), bgpd: bgp(router) }));
    }
    return new Network(names, daemons);
  }

  netns(name: string): string {
    return this.names[name] as string;
  }

  private async show(router: Router, daemon: 'ospfd' | 'bgpd', command: string): Promise<unknown> {
    return this.daemons.get(router)?.show(daemon, command);
  }

  /** How often each adjacency's state has changed, each with the state that it is in. */
  async adjacencies(): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {};
    for (const router of routers) {
      type Neighbour = { readonly nbrState: string; readonly stateChangeCounter: number };
      const { neighbors } = (await this.show(router, 'ospfd', 'ip ospf neighbor detail')) as {
        readonly neighbors: Readonly<Record<string, readonly Neighbour[]>>;
      };
      for (const [id, [one]] of Object.entries(neighbors))
        found[`${router}, OSPF to ${id}`] = `${one?.nbrState} after ${one?.stateChangeCounter} changes`;
      type Peer = { readonly state: string; readonly connectionsDropped: number };
      const { ipv4Unicast } = (await this.show(router, 'bgpd', 'bgp summary')) as {
        readonly ipv4Unicast?: { readonly peers: Readonly<Record<string, Peer>> };
      };
      for (const [address, peer] of Object.entries(ipv4Unicast?.peers ?? {}))
        found[`${router}, BGP to ${address}`] = `${peer.state}, dropped ${peer.connectionsDropped} times`;
    }
    return found;
  }

  async converged(): Promise<boolean> {
    const states = Object.values(await this.adjacencies());
    const wanted = 2 * links.length + routers.length * (routers.length - 1);
    return states.length === wanted && states.every((state) => /^(Full|Established)/.test(state));
  }

  /** Who carries packets from h1 to h2. */
  async way(): Promise<string> {
    const { stdout } = await tryRun('ip', ['-n', this.netns('a'), 'route', 'get', '172.16.2.2']);
    return /dev to-(\w)/.exec(stdout)?.[1] ?? 'none';
  }
}

/** The link between b and d goes and comes back; what the hosts see of it. */
async function failover(
  network: Network,
  stream: NumberedStream,
): Promise<{ readonly down: Arrivals; readonly up: Arrivals }> {
  await stream.arrivals();
  await ip(network.netns('b'), 'link set to-d down');
  await until('the way leads through c', async () => (await network.way()) === 'c', waitMs);
  await delay(500);
  const down = await stream.arrivals();
  await ip(network.netns('b'), 'link set to-d up');
  await until('all are neighbours again', () => network.converged(), waitMs);
  await until('the way leads through b', async () => (await network.way()) === 'b', waitMs);
  await delay(500);
  return { down, up: await stream.arrivals() };
}

const text = ({ down, up }: { readonly down: Arrivals; readonly up: Arrivals }) =>
  `${down.lost} packets lost, ${down.longestGapMs.toFixed(0)} ms without any; ${up.lost} on the way back`;

/**
 * Changes that make TNA build, give up and rebuild pipelines of b, or read everything anew; each with its undoing. None of them loses
 * packets by itself (adding a qdisc does).
 */
const changes: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ['nft', 'add table ip t; add chain ip t c { type filter hook forward priority 0; }'],
    ['nft', 'delete table ip t'],
  ],
  [
    ['ip', 'link', 'add', 'extra', 'type', 'veth', 'peer', 'name', 'extra2'],
    ['ip', 'link', 'del', 'extra'],
  ],
  [
    ['sysctl', '-qw', 'net.ipv4.conf.to-a.rp_filter=2'],
    ['sysctl', '-qw', 'net.ipv4.conf.to-a.rp_filter=0'],
  ],
  [
    ['nft', 'add table netdev n; add chain netdev n c { type filter hook ingress device to-d priority 0; }'],
    ['nft', 'delete table netdev n'],
  ],
  [
    ['ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'to-a'],
    ['ip', 'addr', 'del', '192.0.2.1/24', 'dev', 'to-a'],
  ],
];

/** Makes and undoes each change many times over; the packets that were lost, and at which commands. */
async function reconfigure(
  network: Network,
  stream: NumberedStream,
): Promise<{ readonly packets: number; readonly lost: Readonly<Record<string, number>> }> {
  await stream.arrivals();
  const lost: Record<string, number> = {};
  let packets = 0;
  for (let round = 0; round < rounds; round += 1) {
    const command = changes[(round >> 1) % changes.length]?.[round % 2] ?? [];
    await inNetns(network.netns('b'), command);
    await delay(100);
    const seen = await stream.arrivals();
    packets += seen.packets;
    if (seen.lost !== 0) lost[command.join(' ')] = (lost[command.join(' ')] ?? 0) + seen.lost;
  }
  return { packets, lost };
}

// Who declares to be CI has Debian's archive, so that its absence is a failure there.
const missing = await fetchFrr().then(
  () => undefined,
  (error: Error) => error.message,
);

const skip = missing !== undefined && process.env.CI === undefined && `no FRR: ${missing}`;

t.test('OSPF and BGP over accelerated interfaces', { skip }, async (t) => {
  t.equal(missing, undefined, 'FRR is there');
  const network = await Network.make(t);
  await until('all are neighbours', () => network.converged(), waitMs);
  await until('the way leads through b', async () => (await network.way()) === 'b', waitMs);
  const stream = NumberedStream.start(network.netns('h1'), network.netns('h2'), '172.16.2.2');
  t.teardown(() => stream.stop());
  await until('packets arrive', async () => (await stream.arrivals()).packets > 0, waitMs);

  const without = await failover(network, stream);
  // not left to the processor, on which it depends whether routing at tc is worth it
  const controllers = new Map(
    routers.map((router) => [router, Controller.start(network.netns(router), '--hook', 'tc')] as const),
  );
  t.teardown(async () => {
    for (const [router, controller] of controllers) {
      await controller.stop();
      await tna('detach', '--netns', network.netns(router));
      detached(network.netns(router));
    }
  });
  for (const [router, controller] of controllers)
    await until(`${router} is accelerated`, () => controller.log.includes('set-slot'), waitMs);

  await t.test('a link that fails', async (t) => {
    const before = await fastFrames(network.netns('c'));
    const withTna = await failover(network, stream);
    t.ok((await fastFrames(network.netns('c'))) > before, 'the way around was fast');
    t.comment(`without TNA: ${text(without)}`);
    t.comment(`with TNA: ${text(withTna)}`);
    // About 100 ms either way; a neighbour that is merely silent would be noticed after 20 s.
    t.ok(withTna.down.longestGapMs < without.down.longestGapMs + 3000 * patience, 'is noticed as soon');
    // The counters of a device that was down begin anew.
    for (const router of ['a', 'b', 'd'] as const)
      await until(`${router} is fast`, async () => (await fastFrames(network.netns(router))) > 0, waitMs);
  });

  await t.test(`${rounds} reconfigurations`, async (t) => {
    const before = await network.adjacencies();
    const { packets, lost } = await reconfigure(network, stream);
    t.same(await network.adjacencies(), before, 'no adjacency changed');
    t.same(lost, {}, `${packets} packets arrived, and none was lost`);
  });

  await t.test('at rest', async (t) => {
    await until(
      'in sync',
      async () => (await tna('plan', '--detailed-exitcode', '--netns', network.netns('b'))).code === 0,
      waitMs,
    );
    await stream.arrivals();
    const fast = await fastFrames(network.netns('b'));
    await delay(3000);
    const { packets, lost } = await stream.arrivals();
    const share = ((await fastFrames(network.netns('b'))) - fast) / packets;
    t.equal(lost, 0);
    t.ok(share > 0.8, `${(100 * share).toFixed(0)} % of ${packets} packets were fast`);
  });
});
