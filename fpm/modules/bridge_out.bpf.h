// SPDX-License-Identifier: GPL-2.0
// FPM bridge_out: where the route leads out of a bridge device, the bridge's FDB chooses the port, which is the egress device from here
// on. Packets that leave by other devices pass untouched.
//
// net/core/dev.c __dev_queue_xmit() on the bridge device, at both hooks, since what is redirected goes to the port at once:
// * packet sockets on the bridge device: SLOW. On all devices: SLOW, also at tc, where they would only see it on the port.
// * netfilter egress hooks, tcx programs, clsact filters, a configured qdisc of the bridge device: SLOW.
// * down or without carrier: SLOW.
// * tc: validate_xmit_skb(): what the bridge device, of tagged packets by its vlan_features, or the VLAN device on it (vlan_out) must have segmented (its features, gso_max_size, gso_max_segs), or its checksum
//   filled in: SLOW, even where the port would have to do the same: its qdisc and its MTU see what the bridge has made of the packet.
//   Of what has a tunnel's headers (skb->encapsulation: netif_skb_features(), hw_enc_features) and of SCTP (skb->csum_not_inet:
//   skb_csum_hwoffload_help()) bridge and VLAN device fill in the checksum whatever their other features: SLOW.
// * tc: netdev_core_pick_tx(): see include/redirect.h. A bridge made with several queues (numtxqueues) picks one that the port then has: SLOW.
// net/bridge/br_device.c br_dev_xmit():
// * nf_br_ops->br_dev_xmit_hook(), br_netfilter's, looks at packets that it has seen on the way in alone (an skb extension: see ip_receive).
// * VLAN filtering: see bridge_vlan_out; in a pipeline without it: SLOW. MST, which needs it: SLOW.
// * neighbour suppression on any port (br_do_suppress_nd): ICMPv6: SLOW. The bridge does not look at the hop limit, by which routed packets are
//   no neighbour discovery. ARP is not routed.
// * destination a group address: SLOW.
// * no FDB entry: SLOW, Linux floods. One without port (the bridge's own): SLOW, Linux drops. That an entry is local does not matter here:
//   what is for the address of a port leaves by that port. Unlike for bridged frames, no mark of use is set.
// net/bridge/br_forward.c br_forward(), should_deliver(), __br_forward(), br_forward_finish():
// * backup port: of a port that is down or without carrier, which is SLOW in ip_egress.
// * state of the port other than forwarding: SLOW. Isolation does not matter to packets of the host, hairpin neither.
// * switchdev domain: SLOW.
// * br_allowed_egress(), br_handle_vlan(), with the group of the port: no member of the VLAN, or its state there is not forwarding: SLOW, Linux
//   drops. VLAN tunnel on the port: SLOW. Untagged there: the tag goes that the packet has by now.
// * netfilter hooks of the family bridge at LOCAL_OUT and POST_ROUTING: SLOW; br_netfilter's br_nf_post_routing() accepts what it has not
//   seen on the way in: alone, it is nothing.
// * br_dev_queue_push_xmit(), is_skb_forwardable(), and what follows on the port: see ip_egress.
// Not in the fast path: the bridge device's own counters of sent packets (dev_sw_netstats_tx_add).
#pragma once
#include "bridge_vlan.h"
#include "hooks.h"
#include "ip.h"
#include "packet_sockets.h"
#include "tc.h"

#define TNA_NF_BR_LOCAL_OUT 3
#define TNA_NF_BR_POST_ROUTING 4
#define TNA_GSO_SHIFT 16	/* NETIF_F_GSO_SHIFT */
#define TNA_F_HW_CSUM (1ULL << 3) /* NETIF_F_HW_CSUM */
#define TNA_F_FRAGLIST (1ULL << 6) /* NETIF_F_FRAGLIST */
#define TNA_GSO_TYPES 0xfffffULL	/* bits of gso_type that are those of a feature */
#define TNA_GSO_DODGY (1ULL << 1)	/* SKB_GSO_DODGY: such packets are looked at, but left whole (tcp_gso_segment()) */
#define TNA_GSO_FIXEDID (1ULL << 3)	/* SKB_GSO_TCP_FIXEDID; since Linux 7.3 bits 30 and 31, for the same feature (net_gso_ok()) */
#define TNA_CHECKSUM_UNNECESSARY 1	/* of sk_buff.ip_summed */

