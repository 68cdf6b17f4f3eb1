// SPDX-License-Identifier: GPL-2.0
// FPM ip6_route: the way of an IPv6 packet through the kernel's routing tables.
//
// net/ipv6/ip6_input.c ip6_rcv_core(), net/ipv6/ip6_output.c ip6_output():
// * no IPv6 on the ingress or egress device (inet6_dev), or disable_ipv6 there: SLOW, Linux drops.
// net/ipv6/ip6_output.c ip6_forward():
// * forwarding off in all: SLOW. The setting of a single device has no say here; where force_forwarding has one, all is off.
// net/ipv6/fib6_rules.c fib6_rule_lookup(): the local table, then the main one.
// net/ipv6/ip6_fib.c fib6_node_lookup_1(): include/fib6.h. No route, or what the walk cannot decide about: SLOW. A node with
//   routes for some sources only (subtree): SLOW.
// net/ipv6/route.c rt6_select(), find_match(), while forwarding (strict 0): the first route of the node, if it is
//   neither dead nor expired and no other has the same metric: a score decides only between such. (rr_ptr is among those of
//   the same metric.) So: several of one metric: SLOW; dead or without link, the device without a say whether that counts: SLOW.
// * routes of router advertisements, and those that expire: SLOW, whose metrics and state change in place.
// * a route of another type than unicast (local, anycast, blackhole, unreachable, prohibit, throw), or that is flagged as
//   something else (RTF_REJECT, RTF_LOCAL, RTF_ANYCAST, RTF_CACHE, ...): SLOW.
// net/ipv6/route.c fib6_select_path(): siblings, or a group of next hop objects: SLOW.
// net/ipv6/route.c rt6_find_cached_rt(): exceptions of the next hop (path MTU, redirects) are in a bucket that stays once it
//   is there: SLOW.
// * encapsulation (lwtunnel: segment routing, RPL, IOAM, BPF): SLOW.
// * rt6_nexthop(): the gateway, or the destination itself.
// net/ipv6/ip6_output.c ip6_forward(): back out of the ingress device (redirects): SLOW. ip6_pkt_too_big(),
//   ip6_finish_output(): longer than the egress device's MTU for IPv6 or than the route's MTU (which Linux minds at the first place if
//   it is locked, otherwise at the second): SLOW. Segmented packets: the length of a segment
//   (skb_gso_network_seglen); SLOW where that is not TCP over IPv6.
// The per-CPU copy of a route (rt6i_pcpu), which Linux makes for its first packet, is not made; it says the same as the route.
#pragma once
#include "fib6.h"

#define TNA_GSO_TCPV6 16 /* SKB_GSO_TCPV6 */

/* include/uapi/linux/ipv6_route.h and route.h: what may be set without changing what the route means here */
#define TNA_RTF_UP 0x0001
#define TNA_RTF_GATEWAY 0x0002
#define TNA_RTF_NONEXTHOP 0x00200000
#define TNA_RTF_PREF_MASK 0x18000000
#define TNA_RTF_PLAIN (TNA_RTF_UP | TNA_RTF_GATEWAY | TNA_RTF_NONEXTHOP | TNA_RTF_PREF_MASK)
/* default, all on link, addrconf, prefix, expires, route information */
#define TNA_RTF_LEARNED (0x00010000 | 0x00020000 | 0x00040000 | 0x00080000 | 0x00400000 | 0x00800000)

