// SPDX-License-Identifier: GPL-2.0
// FPM bridge_egress: the bridge would send the frame out of the chosen port, and nothing on the way out would be skipped.
//
// net/bridge/br_forward.c:
// * br_forward: backup port when the port has no carrier or is not running: no carrier or not running is SLOW.
// * should_deliver: back out of the ingress port (hairpin or drop): SLOW; state not forwarding: SLOW; both ports
//   isolated: SLOW, Linux drops; switchdev domain: SLOW. VLAN filtering and MST: see bridge_port.
// * br_handle_vlan: VLAN tunnel on the egress port: SLOW.
// * br_dev_queue_push_xmit, is_skb_forwardable: device down or frame longer than MTU and not GSO: SLOW, Linux drops.
// net/core/dev.c __dev_queue_xmit():
// * netfilter egress hook: SLOW on both hooks (a packet that tc redirects carries nf_skip_egress).
// * XDP, which sends beside all of this: taps (dev_queue_xmit_nit), tcx/clsact egress, a root qdisc that is not the
//   kernel's default (handle 0), a device that can't transmit XDP frames (xdp_features): SLOW.
// XDP, the driver's ndo_xdp_xmit must equal its ndo_start_xmit:
// * veth (veth_xdp_xmit): drops frames longer than the peer's MTU plus headers, tag included, where the skb path does
//   not count the tag: SLOW.
// * tap (tun_xdp_xmit): passes by the address filter, socket filter and program of tun_net_xmit(), and spreads over
//   queues in another way: SLOW if there is any of them, or more than one queue.
// * hardware and virtio (no rtnetlink kind): as is. Any other kind (bond, ...): SLOW.
// tc, netif_receive_generic_xdp(): the redirect mark of tc survives a veth and would skip generic XDP on the peer: SLOW.
#pragma once
#include "bridge.h"
#include "tc.h"

#define TNA_LINK_STATE_START 0
#define TNA_LINK_STATE_NOCARRIER 2
#define TNA_VLAN_HLEN 4
#define TNA_ETH_MIN_MTU 68
#define TNA_XDP_ACT_NDO_XMIT 4

#ifdef TNA_HOOK_XDP
// Would ndo_xdp_xmit of this device do anything other than ndo_start_xmit? Returns TNA_NEXT if not.
static __always_inline int tna_xdp_transmit(struct tna_pkt *p)
{
	u64 priv = TNA_PRIV(p->odev);

	if (TNA_HAS(veth_priv, peer) && tna_is_veth(p->odev)) {
		struct net_device *peer;

		/* no veth has a smaller MTU (drivers/net/veth.c veth_setup: min_mtu) */
		if (p->len <= TNA_ETH_MIN_MTU + ETH_HLEN)
			return TNA_NEXT;
		peer = TNA_TYPED(net_device, tna_word(priv + TNA_OFFSET(veth_priv, peer)));
		if (tna_unlikely(p->len > peer->mtu + peer->hard_header_len + TNA_VLAN_HLEN))
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_TOO_LONG);
		return TNA_NEXT;
	}
	if (tna_is_hardware(p->odev))
		return TNA_NEXT;
	if (TNA_HAS(tun_struct, filter_prog) && tna_is_tun(p->odev)) {
		u64 queue = tna_word(priv + TNA_OFFSET(tun_struct, tfiles));

		if (tna_unlikely((u32)tna_word(priv + TNA_OFFSET(tun_struct, numqueues)) != 1 || !queue ||
		    (u32)tna_word(priv + TNA_OFFSET(tun_struct, txflt) + TNA_OFFSET(tap_filter, count)) ||
		    tna_word(priv + TNA_OFFSET(tun_struct, filter_prog)) ||
		    tna_word(queue + TNA_OFFSET(tun_file, sk) + TNA_OFFSET(sock, sk_filter))))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_TAP_FILTER);
		return TNA_NEXT;
	}
	return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_KIND);
}
#endif

static __always_inline int fpm_bridge_egress(struct tna_pkt *p)
{
	struct net_bridge_port *out = p->bridge.out;
	struct net_device *dev = p->odev;
	unsigned long flags = out->flags;

	if (tna_unlikely((u64)out == (u64)p->bridge.port))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_SAME_PORT);
	if (tna_unlikely(out->state != TNA_BR_STATE_FORWARDING))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_STATE);
	if (tna_unlikely(flags & TNA_BR_VLAN_TUNNEL))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_VLAN_TUNNEL);
	if (tna_unlikely(flags & p->bridge.port_flags & TNA_BR_ISOLATED))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_ISOLATED);
	if (tna_unlikely(TNA_HAS(net_bridge_port, hwdom) && out->hwdom))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_SWITCHDEV);
	if (tna_unlikely(!(dev->flags & TNA_IFF_UP) ||
	    (dev->state & (1UL << TNA_LINK_STATE_START | 1UL << TNA_LINK_STATE_NOCARRIER)) != 1UL << TNA_LINK_STATE_START))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_DOWN);
	if (tna_unlikely(!p->gso && p->len > dev->mtu + dev->hard_header_len + TNA_VLAN_HLEN))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_TOO_LONG);
	if (tna_unlikely(TNA_HAS(net_device, nf_hooks_egress) && dev->nf_hooks_egress))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_NF_EGRESS);
#ifdef TNA_HOOK_XDP
	if (tna_unlikely(tna_tc_egress_used(dev)))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_TC_EGRESS);
	if (tna_unlikely(tna_device_tapped(dev)))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_TAP_EGRESS);
	if (tna_unlikely(dev->qdisc->handle))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_QDISC);
	if (tna_unlikely(TNA_HAS(net_device, xdp_features) && !(dev->xdp_features & TNA_XDP_ACT_NDO_XMIT)))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_NO_XDP);
	return tna_xdp_transmit(p);
#else
	if (tna_unlikely(TNA_HAS(veth_priv, peer) && tna_is_veth(dev) &&
	    TNA_TYPED(net_device, tna_word(TNA_PRIV(dev) + TNA_OFFSET(veth_priv, peer)))->xdp_prog))
		return tna_slow(p, TNA_R_BRIDGE_EGRESS_PEER_GENERIC_XDP);
	return TNA_NEXT;
#endif
}
