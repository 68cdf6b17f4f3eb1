// SPDX-License-Identifier: GPL-2.0
// FPM ip4_route: the way of an IPv4 packet through the kernel's routing table, and whether its source may use it.
//
// The trie is walked here rather than by bpf_fib_lookup(): that helper tells neither the next hop's state, exceptions
// and lock of the MTU, nor anything that the check of the source address needs, and costs three times as much.
//
// net/ipv4/route.c ip_route_input_slow(), __mkroute_input():
// * no IPv4 on the device (in_dev), or forwarding off on it: SLOW.
// * no route, or one that the walk cannot decide about (fib4.h): SLOW. A route for one DSCP: SLOW.
// * a route of another type than unicast (local, broadcast, blackhole, unreachable, prohibit, throw, ...): SLOW.
// * dead or without link, the route or its next hop: SLOW.
// net/ipv4/route.c ip_mkroute_input(), fib_multipath_hash(), of several next hops or a group of next hop objects: multipath.h. By
//   fib_multipath_hash_policy:
// * 0: by the addresses; of an ICMP error by those of the packet inside it (ip_multipath_l3_keys): SLOW, whatever is inside, and fragments too.
// * 1, at tc: by the packet's hash of its ports, otherwise by addresses, protocol and ports. At XDP: SLOW.
// * 2: by the addresses. 3: by the outer fields that fib_multipath_hash_fields tells.
// * 1 to 3: SLOW where Linux looks further into the packet than the IPv4 header and ports, or has a BPF program look.
// net/ipv4/route.c __mkroute_input():
// * a next hop with encapsulation (lwtunnel): SLOW.
// * any exception of the next hop (find_exception: path MTU, redirects): SLOW, whatever destination it is for.
// * a gateway counts if the next hop's scope is link (rt_set_nexthop). An IPv6 gateway: SLOW.
// * back out of the ingress device (redirects, IPSKB_DOREDIRECT): SLOW.
// net/ipv4/fib_frontend.c fib_validate_source(), __fib_validate_source(), for another device than the ingress one:
// * rp_filter off, accept_local on: any source. accept_local off: SLOW if the source is an address of this host
//   (inet_lookup_ifaddr_rcu), or local routes were made by hand (fib_has_custom_local_routes).
// * rp_filter strict (1) or loose (2): the route to the source must exist and be a unicast one. Strict: by the ingress
//   device as its only next hop (fib_info_nh_uses_dev). Loose: by that, or the ingress device has an address. Otherwise: SLOW.
// * a route to the source that is dead: SLOW. One with several next hops, or a group of them: by the ingress device as one that is alive;
//   otherwise SLOW, since Linux may pass the route over.
// * rp_filter and accept_local off, in a namespace with rules (ip_rules): no route to the source, or a unicast one, whichever device it leads by;
//   otherwise SLOW. Rules of VRFs lead to the table of the ingress device's VRF. If that is in none, they lead to that of the egress device's
//   (l3mdev_update_flow()): SLOW.
// net/ipv4/ip_forward.c ip_forward(), include/net/ip.h ip_dst_mtu_maybe_forward():
// * longer than the route's MTU or, where that has none, the device's: SLOW, Linux fragments or answers. Segmented
//   packets: the length of a segment (skb_gso_network_seglen); SLOW where that is not TCP over IPv4.
// * a locked MTU: SLOW.
// * a next hop object, which other routes may share, without a dst of Linux's that has this route's metrics: SLOW (dst.h).
#pragma once
#include "dst.h"
#include "fib4.h"
#include "fib_rules.h"
#include "multipath.h"

#define TNA_INET_ADDR_HASH_BITS 8 /* IN4_ADDR_HSIZE_SHIFT */
#define TNA_GOLDEN_RATIO_32 0x61c88647
#define TNA_ADDRESSES_MAX 8
#define TNA_ANY_SOURCE 0x5a5a /* in place of a value of rp_filter: off, but sources are looked up */
#define TNA_GSO_TCPV4 1 /* SKB_GSO_TCPV4 */
#define TNA_IPPROTO_ICMP 1
/* destination unreachable, source quench, redirect, time exceeded, parameter problem */
#define TNA_ICMP_ERRORS (1U << 3 | 1U << 4 | 1U << 5 | 1U << 11 | 1U << 12)

extern const void inet_addr_lst __ksym __weak;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in_ifaddr {
	struct hlist_node addr_lst;
	__be32 ifa_local;
};

struct in_ifaddr___old {
	struct hlist_node hash;
};

#pragma clang attribute pop

