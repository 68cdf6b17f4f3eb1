// SPDX-License-Identifier: Apache-2.0
// Checks whose absence changes nothing that could be seen on this kernel, and why. The mutation script runs them all the
// same where it can, and objects if one is caught.

export interface Equivalent {
  readonly because: string;
  /** A capability probe: the entry holds only where it says no. */
  readonly without?: string;
  /** Other kernels show the difference: there it is caught as any other. */
  readonly elsewhere?: boolean;
  /** The check (id of a mutation) that stops the same frames: without both, a difference must be seen. */
  readonly with?: string;
}

const switchHardware = { because: 'takes switch hardware (switchdev)' };
const vlanFiltering = { because: 'the kernel is built without VLAN filtering', without: 'btf:net_bridge_port.vlgrp' };
const confirmingSenders = {
  because: "takes a sender's socket behind a veth; test/fpm/routing.test.ts comes upon it",
};
const vlanDevices = { because: 'the kernel is built without VLAN devices', without: 'btf:vlan_info.grp' };

const tagBeside = {
  because:
    'only whether a tag leaves in the frame or beside it is another, and every receiver takes a tag out of the frame first (skb_vlan_untag)',
};

const traced = { because: 'only who traces the lookups sees it: test/vm/guest/traced-lookups.test.ts' };

