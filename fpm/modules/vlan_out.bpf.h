// SPDX-License-Identifier: GPL-2.0
// FPM vlan_out: where the route leads out of a VLAN device (tc: on a bridge), the packet gets the VLAN device's tag, and the device below is the
// egress device from here on. Packets that leave by other devices pass untouched: tc sends what leaves by a VLAN device on a port, or on a
// bridge of another network namespace, into the VLAN device (ip_egress).
//
// net/core/dev.c __dev_queue_xmit() on the VLAN device, which what is redirected passes by:
// * packet sockets on the VLAN device: SLOW. On all devices: SLOW, which would only see it on the port.
// * netfilter egress hooks, tcx programs, clsact filters, a configured qdisc: SLOW. Several queues (numtxqueues), of which it would pick one: SLOW.
// * down or without carrier: SLOW.
// * tc: what the VLAN device must have segmented, or its checksum filled in: see bridge_out.
// net/8021q/vlan_dev.c vlan_dev_hard_start_xmit():
// * reorder_hdr off: see include/neighbour.h.
// * the tag: the device's protocol and id, and what vlan_dev_get_egress_qos_mask() finds for the packet's priority: that which forwarding
//   sets (see ip4_forward), otherwise the ingress map's, otherwise the one that the packet came with. Long lists of priorities: SLOW.
// net/core/dev.c validate_xmit_vlan() on the bridge: a bridge that may not have tags beside the packet (tx-vlan-offload): SLOW. At XDP they are never there.
// Not in the fast path: the VLAN device's own counters of sent packets.
#pragma once
#include "bridge.h"
#include "ip.h"
#include "packet_sockets.h"
#include "tc.h"
#include "vlan.h"

#define TNA_PRIORITIES_MAX 8
#define TNA_F_CTAG_TX (1ULL << 7)  /* NETIF_F_HW_VLAN_CTAG_TX */
#define TNA_F_STAG_TX (1ULL << 45) /* NETIF_F_HW_VLAN_STAG_TX */

// skb->priority of the packet when it leaves.
static __always_inline u32 tna_leaving_priority(struct tna_pkt *p)
{
	if (p->l3 == bpf_htons(ETH_P_IP) && tna_netns_ipv4(p->net)->sysctl_ip_fwd_update_priority)
		return tna_tos_priority(p->ip.tos);
	if (TNA_TAKES_TAGS && p->ip.unpacked)
		return p->ip.priority;
#ifdef TNA_HOOK_XDP
	return 0; /* what a driver has just received has none, nor what came by a veth (____dev_forward_skb) or a tap */
#else
	return ((struct __sk_buff *)p->ctx)->priority;
#endif
}

// vlan_dev_get_egress_qos_mask(). False: not found out.
static __always_inline bool tna_egress_qos(u64 device, u32 priority, u16 *qos)
{
	u64 map = TNA_PRIV(device) + TNA_OFFSET(vlan_dev_priv, egress_priority_map);
	u64 entry = tna_word(map + (u64)(priority & 15) * 8);

	*qos = 0;
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_PRIORITIES_MAX; i++) {
		struct vlan_priority_tci_mapping *mapping = TNA_AT(vlan_priority_tci_mapping, entry);

		if (!entry)
			return true;
		if (mapping->priority == priority) {
			*qos = mapping->vlan_qos;
			return true;
		}
		entry = (u64)mapping->next;
	}
	return false;
}

static __always_inline int fpm_vlan_out(struct tna_pkt *p)
{
	u64 address = p->odev_address, real, down, nf, tc, tapped, qdisc, offload;
	struct net_device *dev = TNA_AT(net_device, address), *below;
	struct vlan_dev_priv *vlan;
	u16 qos;

	if (!p->l3 || !tna_is_vlan_device(dev))
		return TNA_NEXT;
	vlan = tna_vlan_priv(address);
	real = (u64)vlan->real_dev;
	below = TNA_AT(net_device, real);
	if ((u64)below->nd_net.net != p->net)
		return TNA_NEXT;
#ifdef TNA_HOOK_TC
	if (!tna_is_bridge(below))
		return TNA_NEXT;
#endif
	down = tna_not_running(dev);
	nf = (u64)dev->nf_hooks_egress;
	tc = TNA_TC(dev, egress);
	tapped = tna_device_tapped(dev, address);
	tapped |= tna_all_tapped(p->net);
	qdisc = TNA_AT(Qdisc, dev->qdisc)->handle | (dev->real_num_tx_queues ^ 1);
	p->tag_proto = vlan->vlan_proto;
	offload = p->tag_proto == bpf_htons(ETH_P_8021AD) ? TNA_F_STAG_TX : TNA_F_CTAG_TX;
#ifdef TNA_HOOK_XDP
	offload = 0;
#else
	offload &= ~below->features;
#endif
	if (tna_unlikely(down | nf | tc | tapped | qdisc | offload)) {
		if (down)
			return tna_slow(p, TNA_R_VLAN_OUT_DOWN);
		if (tapped)
			return tna_slow(p, TNA_R_VLAN_OUT_TAPPED);
		if (nf)
			return tna_slow(p, TNA_R_VLAN_OUT_NF_EGRESS);
		if (tna_tc_used(tc))
			return tna_slow(p, TNA_R_VLAN_OUT_TC_EGRESS);
		if (qdisc)
			return tna_slow(p, TNA_R_VLAN_OUT_QDISC);
		if (offload)
			return tna_slow(p, TNA_R_VLAN_OUT_OFFLOAD);
	}
	if (tna_unlikely(!tna_egress_qos(address, tna_leaving_priority(p), &qos)))
		return tna_slow(p, TNA_R_VLAN_OUT_PRIORITIES);
	p->tag_tci = vlan->vlan_id | qos;
	p->ip.vlan_device = address;
	p->odev_address = real;
	p->odev = below;
	return TNA_NEXT;
}
