// SPDX-License-Identifier: GPL-2.0
// FPM guard_ip4: nothing beside the routing table has a say in a forwarded IPv4 packet.
//
// * net->nf.hooks_ipv4[] at PRE_ROUTING (ip_rcv), FORWARD (ip_forward), POST_ROUTING (ip_output): any hook (iptables,
//   nftables of the families ip and inet, connection tracking, IPVS, BPF) but those that include/surroundings.h knows: SLOW.
// * include/net/xfrm.h xfrm4_policy_check() for FWD, xfrm4_route_forward() for OUT: a policy, or a default other than
//   accept: SLOW. (A secpath is an skb extension: see ip_receive.)
// * include/net/ip_fib.h fib_lookup(): rules (`ip rule`) other than the three that a namespace begins with: SLOW. This
//   flag is never taken back. With the FPM ip_rules, which looks at each rule: see there. It stands for fib_rules_require_fldissect as well, which only rules ask for.
// * net/ipv4/fib_frontend.c fib_validate_source(), ip_rcv_finish_core() rt_acct: routes with realms: SLOW.
// * net/ipv4/fib_trie.c fib_table_lookup(): somebody traces its lookups (tracepoint fib:fib_table_lookup): SLOW.
// * BPF_CGROUP_RUN_PROG_INET_EGRESS() in ip_finish_output(): a forwarded packet has no socket, so it does nothing.
#pragma once
#include "surroundings.h"

// Not 0 if there are policy rules that no other FPM looks at; `realms`: not 0 if routes or rules have realms.
static __always_inline u64 tna_custom_rules(u64 net, struct netns_ipv4 *ip, u64 *realms)
{
	if (TNA_HAS(netns_ipv4, fib_num_tclassid_users) &&
	    TNA_OFFSET(netns_ipv4, fib_num_tclassid_users) == TNA_OFFSET(netns_ipv4, fib_has_custom_rules) + 4) {
		u64 word = tna_word(net + TNA_OFFSET(net___ip, ipv4) + TNA_OFFSET(netns_ipv4, fib_has_custom_rules));

		*realms = word >> 32;
		return on_ip_rules ? 0 : word & 0xff;
	}
	*realms = TNA_HAS(netns_ipv4, fib_num_tclassid_users) ? (u32)ip->fib_num_tclassid_users.counter : 0;
	return on_ip_rules ? 0 : ip->fib_has_custom_rules;
}

static __always_inline int fpm_guard_ip4(struct tna_pkt *p)
{
	struct netns_nf___ip *nf = TNA_AT(netns_nf___ip, p->net + TNA_OFFSET(net___ip, nf));
	struct netns_ipv4 *ip = tna_netns_ipv4(p->net);
	u64 hooks, policies, rules, realms, traced;

	if (p->l3 != bpf_htons(ETH_P_IP))
		return TNA_NEXT;
	hooks = tna_forward_hooks((u64)nf->hooks_ipv4[TNA_NF_INET_PRE_ROUTING], (u64)nf->hooks_ipv4[TNA_NF_INET_FORWARD],
				  (u64)nf->hooks_ipv4[TNA_NF_INET_POST_ROUTING]);
	policies = tna_forward_policies(p->net);
	rules = tna_custom_rules(p->net, ip, &realms);
	traced = tna_traced((u64)&__tracepoint_fib_table_lookup);
	if (tna_unlikely(hooks | policies | rules | realms | traced)) {
		if (hooks)
			return tna_slow(p, TNA_R_GUARD_IP4_NETFILTER);
		if (policies)
			return tna_slow(p, TNA_R_GUARD_IP4_XFRM);
		if (rules)
			return tna_slow(p, TNA_R_GUARD_IP4_RULES);
		if (realms)
			return tna_slow(p, TNA_R_GUARD_IP4_REALMS);
		if (traced)
			return tna_slow(p, TNA_R_GUARD_IP4_TRACED);
	}
	return TNA_NEXT;
}
