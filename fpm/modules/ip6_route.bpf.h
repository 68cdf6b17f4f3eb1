// SPDX-License-Identifier: GPL-2.0
// FPM ip6_route: the way of an IPv6 packet through the kernel's routing tables.
//
// net/ipv6/ip6_input.c ip6_rcv_core(), net/ipv6/ip6_output.c ip6_output():
// * no IPv6 on the ingress or egress device (inet6_dev), or disable_ipv6 there: SLOW, Linux drops.
// net/ipv6/ip6_output.c ip6_forward():
// * forwarding off in all: SLOW. The setting of a single device has no say here; where force_forwarding has one, all is off.
// net/ipv6/fib6_rules.c fib6_rule_lookup(): the local table, then the main one; with rules of the namespace's own the tables that ip_rules found.
// net/ipv6/ip6_fib.c fib6_node_lookup_1(): include/fib6.h. No route, or what the walk cannot decide about: SLOW. A node with
//   routes for some sources only (subtree): SLOW.
// net/ipv6/route.c rt6_select(), find_match(), while forwarding (strict 0): the first route of the node, if it is
//   neither dead nor expired and no other has the same metric: a score decides only between such. (rr_ptr is among those of
//   the same metric.) So: several of one metric: SLOW; dead or without link, the device without a say whether that counts: SLOW.
// * routes of router advertisements, and those that expire: SLOW, whose metrics and state change in place.
// * a route of another type than unicast (local, anycast, blackhole, unreachable, prohibit, throw), or that is flagged as
//   something else (RTF_REJECT, RTF_LOCAL, RTF_ANYCAST, RTF_CACHE, ...): SLOW.
// net/ipv6/route.c fib6_select_path(), rt6_multipath_hash(), of siblings or a group of next hop objects: multipath.h. By net.ipv6's
//   fib_multipath_hash_policy:
// * 0: by addresses, flow label and next header; of an ICMPv6 error by those of the packet inside it (ip6_multipath_l3_keys): SLOW.
// * 1, at tc: by the packet's hash of its ports, otherwise by addresses, next header and ports. At XDP: SLOW.
// * 2: by addresses, flow label and next header. 3: by the outer fields that fib_multipath_hash_fields tells.
// * 1 to 3: SLOW where Linux looks further into the packet than the IPv6 header and ports (extension headers), or has a BPF program look.
// * siblings are the routes of the lowest metric, one behind the other, and all of them. Which of them rt6_select() prefers matters to some kernels:
//   the first, unless preferences differ, one leads back to the ingress device or to its VRF, or rr_ptr is at another: SLOW. So are more than 16.
// net/ipv6/route.c rt6_find_cached_rt(): exceptions of the next hop (path MTU, redirects) are in a bucket that stays once it
//   is there: SLOW.
// * encapsulation (lwtunnel: segment routing, RPL, IOAM, BPF): SLOW.
// * rt6_nexthop(): the gateway, or the destination itself.
// net/ipv6/ip6_output.c ip6_forward(): back out of the ingress device (redirects): SLOW. ip6_pkt_too_big(),
//   ip6_finish_output(): longer than the egress device's MTU for IPv6 or than the route's MTU (which Linux minds at the first place if
//   it is locked, otherwise at the second): SLOW. Segmented packets: the length of a segment
//   (skb_gso_network_seglen); SLOW where that is not TCP over IPv6.
// The per-CPU copy of a route (rt6i_pcpu), which Linux makes for its first packet, is not made; it says the same as the route. That of a
//   next hop object may be another route's: SLOW, unless there is one with this route's metrics (dst.h).
#pragma once
#include "dst.h"
#include "fib6.h"
#include "fib_rules.h"
#include "multipath.h"

#define TNA_GSO_TCPV6 16 /* SKB_GSO_TCPV6 */

/* include/uapi/linux/ipv6_route.h and route.h: what may be set without changing what the route means here */
#define TNA_RTF_UP 0x0001
#define TNA_RTF_GATEWAY 0x0002
#define TNA_RTF_NONEXTHOP 0x00200000
#define TNA_RTF_PREF_MASK 0x18000000
#define TNA_RTF_PLAIN (TNA_RTF_UP | TNA_RTF_GATEWAY | TNA_RTF_NONEXTHOP | TNA_RTF_PREF_MASK)
/* default, all on link, addrconf, prefix, expires, route information */
#define TNA_RTF_LEARNED (0x00010000 | 0x00020000 | 0x00040000 | 0x00080000 | 0x00400000 | 0x00800000)

#define TNA_IPPROTO_ICMPV6 58

// Is it an ICMPv6 message about another packet (icmpv6_is_err())? The header is followed by some bytes more: ip6_header.
static __always_inline bool tna_icmp6_error(struct tna_pkt *p)
{
	u8 *type = tna_network(p) + TNA_IP6_HLEN;

	return p->ip.protocol == TNA_IPPROTO_ICMPV6 && ((void *)(type + 1) > tna_data_end(p) || (*type >= 1 && *type <= 4));
}

