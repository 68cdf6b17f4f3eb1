// SPDX-License-Identifier: GPL-2.0
// FPM bridge_egress: the bridge would send the frame out of the chosen port, and nothing on the way out would be skipped.
//
// net/bridge/br_forward.c:
// * br_forward: backup port when the port has no carrier or is not running: no carrier or not running is SLOW.
// * should_deliver: state not forwarding: SLOW; both ports isolated: SLOW, Linux drops (one alone does not matter); switchdev domain: SLOW. Back out
//   of the ingress port: see bridge_fdb. VLANs, of which br_handle_vlan() takes care, too: see bridge_vlan_egress. MST: see bridge_port.
// * br_dev_queue_push_xmit, is_skb_forwardable: frame longer than MTU and headers and not GSO: SLOW, Linux drops. Device
//   down: see above; it is IFF_UP once it runs, and until then both redirects drop as Linux does.
// A frame for the bridge device itself: see bridge_up.
// Everything behind that, net/core/dev.c __dev_queue_xmit() and the drivers: include/transmit.h; what it finds: SLOW.
#pragma once
#include "bridge.h"
#include "transmit.h"

static __always_inline int fpm_bridge_egress(struct tna_pkt *p)
{
	struct net_bridge_port *out = p->bridge.out;
	u64 state, domain, isolated = 0;
	enum tna_transmit_obstacle obstacle;
	struct tna_transmit t;

	if (TNA_HANDS_UP && p->bridge.up)
		return TNA_NEXT;
	state = out->state ^ TNA_BR_STATE_FORWARDING;
	domain = TNA_HAS(net_bridge_port, hwdom) ? out->hwdom : 0;
	if (p->bridge.port_flags & TNA_BR_ISOLATED)
		isolated = out->flags & TNA_BR_ISOLATED;
	if (tna_unlikely(tna_transmit_suspect(p, &t) | state | domain | isolated)) {
		if (t.down)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_DOWN);
		if (state)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_STATE);
		if (isolated)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_ISOLATED);
		if (domain)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_SWITCHDEV);
		if (p->odev->nf_hooks_egress)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_NF_EGRESS);
#ifdef TNA_HOOK_XDP
		if (t.tapped)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_TAPPED);
		if (t.qdisc)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_QDISC);
		if (t.silent)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_NO_XDP);
		if (tna_tc_used(TNA_TC(p->odev, egress)))
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_TC_EGRESS);
#endif
	}
	obstacle = tna_transmit_obstacle(p, &t, p->len);
	if (tna_unlikely(obstacle != TNA_TRANSMIT_OK)) {
		if (obstacle == TNA_TRANSMIT_TOO_LONG)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_TOO_LONG);
		if (obstacle == TNA_TRANSMIT_TAP_FILTER)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_TAP_FILTER);
		if (obstacle == TNA_TRANSMIT_KIND)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_KIND);
		if (obstacle == TNA_TRANSMIT_PEER_XDP)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_PEER_XDP);
		if (obstacle == TNA_TRANSMIT_BELOW)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_EGRESS_BELOW);
		if (obstacle == TNA_TRANSMIT_NO_QUEUE)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_NO_QUEUE);
		if (obstacle == TNA_TRANSMIT_COPIED)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_COPIED);
		if (obstacle == TNA_TRANSMIT_SUMMED)
			return tna_slow(p, TNA_R_BRIDGE_EGRESS_SUMMED);
	}
	return TNA_NEXT;
}
