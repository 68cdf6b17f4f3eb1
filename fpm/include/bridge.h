// SPDX-License-Identifier: GPL-2.0
// The Linux bridge as FPMs see it (net/bridge/br_private.h): fields, option and flag bits, FDB lookup.
#pragma once
#include "rhashtable.h"
#include "tna.h"

// Bit numbers of net_bridge.options: relocated, since they depend on the kernel version.
enum net_bridge_opts {
	BROPT_VLAN_ENABLED,
	BROPT_NF_CALL_IPTABLES,
	BROPT_NF_CALL_IP6TABLES,
	BROPT_NF_CALL_ARPTABLES,
	BROPT_NEIGH_SUPPRESS_ENABLED,
	BROPT_MST_ENABLED,
	BROPT_VLAN_STATS_ENABLED,
};

// The option's bit in net_bridge.options. All of these exist in every kernel that this library supports.
#define TNA_BR_OPTION(name) (1UL << bpf_core_enum_value(enum net_bridge_opts, name))

// Bits of net_bridge_port.flags: macros in include/linux/if_bridge.h, so not in BTF; new ones are only ever appended.
#define TNA_BR_LEARNING (1UL << 5)
#define TNA_BR_VLAN_TUNNEL (1UL << 13)
#define TNA_BR_ISOLATED (1UL << 16)
#define TNA_BR_LOCKED (1UL << 21)

// Bits of net_bridge_fdb_entry.flags: an anonymous enum in br_private.h, appended to likewise.
#define TNA_FDB_LOCAL (1UL << 0)
#define TNA_FDB_NOTIFY (1UL << 6)
#define TNA_FDB_LOCKED (1UL << 8)

#define TNA_BR_STATE_FORWARDING 3
#define TNA_ICMPV6 58
#define TNA_IFF_BRIDGE_PORT (1 << 9)

enum netdev_priv_flags___bridge {
	IFF_EBRIDGE,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_bridge {
	struct net_device *dev;
	unsigned long options;
	struct rhashtable fdb_hash_tbl;
	unsigned long ageing_time;
	u16 vlan_proto; /* network order */
	struct net_bridge_vlan_group *vlgrp;
};

struct net_bridge_port {
	struct net_bridge *br;
	struct net_device *dev;
	unsigned long flags;
	u8 state;
	int hwdom;
	struct net_bridge_vlan_group *vlgrp;
};

struct net_bridge_fdb_key {
	u8 addr[6];
	u16 vlan_id; /* native order: the whole key is one 64-bit word */
};

struct net_bridge_fdb_entry {
	struct rhash_head rhnode;
	struct net_bridge_port *dst;
	struct net_bridge_fdb_key key;
	struct hlist_node fdb_node;
	unsigned long flags;
	unsigned long updated;
	unsigned long used;
};

#pragma clang attribute pop

static __always_inline bool tna_is_bridge(struct net_device *dev)
{
	return BPF_CORE_READ_BITFIELD(dev, priv_flags) &
	       bpf_core_enum_value(enum netdev_priv_flags___bridge, IFF_EBRIDGE);
}

// Address of the bridge's device: struct net_bridge is its private data.
static __always_inline u64 tna_bridge_device(struct net_bridge *br, u64 bridge)
{
	return TNA_HAS(net_device, priv) ? bridge - TNA_OFFSET(net_device, priv) : (u64)br->dev;
}

// rhashtable_lookup() of a whole FDB key in the bridge's table; NULL if there is no such entry.
static __always_inline struct net_bridge_fdb_entry *tna_fdb_lookup(struct net_bridge *br, u64 key)
{
	struct net_bridge_fdb_entry *entry;
	struct tna_rht fdb;
	u64 node;

	tna_rht_open(&fdb, (u64)br->fdb_hash_tbl.tbl);
	node = tna_rht_chain(&fdb, tna_jhash2_words((u32)key, (u32)(key >> 32), fdb.seed));
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_CHAIN_MAX; i++) {
		if (!node || node & 1)
			return NULL;
		entry = TNA_AT(net_bridge_fdb_entry, node - TNA_OFFSET(net_bridge_fdb_entry, rhnode));
		if (TNA_WORD_AT(entry, key) == key)
			return entry;
		node = (u64)entry->rhnode.next;
	}
	return NULL;
}

// Has an entry not been deleted since (fdb_node.pprev)? Reads its flags as well: with one read where they follow, since all of them that
// have a meaning are in the lowest 48 bits, and the highest 16 bits of a kernel address are never 0.
static __always_inline bool tna_fdb_in_use(struct net_bridge_fdb_entry *entry, u64 address, u64 *flags)
{
	u64 word;

	if (TNA_OFFSET(net_bridge_fdb_entry, flags) != TNA_OFFSET(net_bridge_fdb_entry, fdb_node.pprev) + 8) {
		*flags = entry->flags;
		return entry->fdb_node.pprev;
	}
	word = tna_word(address + TNA_OFFSET(net_bridge_fdb_entry, flags) - 2);
	*flags = word >> 16;
	return word & 0xffff;
}

// br_fdb_find_rcu(): the entry of a key (MAC address in the low 48 bits, as in memory, and VLAN id) in the FDB of the bridge at this address,
// or NULL. `port`: the port that the entry will be expected at, 0 if any will do. `where`: what is remembered of the key. `dst`: address of
// the entry's port, `flags`: the entry's.
//
// Frames come in bursts of few addresses, so the entry is first looked for where it was last. An entry that is there
// must prove that it is in use, on this bridge, for this key: fdb_delete() clears fdb_node.pprev before anything else,
// fdb_create() sets it after the entry is in the table, and the entry's port belongs to the bridge. Memory that has
// become something else fails one of these, and then, as when it has moved, the table is asked.
static __always_inline struct net_bridge_fdb_entry *tna_fdb_find(struct tna_pkt *p, struct net_bridge *br, u64 bridge,
								 u64 key, u64 port, struct tna_address **where,
								 u64 *dst, u64 *flags)
{
	struct net_bridge_fdb_entry *entry;
	struct tna_address *known;
	u64 index = key >> 40 & 0xff;

	TNA_OPAQUE(index);
	known = &p->scratch->addresses[index % TNA_ADDRESSES];
	entry = TNA_AT(net_bridge_fdb_entry, known->entry);

	*where = known;
	if (!tna_unlikely((known->key ^ key) | (known->bridge ^ bridge) | (TNA_WORD_AT(entry, key) ^ key)) &&
	    tna_fdb_in_use(entry, known->entry, flags)) {
		*dst = (u64)entry->dst;
		if (port ? *dst == port : (u64)TNA_AT(net_bridge_port, *dst)->br == bridge)
			return entry;
	}
	if (known->key != key || known->bridge != bridge) {
		known->key = key;
		known->bridge = bridge;
		known->fresh = 0;
		known->used = 0;
	}
	entry = tna_fdb_lookup(br, key);
	known->entry = (u64)entry;
	*dst = entry ? (u64)entry->dst : 0;
	*flags = entry ? entry->flags : 0;
	return entry;
}

// The key of a MAC address in the frame's VLAN.
static __always_inline u64 tna_fdb_key(struct tna_pkt *p, u64 mac)
{
	return TNA_VLAN_AWARE ? mac | (u64)p->bridge.vid << 48 : mac;
}
