// SPDX-License-Identifier: GPL-2.0
// FPM bridge_vlan: which VLAN of a bridge that filters VLANs the frame belongs to, and whether the ingress port lets it in.
//
// net/bridge/br_vlan.c br_allowed_ingress(), __allowed_ingress(), with the group of the ingress port:
// * the bridge does not filter (BROPT_VLAN_ENABLED): SLOW; such frames belong to no VLAN, and a pipeline without this FPM is due.
// * per-VLAN statistics (BROPT_VLAN_STATS_ENABLED) count every frame: see bridge_port.
// * no tag in metadata and the bridge's own tag in the packet: after the core's skb_vlan_untag() only a tc program brings
//   this about: SLOW.
// * a tag of the bridge's protocol (br->vlan_proto: 802.1Q or 802.1ad) and not VID 0: its VID. The port is no member
//   (br_vlan_find): SLOW, Linux drops. br_vlan_should_use() is true for every entry of a port.
// * a tag of the other protocol is payload: it counts as untagged, and the tag stays in the frame.
// * untagged, and VID 0 (a priority tag): the port's PVID; without one SLOW, Linux drops. What becomes of the tag is
//   bridge_vlan_egress's: an untagged frame gets TCI = PVID, a priority tag keeps priority and DEI.
// * state of the VLAN on the port (br_vlan_get_state, br_vlan_get_pvid_state, which are kept equal): other than
//   forwarding: SLOW. The port's own state is bridge_port's; MST, where VLANs share states, too.
// * the VLAN's entry is looked up for a PVID as well while multicast snooping is per VLAN: it exists by construction, and
//   matters for multicast only.
// The VID is part of the FDB's key from here on (bridge_source, bridge_fdb). br_handle_ingress_vlan_tunnel: see bridge_port.
// Frames for the host itself, br0.10 included, have local FDB entries: see bridge_fdb, bridge_vlan_up. vlan_bridge_binding sets
// operational states of devices on top of the bridge, and is nothing to a frame.
#pragma once
#include "bridge_vlan.h"

static __always_inline int fpm_bridge_vlan(struct tna_pkt *p)
{
	u64 address, state;
	struct net_bridge_vlan_group *group;
	struct net_bridge_vlan *vlan;
	u16 proto, vid = 0;

	if (!TNA_HAS(net_bridge_port, vlgrp) || !(p->bridge.options & TNA_BR_OPTION(BROPT_VLAN_ENABLED)))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_NOT_FILTERING);
	address = (u64)TNA_AT(net_bridge_port, p->bridge.port)->vlgrp;
	group = TNA_AT(net_bridge_vlan_group, address);
	proto = p->bridge.br->vlan_proto;
	if (p->vlan_proto == proto)
		vid = p->vlan_tci & TNA_VLAN_VID_MASK;
#ifdef TNA_HOOK_TC
	else if (tna_unlikely(!p->vlan_proto && p->proto == proto))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_TAG_INSIDE);
#endif
	if (vid) {
		vlan = tna_vlan_find(address, vid);
		if (tna_unlikely(!vlan))
			return tna_slow(p, TNA_R_BRIDGE_VLAN_NOT_MEMBER);
		state = vlan->state;
	} else {
		vid = group->pvid;
		if (tna_unlikely(!vid))
			return tna_slow(p, TNA_R_BRIDGE_VLAN_NO_PVID);
		state = group->pvid_state;
	}
	if (tna_unlikely(state != TNA_BR_STATE_FORWARDING))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_VLAN_STATE);
	p->bridge.vid = vid;
	p->tag_proto = proto;
	return TNA_NEXT;
}
