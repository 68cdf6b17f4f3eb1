// SPDX-License-Identifier: GPL-2.0
// Routing policy rules that only say in which order tables are looked at, as those do that the kernel begins with.
//
// net/core/fib_rules.c fib_rules_lookup(), fib_rule_match(), net/ipv4/fib_rules.c fib4_rule_match(), net/ipv6/fib6_rules.c fib6_rule_match():
// * a rule with any selector (device, mark, tunnel, user, addresses, DSCP, flow label, protocol, ports), an inverted one, or one that does not lead to a
//   table (goto, nop, unreachable, prohibit, blackhole): not decided here, whether it is about the packet or not.
// * net/l3mdev/l3mdev.c l3mdev_fib_rule_match(): a rule of VRFs is about packets of a VRF alone, and leads to that one's table.
// fib4_rule_suppress(), fib6_rule_suppress(): a rule that suppresses what it finds: not decided.
// fib4_rule_action(), __fib6_rule_action(): in a table that does not exist nothing is found. A table without a route that fits: the next rule.
//   A route that refuses packets ends the search, one of type throw does not: the caller sees to both.
// net/ipv4/fib_frontend.c fib_get_table(), net/ipv6/ip6_fib.c fib6_get_table(): by number, 0 is the main table.
#pragma once
#include "fib.h"
#include "fib4.h"
#include "fib6.h"
#include "vrf.h"

#define TNA_TABLES_PER_HASH 8
#define TNA_TABLE_MAIN 254
#define TNA_TABLE_HASH 255 /* FIB_TABLE_HASHSZ, FIB6_TABLE_HASHSZ: less one */
#define TNA_FR_TO_TBL 1	   /* FR_ACT_TO_TBL */
#define TNA_RULE_PERMANENT 1
#define TNA_FOUND_MISS 0
#define TNA_FOUND_DOUBT 1
#define TNA_FOUND_SOURCE 2
#define TNA_FOUND_DSCP 1
#define TNA_FOUND_OTHER 2
#define TNA_ALL_USERS 0xffffffff00000000ULL /* from 0 to ~0 */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fib_kuid_range {
	u64 any;
};

struct fib_rule_port_range {
	u16 start;
};

struct fib_rule {
	struct list_head list;
	int iifindex;
	int oifindex;
	u32 mark_mask;
	u32 flags;
	u32 table;
	u8 action;
	u8 l3mdev;
	u8 ip_proto;
	u64 tun_id;
	int suppress_ifgroup;
	int suppress_prefixlen;
	struct fib_kuid_range uid_range;
	struct fib_rule_port_range sport_range;
	struct fib_rule_port_range dport_range;
};

struct fib4_rule {
	u8 dst_len;
	u8 src_len;
	u8 dscp;
	u8 dscp_full : 1;
};

struct fib6_rule {
	struct rt6key src;
	struct rt6key dst;
	u32 flowlabel_mask;
	u8 dscp;
	u8 dscp_full : 1;
};

struct fib_rules_ops {
	struct list_head rules_list;
};

struct fib_table___rules {
	struct hlist_node tb_hlist;
	u32 tb_id;
};

struct fib6_table___rules {
	struct hlist_node tb6_hlist;
	u32 tb6_id;
};

struct netns_ipv4___rules {
	struct fib_rules_ops *rules_ops;
	struct hlist_head *fib_table_hash;
};

struct netns_ipv6___rules {
	struct fib_rules_ops *fib6_rules_ops;
	struct hlist_head *fib_table_hash;
};

#pragma clang attribute pop

// Not 0 if a rule does more than to lead to a table; what both families have.
static __always_inline u64 tna_rule_odd(u64 address)
{
	struct fib_rule *r = TNA_AT(fib_rule, address);
	u64 users = tna_word(address + TNA_OFFSET(fib_rule, uid_range)) ^ TNA_ALL_USERS;

	return users | (u32)r->iifindex | (u32)r->oifindex | r->mark_mask | (r->flags & ~TNA_RULE_PERMANENT) |
	       (r->action ^ TNA_FR_TO_TBL) | r->ip_proto | r->tun_id | (u32)(r->suppress_ifgroup + 1) |
	       (u32)(r->suppress_prefixlen + 1) | r->sport_range.start | r->dport_range.start;
}

