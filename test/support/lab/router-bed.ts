// SPDX-License-Identifier: Apache-2.0
// A router with ports p1, p2, … in a namespace of its own, for tests of behaviour: ports are taps, or veths whose far ends
// are in a second namespace. Port N has the address 10.0.N.1/24; its far end, 10.0.N.2, is a permanent neighbour. 10.9.0.0/16 is behind p2.
// With bridges, these have addresses and neighbours in place of their first ports.

import { existsSync } from 'node:fs';
import { Agent, hush } from './agent.js';
import type { Owner } from './bed.js';
import { ethernet, ipv4, ipv6, ipv6Address, sized, udp } from './frame.js';
import { addNetns, bridge, deleteNetns, ip, netnsName } from './netns.js';
import { detached, tna } from './tna.js';

export interface RouterOptions {
  readonly kind: 'tap' | 'veth';
  readonly ports: number;
  /** Ports by number, counted from 1, of bridges: `br1` has those of the first list, … */
  readonly bridges?: readonly (readonly number[])[];
  /**
   * Bridges that filter VLANs, this one's each: ports are access ports of it, and what has the address is a VLAN device on the bridge, br1.N.
   * Takes a kernel with VLANs.
   */
  readonly vlans?: readonly number[];
  /** All ports belong to the VRF `red`, whose table, 100, has the routes. Takes a kernel with VRFs. */
  readonly vrf?: true;
  /** The same in IPv6, beside IPv4: fd00:N::1/64, fd00:N::2, and fd00:9::/32 behind p2. */
  readonly ip6?: true;
}

/** MAC address of the n-th port, counted from 1, or of the bridge of which it is the first. */
export function ownMac(n: number): string {
  return `02:00:5e:50:01:0${n}`;
}

/** MAC address of the n-th port of a bridge. */
export function bridgePortMac(n: number): string {
  return `02:00:5e:50:04:0${n}`;
}

/** MAC address of the neighbour behind the n-th port. */
export function neighbourMac(n: number): string {
  return `02:00:5e:50:02:0${n}`;
}

/** Nothing that is sent by timers, and addresses that are there at once. */
const quiet6 = [
  ['net/ipv6/conf/all/accept_dad', '0'],
  ['net/ipv6/conf/default/accept_dad', '0'],
  ['net/ipv6/conf/default/addr_gen_mode', '1'],
  ['net/ipv6/conf/default/router_solicitations', '0'],
  ['net/ipv6/conf/default/keep_addr_on_down', '1'],
  ['net/ipv6/conf/all/keep_addr_on_down', '1'],
  ['net/ipv6/conf/all/forwarding', '1'],
] as const;

/** The route that transit packets take, and the neighbour that it needs: what makes them again is a command for each. */
export const transitRoute = 'ip route replace 10.9.0.0/16 via 10.0.2.2';
export const transitNeighbour = `ip neigh replace 10.0.2.2 lladdr ${neighbourMac(2)} dev p2 nud permanent`;

/**
 * A packet of 200 bytes that may not be fragmented, from a host that no route leads to, so that any check of sources fails, to
 * one behind the second port; as it comes in by the first.
 */
export function transit(destination = '10.9.0.1'): string {
  const payload = udp(1024, 7, '00'.repeat(158));
  const packet = ipv4({ source: '192.0.2.1', destination, protocol: 17, payload, fragment: 0x4000 });
  return sized(ethernet(ownMac(1), neighbourMac(1), 0x0800, packet), 200);
}

/** The same in IPv6. */
export const transitRoute6 = 'ip -6 route replace fd00:9::/32 via fd00:2::2';
export const transitNeighbour6 = `ip neigh replace fd00:2::2 lladdr ${neighbourMac(2)} dev p2 nud permanent`;

/** A packet of IPv6, otherwise as above, that is 1300 bytes long: less is no MTU of IPv6. */
export function transit6(destination = 'fd00:9::1'): string {
  const packet = ipv6(ipv6Address('2001:db8::1'), ipv6Address(destination), 17, udp(1024, 7, '00'.repeat(1252)));
  return ethernet(ownMac(1), neighbourMac(1), 0x86dd, packet);
}

export class RouterBed {
  private constructor(
    readonly netns: string,
    readonly peers: string,
    readonly agent: Agent,
    readonly options: RouterOptions,
  ) {}

