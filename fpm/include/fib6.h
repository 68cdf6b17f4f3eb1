// SPDX-License-Identifier: GPL-2.0
// Lookup in the kernel's IPv6 routing tables, each a binary trie (net/ipv6/ip6_fib.c fib6_node_lookup_1()).
//
// The kernel goes down by the address's bits alone, a bit per node (fn_bit), as far as there are nodes, and then up again to the first
// one with routes (RTN_RTINFO) whose prefix, that of its first route, is the address's. The prefixes of nodes above are
// prefixes of those below, so a route that was compared below, and did not match, tells where it differs
// from the address: what differs within a node's own bits cannot match there either, without a look at its routes.
//
// What the walk leaves undecided, so that the caller must: whether the routes of the node that it finds are any good
// (rt6_select()); the kernel passes over those that are not, and may go further up (fib6_backtrack()).
#pragma once
#include "fib.h"

#define TNA_FIB6_DEPTH 130 /* nodes from the root to a host's: at most one for each of 0 to 128 bits */

#define TNA_FIB6_ROOT 2   /* RTN_ROOT */
#define TNA_FIB6_RTINFO 4 /* RTN_RTINFO */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fib6_node {
	struct fib6_node *parent;
	struct fib6_node *left;
	struct fib6_node *right;
	struct fib6_node *subtree;
	struct fib6_info *leaf;
	struct fib6_info *rr_ptr;
	u16 fn_bit;
	u16 fn_flags;
};

struct fib6_table {
	struct fib6_node tb6_root;
};

struct in6_addr {
	u8 in6_u[16];
};

struct rt6key {
	struct in6_addr addr;
	int plen;
};

struct fib6_nh {
	struct fib_nh_common nh_common;
	void *rt6i_exception_bucket;
};

struct fib6_info {
	struct fib6_info *fib6_next;
	struct fib6_node *fib6_node;
	unsigned int fib6_nsiblings;
	struct dst_metrics *fib6_metrics;
	struct rt6key fib6_dst;
	u32 fib6_flags;
	u32 fib6_metric;
	u8 fib6_type;
	struct nexthop *nh;
	struct fib6_nh fib6_nh[0];
};

#pragma clang attribute pop

// Not 0 if of two addresses that differ in these bits the first `length` are not the same. Without branches, of which the
// verifier would have to follow every one at each node; clang must not see that some of these words are all or nothing.
static __always_inline u64 tna_fib6_differs(u64 high, u64 low, u32 length)
{
	u64 part = ~(~0ULL >> (length & 63)), from_64 = -(u64)((length + 64) >> 7), at_128 = -(u64)(length >> 7);

	asm volatile("" : "+r"(from_64), "+r"(at_128));
	return (high & (part | from_64)) | (low & ((part & from_64) | at_128));
}

// Where in a node its child is whose prefixes go on with this bit of an address, the bit counted from the highest one of a word.
static __always_inline u64 tna_fib6_child(u64 word, u32 bit)
{
	const u64 left = TNA_OFFSET(fib6_node, left), right = TNA_OFFSET(fib6_node, right);

	/* without the multiplication, where the one follows the other */
	if (right - left == 8)
		return left + (word << bit >> 60 & 8);
	return left + (word << bit >> 63) * (right - left);
}

// The first route (address of struct fib6_info) of the longest prefix of an address (host order) in the table at an
// address, and the node that it hangs from. `none` is what stands for no route in an empty root (fib6_null_entry).
static __always_inline enum tna_fib_result tna_fib6_lookup(u64 table, u64 none, u64 high, u64 low, u64 *route, u64 *at)
{
	u64 n = table + TNA_OFFSET(fib6_table, tb6_root), differs_high = tna_no_bits(high), differs_low = differs_high;
	u64 leaf, sources;
	u32 bit, length;

	/* by the first half of the address, then by the second; from a node of 128 bits nothing goes on */
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_FIB6_DEPTH / 2; i++) {
		u64 next;

		bit = TNA_AT(fib6_node, n)->fn_bit;
		if (bit >= 64)
			break;
		next = tna_word(n + tna_fib6_child(high, bit));
		if (!next)
			goto bottom;
		n = next;
	}
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_FIB6_DEPTH / 2; i++) {
		u64 next = tna_word(n + tna_fib6_child(low, TNA_AT(fib6_node, n)->fn_bit & 63));

		if (!next)
			break;
		n = next;
	}
bottom:
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_FIB6_DEPTH; i++) {
		struct fib6_node *node = TNA_AT(fib6_node, n);
		u32 flags = node->fn_flags;

		bit = node->fn_bit;
		sources = TNA_HAS(fib6_node, subtree) ? (u64)node->subtree : 0;
		if ((sources | (flags & TNA_FIB6_RTINFO)) && !tna_fib6_differs(differs_high, differs_low, bit)) {
			u64 address;

			leaf = (u64)node->leaf;
			address = leaf + TNA_OFFSET(fib6_info, fib6_dst);
			length = (u32)TNA_AT(rt6key, address)->plen;
			address += TNA_OFFSET(rt6key, addr);
			differs_high = bpf_be64_to_cpu(tna_word(address)) ^ high;
			differs_low = bpf_be64_to_cpu(tna_word(address + 8)) ^ low;
			if (!tna_fib6_differs(differs_high, differs_low, length))
				goto found;
		}
		if (flags & TNA_FIB6_ROOT)
			break;
		n = (u64)node->parent;
	}
	return TNA_FIB_DOUBT;
found:
	/* no routes at this moment: the prefix of nothing is that of all */
	if (!leaf)
		return TNA_FIB_DOUBT;
	if (sources)
		return TNA_FIB_SOURCE;
	if (leaf == none)
		return TNA_FIB_MISS;
	*route = leaf;
	*at = n;
	/* rt6_select(): a node without routes of its own shows those of a node below */
	return length == bit ? TNA_FIB_FOUND : TNA_FIB_DOUBT;
}
