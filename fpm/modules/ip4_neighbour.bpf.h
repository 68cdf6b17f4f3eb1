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
#include "neighbour.h"

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
	u64 hash = (u64)TNA_AT(neigh_table, table)->nht, hashing = tna_neighbour_hashing(hash);
	u64 buckets = tna_neighbour_buckets(TNA_AT(neigh_hash_table, hash)), link = tna_neighbour_link(), entry;
	u32 value = (address ^ (u32)dev ^ (u32)(dev >> 32)) * (u32)(hashing >> 32);

	entry = tna_word(buckets + (u64)(value >> (32 - (u32)hashing)) * 8);
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

static __always_inline int fpm_ip4_neighbour(struct tna_pkt *p)
{
	enum tna_neighbour_obstacle obstacle;
	u64 table, address;

	if (p->l3 != bpf_htons(ETH_P_IP))
		return TNA_NEXT;
	/* a window of our own: the verifier takes p->odev for missing where no route was looked up */
	p->odev = TNA_AT(net_device, p->odev_address);
	if (tna_unlikely(!tna_has_neighbours(p->odev_address)))
		return tna_slow(p, TNA_R_IP4_NEIGHBOUR_EGRESS_TYPE);
	table = tna_arp_table(p);
	address = table ? tna_neighbour4(table, p->odev_address, p->ip.nexthop) : 0;
	if (tna_unlikely(!address))
		return tna_slow(p, TNA_R_IP4_NEIGHBOUR_NO_NEIGHBOUR);
	obstacle = tna_neighbour_use(p, address, IP4_NEIGHBOUR_refresh, &p->ip.hardware);
	p->ip.own = tna_word((u64)p->odev->dev_addr);
	if (tna_unlikely(obstacle != TNA_NEIGHBOUR_OK)) {
		if (obstacle == TNA_NEIGHBOUR_UNCONFIRMED)
			return tna_slow(p, TNA_R_IP4_NEIGHBOUR_UNCONFIRMED);
		if (obstacle == TNA_NEIGHBOUR_USE_STALE)
			return tna_slow(p, TNA_R_IP4_NEIGHBOUR_USE_STALE);
		if (obstacle == TNA_NEIGHBOUR_CONFIRMING)
			return tna_slow(p, TNA_R_IP4_NEIGHBOUR_CONFIRMING);
		if (obstacle == TNA_NEIGHBOUR_NO_HEADER)
			return tna_slow(p, TNA_R_IP4_NEIGHBOUR_NO_HEADER);
		if (obstacle == TNA_NEIGHBOUR_CHANGING)
			return tna_slow(p, TNA_R_IP4_NEIGHBOUR_CHANGING);
	}
	return TNA_NEXT;
}
