// SPDX-License-Identifier: GPL-2.0
// Entries of the kernel's neighbour tables, of IPv4 and IPv6 alike, and whether Linux would just use one.
//
// include/net/neighbour.h neigh_output(), net/core/neighbour.c neigh_resolve_output(), __neigh_event_send():
// * permanent, noarp, reachable: sent, and nothing is written to the entry, once it has a cached header (hh_cache). It gets that
//   from its first packet, which Linux notes as a use.
// * delay, probe: sent, by the same header; Linux notes that the entry was used, and that decides whether it is kept and probed again later.
// * stale: sent, and Linux begins to probe. incomplete, failed, none: Linux queues and asks.
// * the address may be changing at this moment (ha_lock).
// include/net/sock.h sock_confirm_neigh(): a sender behind a veth that heard from beyond has its packets say so (skb->dst_pending_confirm,
//   which survives the veth), and Linux notes that the entry was confirmed just now, which keeps it reachable without probes,
//   or in the table at all (NUD_NOARP, neigh_periodic_work()). Of a permanent one only `ip -s neigh` would tell.
// * VLAN devices have no cached headers (net/8021q/vlan_dev.c vlan_header_ops, vlan_passthru_header_ops): neigh_connected_output() has
//   each made by vlan_dev_hard_header() or vlan_passthru_hard_header(), from the same, and writes nothing to the entry.
// The header is the same from hh_cache and from eth_header(): the entry's address, the device's own address, the protocol.
#pragma once
#include "ip.h"
#include "vlan.h"

#define TNA_NEIGHBOURS_MAX 16
#define TNA_NUD_CONNECTED (0x02 | 0x40 | 0x80) /* NUD_REACHABLE, NUD_NOARP, NUD_PERMANENT */
#define TNA_NUD_PROBING (0x08 | 0x10)          /* NUD_DELAY, NUD_PROBE */
#define TNA_NUD_PERMANENT 0x80                 /* never collected, unlike NUD_NOARP */

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

struct header_ops {
	void *cache;
};

struct net_device___headers {
	struct header_ops *header_ops;
};

struct hh_cache {
	unsigned int hh_len;
};

struct neighbour {
	struct hlist_node hash;
	unsigned long used;
	unsigned long confirmed;
	u8 nud_state;
	seqlock_t ha_lock;
	unsigned char ha[32];
	struct hh_cache hh;
	struct net_device *dev;
	u8 primary_key[0];
};

struct sk_buff___confirming {
	u8 dst_pending_confirm : 1;
};

struct neighbour___old {
	struct neighbour *next;
};

#pragma clang attribute pop

// Where the entries of a hash table begin, and where in an entry its link to the next one is.
static __always_inline u64 tna_neighbour_buckets(struct neigh_hash_table *hash)
{
	if (!TNA_HAS(neigh_hash_table, hash_heads))
		return (u64)((struct neigh_hash_table___old *)hash)->hash_buckets;
	return (u64)hash->hash_heads;
}

// hash_shift of the table of neighbours at an address and, in the upper half, hash_rnd[0].
static __always_inline u64 tna_neighbour_hashing(u64 address)
{
	struct neigh_hash_table *hash = TNA_AT(neigh_hash_table, address);

	if (TNA_OFFSET(neigh_hash_table, hash_rnd) == TNA_OFFSET(neigh_hash_table, hash_shift) + 4)
		return tna_word(address + TNA_OFFSET(neigh_hash_table, hash_shift));
	return hash->hash_shift | (u64)hash->hash_rnd[0] << 32;
}

static __always_inline u64 tna_neighbour_link(void)
{
	if (!TNA_HAS(neigh_hash_table, hash_heads))
		return TNA_OFFSET(neighbour___old, next);
	return TNA_OFFSET(neighbour, hash);
}

// Sequence number of the lock that guards the entry's address: odd while it is written.
static __always_inline u32 tna_address_sequence(u64 neigh)
{
	return (u32)tna_word(neigh + TNA_OFFSET(neighbour, ha_lock));
}