extern const void br_nf_post_routing __ksym __weak;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device___gso {
	unsigned int gso_max_size;
	unsigned int gso_ipv4_max_size;
	u16 gso_max_segs;
};

struct net_device___vlan_features {
	u64 vlan_features;
};

struct skb_shared_info___segments {
	unsigned short gso_segs;
	struct sk_buff *frag_list;
};

struct sk_buff___checksum {
	u8 encapsulation : 1;
	u8 csum_not_inet : 1;
};

#pragma clang attribute pop

#ifdef TNA_HOOK_TC
// Is the packet's checksum one for which most devices' features do not count?
static __always_inline u64 tna_special_checksum(struct tna_pkt *p)
{
	struct sk_buff___checksum *skb = (void *)tna_known_ctx(p->ctx);
	u64 special = BPF_CORE_READ_BITFIELD(skb, encapsulation);

	if (TNA_HAS(sk_buff___checksum, csum_not_inet))
		special |= BPF_CORE_READ_BITFIELD(skb, csum_not_inet);
	return special;
}

// Would a device, the bridge or a VLAN device on it, that has these features alter a packet? (netif_needs_gso(), skb_csum_hwoffload_help())
static __always_inline bool tna_alters(struct tna_pkt *p, u64 address, u64 features)
{
	struct net_device___gso *limits = TNA_AT(net_device___gso, address);
	struct sk_buff *skb = tna_skb(p);
	u64 shared = (u64)skb->head + skb->end, types, summed = BPF_CORE_READ_BITFIELD(skb, ip_summed);

	if (summed == TNA_CHECKSUM_PARTIAL && (!(features & TNA_F_HW_CSUM) || tna_special_checksum(p)))
		return true;
	if (!p->gso)
		return false;
	if (summed != TNA_CHECKSUM_PARTIAL && summed != TNA_CHECKSUM_UNNECESSARY)
		return true;
	types = TNA_AT(skb_shared_info, shared)->gso_type;
	if (types >> 30)
		types |= TNA_GSO_FIXEDID;
	if (~features & (types & TNA_GSO_TYPES & ~TNA_GSO_DODGY) << TNA_GSO_SHIFT)
		return true;
	if (!(features & TNA_F_FRAGLIST) && TNA_AT(skb_shared_info___segments, shared)->frag_list)
		return true;
	if (TNA_HAS(net_device___gso, gso_ipv4_max_size) && p->len >= limits->gso_ipv4_max_size)
		return true;
	return p->len >= limits->gso_max_size ||
	       TNA_AT(skb_shared_info___segments, shared)->gso_segs > limits->gso_max_segs;
}

// Features of a bridge for a packet, as netif_skb_features() has them of tagged ones.
static __always_inline u64 tna_bridge_features(struct tna_pkt *p, struct net_device *bridge, u64 address)
{
	u64 features = bridge->features;

	if (on_vlan_out && p->ip.vlan_device)
		features &= TNA_AT(net_device___vlan_features, address)->vlan_features;
	return features;
}
#endif