// The first of siblings whose upper bound is not below the hash; 0 if none.
static __always_inline enum tna_choice_obstacle tna_sibling_by_hash(u64 first, u64 in, u64 vrf, u32 hash, u64 *chosen)
{
	struct fib6_info *info = TNA_AT(fib6_info, first), *one;
	u32 siblings = info->fib6_nsiblings, metric = info->fib6_metric, flags = info->fib6_flags & TNA_RTF_PREF_MASK;
	u64 at = first, searching = 1;

	*chosen = 0;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < TNA_HOPS_MAX; i++) {
		u64 hop = at + TNA_OFFSET(fib6_info, fib6_nh) + TNA_OFFSET(fib6_nh, nh_common), dev, take;

		one = TNA_AT(fib6_info, at);
		dev = (u64)TNA_AT(fib_nh_common, hop)->nhc_dev;
		if (one->fib6_nsiblings != siblings || one->fib6_metric != metric || one->nh ||
		    one->fib6_type != TNA_RTN_UNICAST || one->fib6_flags & ~TNA_RTF_PLAIN ||
		    (one->fib6_flags & TNA_RTF_PREF_MASK) != flags || dev == in ||
		    (on_vrf && dev == vrf))
			return TNA_CHOICE_UNEQUAL;
		/* without a branch; signed, since -1 is below all */
		take = searching & ~((u64)((long long)TNA_AT(fib_nh_common___multipath, hop)->nhc_upper_bound.counter - hash) >> 63);
		*chosen |= at & -take;
		searching ^= take;
		at = (u64)one->fib6_next;
		if (i == siblings)
			return at && TNA_AT(fib6_info, at)->fib6_metric == metric ? TNA_CHOICE_UNEQUAL : TNA_CHOICE_OK;
	}
	*chosen = 0;
	return TNA_CHOICE_OK;
}

// Chooses among siblings, of which *route is the first one, or the next hops of its group.
static __always_inline enum tna_choice_obstacle tna_choose6(struct tna_pkt *p, u64 node, u64 *route, u64 *hop)
{
	struct netns_ipv4___multipath *shared = TNA_AT(netns_ipv4___multipath, p->net + TNA_OFFSET(net___ip, ipv4));
	u64 object = (u64)TNA_AT(fib6_info, *route)->nh, rr = (u64)TNA_AT(fib6_node, node)->rr_ptr, at, chosen;
	struct netns_ipv6___multipath *own = TNA_AT(netns_ipv6___multipath, p->net + TNA_OFFSET(net___ip, ipv6));
	enum tna_choice_obstacle obstacle = TNA_CHOICE_OK;
	struct tna_ip6 *ip = tna_network(p);
	u64 source[2], destination[2], counts;
	struct tna_hashed hashed;
	u32 hash, label, wire;
	struct tna_hops hops;
	bool due = false;

	if (!tna_hash_known())
		return TNA_CHOICE_SEED;
	/* ip6_header has made sure of that, and of bytes for ports; the verifier wants the check */
	if ((void *)(ip + 1) > tna_data_end(p))
		return TNA_CHOICE_SEED;
	if (!tna_hashed(p, p->net, TNA_IP6_HLEN, own->sysctl.multipath_hash_policy, own->sysctl.multipath_hash_fields, &hashed))
		return TNA_CHOICE_SEED;
	counts = tna_counts(hashed.how, TNA_FIELD_SOURCE);
	source[0] = ip->saddr_high & counts;
	source[1] = ip->saddr_low & counts;
	counts = tna_counts(hashed.how, TNA_FIELD_DESTINATION);
	destination[0] = ip->daddr_high & counts;
	destination[1] = ip->daddr_low & counts;
	wire = *(u32 *)ip & bpf_htonl(0xfffff);
	label = bpf_ntohl(wire);
	label ^= (label ^ wire) & (u32)-tna_less(TNA_HOW_POLICY(hashed.how) ^ TNA_HASH_ADDRESSES, 1);
	label &= tna_counts(hashed.how, TNA_FIELD_LABEL);
	hash = shared->sysctl_fib_multipath_hash_seed.mp_seed;
	hash = tna_flow_hash6(hash, source, destination, hashed.protocol, label, hashed.ports);
	hash = tna_half_hash(p, hashed.how, hash);
	if (object) {
		tna_group_hops(object, &hops);
		at = hops.table ? tna_hop_by_bucket(hops.table, hash, IP6_ROUTE_refresh, &due) : tna_hop_by_hash(&hops, hash);
		*hop = at ? tna_hop_at(&hops, at) : 0;
	} else {
		obstacle = tna_sibling_by_hash(*route, p->in_address, tna_through_vrf(p), hash, &chosen);
		at = chosen;
		if (rr && rr != *route)
			obstacle = TNA_CHOICE_UNEQUAL;
		*route = chosen;
		*hop = chosen + TNA_OFFSET(fib6_info, fib6_nh) + TNA_OFFSET(fib6_nh, nh_common);
	}
	if (obstacle != TNA_CHOICE_OK)
		return obstacle;
	obstacle = tna_hash_obstacle(p, hashed.how);
	if (obstacle != TNA_CHOICE_OK)
		return obstacle;
	if (TNA_HOW_POLICY(hashed.how) == TNA_HASH_ADDRESSES && tna_icmp6_error(p))
		return TNA_CHOICE_ICMP_ERROR;
	if (due)
		return TNA_CHOICE_BUCKET;
	if (object && tna_group_counts(object))
		return TNA_CHOICE_STATISTICS;
	if (object && !TNA_AT(fib_nh_common, *hop)->nhc_gw_family)
		return TNA_CHOICE_NO_GATEWAY;
	return at ? TNA_CHOICE_OK : TNA_CHOICE_NO_HOP;
}

