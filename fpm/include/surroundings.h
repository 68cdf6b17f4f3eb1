// SPDX-License-Identifier: GPL-2.0
// What beside a routing table may have a say in a packet that is forwarded, or asks to be told of its route: netfilter, IPsec and tracers, of
// IPv4 and IPv6 alike.
//
// * Netfilter (include/hooks.h):
//   br_netfilter's own hook at PRE_ROUTING, ip_sabotage_in(), is there as soon as there is a bridge; it accepts packets without
//   nf_bridge state (an skb extension): alone, it is nothing. Nor is AppArmor's hook at POST_ROUTING,
//   apparmor_ip_postroute(), which is in every namespace: it asks the socket of the packet, and accepts a packet that has none, as
//   all forwarded ones (ip_rcv_core(), ip6_rcv_core() let go of it).
// * IPsec (include/net/xfrm.h): policies of both families are counted together.
// * The tracepoints fib:fib_table_lookup and fib6:fib6_table_lookup (net/core/net-traces.c), which tell of each lookup: on while somebody is
//   attached to one, in whatever namespace. Those of other functions that a fast packet does not come through are left alone, as are kprobes.
#pragma once
#include "hooks.h"
#include "ip.h"

extern const void ip_sabotage_in __ksym __weak;
extern const void apparmor_ip_postroute __ksym __weak;
extern const void __tracepoint_fib_table_lookup __ksym __weak;
extern const void __tracepoint_fib6_table_lookup __ksym __weak;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct static_key_false {
	int enabled;
};

struct tracepoint {
	struct static_key_false key;
};

#pragma clang attribute pop

#define TNA_NF_INET_PRE_ROUTING 0
#define TNA_NF_INET_FORWARD 2
#define TNA_NF_INET_POST_ROUTING 4
#define TNA_XFRM_OUT 1
#define TNA_XFRM_ACCEPT 2 /* XFRM_USERPOLICY_ACCEPT */

// Not 0 if hooks see packets that are forwarded: those at PRE_ROUTING, FORWARD, POST_ROUTING.
static __always_inline u64 tna_forward_hooks(u64 before, u64 forward, u64 after)
{
	return forward | tna_other_hooks(before, (u64)&ip_sabotage_in) |
	       tna_other_hooks(after, (u64)&apparmor_ip_postroute);
}

// Not 0 if IPsec policies, or a default other than to accept, may apply to packets that are forwarded.
static __always_inline u64 tna_forward_policies(u64 net)
{
	u64 xfrm = net + TNA_OFFSET(net___ip, xfrm), counts, defaults;

	if (!TNA_HAS(net___ip, xfrm))
		return 0;
	/* OUT and FWD are neighbours in both arrays */
	counts = tna_word(xfrm + TNA_OFFSET(netns_xfrm, policy_count) + TNA_XFRM_OUT * sizeof(u32));
	defaults = tna_word(xfrm + TNA_OFFSET(netns_xfrm, policy_default) + TNA_XFRM_OUT) & 0xffff;
	return counts | (defaults ^ (TNA_XFRM_ACCEPT | TNA_XFRM_ACCEPT << 8));
}

// Not 0 while somebody traces by a tracepoint, whose address this is; 0 where the kernel does not have or does not show it. The count comes
// first in struct static_key.
static __always_inline u64 tna_traced(u64 tracepoint)
{
	return tracepoint ? (u32)tna_word(tracepoint + TNA_OFFSET(tracepoint, key)) : 0;
}