static __always_inline int fpm_bridge_out(struct tna_pkt *p)
{
	u64 address = p->odev_address, bridge, down, nf, tc, tapped, qdisc, hooks, options, out, flags, state, domain;
	struct net_device *dev = TNA_AT(net_device, address);
	struct net_bridge_fdb_entry *entry;
	struct net_bridge_port *port;
	struct tna_address *known;
	struct net_bridge *br;
	struct netns_nf *netns;

	if (!p->l3 || !tna_is_bridge(dev))
		return TNA_NEXT;
	netns = TNA_AT(netns_nf, p->net + TNA_OFFSET(net, nf));
	hooks = (u64)netns->hooks_bridge[TNA_NF_BR_LOCAL_OUT] |
		tna_other_hooks((u64)netns->hooks_bridge[TNA_NF_BR_POST_ROUTING], (u64)&br_nf_post_routing);
	bridge = TNA_PRIV(address);
	br = TNA_AT(net_bridge, bridge);
	options = TNA_BR_OPTION(BROPT_MST_ENABLED);
	if (!TNA_VLAN_BRIDGES)
		options |= TNA_BR_OPTION(BROPT_VLAN_ENABLED);
	if (p->l3 == bpf_htons(ETH_P_IPV6) && p->ip.protocol == TNA_ICMPV6)
		options |= TNA_BR_OPTION(BROPT_NEIGH_SUPPRESS_ENABLED);
	options &= br->options;
	down = tna_not_running(dev);
	nf = (u64)dev->nf_hooks_egress;
	tc = TNA_TC(dev, egress);
	tapped = tna_device_tapped(dev, address);
#ifdef TNA_HOOK_TC
	tapped |= tna_all_tapped(p->net);
#endif
	qdisc = TNA_AT(Qdisc, dev->qdisc)->handle;
#ifdef TNA_HOOK_TC
	qdisc |= dev->real_num_tx_queues ^ 1;
#endif
	if (tna_unlikely(hooks | options | down | nf | tc | tapped | qdisc | (p->ip.hardware & 1))) {
		if (down)
			return tna_slow(p, TNA_R_BRIDGE_OUT_DOWN);
		if (options & TNA_BR_OPTION(BROPT_NEIGH_SUPPRESS_ENABLED))
			return tna_slow(p, TNA_R_BRIDGE_OUT_ND_SUPPRESS);
		if (options)
			return tna_slow(p, TNA_R_BRIDGE_OUT_VLAN_FILTERING);
		if (hooks)
			return tna_slow(p, TNA_R_BRIDGE_OUT_BRIDGE_HOOK);
		if (tapped)
			return tna_slow(p, TNA_R_BRIDGE_OUT_TAPPED);
		if (nf)
			return tna_slow(p, TNA_R_BRIDGE_OUT_NF_EGRESS);
		if (tna_tc_used(tc))
			return tna_slow(p, TNA_R_BRIDGE_OUT_TC_EGRESS);
		if (qdisc)
			return tna_slow(p, TNA_R_BRIDGE_OUT_QDISC);
		if (p->ip.hardware & 1)
			return tna_slow(p, TNA_R_BRIDGE_OUT_GROUP_ADDRESS);
	}
	entry = tna_fdb_find(p, br, bridge, p->ip.hardware | (TNA_VLAN_BRIDGES ? (u64)p->bridge.vid << 48 : 0), 0,
			     &known, &out, &flags);
	if (tna_unlikely(!entry))
		return tna_slow(p, TNA_R_BRIDGE_OUT_FDB_MISS);
	if (tna_unlikely(!out))
		return tna_slow(p, TNA_R_BRIDGE_OUT_FDB_NO_PORT);
	port = TNA_AT(net_bridge_port, out);
	state = port->state ^ TNA_BR_STATE_FORWARDING;
	domain = TNA_HAS(net_bridge_port, hwdom) ? port->hwdom : 0;
	if (tna_unlikely(state | domain)) {
		if (state)
			return tna_slow(p, TNA_R_BRIDGE_OUT_PORT_STATE);
		if (domain)
			return tna_slow(p, TNA_R_BRIDGE_OUT_SWITCHDEV);
	}
	if (TNA_VLAN_BRIDGES && p->bridge.vid) {
		struct net_bridge_vlan *vlan = NULL;

		if (TNA_HAS(net_bridge_port, vlgrp))
			vlan = tna_vlan_find((u64)port->vlgrp, p->bridge.vid);
		if (tna_unlikely(!vlan))
			return tna_slow(p, TNA_R_BRIDGE_OUT_PORT_NOT_MEMBER);
		if (tna_unlikely(vlan->state != TNA_BR_STATE_FORWARDING))
			return tna_slow(p, TNA_R_BRIDGE_OUT_VLAN_STATE);
		if (tna_unlikely(port->flags & TNA_BR_VLAN_TUNNEL))
			return tna_slow(p, TNA_R_BRIDGE_OUT_VLAN_TUNNEL);
		if (vlan->flags & TNA_VLAN_UNTAGGED)
			p->tag_proto = 0;
	}
	p->odev_address = (u64)port->dev;
#ifdef TNA_HOOK_TC
	if (tna_unlikely(tna_alters(p, address, tna_bridge_features(p, dev, address))))
		return tna_slow(p, TNA_R_BRIDGE_OUT_SEGMENTS);
	if (on_vlan_out && p->ip.vlan_device &&
	    tna_unlikely(tna_alters(p, p->ip.vlan_device, TNA_AT(net_device, p->ip.vlan_device)->features)))
		return tna_slow(p, TNA_R_BRIDGE_OUT_VLAN_SEGMENTS);
#endif
	p->odev = TNA_AT(net_device, p->odev_address);
	p->bridge.down = true;
	return TNA_NEXT;
}