static __always_inline u64 tna_rule4_odd(u64 address)
{
	struct fib4_rule *r = TNA_AT(fib4_rule, address);
	u64 full = TNA_HAS(fib4_rule, dscp_full) ? BPF_CORE_READ_BITFIELD(r, dscp_full) : 0;

	return tna_rule_odd(address) | r->dst_len | r->src_len | r->dscp | full;
}

static __always_inline u64 tna_rule6_odd(u64 address)
{
	struct fib6_rule *r = TNA_AT(fib6_rule, address);
	u64 full = TNA_HAS(fib6_rule, dscp_full) ? BPF_CORE_READ_BITFIELD(r, dscp_full) : 0;
	u64 label = TNA_HAS(fib6_rule, flowlabel_mask) ? r->flowlabel_mask : 0;

	return tna_rule_odd(address) | (u32)r->src.plen | (u32)r->dst.plen | r->dscp | full | label;
}

// Address of the table of a number among those that `hash` (an array of lists) leads to; 0 if there is none, 1 if the list is too long to tell.
static __always_inline u64 tna_table_by_number(u64 hash, u32 number, u64 link, u64 id)
{
	u64 entry;

	if (!number)
		number = TNA_TABLE_MAIN;
	entry = tna_word(hash + (number & TNA_TABLE_HASH) * 8);
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_TABLES_PER_HASH; i++) {
		if (!entry)
			return 0;
		if ((u32)tna_word(entry - link + id) == number)
			return entry - link;
		entry = tna_word(entry);
	}
	return 1;
}

static __always_inline u64 tna_table4(u64 net, u32 number)
{
	struct netns_ipv4___rules *ip = TNA_AT(netns_ipv4___rules, net + TNA_OFFSET(net___ip, ipv4));

	return tna_table_by_number((u64)ip->fib_table_hash, number, TNA_OFFSET(fib_table___rules, tb_hlist),
				   TNA_OFFSET(fib_table___rules, tb_id));
}

static __always_inline u64 tna_table6(u64 net, u32 number)
{
	struct netns_ipv6___rules *ip = TNA_AT(netns_ipv6___rules, net + TNA_OFFSET(net___ip, ipv6));

	return tna_table_by_number((u64)ip->fib_table_hash, number, TNA_OFFSET(fib6_table___rules, tb6_hlist),
				   TNA_OFFSET(fib6_table___rules, tb6_id));
}

// Notes in which table a packet's way is looked for next. False if there is no room.
static __always_inline bool tna_look_into(struct tna_scratch *scratch, u64 table)
{
	u64 place = scratch->table_count;

	TNA_OPAQUE(place);
	if (place >= TNA_TABLES_MAX)
		return false;
	scratch->tables[place] = table;
	scratch->table_count = place + 1;
	return true;
}

// The walks through a table, as functions of their own, which the verifier goes through once, however many tables there are: within ip4_route and ip6_route
// it would have to for each, and forgets on the way what it has seen. A call costs some 10 ns.
//
// Address of struct fib_info, with TNA_FOUND_DSCP if the route is for one DSCP, TNA_FOUND_OTHER if it is none of type unicast; TNA_FOUND_MISS; TNA_FOUND_DOUBT.
__attribute__((noinline)) u64 tna_find4(u64 table, u32 key)
{
	struct tna_fib_route route = {};
	enum tna_fib_result found = tna_fib4_lookup(table, key, &route);

	if (found != TNA_FIB_FOUND)
		return found == TNA_FIB_MISS ? TNA_FOUND_MISS : TNA_FOUND_DOUBT;
	return route.info | (route.dscp ? TNA_FOUND_DSCP : 0) | (route.type == TNA_RTN_UNICAST ? 0 : TNA_FOUND_OTHER);
}

// Address of struct fib6_info, TNA_FOUND_MISS, TNA_FOUND_DOUBT or TNA_FOUND_SOURCE.
__attribute__((noinline)) u64 tna_find6(u64 table, u64 none, u64 high, u64 low)
{
	u64 route = 0, node = 0;
	enum tna_fib_result found = tna_fib6_lookup(table, none, high, low, &route, &node);

	if (found == TNA_FIB_FOUND)
		return route;
	return found == TNA_FIB_MISS ? TNA_FOUND_MISS : found == TNA_FIB_SOURCE ? TNA_FOUND_SOURCE : TNA_FOUND_DOUBT;
}