// Does Linux make each header for this device anew, and is it an Ethernet header without a tag?
static __always_inline bool tna_makes_headers(u64 address)
{
	u64 ops = (u64)TNA_AT(net_device___headers, address)->header_ops;

	return tna_is_vlan_device(TNA_AT(net_device, address)) && tna_vlans_reorder(address) && ops &&
	       !TNA_AT(header_ops, ops)->cache;
}

// What speaks against using an entry as it is.
enum tna_neighbour_obstacle {
	TNA_NEIGHBOUR_OK,
	TNA_NEIGHBOUR_UNCONFIRMED,
	TNA_NEIGHBOUR_USE_STALE,
	TNA_NEIGHBOUR_CONFIRMING,
	TNA_NEIGHBOUR_NO_HEADER,
	TNA_NEIGHBOUR_CHANGING,
};

// Does the packet say that its next hop was heard from?
static __always_inline bool tna_confirms(struct tna_pkt *p)
{
	struct sk_buff___confirming *skb;
#ifdef TNA_HOOK_XDP
	u64 address = 0;

	if (TNA_HAS(veth_xdp_buff, skb) && tna_is_known_veth(p, p->dev))
		address = (u64)((struct veth_xdp_buff *)tna_kernel_ctx(p->ctx))->skb;
	if (!address)
		return false;
	skb = TNA_AT(sk_buff___confirming, address);
#else
	skb = tna_known_ctx(p->ctx);
#endif
	return BPF_CORE_READ_BITFIELD(skb, dst_pending_confirm);
}

// Reads the MAC address of an entry. One under probe has to have been noted as used within `refresh` jiffies, and one that the
// sender confirms as confirmed.
static __always_inline enum tna_neighbour_obstacle tna_neighbour_use(struct tna_pkt *p, u64 address, u32 refresh, u64 *hardware)
{
	struct neighbour *neigh = TNA_AT(neighbour, address);
	u32 sequence = tna_address_sequence(address);
	u64 state = neigh->nud_state;

	*hardware = tna_word(address + TNA_OFFSET(neighbour, ha)) & 0xffffffffffffULL;
	if (tna_unlikely(!(state & TNA_NUD_CONNECTED))) {
		if (!(state & TNA_NUD_PROBING))
			return TNA_NEIGHBOUR_UNCONFIRMED;
		if (bpf_jiffies64() - neigh->used > refresh)
			return TNA_NEIGHBOUR_USE_STALE;
	}
	if (!(state & TNA_NUD_PERMANENT) && tna_unlikely(tna_confirms(p)) && bpf_jiffies64() - neigh->confirmed > refresh)
		return TNA_NEIGHBOUR_CONFIRMING;
	if (tna_unlikely(!neigh->hh.hh_len) && !tna_makes_headers((u64)neigh->dev))
		return TNA_NEIGHBOUR_NO_HEADER;
	if (tna_unlikely(sequence & 1 || sequence != tna_address_sequence(address)))
		return TNA_NEIGHBOUR_CHANGING;
	return TNA_NEIGHBOUR_OK;
}

// Has a device Ethernet headers and neighbours of its own? Loopback and point-to-point devices have none.
static __always_inline bool tna_has_neighbours(u64 dev_address)
{
	struct net_device *dev = TNA_AT(net_device, dev_address);
	const u64 flags = TNA_IFF_LOOPBACK | TNA_IFF_POINTOPOINT;

	if (TNA_AT(net_device___ip, dev_address)->type != TNA_ARPHRD_ETHER)
		return false;
	if (TNA_OFFSET(net_device, hard_header_len) == TNA_OFFSET(net_device, flags) + 4)
		return (tna_word(dev_address + TNA_OFFSET(net_device, flags)) & (flags | 0xffffULL << 32)) == (u64)ETH_HLEN << 32;
	return dev->hard_header_len == ETH_HLEN && !(dev->flags & flags);
}
