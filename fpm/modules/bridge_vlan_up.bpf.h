// SPDX-License-Identifier: GPL-2.0
// FPM bridge_vlan_up: a bridge that filters VLANs is itself a member of the frame's VLAN, and takes the tag off or leaves it.
//
// net/bridge/br_input.c br_pass_frame_up(), with the group of the bridge itself (`bridge vlan add … self`); promiscuous: see bridge_port.
// net/bridge/br_vlan.c br_allowed_egress(), br_handle_vlan():
// * no entry of this VLAN, or one that is there for the ports' sake alone (br_vlan_should_use(): no BRIDGE_VLAN_INFO_BRENTRY): SLOW, Linux drops.
// * its state is not forwarding: SLOW, Linux drops. Statistics per VLAN: see bridge_port. VLAN tunnels: of ports only.
// * untagged here: the bridge's tag goes, and the bridge device has the frame without. Otherwise it has it with a tag of the bridge's
//   protocol: with the one that it came with, or one made of the PVID of the port (see bridge_vlan). In the packet nothing is changed.
// * a tag of the other protocol lies in the packet by now, behind the bridge's: SLOW.
// br_fdb_add_local() makes a local entry per VLAN of the bridge; with fdb_local_vlan_0 there is none of the VLAN: see bridge_fdb.
#pragma once
#include "bridge_vlan.h"

static __always_inline int fpm_bridge_vlan_up(struct tna_pkt *p)
{
	bool tagged = p->vlan_proto == p->tag_proto;
	struct net_bridge_vlan *vlan = NULL;

	if (!p->bridge.up)
		return TNA_NEXT;
	if (TNA_HAS(net_bridge, vlgrp))
		vlan = tna_vlan_find((u64)p->bridge.br->vlgrp, p->bridge.vid);
	if (tna_unlikely(!vlan || !(vlan->flags & TNA_VLAN_BRENTRY)))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_UP_NOT_MEMBER);
	if (tna_unlikely(vlan->state != TNA_BR_STATE_FORWARDING))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_UP_VLAN_STATE);
	if (tna_unlikely(p->vlan_proto && !tagged))
		return tna_slow(p, TNA_R_BRIDGE_VLAN_UP_OTHER_TAG);
	if (!(vlan->flags & TNA_VLAN_UNTAGGED)) {
		p->ip.vlan_proto = p->tag_proto;
		p->ip.vlan_tci = tagged ? p->vlan_tci | p->bridge.vid : p->bridge.vid;
	}
	p->tag_proto = 0;
	return TNA_NEXT;
}
