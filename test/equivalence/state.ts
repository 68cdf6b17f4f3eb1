// SPDX-License-Identifier: Apache-2.0
// Kernel state after the traffic that must not depend on TNA: FDB, port states, group memberships, neighbours, what the
// host itself received. Left out are times, forwarding counters of devices, in which a fast path shows by nature, and the
// operational state, which a work queue sets up to a second later.

import type { Agent } from '../support/lab/agent.js';
import { tryRun } from '../support/lab/command.js';
import { vlanFiltering } from './features.js';

/** Lines of text per subject, sorted, so that a difference can be shown as it is. */
export interface KernelState {
  readonly fdb: readonly string[];
  readonly ports: readonly string[];
  readonly groups: readonly string[];
  /** VLANs of the ports with their counters. */
  readonly vlans: readonly string[];
  readonly neighbours: readonly string[];
  readonly local: readonly string[];
  /** Rules with their counters. */
  readonly filters: readonly string[];
  /** Neighbours with their state. */
  readonly reachability: readonly string[];
  /** Exceptions of next hops: path MTUs and redirects, of both families. */
  readonly exceptions: readonly string[];
  /** Counters of /proc/net/snmp and snmp6 that a fast path leaves alone. */
  readonly counters: readonly string[];
  /** IP packets received (those errors aside that a router may send itself) and forwarded by the stack: what the fast path forwards is missing in both. */
  readonly received: number;
  readonly forwarded: number;
}

/** When an FDB or neighbour entry was refreshed and used last, in seconds before the last frame, or as long ago as that. */
export interface Activity {
  readonly entry: string;
  readonly updated: number;
  readonly used: number;
}

/** Counters of /proc/net/snmp by `Protocol.Name`. */
function snmpCounters(text: string): Map<string, number> {
  const counters = new Map<string, number>();
  const lines = text.split('\n').map((line) => line.split(/:? +/));
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [protocol, ...names] = lines[i] ?? [];
    for (const [index, name] of names.entries()) counters.set(`${protocol}.${name}`, Number(lines[i + 1]?.[index + 1]));
  }
  return counters;
}

/** The same of /proc/net/snmp6. */
function snmp6Counters(text: string): [string, number][] {
  return text.split('\n').flatMap((line) => {
    const [name, value] = line.split(/\s+/);
    return name === undefined || value === undefined ? [] : [[name, Number(value)]];
  });
}

/** Those that count each forwarded packet; and reports of listeners (MLD), which timers send, or cannot send (mld_sendpack()). */
const forwarding = ['Ip.InReceives', 'Ip.ForwDatagrams', 'Ip.OutTransmits'];
const forwarding6 =
  /^Ip6(InReceives|OutForwDatagrams|OutTransmits|InOctets|OutOctets|In(No)?ECT\d?Pkts|InCEPkts|OutMcast\w+|OutRequests)$/;
const reports = /^Icmp6Out(Msgs|MLDv2Reports|Type143)$|^Ip6OutDiscards$/;
/** What counts errors as well that a router sends, or not, by the time (ErrorBudget). One to an address of its own it receives. */
const counted4 = /^(Ip\.InDelivers|Icmp\.InMsgs)$/;
const counted6 = /^(Ip6InDelivers|Icmp6InMsgs)$/;

/** What is compared of a device, as `ip -j -d link` tells it. */
interface Link {
  readonly ifindex?: number;
  readonly ifname?: string;
  readonly mtu?: number;
  readonly master?: string;
  readonly linkinfo?: { readonly info_slave_data?: { readonly state?: string } };
}

async function json(file: string, args: readonly string[]): Promise<Record<string, unknown>[]> {
  const { stdout } = await tryRun(file, args);
  const value: unknown = JSON.parse(stdout.trim() === '' ? '[]' : stdout);
  return Array.isArray(value) ? value : [];
}

/** Several questions to `ip` or `bridge` in one process: starting one is what costs. An answer is a line. */
async function batch(
  file: string,
  options: readonly string[],
  netns: string,
  questions: readonly string[],
): Promise<Record<string, unknown>[][]> {
  const { stdout } = await tryRun(file, ['-n', netns, '-j', '-d', ...options, '-b', '-'], {
    input: `${questions.join('\n')}\n`,
  });
  const answers = stdout.split('\n').filter((line) => line.trim() !== '');
  if (answers.length !== questions.length) throw new Error(`${file}: ${questions.join(', ')}: ${stdout}`);
  return answers.map((line) => JSON.parse(line) as Record<string, unknown>[]);
}

function without(record: Record<string, unknown>, ...names: readonly string[]): string {
  return JSON.stringify(Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name))));
}