// The route to the destination in the tables that ip_rules found.
static __always_inline enum tna_fib_result tna_route6(struct tna_pkt *p, u64 none, u64 *route)
{
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < TNA_TABLES_MAX; i++) {
		u64 table, found;

		if (i >= p->scratch->table_count)
			break;
		table = p->scratch->tables[i];
		found = tna_find6(table, none, p->ip.daddr_high, p->ip.daddr_low);
		if (found == TNA_FOUND_MISS)
			continue;
		if (found == TNA_FOUND_SOURCE)
			return TNA_FIB_SOURCE;
		if (found == TNA_FOUND_DOUBT)
			return TNA_FIB_DOUBT;
		*route = found;
		return TNA_FIB_FOUND;
	}
	return TNA_FIB_MISS;
}

static __always_inline int fpm_ip6_route(struct tna_pkt *p)
{
	struct netns_ipv6 *ip = tna_netns_ipv6(p->net);
	u64 in = (u64)TNA_AT(net_device___ip, p->in_address)->ip6_ptr, none = (u64)ip->fib6_null_entry;
	u64 table = (u64)ip->fib6_local_tbl, out, route = 0, node = 0, next, hop, object, metrics;
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

	tna_forget(p, p->ip.daddr_high);
	if (on_ip_rules) {
		found = tna_route6(p, none, &route);
		node = (u64)TNA_AT(fib6_info, route)->fib6_node;
	} else {
#pragma clang loop unroll(disable)
		for (int pass = 0; pass < 2; pass++) {
			found = tna_fib6_lookup(table, none, p->ip.daddr_high, p->ip.daddr_low, &route, &node);
			if (found != TNA_FIB_MISS)
				break;
			table = (u64)ip->fib6_main_tbl;
		}
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
	if (tna_unlikely(next && TNA_AT(fib6_info, next)->fib6_metric == info->fib6_metric) && !info->fib6_nsiblings)
		return tna_slow(p, TNA_R_IP6_ROUTE_ALTERNATIVES);
	if (tna_unlikely(info->fib6_nsiblings || hop == 1)) {
		enum tna_choice_obstacle obstacle = tna_choose6(p, node, &route, &hop);

		if (obstacle == TNA_CHOICE_SEED)
			return tna_slow(p, TNA_R_IP6_ROUTE_MULTIPATH);
		if (obstacle == TNA_CHOICE_UNEQUAL)
			return tna_slow(p, TNA_R_IP6_ROUTE_UNEQUAL);
		if (obstacle == TNA_CHOICE_POLICY)
			return tna_slow(p, TNA_R_IP6_ROUTE_HASH_POLICY);
		if (obstacle == TNA_CHOICE_DISSECTOR)
			return tna_slow(p, TNA_R_IP6_ROUTE_FLOW_DISSECTOR);
		if (obstacle == TNA_CHOICE_PROTOCOL)
			return tna_slow(p, TNA_R_IP6_ROUTE_HASH_PROTOCOL);
		if (obstacle == TNA_CHOICE_ICMP_ERROR)
			return tna_slow(p, TNA_R_IP6_ROUTE_ICMP_ERROR);
		if (obstacle == TNA_CHOICE_BUCKET)
			return tna_slow(p, TNA_R_IP6_ROUTE_BUCKET_STALE);
		if (obstacle == TNA_CHOICE_STATISTICS)
			return tna_slow(p, TNA_R_IP6_ROUTE_STATISTICS);
		if (obstacle == TNA_CHOICE_NO_GATEWAY)
			return tna_slow(p, TNA_R_IP6_ROUTE_NO_GATEWAY);
		if (obstacle == TNA_CHOICE_NO_HOP)
			return tna_slow(p, TNA_R_IP6_ROUTE_NO_HOP);
		info = TNA_AT(fib6_info, route);
	}
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
	metrics = (u64)info->fib6_metrics;
	metric = TNA_AT(dst_metrics, metrics)->metrics[TNA_RTAX_MTU];
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
	if (tna_unlikely(object) &&
	    (tna_goes_elsewhere(p) || !tna_kept_dst6(p, hop - TNA_OFFSET(fib6_nh, nh_common), metrics)))
		return tna_slow(p, TNA_R_IP6_ROUTE_SHARED_HOP);
	if (tna_unlikely(length > mtu))
		return tna_slow(p, TNA_R_IP6_ROUTE_TOO_LONG);
	return TNA_NEXT;
}