// inet_addr_hash(). Kernels that keep addresses per namespace use jhash_1word(), those before an exclusive or.
static __always_inline u32 tna_address_hash(u64 net, u32 address)
{
	u32 mix = tna_hash_mix(net), value;

	value = TNA_HAS(netns_ipv4, inet_addr_lst) ? tna_jhash2_words(address, 0, mix - 4) : address ^ mix;
	return value * (u32)TNA_GOLDEN_RATIO_32 >> (32 - TNA_INET_ADDR_HASH_BITS);
}

// inet_lookup_ifaddr_rcu(): has any device of the namespace this address? A long chain counts as yes.
static __always_inline bool tna_own_address(u64 net, u64 table, u32 address)
{
	u64 link = TNA_HAS(in_ifaddr, addr_lst) ? TNA_OFFSET(in_ifaddr, addr_lst) : TNA_OFFSET(in_ifaddr___old, hash);
	u64 entry = tna_word(table + (u64)tna_address_hash(net, address) * 8);

#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_ADDRESSES_MAX; i++) {
		if (!entry)
			return false;
		/* before addresses were kept per namespace, another one's counts, too */
		if (TNA_AT(in_ifaddr, entry - link)->ifa_local == address)
			return true;
		entry = tna_word(entry);
	}
	return true;
}

// May the source be somebody else, as far as the host's addresses tell? That an address is not found says something only
// if one that is there is found: the first one of the ingress device shows, once per CPU, that this kernel hashes as
// above. A device without addresses cannot show that.
static __always_inline bool tna_source_local(struct tna_pkt *p, struct netns_ipv4 *ip, u64 first)
{
	u64 table = TNA_HAS(netns_ipv4, inet_addr_lst) ? (u64)ip->inet_addr_lst : (u64)&inet_addr_lst;

	if (!p->scratch->address_hash_proved) {
		if (!table || !first || !tna_own_address(p->net, table, TNA_AT(in_ifaddr, first)->ifa_local))
			return true;
		p->scratch->address_hash_proved = 1;
	}
	return tna_own_address(p->net, table, p->ip.saddr);
}

static __always_inline bool tna_alive(u64 hop)
{
	return hop && !(TNA_AT(fib_nh_common, hop)->nhc_flags & (TNA_RTNH_F_DEAD | TNA_RTNH_F_LINKDOWN));
}

static __always_inline bool tna_dead(u64 address)
{
	struct fib_info *info = TNA_AT(fib_info, address);
	const u64 flags = TNA_RTNH_F_DEAD | TNA_RTNH_F_LINKDOWN;

	if (TNA_OFFSET(fib_info, fib_dead) == TNA_OFFSET(fib_info, fib_flags) + 4)
		return tna_word(address + TNA_OFFSET(fib_info, fib_flags)) & (flags | 0xffULL << 32);
	return info->fib_dead || info->fib_flags & flags;
}

// The first next hop of a route that has its own, rather than a next hop object.
static __always_inline u64 tna_own_hop(u64 address)
{
	return address + TNA_OFFSET(fib_info, fib_nh) + TNA_OFFSET(fib_nh, nh_common);
}

// The only next hop of a route, 0 if it is dead or has none, 1 if it has several.
static __always_inline u64 tna_next_hop(u64 address)
{
	struct fib_info *info = TNA_AT(fib_info, address);
	u64 object = TNA_HAS(fib_info, nh) ? (u64)info->nh : 0, hop;

	if (tna_dead(address))
		return 0;
	if (object) {
		hop = tna_next_hop_object(object);
		if (hop <= 1)
			return hop;
	} else {
		if (info->fib_nhs != 1)
			return 1;
		hop = tna_own_hop(address);
	}
	return tna_alive(hop) ? hop : 0;
}

// Whose neighbour table knows the gateway of a next hop; 0 if it has none, or one that is this host's own address.
static __always_inline u8 tna_gateway_family(u64 address)
{
	struct fib_nh_common *hop = TNA_AT(fib_nh_common, address);

	if (TNA_OFFSET(fib_nh_common, nhc_gw_family) == TNA_OFFSET(fib_nh_common, nhc_scope) + 2) {
		u64 word = tna_word(address + TNA_OFFSET(fib_nh_common, nhc_scope));

		return (u8)word == TNA_RT_SCOPE_LINK ? word >> 16 : 0;
	}
	return hop->nhc_scope == TNA_RT_SCOPE_LINK ? hop->nhc_gw_family : 0;
}