/** Packets that the bridges delivered to their own host, and what IP made of them. */
async function local(agent: Agent): Promise<string[]> {
  const devices = await agent.read('/proc/net/dev');
  const lines = devices.split('\n').flatMap((line) => {
    const found = /^ *(br\d+): *(\d+) +(\d+)/.exec(line);
    return found === null ? [] : [`${found[1]} received ${found[3]} frames, ${found[2]} bytes`];
  });
  const snmp = (await agent.read('/proc/net/snmp')).split('\n').filter((line) => /^(Ip|Icmp|Tcp|Udp): \d/.test(line));
  return [...lines, ...snmp];
}

async function ruleset(netns: string): Promise<string[]> {
  const { stdout } = await tryRun('ip', ['netns', 'exec', netns, 'nft', 'list', 'ruleset']);
  return stdout.split('\n');
}

export async function readActivity(netns: string): Promise<Activity[]> {
  const entries = await json('bridge', ['-n', netns, '-j', '-s', 'fdb', 'show']);
  return entries
    .filter(
      (entry) => typeof entry.used === 'number' && typeof entry.updated === 'number' && entry.state !== 'permanent',
    )
    .map((entry) => ({
      entry: `${entry.mac} on ${entry.ifname}`,
      updated: Number(entry.updated),
      used: Number(entry.used),
    }));
}

/** The same of neighbours. When one was confirmed last is its own doing, and is left out. */
export async function readNeighbourUse(netns: string): Promise<Activity[]> {
  const entries = await json('ip', ['-n', netns, '-j', '-s', 'neigh', 'show', 'nud', 'all']);
  return entries
    .filter((entry) => typeof entry.used === 'number')
    .map(({ dst, dev, used }) => ({ entry: `neighbour ${dst} on ${dev}`, updated: Number(used), used: Number(used) }));
}

export async function readState(netns: string, agent: Agent, nftables: boolean, routes: boolean): Promise<KernelState> {
  const [
    [fdb = [], groups = [], vlans = []],
    [links = [], neighbours = [], reachability = [], exceptions4 = []],
    [exceptions6 = []],
    host,
    filters,
    snmp,
    snmp6,
  ] = await Promise.all([
    batch('bridge', ['-s'], netns, ['fdb show', 'mdb show', ...(vlanFiltering ? ['vlan show'] : [])]),
    batch('ip', [], netns, ['link show', 'neigh show', 'neigh show nud all', ...(routes ? ['route show cache'] : [])]),
    routes ? batch('ip', ['-6'], netns, ['route show cache']) : [],
    local(agent),
    nftables ? ruleset(netns) : [],
    agent.read('/proc/net/snmp').then(snmpCounters),
    agent.read('/proc/net/snmp6').then(snmp6Counters),
  ]);
  const six = new Map(snmp6);
  const unreachable = snmp.get('Icmp.InDestUnreachs') ?? 0;
  const redirects = six.get('Icmp6InRedirects') ?? 0;
  const errorsIn = (name: string) => (counted4.test(name) ? unreachable : counted6.test(name) ? redirects : 0);
  const ports = (links as Link[]).map(({ ifindex, ifname, mtu, master, linkinfo }) =>
    JSON.stringify({ ifindex, ifname, mtu, master, state: linkinfo?.info_slave_data?.state }),
  );
  return {
    fdb: fdb.map((entry) => without(entry, 'updated', 'used')).sort(),
    ports: ports.sort(),
    groups: groups.map((entry) => JSON.stringify(entry).replaceAll(/"timer":"[^"]*",?/g, '')).sort(),
    vlans: vlans.map((entry) => JSON.stringify(entry)).sort(),
    // Reachability changes with time; who was learnt does not.
    neighbours: neighbours.map((entry) => without(entry, 'state')).sort(),
    local: host,
    filters,
    // Failed and missing are one and the same: while the machine has more than gc_thresh1 entries in all its namespaces,
    // the kernel removes failed ones twice a minute, at once (neigh_periodic_work); the next packet begins anew in both.
    // So it does with where the host reported its groups (MLD) when a port came up, which a slow machine may see or not.
    reachability: reachability
      .map((entry) => JSON.stringify(entry))
      // One on lo tells that the host wrote to itself, as a redirect that depends on the time.
      .filter((entry) => !/"FAILED"|"dst":"ff02::16"|"dev":"lo"/.test(entry))
      .sort(),
    exceptions: [...exceptions4, ...exceptions6].map((entry) => without(entry, 'expires', 'age', 'used')).sort(),
    counters: [
      ...[...snmp].filter(([name]) => !forwarding.includes(name)),
      ...snmp6.filter(([name]) => !forwarding6.test(name) && !reports.test(name)),
    ].map(([name, value]) => `${name} ${value - errorsIn(name)}`),
    received: (snmp.get('Ip.InReceives') ?? 0) - unreachable + (six.get('Ip6InReceives') ?? 0) - redirects,
    forwarded: (snmp.get('Ip.ForwDatagrams') ?? 0) + (six.get('Ip6OutForwDatagrams') ?? 0),
  };
}
