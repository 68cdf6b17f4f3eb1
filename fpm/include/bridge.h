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
#define TNA_FDB_NOTIFY_INACTIVE (1UL << 7)
#define TNA_FDB_LOCKED (1UL << 8)

#define TNA_BR_STATE_FORWARDING 3
#define TNA_IFF_BRIDGE_PORT (1 << 9)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_bridge {
	struct net_device *dev;
	unsigned long options;
	struct rhashtable fdb_hash_tbl;
	unsigned long ageing_time;
};

struct net_bridge_port {
	struct net_bridge *br;
	struct net_device *dev;
	unsigned long flags;
	u8 state;
	int hwdom;
};

struct net_bridge_fdb_key {
	u8 addr[6];
	u16 vlan_id; /* native order: the whole key is one 64-bit word */
};

struct net_bridge_fdb_entry {
	struct rhash_head rhnode;
	struct net_bridge_port *dst;
	struct net_bridge_fdb_key key;
	unsigned long flags;
	unsigned long updated;
	unsigned long used;
};

#pragma clang attribute pop

// br_fdb_find_rcu(): the entry of a MAC address (low 48 bits, as in memory) and VLAN id, or NULL. `known`: its memory.
static __always_inline struct net_bridge_fdb_entry *tna_fdb_find(struct tna_pkt *p, u64 mac, u16 vid,
								 struct tna_address **known)
{
	u64 key = mac | (u64)vid << 48, node;

	*known = tna_remember(p->scratch, key, p->bridge.fdb.seed);
	node = tna_rht_chain(&p->bridge.fdb, (*known)->hash);

	struct net_bridge_fdb_entry *entry =
		TNA_AT(net_bridge_fdb_entry, node - TNA_OFFSET(net_bridge_fdb_entry, rhnode));

	/* the first of a chain is never its end mark; an empty bucket reads as zeros */
	if (TNA_WORD_AT(entry, key) == key)
		return entry;
#pragma clang loop unroll(disable)
	for (int i = 1; i < TNA_CHAIN_MAX; i++) {
		node = (u64)entry->rhnode.next;
		if (!node || node & 1)
			return NULL;
		entry = TNA_AT(net_bridge_fdb_entry, node - TNA_OFFSET(net_bridge_fdb_entry, rhnode));
		if (TNA_WORD_AT(entry, key) == key)
			return entry;
	}
	return NULL;
}
