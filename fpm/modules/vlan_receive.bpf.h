// SPDX-License-Identifier: GPL-2.0
// FPM vlan_receive: a tagged frame goes up to the VLAN device on top of the ingress device (or of the bridge that it came up to), and
// nothing on that way has a say in it. From here on the VLAN device is the ingress device (p->in). Untagged packets pass.
//
// net/8021q/vlan_core.c vlan_do_receive():
// * no VLAN device for this protocol and VLAN id (vlan_find_dev): SLOW; the packet is PACKET_OTHERHOST, or priority-tagged.
// * the VLAN device is in another network namespace, whose routes and hooks count then: SLOW.
// * the VLAN device is down, Linux drops: see ip_receive.
// * PACKET_OTHERHOST and the device's own MAC address: only frames for the bridge's own come up (bridge_up), and what is for this host
//   stays that on a VLAN device with another address.
// * reorder_hdr off: the tag is put back into the packet: SLOW.
// * skb->priority by the ingress map: set when the packet is written; XDP has none to set, and only asks for it to choose a tag (see vlan_out).
// net/core/dev.c __netif_receive_skb_core() for the VLAN device, in its order (compare guard_ingress):
// * generic XDP, the only XDP that it can have: SLOW.
// * packet sockets on the VLAN device, or on all devices, which have only been served for the port: SLOW.
// * tcx programs, clsact filters: SLOW, but not a dispatcher of ours alone, which would forward the packet as this program does. Netfilter
//   ingress hooks: SLOW.
// * rx handler, packet sockets for IP alone, VRF: see ip_receive. Sockets for some protocol on the device below (orig_dev->ptype_specific): SLOW.
// * further tags make the frame none for IP: see ip_receive.
// Not in the fast path: the VLAN device's own counters of received packets.
#pragma once
#include "ip.h"
#include "packet_sockets.h"
#include "tc.h"
#include "vlan.h"

static __always_inline int fpm_vlan_receive(struct tna_pkt *p)
{
	u64 address, generic, tapped, tc, nf, priority;
	struct net_device *dev;

	if (TNA_HANDS_UP && !p->bridge.up)
		return TNA_NEXT;
	if (!on_bridge_vlan_up) {
		p->ip.vlan_proto = p->vlan_proto;
		p->ip.vlan_tci = p->vlan_tci;
	}
	if (!p->ip.vlan_proto)
		return TNA_NEXT;
	address = tna_vlan_device(p->in, p->ip.vlan_proto, p->ip.vlan_tci & TNA_VLAN_VID_MASK);
	if (tna_unlikely(!address))
		return tna_slow(p, TNA_R_VLAN_RECEIVE_NO_DEVICE);
	dev = TNA_AT(net_device, address);
	if (tna_unlikely((u64)dev->nd_net.net != p->net))
		return tna_slow(p, TNA_R_VLAN_RECEIVE_OTHER_NAMESPACE);
	generic = (u64)dev->xdp_prog;
	tapped = tna_device_tapped(dev, address) | tna_protocol_tapped(p->in_address);
	tapped |= tna_all_tapped(p->net);
	tc = TNA_TC(dev, ingress);
	nf = (u64)dev->nf_hooks_ingress;
	if (tna_unlikely(generic | tapped | tc | nf)) {
		if (generic)
			return tna_slow(p, TNA_R_VLAN_RECEIVE_GENERIC_XDP);
		if (tapped)
			return tna_slow(p, TNA_R_VLAN_RECEIVE_TAPPED);
		if (tna_tc_foreign(tc))
			return tna_slow(p, TNA_R_VLAN_RECEIVE_TC_INGRESS);
		if (nf)
			return tna_slow(p, TNA_R_VLAN_RECEIVE_NF_INGRESS);
	}
	if (tna_unlikely(!tna_vlan_reorders(address)))
		return tna_slow(p, TNA_R_VLAN_RECEIVE_TAG_KEPT);
	priority = TNA_PRIV(address) + TNA_OFFSET(vlan_dev_priv, ingress_priority_map);
	priority = (u32)tna_word(priority + (u64)(p->ip.vlan_tci >> TNA_VLAN_PRIO_SHIFT) * 4);
	p->ip.priority = priority;
	p->ip.unpacked = true;
	p->ip.vlan_proto = 0;
	p->in_address = address;
	p->in = dev;
	return TNA_NEXT;
}
