// SPDX-License-Identifier: Apache-2.0
// What the labs of the FPM tests have in common: the library of these very sources, a host under test with its ports, commands.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import type { FpmLibrary } from '../../src/model/library.js';
import { buildFpmLibrary } from '../../src/platform/clang.js';
import { fpmSource, libraryDirectory } from '../../src/platform/package-paths.js';
import { Agent } from '../support/lab/agent.js';
import type { Owner } from '../support/lab/bed.js';
import { addNetns, bridge, deleteNetns, inNetns, ip, netnsName } from '../support/lab/netns.js';
import type { Kind } from './case.js';

/** The library of these sources, in a directory of its own until the owner ends. */
export async function ownLibrary(owner: Owner): Promise<FpmLibrary> {
  const source = fpmSource();
  const outDir = mkdtempSync(join(tmpdir(), 'tna-fpm-'));
  owner.teardown(async () => rmSync(outDir, { recursive: true }));
  // Nothing is compiled again as long as the built library is that of these sources.
  if (existsSync(libraryDirectory())) cpSync(libraryDirectory(), outDir, { recursive: true });
  return buildFpmLibrary({
    moduleDirs: [source.modules],
    includeDir: source.include,
    dispatcherDir: source.dispatcher,
    kernels: source.kernels,
    compositions: source.compositions,
    outDir,
  });
}

export interface Hosts {
  /** The host under test. */
  readonly netns: string;
  /** Where the far ends of veth ports are. */
  readonly peers: string;
  readonly agent: Agent;
}

/** Two namespaces and an agent, which go with the test. */
export async function makeHosts(t: Test): Promise<Hosts> {
  const [netns, peers] = [netnsName('fpm'), netnsName('fpmp')];
  await addNetns(netns, peers);
  const agent = await Agent.start();
  t.teardown(async () => {
    await agent.stop();
    await deleteNetns(netns, peers);
  });
  return { netns, peers, agent };
}

/** A host that routes both families, whose devices say nothing by themselves. The agent is in it afterwards. */
export async function makeRouter({ netns, agent }: Hosts): Promise<void> {
  await agent.enter(netns);
  for (const [name, value] of Object.entries({ addr_gen_mode: 1, accept_dad: 0, router_solicitations: 0 }))
    await agent.sysctl(`net/ipv6/conf/default/${name}`, String(value));
  await agent.sysctl('net/ipv6/conf/all/forwarding', '1');
  await agent.sysctl('net/ipv4/ip_forward', '1');
  await agent.sysctl('net/ipv4/conf/all/rp_filter', '0');
  await agent.sysctl('net/ipv4/conf/default/rp_filter', '0');
}

/** Makes port `pN` (a veth's far end is `hN`) of the host that the agent is in; the agent's number of it. */
export async function addPort({ netns, peers, agent }: Hosts, kind: Kind, name: string): Promise<number> {
  if (kind === 'tap') return agent.tap(name);
  const far = name.replace('p', 'h');
  await ip(netns, `link add ${name} type veth peer name ${far} netns ${peers}`);
  await ip(peers, `link set ${far} up`);
  await agent.enter(peers);
  const port = await agent.packet(far);
  await agent.gro(far, true);
  await agent.enter(netns);
  return port;
}

/** Waits until so many bridge ports forward: after a change of link, the kernel tells the bridge a little later. */
export async function forwarding(netns: string, ports: number): Promise<void> {
  for (let i = 0; i < 500; i += 1) {
    const text = await inNetns(netns, ['bridge', 'link']);
    if ((text.match(/state forwarding/g) ?? []).length === ports) return;
    await delay(20);
  }
  throw new Error('the ports do not forward');
}

/** Runs a command as cases have it: of `ip`, `bridge`, nft's language, `sysctl PATH VALUE`, or any other. */
export async function command(netns: string, text: string): Promise<void> {
  const [tool, ...rest] = text.split(' ');
  if (tool === 'ip' && rest[0] !== '-6') await ip(netns, rest.join(' '));
  else if (tool === 'bridge') await bridge(netns, rest.join(' '));
  else if (tool === 'nft') await inNetns(netns, ['nft', '-f', '-'], rest.join(' '));
  else if (tool === 'sysctl') await inNetns(netns, ['sh', '-c', `echo ${rest[1]} > /proc/sys/${rest[0]}`]);
  else await inNetns(netns, text.split(' '));
}

export async function ifindexOf(netns: string, name: string): Promise<number> {
  return Number((await inNetns(netns, ['cat', `/sys/class/net/${name}/ifindex`])).trim());
}
