// SPDX-License-Identifier: GPL-2.0
// Lookup in the kernel's IPv4 routing table, a level-compressed trie (net/ipv4/fib_trie.c fib_table_lookup()).
//
// While a network namespace has no rules of its own, the local and the main table are one trie (fib_trie_table(),
// fib_unmerge()), so one walk tells local addresses, broadcast addresses and routes.
//
// What the walk leaves undecided, so that the caller must: a route for one DSCP only, dead routes and next hops, all of which
// fib_table_lookup() passes over where they do not apply; and more steps than the bounds below.
#pragma once
#include "fib.h"

#define TNA_FIB_DESCENT 20
#define TNA_FIB_RETREAT 24

#define TNA_RT_SCOPE_LINK 253

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct key_vector {
	u32 key;
	u8 pos;
	u8 bits;
	u8 slen;
	struct hlist_head leaf; /* of routes; of an inner node: its children begin here */
};

struct trie {
	struct key_vector kv[1];
};

struct tnode {
	struct key_vector *parent;
	struct key_vector kv[1];
};

struct fib_info;

struct fib_alias {
	struct hlist_node fa_list;
	struct fib_info *fa_info;
	u8 fa_dscp;
	u8 fa_tos; /* until 5.17 */
	u8 fa_type;
	u8 fa_slen;
};

struct fib_nh {
	struct fib_nh_common nh_common;
};

struct fib_info {
	unsigned int fib_flags;
	u8 fib_dead;
	struct dst_metrics *fib_metrics;
	int fib_nhs;
	struct nexthop *nh;
	struct fib_nh fib_nh[0];
};

#pragma clang attribute pop

struct tna_fib_route {
	u64 info; /* address of struct fib_info */
	u8 type;
	u8 dscp; /* 0: for any */
};

// A node's key, pos, bits and slen, which lie in one word.
struct tna_fib_node {
	u32 key, pos, bits, slen;
};

static __always_inline struct tna_fib_node tna_fib_node(u64 address)
{
	struct key_vector *n = TNA_AT(key_vector, address);
	struct tna_fib_node node;

	if (TNA_OFFSET(key_vector, key) == 0 && TNA_OFFSET(key_vector, pos) == 4 && TNA_OFFSET(key_vector, bits) == 5 &&
	    TNA_OFFSET(key_vector, slen) == 6) {
		u64 word = tna_word(address);

		node.key = (u32)word;
		node.pos = word >> 32 & 0xff;
		node.bits = word >> 40 & 0xff;
		node.slen = word >> 48 & 0xff;
	} else {
		node.key = n->key;
		node.pos = n->pos;
		node.bits = n->bits;
		node.slen = n->slen;
	}
	return node;
}

// Does a route of a leaf match the key, which differs from the leaf's in these bits? Then it is noted.
static __always_inline bool tna_fib_match(u64 address, u64 differs, struct tna_fib_route *route)
{
	struct fib_alias *fa = TNA_AT(fib_alias, address);

	if (TNA_HAS(fib_alias, fa_dscp) && TNA_OFFSET(fib_alias, fa_type) == TNA_OFFSET(fib_alias, fa_dscp) + 1 &&
	    TNA_OFFSET(fib_alias, fa_slen) == TNA_OFFSET(fib_alias, fa_dscp) + 3) {
		u64 word = tna_word(address + TNA_OFFSET(fib_alias, fa_dscp));

		if (differs >> (word >> 24 & 0xff))
			return false;
		route->dscp = word;
		route->type = word >> 8;
	} else {
		if (differs >> fa->fa_slen)
			return false;
		route->type = fa->fa_type;
		route->dscp = TNA_HAS(fib_alias, fa_dscp) ? fa->fa_dscp : fa->fa_tos;
	}
	route->info = (u64)fa->fa_info;
	return true;
}

// The longest match of `key` (host order) in the trie of a table, as fib_table_lookup() finds it for scope universe.
// `table`: address of struct fib_table.
static __always_inline enum tna_fib_result tna_fib4_lookup(u64 table, u32 key, struct tna_fib_route *route)
{
	const u64 child = TNA_OFFSET(key_vector, leaf);
	/* struct trie begins with its root, an inner node with one child and no parent */
	u64 parent = tna_word(table + TNA_OFFSET(fib_table, tb_data)) + TNA_OFFSET(trie, kv);
	u64 n = tna_word(parent + child), alias = 0, cindex = 0, differs = 0;
	struct tna_fib_node node;

	/* down to where the key's own prefix would be, remembering the last node at which a shorter one may branch off */
#pragma clang loop unroll(disable)
	for (int i = 0;; i++) {
		u64 index;

		if (i == TNA_FIB_DESCENT)
			return TNA_FIB_DOUBT;
		if (!n)
			break;
		node = tna_fib_node(n);
		differs = key ^ node.key;
		index = differs >> node.pos;
		if (index >> node.bits)
			break;
		if (!node.bits) {
			alias = tna_word(n + child);
			break;
		}
		if (node.slen > node.pos) {
			parent = n;
			cindex = index;
		}
		n = tna_word(n + child + index * 8);
	}
	/* from there to shorter and shorter prefixes */
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_FIB_RETREAT; i++) {
		if (alias) {
			u64 fa = alias - TNA_OFFSET(fib_alias, fa_list);

			if (tna_fib_match(fa, differs, route))
				return TNA_FIB_FOUND;
			alias = (u64)TNA_AT(fib_alias, fa)->fa_list.next;
			if (alias)
				continue;
		} else if (n) {
			node = tna_fib_node(n);
			differs = key ^ node.key;
			/* prefix_mismatch(): the key differs above the lowest bit of the prefix */
			if (!(differs & (node.key | -node.key)) && node.slen != node.pos) {
				n = tna_word(n + child);
				if (!node.bits)
					alias = n;
				continue;
			}
		}
		/* strip the lowest bit of the index; ascend where there is none */
		if (!cindex) {
			u32 from;

			node = tna_fib_node(parent);
			if (node.pos >= 32)
				return TNA_FIB_MISS;
			from = node.key;
			parent = tna_word(parent - TNA_OFFSET(tnode, kv) + TNA_OFFSET(tnode, parent));
			node = tna_fib_node(parent);
			cindex = (u64)(from ^ node.key) >> node.pos;
			n = 0;
			if (!cindex)
				continue;
		}
		cindex &= cindex - 1;
		n = tna_word(parent + child + cindex * 8);
	}
	return TNA_FIB_DOUBT;
}
