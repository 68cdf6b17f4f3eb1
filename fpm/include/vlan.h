// SPDX-License-Identifier: GPL-2.0
// VLAN devices as FPMs see them (include/linux/if_vlan.h).
#pragma once
#include "tna.h"

#define TNA_VLAN_FLAG_REORDER_HDR 1
#define TNA_VLAN_VID_MASK 0xfff
#define TNA_VLAN_PRIO_SHIFT 13
#define TNA_VLAN_LEN 4
#define TNA_VLANS_MAX 8 /* VLAN_MAX_DEPTH */

enum netdev_priv_flags___vlan {
	IFF_802_1Q_VLAN,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct vlan_priority_tci_mapping {
	u32 priority;
	u16 vlan_qos;
	struct vlan_priority_tci_mapping *next;
};

struct vlan_dev_priv {
	u32 ingress_priority_map[8];
	struct vlan_priority_tci_mapping *egress_priority_map[16];
	u16 vlan_proto; /* network order */
	u16 vlan_id;
	u16 flags;
	struct net_device *real_dev;
};

#pragma clang attribute pop

// Is this EtherType that of a VLAN tag (eth_type_vlan)?
static __always_inline bool tna_type_is_vlan(u16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool tna_is_vlan_device(struct net_device *dev)
{
	return BPF_CORE_READ_BITFIELD(dev, priv_flags) &
	       bpf_core_enum_value(enum netdev_priv_flags___vlan, IFF_802_1Q_VLAN);
}

// Have frames with some tag a VLAN device of their own here?
static __always_inline bool tna_has_vlan_devices(struct net_device *dev)
{
	u64 info = TNA_HAS(net_device, vlan_info) ? (u64)dev->vlan_info : 0;

	return info && (u32)tna_word(info + TNA_OFFSET(vlan_info, grp) + TNA_OFFSET(vlan_group, nr_vlan_devs));
}

// Does a VLAN device keep tags out of the packets that it receives, and out of the headers that are made for it (reorder_hdr)?
static __always_inline bool tna_vlan_reorders(u64 address)
{
	if (!TNA_HAS(vlan_dev_priv, flags))
		return false;
	return TNA_AT(vlan_dev_priv, TNA_PRIV(address))->flags & TNA_VLAN_FLAG_REORDER_HDR;
}

// The same of all VLAN devices that one lies on, and of itself: what is inside gets its header by those below (vlan_dev_hard_header()).
static __always_inline bool tna_vlans_reorder(u64 address)
{
	bool all = true;

	if (!TNA_HAS(vlan_dev_priv, real_dev))
		return false;
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_VLANS_MAX; i++) {
		all &= tna_vlan_reorders(address);
		address = (u64)TNA_AT(vlan_dev_priv, TNA_PRIV(address))->real_dev;
		if (!tna_is_vlan_device(TNA_AT(net_device, address)))
			return all;
	}
	return false;
}

// The VLAN device's private data, at its address.
static __always_inline struct vlan_dev_priv *tna_vlan_priv(u64 address)
{
	return TNA_AT(vlan_dev_priv, TNA_PRIV(address));
}

// vlan_find_dev(): address of the VLAN device of a device for this protocol (network order) and VLAN id, or 0.
static __always_inline u64 tna_vlan_device(struct net_device *dev, u16 proto, u16 id)
{
	u64 info = TNA_HAS(net_device, vlan_info) ? (u64)dev->vlan_info : 0, parts;

	if (!info)
		return 0;
	parts = info + TNA_OFFSET(vlan_info, grp) + TNA_OFFSET(vlan_group, vlan_devices_arrays);
	/* by protocol, then eight parts of 512 (VLAN_GROUP_ARRAY_SPLIT_PARTS) */
	parts = tna_word(parts + (proto == bpf_htons(ETH_P_8021AD) ? 64 : 0) + (u64)(id >> 9) * 8);
	return parts ? tna_word(parts + (u64)(id & 511) * 8) : 0;
}
