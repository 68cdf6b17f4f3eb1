// SPDX-License-Identifier: GPL-2.0
// What beside a routing table may have a say in a packet that is forwarded: netfilter and IPsec, of IPv4 and IPv6 alike.
//
// * Netfilter (include/hooks.h):
//   br_netfilter's own hook at PRE_ROUTING, ip_sabotage_in(), is there as soon as there is a bridge; it accepts packets without
//   nf_bridge state (an skb extension): alone, it is nothing. Nor is AppArmor's hook at POST_ROUTING,
//   apparmor_ip_postroute(), which is in every namespace: it asks the socket of the packet, and accepts a packet that has none, as
//   all forwarded ones (ip_rcv_core(), ip6_rcv_core() let go of it).
// * IPsec (include/net/xfrm.h): policies of both families are counted together.
#pragma once
#include "hooks.h"
#include "ip.h"

extern const void ip_sabotage_in __ksym __weak;
extern const void apparmor_ip_postroute __ksym __weak;

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
