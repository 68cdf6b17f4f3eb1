// SPDX-License-Identifier: GPL-2.0
// What dispatcher and program share on one CPU (map tna_scratch_*). Apart from the slot, and of the packet at hand tables, table_count and vrf,
// these are memories of what cannot become wrong, or is verified on each use: losing them changes nothing but time.
#pragma once
#include <linux/types.h>

#define TNA_ADDRESSES 256
#define TNA_TABLES_MAX 4

// Where the FDB entry of a key was last. It is believed only after the entry itself has shown that it is still in use
// (tna_fdb_find).
struct tna_address {
	__u64 key;
	__u64 bridge; /* address of the bridge */
	__u64 entry;  /* address of the entry, 0 if there was none */
	/* jiffies until which an entry of this key need not be refreshed as source, or marked as used: an entry's times
	 * only grow, also when it is deleted and made anew, so what was read once remains a lower bound */
	__u64 fresh;
	__u64 used;
};

struct tna_scratch {
	__u32 slot;       /* of the interface and hook: index of its counters; written by the dispatcher */
	__u32 brnf_id;    /* guard_bridge_nf: where br_netfilter's state was found last */
	__u64 brnf;       /* its address */
	__u64 veth_ops;   /* offload: the operations of veth devices */
	__u64 arp_table;  /* ip4_neighbour: the table of IPv4 neighbours, a variable of the kernel */
	__u64 nd_table;   /* ip6_neighbour: the same of IPv6 */
	__u64 init_net;   /* multipath: the kernel's first network namespace */
	__u64 address_hash_proved; /* ip4_route: the hash of local addresses has found one that is there */
	/* ip_rules: of the packet at hand alone, for which the stack has no room: the tables that rules lead to, in their order, and how many */
	__u64 tables[TNA_TABLES_MAX];
	__u64 table_count;
	/* vrf: of the packet at hand alone, too: the VRF that its ingress device belongs to, or 0 */
	__u64 vrf;
	struct tna_address addresses[TNA_ADDRESSES]; /* by the last byte of a MAC address */
};
