// SPDX-License-Identifier: GPL-2.0
// FPM bridge_vlan_egress: the egress port sends this VLAN, and with which tag.
//
// net/bridge/br_forward.c should_deliver(), net/bridge/br_vlan.c br_allowed_egress(), with the group of the egress port:
// * no member of the VLAN, or the VLAN's state there is not forwarding: SLOW, Linux drops.
// br_handle_vlan():
// * VLAN tunnel on the port (br_handle_egress_vlan_tunnel): SLOW. Forwarding offload to a switch: see bridge_egress.
// * untagged there (BRIDGE_VLAN_INFO_UNTAGGED): the bridge's tag goes (__vlan_hwaccel_clear_tag). What lies behind it stays
//   as it is, further tags included.
// * otherwise the frame leaves with a tag of the bridge's protocol: its own one unchanged; a priority tag with the PVID in
//   it; an untagged frame, or one with a tag of the other protocol, gets a new outer tag whose TCI is the PVID.
// The tag is written by egress, after everything that may leave the frame to Linux. Until then it is only decided; `len`
// becomes that of the frame as it leaves.
//
// XDP: all tags lie in the packet, and Linux sends the same bytes whichever of them it had in metadata. But a receiver behind a veth then
// has to take a new one out again, and net/core/skbuff.c skb_vlan_untag() wants two bytes behind it: a shorter frame that is to get a tag: SLOW.
// Frames for the bridge device itself, and what is routed out of one: see bridge_vlan_up, bridge_out.
//
// tc: Linux leaves an inner tag in the packet and takes the outer one out of the metadata. bpf_skb_vlan_pop() would move the
// inner one into the metadata instead, which a device behind can tell apart: SLOW. So are priority tags with an inner tag,
// which are replaced by pop and push. A tag of the other protocol Linux puts back into the packet (__allowed_ingress), and leaves the
// network header where it is, behind that tag; skb_vlan_push() would move it before it, which programs and filters of the egress can
// tell apart: SLOW, whether or not a new tag goes in front. A checksum that is not complete yet with a tag inside: see offload.
#pragma once
#include "bridge_vlan.h"

static __always_inline int fpm_bridge_vlan_egress(struct tna_pkt *p)
{
	struct net_bridge_port *out = p->bridge.out;
	bool tagged = p->vlan_proto == p->tag_proto;
	struct net_bridge_vlan *vlan = NULL;

	if (TNA_HANDS_UP && p->bridge.up)
		return TNA_NEXT;
	if (TNA_HAS(net_bridge_port, vlgrp))
		vlan = tna_vlan_find((u64)out->vlgrp, p->bridge.vid);
	if (tna_unlikely(!vlan))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_EGRESS_EGRESS_NOT_MEMBER);
	if (tna_unlikely(vlan->state != TNA_BR_STATE_FORWARDING))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_EGRESS_EGRESS_VLAN_STATE);
	if (tna_unlikely(out->flags & TNA_BR_VLAN_TUNNEL))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_EGRESS_EGRESS_TUNNEL);
	if (vlan->flags & TNA_VLAN_UNTAGGED)
		p->tag = tagged ? TNA_TAG_POP : TNA_TAG_KEEP;
	else if (!tagged)
		p->tag = TNA_TAG_PUSH;
	else
		p->tag = p->vlan_tci & TNA_VLAN_VID_MASK ? TNA_TAG_KEEP : TNA_TAG_SET;
	p->tag_tci = tagged ? p->vlan_tci | p->bridge.vid : p->bridge.vid;
#ifdef TNA_HOOK_XDP
	if (p->tag == TNA_TAG_PUSH && tna_unlikely(p->len < ETH_HLEN + sizeof(u16)))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_EGRESS_TOO_SHORT);
	if (p->tag == TNA_TAG_PUSH)
		p->len += TNA_VLAN_LEN;
	else if (p->tag == TNA_TAG_POP)
		p->len -= TNA_VLAN_LEN;
#else
	bool inner = tna_type_is_vlan(p->proto), foreign = !tagged && p->vlan_proto;

	if (tna_unlikely(inner | foreign)) {
		if (inner && (p->tag == TNA_TAG_POP || p->tag == TNA_TAG_SET))
			return tna_slow(p, TNA_R_BRIDGE_VLAN_EGRESS_INNER_TAG);
		if (foreign)
			return tna_slow(p, TNA_R_BRIDGE_VLAN_EGRESS_OTHER_TAG);
	}
#endif
	return TNA_NEXT;
}
