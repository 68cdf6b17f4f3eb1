// SPDX-License-Identifier: GPL-2.0
// FPM ip6_neighbour: the MAC address of the next hop, as long as Linux would use it without further ado.
//
// net/ipv6/ip6_output.c ip6_finish_output2(), include/net/ndisc.h __ipv6_neigh_lookup_noref():
// * an egress device that is not Ethernet, or has no neighbours of its own (loopback, point to point): SLOW.
// * no neighbour entry: SLOW, Linux makes one and asks.
// include/net/neighbour.h neigh_output(), net/core/neighbour.c neigh_resolve_output(), __neigh_event_send(), as in
// include/neighbour.h:
// * permanent, noarp, reachable: used, unless it has no cached header: SLOW.
// * delay, probe: used. SLOW if Linux noted its use longer ago than the parameter refresh, so that it does so again.
// * stale: SLOW, so that Linux begins to probe. incomplete, failed, none: SLOW, Linux queues and asks.
// * the address is being changed at this moment: SLOW.
#pragma once
#include "neighbour.h"

// The kernel's nd_tbl, found and remembered as ip4_neighbour does with arp_tbl.
static __always_inline u64 tna_nd_table(struct tna_pkt *p)
{
	u64 table = p->scratch->nd_table, idev;

	if (tna_unlikely(!table)) {
		idev = (u64)TNA_AT(net_device___ip, p->in_address)->ip6_ptr;
		if (idev)
			table = (u64)TNA_AT(neigh_parms, TNA_AT(inet6_dev, idev)->nd_parms)->tbl;
		p->scratch->nd_table = table;
	}
	return table;
}

// Address of the neighbour entry of an IPv6 address (as in memory) on a device in the table, or 0. Hashed as
// ndisc_hashfn() does.
static __always_inline u64 tna_neighbour6(u64 table, u64 dev, u64 high, u64 low)
{
	u64 hash = (u64)TNA_AT(neigh_table, table)->nht, hashing = tna_neighbour_hashing(hash);
	u64 random = hash + TNA_OFFSET(neigh_hash_table, hash_rnd), middle = tna_word(random + 4);
	u64 buckets = tna_neighbour_buckets(TNA_AT(neigh_hash_table, hash)), link = tna_neighbour_link(), entry;
	u32 value = ((u32)high ^ (u32)dev ^ (u32)(dev >> 32)) * (u32)(hashing >> 32);

	value += (u32)(high >> 32) * (u32)middle;
	value += (u32)low * (u32)(middle >> 32);
	value += (u32)(low >> 32) * (u32)tna_word(random + 12);
	entry = tna_word(buckets + (u64)(value >> (32 - (u32)hashing)) * 8);
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_NEIGHBOURS_MAX; i++) {
		u64 neigh = entry - link, key = neigh + TNA_OFFSET(neighbour, primary_key);

		if (!entry)
			return 0;
		if ((u64)TNA_AT(neighbour, neigh)->dev == dev && tna_word(key) == high && tna_word(key + 8) == low)
			return neigh;
		entry = tna_word(entry);
	}
	return 0;
}

static __always_inline int fpm_ip6_neighbour(struct tna_pkt *p)
{
	enum tna_neighbour_obstacle obstacle;
	u64 table, address;

	if (p->l3 != bpf_htons(ETH_P_IPV6))
		return TNA_NEXT;
	/* a window of our own: the verifier takes p->odev for missing where no route was looked up */
	p->odev = TNA_AT(net_device, p->odev_address);
	if (tna_unlikely(!tna_has_neighbours(p->odev_address)))
		return tna_slow(p, TNA_R_IP6_NEIGHBOUR_EGRESS_TYPE);
	table = tna_nd_table(p);
	address = table ? tna_neighbour6(table, p->odev_address, p->ip.nexthop_high, p->ip.nexthop_low) : 0;
	if (tna_unlikely(!address))
		return tna_slow(p, TNA_R_IP6_NEIGHBOUR_NO_NEIGHBOUR);
	obstacle = tna_neighbour_use(p, address, IP6_NEIGHBOUR_refresh, &p->ip.hardware);
	p->ip.own = tna_word((u64)p->odev->dev_addr);
	if (tna_unlikely(obstacle != TNA_NEIGHBOUR_OK)) {
		if (obstacle == TNA_NEIGHBOUR_UNCONFIRMED)
			return tna_slow(p, TNA_R_IP6_NEIGHBOUR_UNCONFIRMED);
		if (obstacle == TNA_NEIGHBOUR_USE_STALE)
			return tna_slow(p, TNA_R_IP6_NEIGHBOUR_USE_STALE);
		if (obstacle == TNA_NEIGHBOUR_CONFIRMING)
			return tna_slow(p, TNA_R_IP6_NEIGHBOUR_CONFIRMING);
		if (obstacle == TNA_NEIGHBOUR_NO_HEADER)
			return tna_slow(p, TNA_R_IP6_NEIGHBOUR_NO_HEADER);
		if (obstacle == TNA_NEIGHBOUR_CHANGING)
			return tna_slow(p, TNA_R_IP6_NEIGHBOUR_CHANGING);
	}
	return TNA_NEXT;
}
