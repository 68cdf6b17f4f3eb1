// SPDX-License-Identifier: GPL-2.0
// FPM ip_rules: which routing tables are looked at, in which order: what rules (`ip rule`) say.
//
// include/net/ip_fib.h fib_lookup(), net/ipv6/fib6_rules.c fib6_rule_lookup():
// * a namespace that never had a rule of its own: for IPv4 the main table, with which the local one is merged, for IPv6 the local one, then the main one.
// net/core/fib_rules.c fib_rules_lookup(): include/fib_rules.h. A rule that does more than to lead to a table: SLOW. More than 4 tables
//   that exist, or more than 7 rules: SLOW.
// * The walk is that for the packet's destination, and for its source: net/ipv4/fib_frontend.c __fib_validate_source() asks the same rules.
// net/l3mdev/l3mdev.c l3mdev_update_flow(), l3mdev_fib_rule_match(): a rule of VRFs leads to the table of the VRF that the packet came through (FPM
//   vrf), and is passed over for a packet that came through none. Of the egress device: see ip4_route.
#pragma once
#include "fib_rules.h"

#define TNA_RULES_MAX 8 /* the end of the list counts */

static __always_inline int fpm_ip_rules(struct tna_pkt *p)
{
	struct netns_ipv4 *ip4 = tna_netns_ipv4(p->net);
	struct netns_ipv6 *ip6 = tna_netns_ipv6(p->net);
	struct tna_scratch *scratch = p->scratch;
	u64 ops, head, entry;
	bool four = p->l3 == bpf_htons(ETH_P_IP);

	if (!p->l3)
		return TNA_NEXT;
	scratch->table_count = 0;
	if (four) {
		if (!ip4->fib_has_custom_rules) {
			tna_look_into(scratch, (u64)ip4->fib_main);
			return TNA_NEXT;
		}
		ops = (u64)TNA_AT(netns_ipv4___rules, p->net + TNA_OFFSET(net___ip, ipv4))->rules_ops;
	} else {
		if (!ip6->fib6_has_custom_rules) {
			tna_look_into(scratch, (u64)ip6->fib6_local_tbl);
			tna_look_into(scratch, (u64)ip6->fib6_main_tbl);
			return TNA_NEXT;
		}
		ops = (u64)TNA_AT(netns_ipv6___rules, p->net + TNA_OFFSET(net___ip, ipv6))->fib6_rules_ops;
	}
	head = ops + TNA_OFFSET(fib_rules_ops, rules_list);
	entry = tna_word(head);
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < TNA_RULES_MAX; i++) {
		u64 rule = entry - TNA_OFFSET(fib_rule, list), table;
		u32 number;
		struct fib_rule *r = TNA_AT(fib_rule, rule);

		if (entry == head)
			return TNA_NEXT;
		if (tna_unlikely(four ? tna_rule4_odd(rule) : tna_rule6_odd(rule)))
			return tna_slow(p, TNA_R_IP_RULES_SELECTIVE);
		entry = (u64)r->list.next;
		number = r->table;
		if (r->l3mdev) {
			if (!tna_through_vrf(p))
				continue;
			number = tna_vrf_table(tna_through_vrf(p));
		}
		table = four ? tna_table4(p->net, number) : tna_table6(p->net, number);
		if (!table)
			continue;
		if (tna_unlikely(table == 1))
			return tna_slow(p, TNA_R_IP_RULES_TABLES);
		if (tna_unlikely(!tna_look_into(scratch, table)))
			return tna_slow(p, TNA_R_IP_RULES_TOO_MANY);
	}
	return tna_slow(p, TNA_R_IP_RULES_TOO_MANY);
}
