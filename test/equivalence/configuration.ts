// SPDX-License-Identifier: Apache-2.0
// What a random case is: bridges, ports, hosts and the commands that make them, all as plain data.

export type PortKind = 'tap' | 'veth';
export type Hook = 'xdp' | 'tc';

/**
 * One command. `sysctl` is `PATH VALUE`; `nft` is a script; `capture` opens a packet socket on a device (`DEV out`: it sees
 * outgoing frames, too; `DEV ip`: only IPv4); `wait` is a pause in milliseconds; `agent` and
 * `far` are requests to the lab's agent in the bridge's namespace and in that of the far ends; `far` can be `mtu DEV N`.
 * `rtnl` is for what iproute2 does not know: see rtnl.ts.
 */
export interface Step {
  readonly tool: 'ip' | 'bridge' | 'tc' | 'nft' | 'sysctl' | 'capture' | 'agent' | 'far' | 'rtnl' | 'wait';
  readonly text: string;
}

export interface PortPlan {
  readonly name: string;
  readonly mac: string;
  /** Index of the bridge. */
  readonly bridge: number;
  readonly mtu: number;
  readonly up: boolean;
  /** A tap as virtual machines have it: a virtio_net_hdr travels with each frame. */
  readonly virtio: boolean;
  /** Not in its bridge from the start: a change may put it there. */
  readonly apart: boolean;
}

export interface BridgePlan {
  readonly name: string;
  readonly mac: string;
  /** IPv4 address of the bridge itself, in a /24. */
  readonly address: string | undefined;
}

/** A station behind a port, as the traffic knows it. */
export interface Host {
  readonly mac: string;
  readonly ip: string;
  readonly port: number;
}

/** An FDB entry made by hand; `port` is absent for an entry on the bridge itself. */
export interface FdbPlan {
  readonly mac: string;
  readonly port: number | undefined;
}

/** VLANs of the ports, the same on all bridges. */
export interface VlanPlan {
  /** TPID that the bridges filter by. */
  readonly protocol: number;
  /** Those that frames and changes are about. */
  readonly vids: readonly number[];
  readonly defaultPvid: number;
  /** For each port its VLANs with the flags of `bridge vlan add`. */
  readonly members: readonly (readonly { readonly vid: number; readonly flags: string }[])[];
}

/** Commands executed before the frame with this number is sent, without telling TNA. */
export interface Change {
  readonly before: number;
  readonly steps: readonly Step[];
}

export interface Configuration {
  readonly seed: number;
  readonly kind: PortKind;
  readonly bridges: readonly BridgePlan[];
  readonly ports: readonly PortPlan[];
  readonly hosts: readonly Host[];
  readonly fdb: readonly FdbPlan[];
  /** Absent: the bridges do not filter VLANs. */
  readonly vlans: VlanPlan | undefined;
  /** Before any device exists: `default` settings are copied into each new one. */
  readonly namespace: readonly Step[];
  /** Makes the devices. Ends with those up that are to be. */
  readonly links: readonly Step[];
  /** What needs the ports to be up: the kernel sets their state when their link comes up. */
  readonly setup: readonly Step[];
  readonly changes: readonly Change[];
  /** Of a router: its own IPv4 addresses. Absent: the devices are ports of bridges. */
  readonly own?: readonly string[];
  /** Receiving ends of veth ports have GRO on, without which no XDP frame can be sent to them. */
  readonly gro: boolean;
  /** Compare when FDB entries (of routers: neighbours) were refreshed and used last, to seconds, and what user space was told of them. */
  readonly activity: boolean;
  /** Senders may leave segmentation to the device; an XDP program on the port takes that away from them. */
  readonly segmentation: boolean;
}

export function portsOf(configuration: Configuration, bridge: number): number[] {
  return configuration.ports.flatMap((port, index) => (port.bridge === bridge ? [index] : []));
}
