// SPDX-License-Identifier: GPL-2.0
// VLAN devices as FPMs see them (include/linux/if_vlan.h).
#pragma once
#include "tna.h"

#define TNA_VLAN_FLAG_REORDER_HDR 1

enum netdev_priv_flags___vlan {
	IFF_802_1Q_VLAN,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct vlan_dev_priv {
	u16 flags;
};

#pragma clang attribute pop

static __always_inline bool tna_is_vlan_device(struct net_device *dev)
{
	return BPF_CORE_READ_BITFIELD(dev, priv_flags) &
	       bpf_core_enum_value(enum netdev_priv_flags___vlan, IFF_802_1Q_VLAN);
}

// Does a VLAN device keep tags out of the packets that it receives, and out of the headers that are made for it (reorder_hdr)?
static __always_inline bool tna_vlan_reorders(u64 address)
{
	if (!TNA_HAS(vlan_dev_priv, flags))
		return false;
	return TNA_AT(vlan_dev_priv, TNA_PRIV(address))->flags & TNA_VLAN_FLAG_REORDER_HDR;
}
