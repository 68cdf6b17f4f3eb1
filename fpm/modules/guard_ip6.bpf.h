// SPDX-License-Identifier: GPL-2.0
// FPM guard_ip6: nothing beside the routing table has a say in a forwarded IPv6 packet.
//
// * net->nf.hooks_ipv6[] at PRE_ROUTING (ipv6_rcv), FORWARD (ip6_forward), POST_ROUTING (ip6_output): as guard_ip4 says of
//   IPv4, where br_netfilter and AppArmor have the same two hooks: any other: SLOW.
// * xfrm6_policy_check() for FWD, xfrm6_route_forward() for OUT: a policy, or a default other than accept: SLOW, also where
//   disable_policy would spare the check.
// * net/ipv6/fib6_rules.c fib6_rule_lookup(): rules (`ip -6 rule`) other than the two that a namespace begins with: SLOW. This
//   flag is never taken back. With the FPM ip_rules, which looks at each rule: see there. It stands for fib6_rules_require_fldissect as well, which only rules ask for.
// * net/ipv6/ip6_output.c ip6_forward(): neighbours for which the host answers, where net.ipv6.conf.all.proxy_ndp is on
//   (pneigh_lookup, ip6_forward_proxy_check): SLOW.
// * net/ipv6/route.c ip6_pol_route(): somebody traces its lookups (tracepoint fib6:fib6_table_lookup): SLOW.
// * BPF_CGROUP_RUN_PROG_INET_EGRESS() in ip6_finish_output(): a forwarded packet has no socket, so it does nothing.
#pragma once
#include "surroundings.h"

static __always_inline int fpm_guard_ip6(struct tna_pkt *p)
{
	struct netns_nf___ip *nf = TNA_AT(netns_nf___ip, p->net + TNA_OFFSET(net___ip, nf));
	struct netns_ipv6 *ip = tna_netns_ipv6(p->net);
	u64 hooks, policies, rules, proxy, traced;

	if (p->l3 != bpf_htons(ETH_P_IPV6))
		return TNA_NEXT;
	hooks = tna_forward_hooks((u64)nf->hooks_ipv6[TNA_NF_INET_PRE_ROUTING], (u64)nf->hooks_ipv6[TNA_NF_INET_FORWARD],
				  (u64)nf->hooks_ipv6[TNA_NF_INET_POST_ROUTING]);
	policies = tna_forward_policies(p->net);
	rules = on_ip_rules ? 0 : ip->fib6_has_custom_rules;
	proxy = TNA_AT(ipv6_devconf, ip->devconf_all)->proxy_ndp;
	traced = tna_traced((u64)&__tracepoint_fib6_table_lookup);
	if (tna_unlikely(hooks | policies | rules | proxy | traced)) {
		if (hooks)
			return tna_slow(p, TNA_R_GUARD_IP6_NETFILTER);
		if (policies)
			return tna_slow(p, TNA_R_GUARD_IP6_XFRM);
		if (rules)
			return tna_slow(p, TNA_R_GUARD_IP6_RULES);
		if (proxy)
			return tna_slow(p, TNA_R_GUARD_IP6_PROXY_NDP);
		if (traced)
			return tna_slow(p, TNA_R_GUARD_IP6_TRACED);
	}
	return TNA_NEXT;
}
