// SPDX-License-Identifier: GPL-2.0
// To which VRF a device belongs, and which routing tables that has.
//
// include/net/l3mdev.h l3mdev_master_dev_rcu(), net/core/dev.c netdev_master_upper_dev_get_rcu(): the first of a device's upper devices,
// if that is its master. drivers/net/vrf.c vrf_fib_table(): the number is in the VRF's private data, whose layout is the module's.
#pragma once
#include "ip.h"

#define TNA_KIND_VRF 0x667276 /* "vrf\0" */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct netdev_adjacent {
	struct net_device *dev;
	bool master;
	struct list_head list;
};

struct net_device___vrf {
	struct {
		struct list_head upper;
	} adj_list;
};

struct net_vrf {
	u32 tb_id;
};

#pragma clang attribute pop

static __always_inline u64 tna_in_vrf(struct net_device *dev)
{
	return BPF_CORE_READ_BITFIELD(dev, priv_flags) & bpf_core_enum_value(enum netdev_priv_flags, IFF_L3MDEV_SLAVE);
}

// Address of the VRF of a device for which tna_in_vrf() holds; 0 if what is above it is no VRF, or none that this kernel shows.
static __always_inline u64 tna_vrf(u64 dev_address)
{
	u64 head = dev_address + TNA_OFFSET(net_device___vrf, adj_list.upper), entry = tna_word(head), master;
	struct netdev_adjacent *upper;
	struct net_device *dev;

	if (!TNA_HAS(net_vrf, tb_id) || entry == head)
		return 0;
	upper = TNA_AT(netdev_adjacent, entry - TNA_OFFSET(netdev_adjacent, list));
	master = (u64)upper->dev;
	dev = TNA_AT(net_device, master);
	if (!upper->master ||
	    !(BPF_CORE_READ_BITFIELD(dev, priv_flags) & bpf_core_enum_value(enum netdev_priv_flags, IFF_L3MDEV_MASTER)) ||
	    (u32)tna_kind(dev) != TNA_KIND_VRF)
		return 0;
	return master;
}

// Address of the VRF that the packet came through, or 0.
static __always_inline u64 tna_through_vrf(struct tna_pkt *p)
{
	return on_vrf ? p->scratch->vrf : 0;
}

// The number of its tables.
static __always_inline u32 tna_vrf_table(u64 vrf)
{
	/* behind this, code that is dead where the module's layout is not known */
	if (!TNA_HAS(net_vrf, tb_id))
		return 0;
	return TNA_AT(net_vrf, TNA_PRIV(vrf))->tb_id;
}