// The next hops of a route that has several, or a group of them.
static __always_inline void tna_next_hops(u64 address, struct tna_hops *hops)
{
	struct fib_info *info = TNA_AT(fib_info, address);
	u64 object = TNA_HAS(fib_info, nh) ? (u64)info->nh : 0;

	if (object) {
		tna_group_hops(object, hops);
		return;
	}
	hops->first = tna_own_hop(address);
	hops->size = bpf_core_type_size(struct fib_nh);
	hops->bound = TNA_OFFSET(fib_nh_common___multipath, nhc_upper_bound);
	hops->table = 0;
	hops->count = info->fib_nhs;
	hops->group = false;
}

// Is it an ICMP message about another packet (icmp_is_err()), or may it be one?
static __always_inline bool tna_icmp_error(struct tna_pkt *p)
{
	u8 *type = tna_network(p) + TNA_IP4_HLEN;

	if (p->ip.protocol != TNA_IPPROTO_ICMP)
		return false;
	return (void *)(type + 1) > tna_data_end(p) || (*type < 32 && 1U << *type & TNA_ICMP_ERRORS);
}

// Chooses among the next hops of a route.
static __always_inline enum tna_choice_obstacle tna_choose4(struct tna_pkt *p, u64 address, u64 *next)
{
	struct netns_ipv4___multipath *ip;
	u64 object = TNA_HAS(fib_info, nh) ? (u64)TNA_AT(fib_info, address)->nh : 0, at, net = p->net;
	u32 hash, source = p->ip.saddr, destination = p->ip.daddr;
	enum tna_choice_obstacle obstacle;
	struct tna_hashed hashed;
	struct tna_hops hops;
	bool due = false;

	if (!tna_hash_known())
		return TNA_CHOICE_SEED;
	TNA_ONLY_HERE(net);
	TNA_ONLY_HERE(source);
	TNA_ONLY_HERE(destination);
	ip = TNA_AT(netns_ipv4___multipath, net + TNA_OFFSET(net___ip, ipv4));
	if (!tna_hashed(p, net, TNA_IP4_HLEN, ip->sysctl_fib_multipath_hash_policy, ip->sysctl_fib_multipath_hash_fields, &hashed))
		return TNA_CHOICE_SHORT;
	source &= tna_counts(hashed.how, TNA_FIELD_SOURCE);
	destination &= tna_counts(hashed.how, TNA_FIELD_DESTINATION);
	hash = ip->sysctl_fib_multipath_hash_seed.mp_seed;
	hash = tna_flow_hash4(hash, source, destination, hashed.protocol, hashed.ports);
	hash = tna_half_hash(p, hashed.how, hash);
	tna_next_hops(address, &hops);
	at = hops.table ? tna_hop_by_bucket(hops.table, hash, IP4_ROUTE_refresh, &due) : tna_hop_by_hash(&hops, hash);
	*next = at ? tna_hop_at(&hops, at) : 0;
	obstacle = tna_hash_obstacle(p, hashed.how);
	if (obstacle != TNA_CHOICE_OK)
		return obstacle;
	if (TNA_HOW_POLICY(hashed.how) == TNA_HASH_ADDRESSES && tna_icmp_error(p))
		return TNA_CHOICE_ICMP_ERROR;
	/* of a group of one, Linux does not look at the buckets (ip_mkroute_input()) */
	if (due && hops.count > 1)
		return TNA_CHOICE_BUCKET;
	if (object && tna_group_counts(object))
		return TNA_CHOICE_STATISTICS;
	if (object && !TNA_AT(fib_nh_common, *next)->nhc_gw_family)
		return TNA_CHOICE_NO_GATEWAY;
	return at ? TNA_CHOICE_OK : TNA_CHOICE_NO_HOP;
}

// The route to an address, in the main table, which is all that there is without rules of the namespace's own, or in those that ip_rules found. The program
// with all FPMs has no room for the walk on its stack.
static __always_inline enum tna_fib_result tna_route4(struct tna_pkt *p, u64 main, u32 key, struct tna_fib_route *route)
{
#ifdef on_ip_rules
	(void)p;
	return tna_fib4_lookup(main, key, route);
#else
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < (on_ip_rules ? TNA_TABLES_MAX : 1); i++) {
		u64 table = main, found;

		if (on_ip_rules) {
			if (i >= p->scratch->table_count)
				break;
			table = p->scratch->tables[i];
		}
		found = tna_find4(table, key);
		if (found == TNA_FOUND_MISS)
			continue;
		if (found == TNA_FOUND_DOUBT)
			return TNA_FIB_DOUBT;
		route->info = found & ~(u64)(TNA_FOUND_DSCP | TNA_FOUND_OTHER);
		route->dscp = found & TNA_FOUND_DSCP;
		route->type = found & TNA_FOUND_OTHER ? 0 : TNA_RTN_UNICAST;
		return TNA_FIB_FOUND;
	}
	return TNA_FIB_MISS;
