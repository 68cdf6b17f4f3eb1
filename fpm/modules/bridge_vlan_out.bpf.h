// SPDX-License-Identifier: GPL-2.0
// FPM bridge_vlan_out: which VLAN of a bridge that filters VLANs a packet belongs to that the host sends by the bridge, and whether the bridge
// itself is a member. What leaves by other devices passes, and so do bridges that do not filter.
//
// net/bridge/br_device.c br_dev_xmit(), net/bridge/br_vlan.c br_allowed_ingress(), __allowed_ingress(), with the group of the bridge itself:
// * statistics per VLAN (BROPT_VLAN_STATS_ENABLED) count every packet: SLOW.
// * with the tag of a VLAN device, of the bridge's protocol: its id. No entry, or one for the ports' sake alone (br_vlan_should_use()):
//   SLOW, Linux drops. Id 0: SLOW.
// * a tag of the other protocol would go into the packet behind a new one: SLOW.
// * without tag: the bridge's own PVID, and a tag made of it. None: SLOW, Linux drops.
// * state of the VLAN (br_vlan_get_state, br_vlan_get_pvid_state) other than forwarding: SLOW. MST: see bridge_out.
// The VID is part of the FDB's key from here on; what the egress port makes of the tag: see bridge_out.
#pragma once
#include "bridge_vlan.h"

static __always_inline int fpm_bridge_vlan_out(struct tna_pkt *p)
{
	struct net_device *dev = TNA_AT(net_device, p->odev_address);
	struct net_bridge_vlan_group *group;
	struct net_bridge_vlan *vlan;
	struct net_bridge *br;
	u64 address, state;
	u16 vid;

	if (!p->l3 || !tna_is_bridge(dev))
		return TNA_NEXT;
	br = TNA_AT(net_bridge, TNA_PRIV(p->odev_address));
	p->bridge.vid = 0;
	if (!TNA_HAS(net_bridge, vlgrp) || !(br->options & TNA_BR_OPTION(BROPT_VLAN_ENABLED)))
		return TNA_NEXT;
	if (tna_unlikely(br->options & TNA_BR_OPTION(BROPT_VLAN_STATS_ENABLED)))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_OUT_VLAN_STATS);
	address = (u64)br->vlgrp;
	group = TNA_AT(net_bridge_vlan_group, address);
	if (p->tag_proto) {
		if (tna_unlikely(p->tag_proto != br->vlan_proto))
			return tna_slow(p, TNA_R_BRIDGE_VLAN_OUT_OTHER_TAG);
		vid = p->tag_tci & TNA_VLAN_VID_MASK;
		vlan = tna_vlan_find(address, vid);
		if (tna_unlikely(!vlan || !(vlan->flags & TNA_VLAN_BRENTRY) || !vid))
			return tna_slow(p, TNA_R_BRIDGE_VLAN_OUT_NOT_MEMBER);
		state = vlan->state;
	} else {
		vid = group->pvid;
		if (tna_unlikely(!vid))
			return tna_slow(p, TNA_R_BRIDGE_VLAN_OUT_NO_PVID);
		state = group->pvid_state;
		p->tag_proto = br->vlan_proto;
		p->tag_tci = vid;
	}
	if (tna_unlikely(state != TNA_BR_STATE_FORWARDING))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_OUT_VLAN_STATE);
	p->bridge.vid = vid;
	return TNA_NEXT;
}
