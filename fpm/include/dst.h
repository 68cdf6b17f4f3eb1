// SPDX-License-Identifier: GPL-2.0
// The dst that Linux keeps with a next hop, and that packets are forwarded by: net/ipv4/route.c __mkroute_input() (nhc_rth_input),
// net/ipv6/route.c rt6_get_pcpu_route() (rt6i_pcpu).
//
// It has the metrics of the route that it was made for. A next hop object serves several routes, and those that come later are
// forwarded by the first one's MTU, for as long as that dst is kept. Only where its metrics are the route's own does the route tell the MTU.
// The first one may not have been for forwarding at all (`ip route add local … nhid`, `ip -6 route add blackhole … nhid`): then the
// packets of those that come later are delivered or dropped as well. Only a dst whose input is forwarding (ip_forward, ip6_forward) counts.
#pragma once
#include "bridge.h"
#include "fib.h"
#include "rps.h"

#define TNA_DST_METRICS_FLAGS 3ULL /* DST_METRICS_FLAGS */
#define TNA_DST_FORCE_CHK (-1)	   /* DST_OBSOLETE_FORCE_CHK */

extern const void ip_forward __ksym __weak;
extern const void ip6_forward __ksym __weak;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dst_entry {
	unsigned long _metrics;
	void *input;
	short obsolete;
};

struct rtable {
	struct dst_entry dst;
	int rt_genid;
};

struct rt6_info {
	struct dst_entry dst;
	int sernum;
};

struct fib_nh_common___dst {
	struct rtable *nhc_rth_input;
};

struct fib6_nh___dst {
	struct rt6_info **rt6i_pcpu;
};

struct netns_ipv4___dst {
	atomic_t rt_genid;
};

struct netns_ipv6___dst {
	atomic_t fib6_sernum;
};

#pragma clang attribute pop

static __always_inline bool tna_dst_metrics(u64 dst, u64 metrics)
{
	return (TNA_AT(dst_entry, dst)->_metrics & ~TNA_DST_METRICS_FLAGS) == metrics;
}

// Does Linux keep a dst for forwarding with these metrics (address of struct dst_metrics) with a next hop (address of struct fib_nh_common)? One that
// is no longer valid (rt_cache_valid()) it would replace.
static __always_inline bool tna_kept_dst4(u64 net, u64 hop, u64 metrics)
{
	u64 dst = (u64)TNA_AT(fib_nh_common___dst, hop)->nhc_rth_input;
	struct netns_ipv4___dst *ip = TNA_AT(netns_ipv4___dst, net + TNA_OFFSET(net___ip, ipv4));

	return dst && &ip_forward && (u64)TNA_AT(dst_entry, dst)->input == (u64)&ip_forward &&
	       TNA_AT(dst_entry, dst)->obsolete == TNA_DST_FORCE_CHK &&
	       TNA_AT(rtable, dst)->rt_genid == ip->rt_genid.counter && tna_dst_metrics(dst, metrics);
}

#ifndef TNA_WINDOW_KMOD
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_array {
	void *pptrs[0];
};

#pragma clang attribute pop

// What this CPU adds to the address of a per-CPU variable. Not every kernel tells; but the scratch map is such a variable, and the
// difference of two pointers is a number.
static __always_inline u64 tna_cpu_offset(struct tna_pkt *p)
{
	u64 here = (u64)p->scratch;
	void *variable = tna_window((u64)TNA_AT(bpf_array, &TNA_MAP(tna_scratch))->pptrs[0]);

	asm volatile("%0 -= %1" : "+r"(here) : "r"(variable));
	return here;
}
#endif

#ifdef TNA_HOOK_XDP
// May a packet that is left to Linux go on to another CPU behind the port's queue, or behind that of the bridge (struct net_bridge; 0: none), where
// netif_receive_skb() asks once more? A function of its own for the stack's sake.
__attribute__((noinline)) u64 tna_steered(u64 port, u32 queue, u64 bridge)
{
	u64 spreads = tna_queue_spreads(port, queue);

	if (bridge) {
		u64 device = tna_bridge_device(TNA_AT(net_bridge, bridge), bridge);

		spreads |= tna_queue_spreads(device, 0) | (TNA_AT(net_device, device)->real_num_rx_queues ^ 1);
	}
	return spreads;
}
#endif

// May the packet go on to another CPU than this one if it is left to Linux?
static __always_inline bool tna_goes_elsewhere(struct tna_pkt *p)
{
#ifdef TNA_HOOK_XDP
	/* not p->in, which may be a VLAN device on the bridge */
	return tna_steered(p->dev_address, ((struct xdp_md *)p->ctx)->rx_queue_index, TNA_HANDS_UP ? p->bridge.address : 0);
#else
	return (void)p, false;
#endif
}

// The same of IPv6 (address of struct fib6_nh), whose dsts are one for each CPU. The module's window shows no maps: never.
static __always_inline bool tna_kept_dst6(struct tna_pkt *p, u64 hop, u64 metrics)
{
#ifdef TNA_WINDOW_KMOD
	return (void)p, (void)hop, (void)metrics, false;
#else
	struct netns_ipv6___dst *ip = TNA_AT(netns_ipv6___dst, p->net + TNA_OFFSET(net___ip, ipv6));
	u64 dst = tna_word((u64)TNA_AT(fib6_nh___dst, hop)->rt6i_pcpu + tna_cpu_offset(p));
	u64 other = TNA_AT(rt6_info, dst)->sernum ^ ip->fib6_sernum.counter;

	/* no dst reads as zeros, and no metrics are at 0 */
	other |= (TNA_AT(dst_entry, dst)->_metrics & ~TNA_DST_METRICS_FLAGS) ^ metrics;
	other |= (u64)TNA_AT(dst_entry, dst)->input ^ (u64)&ip6_forward;
	return !other && &ip6_forward;
#endif
}