#endif
}

static __always_inline int fpm_ip4_route(struct tna_pkt *p)
{
	struct netns_ipv4 *ip = tna_netns_ipv4(p->net);
	u64 address = (u64)TNA_AT(net_device___ip, p->in_address)->ip_ptr, table = (u64)ip->fib_main;
	struct in_device *in_dev = TNA_AT(in_device, address);
	struct ipv4_devconf *all = TNA_AT(ipv4_devconf, ip->devconf_all);
	u32 mtu, metric, length;
	int filter;
	struct tna_fib_route route = {};
	struct fib_nh_common *hop;
	u64 next, shared, metrics; /* the first two metrics: TNA_RTAX_LOCK, TNA_RTAX_MTU */
	u8 gateway;

	if (p->l3 != bpf_htons(ETH_P_IP))
		return TNA_NEXT;
	if (tna_unlikely(!address || !in_dev->cnf.data[TNA_CONF4_FORWARDING])) {
		if (!address)
			return tna_slow(p, TNA_R_IP4_ROUTE_NO_IP);
		if (!in_dev->cnf.data[TNA_CONF4_FORWARDING])
			return tna_slow(p, TNA_R_IP4_ROUTE_NOT_FORWARDING);
	}
	/* IN_DEV_RPFILTER(): the greater of both */
	filter = in_dev->cnf.data[TNA_CONF4_RP_FILTER];
	if (filter < all->data[TNA_CONF4_RP_FILTER])
		filter = all->data[TNA_CONF4_RP_FILTER];
	if (on_ip_rules && filter > 2)
		filter = 2;
	/* with rules, the host's addresses alone do not tell which sources are its own */
	if (on_ip_rules && !filter && ip->fib_has_custom_rules && !TNA_CONF4(in_dev, all, TNA_CONF4_ACCEPT_LOCAL))
		filter = TNA_ANY_SOURCE;

	tna_forget(p, address);

	/* the same walk for the destination, then, if that is asked for, for the source */
#pragma clang loop unroll(disable)
	for (int pass = 0; pass < 2; pass++) {
		u32 key = bpf_ntohl(pass ? p->ip.saddr : p->ip.daddr);
		enum tna_fib_result found = tna_route4(p, table, key, &route);

		if (!pass) {
			if (tna_unlikely(found != TNA_FIB_FOUND)) {
				if (found == TNA_FIB_MISS)
					return tna_slow(p, TNA_R_IP4_ROUTE_NO_ROUTE);
				return tna_slow(p, TNA_R_IP4_ROUTE_UNDECIDED);
			}
			if (tna_unlikely(route.dscp))
				return tna_slow(p, TNA_R_IP4_ROUTE_DSCP);
			if (tna_unlikely(route.type != TNA_RTN_UNICAST))
				return tna_slow(p, TNA_R_IP4_ROUTE_ROUTE_TYPE);
			next = tna_next_hop(route.info);
			if (tna_unlikely(next <= 1)) {
				if (next == 1) {
					enum tna_choice_obstacle obstacle = tna_choose4(p, route.info, &next);

					if (obstacle == TNA_CHOICE_SEED)
						return tna_slow(p, TNA_R_IP4_ROUTE_MULTIPATH);
					if (obstacle == TNA_CHOICE_POLICY)
						return tna_slow(p, TNA_R_IP4_ROUTE_HASH_POLICY);
					if (obstacle == TNA_CHOICE_DISSECTOR)
						return tna_slow(p, TNA_R_IP4_ROUTE_FLOW_DISSECTOR);
					if (obstacle == TNA_CHOICE_PROTOCOL)
						return tna_slow(p, TNA_R_IP4_ROUTE_HASH_PROTOCOL);
					if (obstacle == TNA_CHOICE_SHORT)
						return tna_slow(p, TNA_R_IP4_ROUTE_HASH_SHORT);
					if (obstacle == TNA_CHOICE_ICMP_ERROR)
						return tna_slow(p, TNA_R_IP4_ROUTE_ICMP_ERROR);
					if (obstacle == TNA_CHOICE_BUCKET)
						return tna_slow(p, TNA_R_IP4_ROUTE_BUCKET_STALE);
					if (obstacle == TNA_CHOICE_STATISTICS)
						return tna_slow(p, TNA_R_IP4_ROUTE_STATISTICS);
					if (obstacle == TNA_CHOICE_NO_GATEWAY)
						return tna_slow(p, TNA_R_IP4_ROUTE_NO_GATEWAY);
					if (obstacle == TNA_CHOICE_NO_HOP)
						return tna_slow(p, TNA_R_IP4_ROUTE_NO_HOP);
				}
				if (!tna_alive(next))
					return tna_slow(p, TNA_R_IP4_ROUTE_DEAD);
			}
			hop = TNA_AT(fib_nh_common, next);
			shared = (u64)TNA_AT(fib_info, route.info)->fib_metrics;
			metrics = tna_word(shared + TNA_OFFSET(dst_metrics, metrics));
			if (tna_unlikely(hop->nhc_lwtstate))
				return tna_slow(p, TNA_R_IP4_ROUTE_ENCAPSULATION);
			if (tna_unlikely(hop->nhc_exceptions))
				return tna_slow(p, TNA_R_IP4_ROUTE_EXCEPTION);
			p->odev_address = (u64)hop->nhc_dev;
			p->odev = TNA_AT(net_device, p->odev_address);
			if (tna_unlikely(p->odev_address == p->in_address))
				return tna_slow(p, TNA_R_IP4_ROUTE_SAME_DEVICE);
			p->ip.nexthop = p->ip.daddr;
			gateway = tna_gateway_family(next);
			if (gateway) {
				if (tna_unlikely(gateway != TNA_AF_INET))
					return tna_slow(p, TNA_R_IP4_ROUTE_IP6_GATEWAY);
				p->ip.nexthop = hop->nhc_gw.ipv4;
			}
			metric = metrics >> 32;
			if (tna_unlikely(metrics & TNA_RTAX_MTU_LOCKED))
				return tna_slow(p, TNA_R_IP4_ROUTE_MTU_LOCKED);
			if (tna_unlikely(next != tna_own_hop(route.info)) && TNA_HAS(fib_info, nh) && TNA_AT(fib_info, route.info)->nh &&
			    !tna_kept_dst4(p->net, next, shared))
				return tna_slow(p, TNA_R_IP4_ROUTE_SHARED_HOP);
			mtu = metric ? metric : p->odev->mtu;
			length = p->ip.len;
#ifdef TNA_HOOK_TC
			if (p->gso) {
				length = tna_segment_length(p, TNA_IP4_HLEN, TNA_GSO_TCPV4);
				if (tna_unlikely(!length))
					return tna_slow(p, TNA_R_IP4_ROUTE_SEGMENTS);
			}
#endif
			if (tna_unlikely(length > mtu))
				return tna_slow(p, TNA_R_IP4_ROUTE_TOO_LONG);
			if (!filter)
				break;
			/* l3mdev_update_flow(): where the ingress device is in no VRF, Linux looks into the table of that one, too */
			if (on_ip_rules && !tna_through_vrf(p) && tna_unlikely(tna_in_vrf(p->odev)))
				return tna_slow(p, TNA_R_IP4_ROUTE_SOURCE_VRF);
			continue;
		}
		if (on_ip_rules && filter == TNA_ANY_SOURCE && found == TNA_FIB_MISS)
			break;
		if (tna_unlikely(found != TNA_FIB_FOUND || route.dscp || route.type != TNA_RTN_UNICAST))
			return tna_slow(p, TNA_R_IP4_ROUTE_SOURCE_INVALID);
		next = tna_next_hop(route.info);
		if (next > 1 && (u64)TNA_AT(fib_nh_common, next)->nhc_dev == p->in_address)
			break;
		if (tna_unlikely(next <= 1)) {
			struct tna_hops hops;

			if (next == 1) {
				tna_next_hops(route.info, &hops);
				if (tna_hop_by_device(&hops, p->in_address))
					break;
			}
			return tna_slow(p, TNA_R_IP4_ROUTE_SOURCE_MULTIPATH);
		}
		if (tna_unlikely(filter == 1 || !in_dev->ifa_list) && !(on_ip_rules && filter == TNA_ANY_SOURCE))
			return tna_slow(p, TNA_R_IP4_ROUTE_SOURCE_ELSEWHERE);
	}
	if (!filter && !TNA_CONF4(in_dev, all, TNA_CONF4_ACCEPT_LOCAL)) {
		if (tna_unlikely(ip->fib_has_custom_local_routes))
			return tna_slow(p, TNA_R_IP4_ROUTE_LOCAL_ROUTES);
		if (tna_unlikely(tna_source_local(p, ip, (u64)in_dev->ifa_list)))
			return tna_slow(p, TNA_R_IP4_ROUTE_SOURCE_LOCAL);
	}
	return TNA_NEXT;
}
