// SPDX-License-Identifier: GPL-2.0
// VLANs of a bridge port as FPMs see them (net/bridge/br_private.h): the port's VLAN group and its entries.
#pragma once
#include "bridge.h"
#include "vlan.h"

// Bits of net_bridge_vlan.flags: BRIDGE_VLAN_INFO_* in include/uapi/linux/if_bridge.h.
#define TNA_VLAN_UNTAGGED (1 << 2)
#define TNA_VLAN_BRENTRY (1 << 5)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_bridge_vlan_group {
	struct rhashtable vlan_hash;
	u16 pvid;
	u8 pvid_state;
};

struct net_bridge_vlan {
	struct rhash_head vnode;
	u16 vid;
	u16 flags;
	u8 state;
};

#pragma clang attribute pop

// br_vlan_find(): the entry of a VLAN id, which is not 0, in a port's group (its address), or NULL.
static __always_inline struct net_bridge_vlan *tna_vlan_find(u64 group, u16 vid)
{
	struct net_bridge_vlan *vlan;
	struct tna_rht table;
	u64 node;

	tna_rht_open(&table, (u64)TNA_AT(net_bridge_vlan_group, group)->vlan_hash.tbl);
	node = tna_rht_chain(&table, tna_jhash_u16(vid, table.seed));
	vlan = TNA_AT(net_bridge_vlan, node - TNA_OFFSET(net_bridge_vlan, vnode));
	/* the first of a chain is never its end mark; an empty bucket reads as zeros */
	if (vlan->vid == vid)
		return vlan;
#pragma clang loop unroll(disable)
	for (int i = 1; i < TNA_CHAIN_MAX; i++) {
		node = (u64)vlan->vnode.next;
		if (!node || node & 1)
			return NULL;
		vlan = TNA_AT(net_bridge_vlan, node - TNA_OFFSET(net_bridge_vlan, vnode));
		if (vlan->vid == vid)
			return vlan;
	}
	return NULL;
}