static __always_inline int fpm_ip6_route(struct tna_pkt *p)
{
	struct netns_ipv6 *ip = tna_netns_ipv6(p->net);
	u64 in = (u64)TNA_AT(net_device___ip, p->in_address)->ip6_ptr, none = (u64)ip->fib6_null_entry;
	u64 table = (u64)ip->fib6_local_tbl, out, route = 0, next, hop, object;
	enum tna_fib_result found = TNA_FIB_DOUBT;
	struct fib_nh_common *common;
	struct fib6_info *info;
	u32 mtu, metric, length;

	if (p->l3 != bpf_htons(ETH_P_IPV6))
		return TNA_NEXT;
	if (tna_unlikely(!in))
		return tna_slow(p, TNA_R_IP6_ROUTE_NO_IP);
	if (tna_unlikely(TNA_AT(inet6_dev, in)->cnf.disable_ipv6))
		return tna_slow(p, TNA_R_IP6_ROUTE_DISABLED);
	if (tna_unlikely(!TNA_AT(ipv6_devconf, ip->devconf_all)->forwarding))
		return tna_slow(p, TNA_R_IP6_ROUTE_NOT_FORWARDING);

#pragma clang loop unroll(disable)
	for (int pass = 0; pass < 2; pass++) {
		found = tna_fib6_lookup(table, none, p->ip.daddr_high, p->ip.daddr_low, &route);
		if (found != TNA_FIB_MISS)
			break;
		table = (u64)ip->fib6_main_tbl;
	}
	if (tna_unlikely(found != TNA_FIB_FOUND)) {
		if (found == TNA_FIB_MISS)
			return tna_slow(p, TNA_R_IP6_ROUTE_NO_ROUTE);
		if (found == TNA_FIB_SOURCE)
			return tna_slow(p, TNA_R_IP6_ROUTE_SOURCE_ROUTES);
		return tna_slow(p, TNA_R_IP6_ROUTE_UNDECIDED);
	}
	info = TNA_AT(fib6_info, route);
	if (tna_unlikely(info->fib6_flags & ~TNA_RTF_PLAIN || info->fib6_type != TNA_RTN_UNICAST)) {
		if (info->fib6_flags & TNA_RTF_LEARNED && info->fib6_type == TNA_RTN_UNICAST)
			return tna_slow(p, TNA_R_IP6_ROUTE_LEARNED);
		if (info->fib6_flags & ~(TNA_RTF_PLAIN | TNA_RTF_LEARNED) || info->fib6_type != TNA_RTN_UNICAST)
			return tna_slow(p, TNA_R_IP6_ROUTE_ROUTE_TYPE);
	}
	next = (u64)info->fib6_next;
	object = (u64)info->nh;
	hop = object ? tna_next_hop_object(object) : route + TNA_OFFSET(fib6_info, fib6_nh) + TNA_OFFSET(fib6_nh, nh_common);
	if (tna_unlikely(info->fib6_nsiblings || hop == 1))
		return tna_slow(p, TNA_R_IP6_ROUTE_MULTIPATH);
	if (tna_unlikely(next && TNA_AT(fib6_info, next)->fib6_metric == info->fib6_metric))
		return tna_slow(p, TNA_R_IP6_ROUTE_ALTERNATIVES);
	common = TNA_AT(fib_nh_common, hop);
	if (tna_unlikely(!hop || common->nhc_flags & (TNA_RTNH_F_DEAD | TNA_RTNH_F_LINKDOWN)))
		return tna_slow(p, TNA_R_IP6_ROUTE_DEAD);
	if (tna_unlikely(common->nhc_lwtstate))
		return tna_slow(p, TNA_R_IP6_ROUTE_ENCAPSULATION);
	if (tna_unlikely(tna_word(hop - TNA_OFFSET(fib6_nh, nh_common) + TNA_OFFSET(fib6_nh, rt6i_exception_bucket))))
		return tna_slow(p, TNA_R_IP6_ROUTE_EXCEPTION);
	p->odev_address = (u64)common->nhc_dev;
	p->odev = TNA_AT(net_device, p->odev_address);
	if (tna_unlikely(p->odev_address == p->in_address))
		return tna_slow(p, TNA_R_IP6_ROUTE_SAME_DEVICE);
	p->ip.nexthop_high = bpf_cpu_to_be64(p->ip.daddr_high);
	p->ip.nexthop_low = bpf_cpu_to_be64(p->ip.daddr_low);
	if (common->nhc_gw_family == TNA_AF_INET6) {
		p->ip.nexthop_high = tna_word(hop + TNA_OFFSET(fib_nh_common, nhc_gw));
		p->ip.nexthop_low = tna_word(hop + TNA_OFFSET(fib_nh_common, nhc_gw) + 8);
	}
	out = (u64)TNA_AT(net_device___ip, p->odev_address)->ip6_ptr;
	if (tna_unlikely(!out))
		return tna_slow(p, TNA_R_IP6_ROUTE_NO_IP);
	if (tna_unlikely(TNA_AT(inet6_dev, out)->cnf.disable_ipv6))
		return tna_slow(p, TNA_R_IP6_ROUTE_DISABLED);
	mtu = TNA_AT(inet6_dev, out)->cnf.mtu6;
	metric = TNA_AT(dst_metrics, info->fib6_metrics)->metrics[TNA_RTAX_MTU];
	if (metric && metric < mtu)
		mtu = metric;
	length = p->ip.len;
#ifdef TNA_HOOK_TC
	if (p->gso) {
		length = tna_segment_length(p, TNA_IP6_HLEN, TNA_GSO_TCPV6);
		if (tna_unlikely(!length))
			return tna_slow(p, TNA_R_IP6_ROUTE_SEGMENTS);
	}
#endif
	if (tna_unlikely(length > mtu))
		return tna_slow(p, TNA_R_IP6_ROUTE_TOO_LONG);
	return TNA_NEXT;
}