  static async make(owner: Owner, options: RouterOptions): Promise<RouterBed> {
    const names = [netnsName('router'), netnsName('routerp')] as const;
    await addNetns(...names);
    const bed = new RouterBed(names[0], names[1], await Agent.start(), options);
    owner.teardown(() => bed.remove());
    const { agent, netns } = bed;
    await hush(agent, options.ip6 === true ? [bed.peers] : names);
    await agent.enter(netns);
    if (options.ip6 === true) for (const [path, value] of quiet6) await agent.sysctl(path, value);
    await agent.sysctl('net/ipv4/ip_forward', '1');
    for (const which of ['all', 'default']) await agent.sysctl(`net/ipv4/conf/${which}/rp_filter`, '0');
    if (options.bridges !== undefined && existsSync('/proc/sys/net/bridge'))
      for (const tables of ['iptables', 'ip6tables', 'arptables'])
        await agent.sysctl(`net/bridge/bridge-nf-call-${tables}`, '0');
    for (const [index, [first]] of (options.bridges ?? []).entries()) {
      const name = `br${index + 1}`;
      const vid = options.vlans?.[index];
      const filtering = vid === undefined ? '' : ' vlan_filtering 1 vlan_default_pvid 0';
      await ip(netns, `link add ${name} address ${ownMac(first ?? 0)} type bridge mcast_snooping 0${filtering}`);
      await ip(netns, `link set ${name} up`);
      if (vid === undefined) continue;
      await bridge(netns, `vlan add dev ${name} vid ${vid} self`);
      await ip(netns, `link add link ${name} name ${name}.${vid} type vlan id ${vid}`, `link set ${name}.${vid} up`);
    }
    if (options.vrf === true) await ip(netns, 'link add red type vrf table 100', 'link set red up');
    for (let n = 1; n <= options.ports; n += 1) await bed.#addPort(n);
    const where = options.vrf === true ? ' dev p2 table 100' : '';
    await ip(netns, `route add 10.9.0.0/16 via 10.0.2.2${where}`);
    if (options.ip6 === true) await ip(netns, `route add fd00:9::/32 via fd00:2::2${where}`);
    return bed;
  }

  async #addPort(n: number): Promise<void> {
    const { agent, netns, peers, options } = this;
    const [name, far] = [`p${n}`, `h${n}`];
    if (options.kind === 'tap') {
      await agent.tap(name);
    } else {
      await ip(netns, `link add ${name} type veth peer name ${far} netns ${peers}`);
      await ip(peers, `link set ${far} address ${neighbourMac(n)} up`);
      await agent.enter(peers);
      await agent.packet(far);
      await agent.gro(far, true);
      await agent.enter(netns);
    }
    const index = (options.bridges ?? []).findIndex((ports) => ports.includes(n));
    const vid = options.vlans?.[index];
    const master = options.vrf === true ? ' master red' : '';
    if (index < 0) await ip(netns, `link set ${name} address ${ownMac(n)}${master} up`);
    else await ip(netns, `link set ${name} address ${bridgePortMac(n)} master br${index + 1} up`);
    if (vid !== undefined) await bridge(netns, `vlan add dev ${name} vid ${vid} pvid untagged`);
    if (index >= 0 && options.bridges?.[index]?.[0] !== n) return;
    const device = index < 0 ? name : `br${index + 1}${vid === undefined ? '' : `.${vid}`}`;
    await ip(
      netns,
      `addr add 10.0.${n}.1/24 dev ${device}`,
      `neigh add 10.0.${n}.2 lladdr ${neighbourMac(n)} dev ${device} nud permanent`,
      ...(options.ip6 === true
        ? [
            `addr add fd00:${n}::1/64 dev ${device} nodad`,
            // by which the router asks for neighbours on behalf of others
            `addr add fe80::${n}/64 dev ${device} nodad`,
            `neigh add fd00:${n}::2 lladdr ${neighbourMac(n)} dev ${device} nud permanent`,
          ]
        : []),
    );
  }

  async remove(): Promise<void> {
    await tna('detach', '--netns', this.netns);
    detached(this.netns);
    await this.agent.stop();
    await deleteNetns(this.netns, this.peers);
  }
}