export const equivalents: Readonly<Record<string, Equivalent>> = {
  'bridge_egress:egress-below': {
    because: 'the kernel is built without VLAN devices, bond and team',
    without: 'btf:vlan_info.grp',
  },
  'bridge_egress:egress-switchdev': switchHardware,
  'bridge_out:down': { because: 'routes of a device that is down are gone or dead, which is seen first' },
  'bridge_out:fdb-miss': { because: 'a missing entry reads as zeros: no port' },
  'bridge_out:fdb-no-port': { because: 'what is no port reads as one in state disabled: port-state' },
  'bridge_out:nd-suppress': {
    because: 'this kernel answers no unicast solicitations, as older ones do (br_do_suppress_nd)',
    elsewhere: true,
  },
  'bridge_out:switchdev': switchHardware,
  'bridge_out:vlan-filtering': vlanFiltering,
  'bridge_out:port-not-member': { because: 'a port that leaves a VLAN takes its FDB entries along: fdb-miss' },
  'bridge_out:vlan-state': vlanFiltering,
  'bridge_out:vlan-tunnel': vlanFiltering,
  'bridge_out:vlan-segments': vlanDevices,
  'bridge_fdb:fdb-miss': {
    because: 'a missing entry reads as zeros: no port (fdb-no-port), never used (fdb-use-stale)',
  },
  'bridge_fdb:fdb-no-port': { because: 'the bridge makes entries without a port local only: fdb-local' },
  'bridge_port:not-a-port': {
    because:
      'the memory of another handler would have to look like a port that forwards, and have an FDB: port-state, fdb-miss',
  },
  'bridge_port:not-a-port#2': {
    because: "the kernel sets a handler's data before the handler, and clears it after (netdev_rx_handler_register)",
  },
  'bridge_port:vlan-tunnel': {
    because:
      'Linux maps frames with tunnel metadata alone (br_handle_ingress_vlan_tunnel), and no port with a fast path hands such up',
  },
  'bridge_port:switchdev': switchHardware,
  'bridge_port:vlan-filtering': vlanFiltering,
  'bridge_port:mst': {
    because:
      "with spanning trees per VLAN Linux looks at the VLAN's state alone: port-state, vlan-state and egress-state leave it more",
  },
  'bridge_port:vlan-stats': vlanFiltering,
  'bridge_vlan:not-filtering': vlanFiltering,
  'bridge_vlan:not-member': vlanFiltering,
  'bridge_vlan:no-pvid': { because: 'no port is a member of VLAN 0: source-unknown, fdb-miss or egress-not-member' },
  'bridge_vlan:vlan-state': vlanFiltering,
  'bridge_vlan:tag-inside': {
    because: 'tags are in metadata before a tc program runs, unless another program puts one back',
  },
  'bridge_vlan_out:vlan-stats': vlanFiltering,
  'bridge_vlan_out:other-tag': vlanFiltering,
  'bridge_vlan_out:not-member': vlanFiltering,
  'bridge_vlan_out:no-pvid': vlanFiltering,
  'bridge_vlan_out:vlan-state': vlanFiltering,
  'bridge_vlan_up:not-member': { because: 'a bridge that leaves a VLAN takes its own addresses along: fdb-miss' },
  'bridge_vlan_up:vlan-state': vlanFiltering,
  'bridge_vlan_up:other-tag': vlanFiltering,
  'bridge_vlan_egress:egress-not-member': vlanFiltering,
  'bridge_vlan_egress:egress-vlan-state': vlanFiltering,
  'bridge_vlan_egress:egress-tunnel': vlanFiltering,
  'bridge_vlan_egress:inner-tag': tagBeside,
  'bridge_vlan_egress:other-tag': tagBeside,
  'bridge_port:nd-suppress': {
    because: 'this kernel answers no unicast solicitations, as older ones do (br_do_suppress_nd)',
    elsewhere: true,
  },
  'bridge_source:source-unknown': {
    because: 'a missing entry reads as zeros, hence as one on another port: source-moved',
    with: 'bridge_source:source-moved',
  },
  'egress:no-room': { because: 'drivers leave room before a frame, and a tag in metadata takes none' },
  'egress:no-egress': { because: 'bridge_fdb always chooses a device, or leaves the frame to Linux' },
  'egress:egress-cannot-xdp': {
    because: 'the helper already said XDP_PASS: without the check the frame goes to Linux, too, but is counted as fast',
  },
  'frame:other-namespace': {
    because: 'takes a device that leaves its namespace; test/netns/xdp-other-namespace.test.ts does that',
  },
  'frame:runt': { because: 'no device hands up a frame shorter than an Ethernet header; the verifier wants the check' },
  'guard_bridge_nf:bridge-hook': { because: 'for kernels that do not tell where br_netfilter is; this one does' },
  'guard_ingress:generic-xdp': {
    because: 'TNA attaches natively only, and the kernel refuses generic XDP on a device that has native XDP',
  },
  'guard_ingress:vlan-device': vlanDevices,
  'guard_ip4:traced': traced,
  'guard_ip6:traced': traced,
  'ip4_forward:no-room': { because: 'drivers leave room before a frame, and a tag in metadata takes none' },
  'ip4_demux:not-mapped': { because: 'drivers here map more of a packet than its ports' },
  'ip4_forward:cut': { because: 'cutting fails for want of memory only' },
  'ip4_forward:egress-cannot-xdp': {
    because:
      'the helper already said XDP_PASS: without the check the packet goes to Linux, too, but is counted as fast',
  },
  'ip4_forward:short': { because: 'the length was looked at before; the verifier wants the check' },
  'ip4_header:invalid': { because: 'what is not version 4 with five words is slow next', with: 'ip4_header:options' },
  'ip4_header:options': {
    because: 'the checksum of a longer header is not that of its first five words',
    with: 'ip4_header:checksum',
  },
  'ip4_header:short': { because: 'the verifier wants the check' },
  'ip4_neighbour:changing': { because: 'a matter of nanoseconds' },
  'ip4_neighbour:confirming': confirmingSenders,
  'ip4_neighbour:egress-type': {
    because: 'the loopback device has one entry, for address 0; other devices that are not Ethernet have no header',
  },
  'ip4_neighbour:no-neighbour': {
    because: 'a missing entry reads as zeros: no state',
    with: 'ip4_neighbour:unconfirmed',
  },
  'ip4_route:dead': { because: 'what has no next hop has no device: egress-type' },
  'ip4_route:hash-short': { because: 'without a choice there is no device: egress-type; the verifier wants the check' },
  'ip4_route:multipath': { because: 'this kernel shows its seed' },
  'ip4_route:no-hop': { because: 'what has no next hop has no device: egress-type' },
  'ip4_route:no-ip': {
    because: 'the least MTU of these devices is enough for IPv4, which never leaves them then',
  },
  'ip4_route:no-route': { because: 'what is not found is undecided next, and a route of no type: route-type' },
  'ip4_route:statistics': {
    because: 'the packets are the same, only uncounted; test/fpm/routing.test.ts comes upon it',
  },
  'ip4_route:undecided': { because: 'without a result there is no type, hence not unicast: route-type' },
  'ip6_forward:no-room': { because: 'drivers leave room before a frame, and a tag in metadata takes none' },
  'ip6_demux:not-mapped': { because: 'ip6_header has made sure of the ports; the verifier wants the check' },
  'ip6_forward:cut': { because: 'cutting fails for want of memory only' },
  'ip6_forward:egress-cannot-xdp': {
    because:
      'the helper already said XDP_PASS: without the check the packet goes to Linux, too, but is counted as fast',
  },
  'ip6_forward:short': { because: 'the length was looked at before; the verifier wants the check' },
  'ip6_header:group': {
    because: 'each device has a route for groups in the local table, which is not unicast: route-type',
  },
  'ip6_header:short': { because: 'the verifier wants the check' },
  'ip6_neighbour:changing': { because: 'a matter of nanoseconds' },
  'ip6_neighbour:confirming': confirmingSenders,
  'ip6_neighbour:egress-type': { because: 'devices that are not Ethernet have no header: no-header' },
  'ip6_neighbour:no-neighbour': {
    because: 'a missing entry reads as zeros: no state',
    with: 'ip6_neighbour:unconfirmed',
  },
  'ip6_route:shared-hop': { because: 'what Linux does depends on the CPU; test/fpm/routing.test.ts comes upon it' },
  'ip6_route:dead': {
    because: 'what has no next hop has no device: egress-type; what has no link: ip_egress:egress-down',
  },
  'ip6_route:disabled#2': { because: 'a device on which IPv6 is disabled has no IPv6 routes any more' },
  'ip6_route:multipath': { because: 'this kernel shows its seed' },
  'ip6_route:no-hop': { because: 'what has no next hop has no device: egress-type' },
  'ip6_route:no-route': { because: 'what is not found is undecided next' },
  'ip6_route:statistics': {
    because: 'the packets are the same, only uncounted; test/fpm/routing.test.ts comes upon it',
  },
  'ip6_route:unequal': {
    because: 'this kernel counts from the first sibling, whichever it prefers; older ones from that',
    elsewhere: true,
  },
  'ip6_route:source-routes': { because: 'what depends on the source is undecided next' },
  'ip6_route:no-ip#2': { because: 'a device without IPv6 has no IPv6 routes any more' },
  'ip6_route:undecided': { because: 'without a route there is no type, hence not unicast: route-type' },
  'ip_egress:egress-below': {
    because: 'the kernel is built without VLAN devices, bond and team',
    without: 'btf:vlan_info.grp',
  },
  'ip_egress:egress-down': { because: 'routes of a device that is down are gone or dead, which is seen first' },
  'ip_egress:egress-kind': {
    because: 'no tunnel of the lab is Ethernet and has neighbours; test/fpm/routing.test.ts comes upon it',
  },
  'ip_egress:ingress-device': { because: 'qdiscs and programs of the lab do not ask where a packet came in' },
  'ip_egress:no-egress': { because: 'ip4_route and ip6_route always choose a device, or leave the packet to Linux' },
  'ip_receive:assigned-socket': { because: 'takes another tc program that assigns sockets' },
  'ip_receive:dsa': switchHardware,
  'ip_receive:encapsulated': { because: 'takes a tunnel whose segmentation is left to a veth' },
  'ip_receive:extensions': { because: 'a veth takes extensions away, and other devices do not make any' },
  'ip_receive:not-ethernet': { because: 'a rule (not-ethernet) keeps pipelines away from such devices' },
  'ip_receive:not-ip': { because: 'the following FPMs let it pass, and no egress is chosen: no-egress' },
  'ip_receive:routed': {
    because: 'takes a tunnel device with metadata, which is no Ethernet port of a router',
  },
  'ip_receive:switchdev-mark': switchHardware,
  'ip_receive:timestamp': { because: 'senders of the lab do not ask for timestamps' },
  'ip4_route:source-vrf': { because: 'no VRF here', without: 'btf:net_vrf.tb_id' },
  'ip_receive:vrf': { because: 'no VRF here', without: 'btf:net_vrf.tb_id' },
  'vrf:tapped': { because: 'no VRF here', without: 'btf:net_vrf.tb_id' },
  'vrf:unknown': { because: 'takes the instant at which a port joins or leaves a VRF' },
  'ip_rules:tables': {
    because: 'a walk that begins at no table ends undecided: ip4_route:undecided, ip6_route:undecided',
  },
  'l2_control:broadcast': { because: 'broadcast is a group address', with: 'l2_control:multicast' },
  'l2_control:link-local': { because: 'these are group addresses', with: 'l2_control:multicast' },
  'l2_control:cfm-mrp': { because: 'the kernel is built without CFM and MRP', without: 'btf:net_bridge.mrp_list' },
  'lease:lease-expired': {
    because: 'no bridge needs a lease; test/netns/lease.test.ts has pipelines that do',
  },
  'offload:unknown-device': {
    because: 'the pipeline of a veth is always built to accept veth: its kind cannot change',
  },
  'offload:unknown-device#2': {
    because: 'no other kind of virtual device here has native XDP',
    without: 'btf:bonding.xdp_prog',
  },
  'offload:gso': { because: 'XDP on a veth takes segmentation offload away from its peer, which then segments itself' },
  'offload:delivery-time': {
    because:
      'takes a sender that says when, and a qdisc behind a veth that goes by it; test/fpm/reasons.test.ts has the sender',
  },
  'offload:vlan-rx-offload': {
    because: 'takes hardware that strips tags; a rule (xdp-vlan-offload) keeps XDP away from it',
  },
  'offload:lro': { because: 'takes a driver that merges by LRO' },
  'offload:switchdev-mark': switchHardware,
  'offload:extensions': {
    because: 'takes a bridge as port of another by a device that no rule lets a bridge forward to here (macvlan)',
    without: 'btf:vlan_info.grp',
  },
  'bridge_egress:no-queue': { because: 'takes hardware' },
  'ip_egress:no-queue': { because: 'takes hardware' },
  'bridge_egress:summed': { because: 'takes hardware that computes the sums of whole frames' },
  'ip_egress:copied': {
    because: 'what the lab sends belongs to sockets, of which a filter or qdisc could know',
    with: 'ip_egress:socket-qdisc',
  },
  'ip_egress:summed': { because: 'takes hardware that computes the sums of whole frames' },
  'offload:fragments': {
    because:
      'a veth takes such frames, a tap does not, but the lab has ports of one kind; test/fpm/reasons.test.ts comes upon it',
  },
  'offload:several-queues': {
    because: 'the taps of the lab have one queue; test/fpm/reasons.test.ts comes upon it',
  },
  'offload:xen': { because: 'takes Xen' },
  'offload:memory-reserve': { because: 'takes a machine that is out of memory, and swaps over the network' },
  'vlan_device:below-kind': {
    because: 'takes a packet socket on a device that is part of a bond, which the lab does not make',
  },
  'vlan_device:not-vlan': { because: 'the program is attached to VLAN devices alone, and a device keeps its kind' },
  'vlan_device:tag-kept': vlanDevices,
  'vlan_device:tapped-below': vlanDevices,
  'vlan_out:tapped': vlanDevices,
  'vlan_out:nf-egress': vlanDevices,
  'vlan_out:tc-egress': vlanDevices,
  'vlan_out:qdisc': vlanDevices,
  'vlan_out:offload': vlanDevices,
  'vlan_out:priorities': vlanDevices,
  'vlan_out:down': { because: 'routes of a device that is down are gone or dead, which is seen first' },
  'vlan_receive:no-device': {
    because:
      'no device reads as zeros: in another namespace (other-namespace), and as one that keeps its tags (tag-kept)',
  },
  'vlan_receive:other-namespace': vlanDevices,
  'vlan_receive:generic-xdp': vlanDevices,
  'vlan_receive:tapped': vlanDevices,
  'vlan_receive:tc-ingress': vlanDevices,
  'vlan_receive:nf-ingress': vlanDevices,
  'vlan_receive:tag-kept': vlanDevices,
};
