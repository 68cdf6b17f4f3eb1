// SPDX-License-Identifier: Apache-2.0
// Programs of others that the lab's agent attaches to a device, written out by hand so that no compiler is needed.
// All return a descriptor (of a tap: 0), or -1 with errno.
#pragma once

// A tc egress program: if (skb->mark) bpf_skb_vlan_push(skb, htons(mark >> 16), mark & 0xffff).
// It makes frames whose tag is in metadata, as a VLAN device or a bridge behind the port would send them.
int push_vlan_from_mark(const char *name);

// A tc program on the device: drops IPv4, has no opinion of the rest.
int attach_tcx(const char *name, int egress);

// A tc program that lets nothing out of the device that belongs to a socket.
int drop_of_sockets(const char *name);

// An XDP program, in generic mode or by the driver: drops IPv4.
int attach_xdp(const char *name, int generic);

// A classic socket filter on the tap: lets only test frames out, and only the ordinary transmit path asks it.
int filter_tap(int tap);

// A BPF program on the tap that lets nothing out that belongs to a socket; off: none.
int keep_sockets_from_tap(int tap, int on);
