// SPDX-License-Identifier: GPL-2.0
// FPM ip4_neighbour: the MAC address of the next hop, as long as Linux would use it without further ado.
//
// net/ipv4/ip_output.c ip_finish_output2(), include/net/arp.h __ipv4_neigh_lookup_noref():
// * an egress device that is not Ethernet, or has no neighbours of its own (loopback, point to point): SLOW.
// * no neighbour entry: SLOW, Linux makes one and asks.
// include/net/neighbour.h neigh_output(), net/core/neighbour.c neigh_resolve_output(), __neigh_event_send():
// * permanent, noarp, reachable: sent, and nothing is written to the entry, once it has a cached header (hh_cache). It gets that
//   from its first packet, which Linux notes as a use: SLOW.
// * delay, probe: sent; Linux notes that the entry was used, and that decides whether it is kept and probed again later.
//   SLOW if that is longer ago than the parameter refresh, so that Linux notes it.
// * stale: SLOW, so that Linux begins to probe. incomplete, failed, none: SLOW, Linux queues and asks.
// * the address is being changed at this moment (ha_lock): SLOW.
// The header is the same from hh_cache and from eth_header(): the entry's address, the device's own address, IPv4.
#pragma once
#include "ip.h"

#define TNA_NEIGHBOURS_MAX 16
#define TNA_NUD_CONNECTED (0x02 | 0x40 | 0x80) /* NUD_REACHABLE, NUD_NOARP, NUD_PERMANENT */
#define TNA_NUD_PROBING (0x08 | 0x10)          /* NUD_DELAY, NUD_PROBE */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct neigh_hash_table {
	struct hlist_head *hash_heads;
	unsigned int hash_shift;
	u32 hash_rnd[4];
};

struct neigh_hash_table___old {
	struct neighbour **hash_buckets;
};

struct neigh_table {
	struct neigh_hash_table *nht;
};

typedef struct {
	unsigned int seqcount; /* begins with the sequence number */
} seqlock_t;

struct hh_cache {
	unsigned int hh_len;
};

struct neighbour {
	struct hlist_node hash;
	unsigned long used;
	u8 nud_state;
	seqlock_t ha_lock;
	unsigned char ha[32];
	struct hh_cache hh;
	struct net_device *dev;
	u8 primary_key[0];
};

struct neighbour___old {
	struct neighbour *next;
};

#pragma clang attribute pop

// The kernel's arp_tbl, whose address it may not tell: every device that speaks IPv4 leads to it, such as the ingress device of a
// packet that has a route. Remembered, so that its hash table can be read before the route is known.
static __always_inline u64 tna_arp_table(struct tna_pkt *p)
{
	u64 table = p->scratch->arp_table, in_dev;

	if (tna_unlikely(!table)) {
		in_dev = (u64)TNA_AT(net_device___ip, p->in_address)->ip_ptr;
		if (in_dev)
			table = (u64)TNA_AT(neigh_parms, TNA_AT(in_device, in_dev)->arp_parms)->tbl;
		p->scratch->arp_table = table;
	}
	return table;
}

// Address of the neighbour entry of an IPv4 address (network order) on a device in the table, or 0. Hashed as arp_hashfn() does.
static __always_inline u64 tna_neighbour4(u64 table, u64 dev, u32 address)
{
	bool old = !TNA_HAS(neigh_hash_table, hash_heads);
	u64 link = old ? TNA_OFFSET(neighbour___old, next) : TNA_OFFSET(neighbour, hash), buckets, entry;
	struct neigh_hash_table *hash = TNA_AT(neigh_hash_table, TNA_AT(neigh_table, table)->nht);
	u32 value = (address ^ (u32)dev ^ (u32)(dev >> 32)) * hash->hash_rnd[0];

	buckets = old ? (u64)((struct neigh_hash_table___old *)hash)->hash_buckets : (u64)hash->hash_heads;
	entry = tna_word(buckets + (u64)(value >> (32 - hash->hash_shift)) * 8);
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_NEIGHBOURS_MAX; i++) {
		u64 neigh = entry - link;

		if (!entry)
			return 0;
		if ((u64)TNA_AT(neighbour, neigh)->dev == dev &&
		    (u32)tna_word(neigh + TNA_OFFSET(neighbour, primary_key)) == address)
			return neigh;
		entry = tna_word(entry);
	}
	return 0;
}

// Sequence number of the lock that guards the entry's address: odd while it is written.
static __always_inline u32 tna_address_sequence(u64 neigh)
{
	return (u32)tna_word(neigh + TNA_OFFSET(neighbour, ha_lock));
}

static __always_inline int fpm_ip4_neighbour(struct tna_pkt *p)
{
	struct net_device___ip *odev = TNA_AT(net_device___ip, p->odev_address);
	u64 table, address, state;
	struct neighbour *neigh;
	u32 sequence;

	if (p->l3 != bpf_htons(ETH_P_IP))
		return TNA_NEXT;
	/* a window of our own: the verifier takes p->odev for missing where no route was looked up */
	p->odev = TNA_AT(net_device, p->odev_address);
	if (tna_unlikely(odev->type != TNA_ARPHRD_ETHER || p->odev->hard_header_len != ETH_HLEN ||
			 p->odev->flags & (TNA_IFF_LOOPBACK | TNA_IFF_POINTOPOINT)))
		return tna_slow(p, TNA_R_IP4_NEIGHBOUR_EGRESS_TYPE);
	table = tna_arp_table(p);
	address = table ? tna_neighbour4(table, p->odev_address, p->ip.nexthop) : 0;
	if (tna_unlikely(!address))
		return tna_slow(p, TNA_R_IP4_NEIGHBOUR_NO_NEIGHBOUR);
	neigh = TNA_AT(neighbour, address);
	sequence = tna_address_sequence(address);
	state = neigh->nud_state;
	p->ip.hardware = tna_word(address + TNA_OFFSET(neighbour, ha)) & 0xffffffffffffULL;
	p->ip.own = tna_word((u64)p->odev->dev_addr);
	if (tna_unlikely(!(state & TNA_NUD_CONNECTED))) {
		if (!(state & TNA_NUD_PROBING))
			return tna_slow(p, TNA_R_IP4_NEIGHBOUR_UNCONFIRMED);
		if (bpf_jiffies64() - neigh->used > IP4_NEIGHBOUR_refresh)
			return tna_slow(p, TNA_R_IP4_NEIGHBOUR_USE_STALE);
	} else if (tna_unlikely(!neigh->hh.hh_len)) {
		return tna_slow(p, TNA_R_IP4_NEIGHBOUR_NO_HEADER);
	}
	if (tna_unlikely(sequence & 1 || sequence != tna_address_sequence(address)))
		return tna_slow(p, TNA_R_IP4_NEIGHBOUR_CHANGING);
	return TNA_NEXT;
}
