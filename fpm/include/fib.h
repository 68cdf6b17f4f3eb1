// SPDX-License-Identifier: GPL-2.0
// What the routing tables of IPv4 and IPv6 have in common: next hops and metrics.
#pragma once
#include "ip.h"

#define TNA_RTN_UNICAST 1
#define TNA_RTNH_F_DEAD 1
#define TNA_RTNH_F_LINKDOWN 16
#define TNA_AF_INET 2
#define TNA_AF_INET6 10
#define TNA_RTAX_LOCK 0
#define TNA_RTAX_MTU 1
#define TNA_RTAX_MTU_LOCKED (1 << 2)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dst_metrics {
	u32 metrics[17];
};

struct fib_nh_common {
	struct net_device *nhc_dev;
	u8 nhc_scope;
	u8 nhc_gw_family;
	u8 nhc_flags;
	void *nhc_lwtstate;
	union {
		__be32 ipv4;
	} nhc_gw;
	void *nhc_exceptions;
};

struct nh_info {
	bool reject_nh;
	struct fib_nh_common fib_nhc;
};

struct nexthop {
	bool is_group;
	struct nh_info *nh_info;
};

#pragma clang attribute pop

// For most packets none of this is needed: clang is not to make ready beforehand what depends on a value, for which the stack has no room.
#define TNA_ONLY_HERE(value) asm volatile("" : "+r"(value))

// Zero, of which the verifier does not know that it is.
static __always_inline u64 tna_no_bits(u64 any)
{
	u64 zero = any;

	asm volatile("%0 ^= %1" : "+r"(zero) : "r"(any));
	return zero;
}

// Ways through the program that know different things of a packet are followed by the verifier one by one, through each step of a walk to come. So what
// they know is made unknown, and where the packet itself is asked once more, that is by a new pointer (tna_data()).
static __always_inline void tna_forget(struct tna_pkt *p, u64 any)
{
	u64 zero = tna_no_bits(any);

	p->ip.protocol ^= zero;
	p->ip.len ^= zero;
	p->gso ^= zero;
}

enum tna_fib_result {
	TNA_FIB_FOUND,
	TNA_FIB_MISS,   /* no route in this table: the kernel may look into another one */
	TNA_FIB_SOURCE, /* IPv6: routes that depend on the source lie on the way */
	TNA_FIB_DOUBT,  /* something that this walk doesn't decide */
};

// The next hop (address of struct fib_nh_common) of a next hop object, 0 if it refuses packets, 1 if it is a group.
static __always_inline u64 tna_next_hop_object(u64 object)
{
	struct nexthop *nh = TNA_AT(nexthop, object);
	u64 single = (u64)nh->nh_info;

	if (nh->is_group)
		return 1;
	if (TNA_AT(nh_info, single)->reject_nh)
		return 0;
	return single + TNA_OFFSET(nh_info, fib_nhc);
}

#ifdef TNA_HOOK_TC
// skb_gso_network_seglen(): length of a segment from its network header, of `header` bytes, on. 0: not TCP whose packets
// are to be segmented as `type` says.
static __always_inline u32 tna_segment_length(struct tna_pkt *p, u32 header, u32 type)
{
	struct sk_buff *skb = tna_skb(p);
	struct skb_shared_info *shared = TNA_AT(skb_shared_info, (u64)skb->head + skb->end);
	u8 *tcp = tna_network(p) + header;
	u32 size = shared->gso_size;

	TNA_ONLY_HERE(tcp);
	if (!(shared->gso_type & type) || p->ip.protocol != TNA_IPPROTO_TCP || size == 0xffff)
		return 0;
	if ((void *)(tcp + 13) > tna_data_end(p))
		return 0;
	return header + (tcp[12] >> 4) * 4 + size;
}
#endif
