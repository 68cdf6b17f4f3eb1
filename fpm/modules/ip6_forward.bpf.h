// SPDX-License-Identifier: GPL-2.0
// FPM ip6_forward: writes what forwarding changes in an IPv6 packet, and sends it. Nothing has been written before.
//
// net/ipv6/ip6_input.c ip6_rcv_core(): bytes behind the packet's end (padding) are cut off. If that fails: SLOW; the
// helpers fail before they change anything. XDP: hardware gets zeros in their place (see include/short.h).
// net/ipv6/ip6_output.c ip6_forward():
// * the hop limit less one.
// * skb_forward_csum(): tc: Linux forgets a complete checksum (CHECKSUM_COMPLETE). Here it is corrected by what has changed, so that
//   it stays right; bpf_redirect() adds the new Ethernet header to it.
// * skb_clear_tstamp(): bpf_redirect() does it, too. skb->priority, mark, hash and queue stay as they are in both: unlike with
//   IPv4, the traffic class sets no priority. That which a VLAN device gave the packet: see vlan_receive.
// net/ethernet/eth.c eth_header(): the neighbour's address, the device's own.
// VLAN tags that bridges and VLAN devices have put on or taken off: made before the packet is written. No room for one: SLOW.
// What a bridge on the way makes of an skb: see include/redirect.h.
// Not in the fast path: the counters of /proc/net/snmp6 and /proc/net/dev_snmp6.
#pragma once
#include "ip.h"
#include "redirect.h"

#define TNA_CHECKSUM_COMPLETE 2 /* of sk_buff.ip_summed */

static __always_inline int fpm_ip6_forward(struct tna_pkt *p)
{
	struct tna_ip6 *ip;
	TNA_CTX *ctx = p->ctx;
#ifdef TNA_HOOK_TC
	struct sk_buff *known = tna_known_ctx(ctx);
#endif

	if (p->l3 != bpf_htons(ETH_P_IPV6))
		return TNA_NEXT;
	if (tna_unlikely(!tna_redirect(p)))
		return tna_slow(p, TNA_R_IP6_FORWARD_EGRESS_CANNOT_XDP);
	if (tna_unlikely(!tna_fit(p)))
		return tna_slow(p, TNA_R_IP6_FORWARD_CUT);
	if (TNA_ROUTES_TAGS && tna_unlikely(!tna_make_tag(p)))
		return tna_slow(p, TNA_R_IP6_FORWARD_NO_ROOM);
	ip = (void *)(long)ctx->data + tna_leaving_link_length(p);
	if (tna_unlikely((void *)(ip + 1) > (void *)(long)ctx->data_end))
		return tna_slow(p, TNA_R_IP6_FORWARD_SHORT);
	tna_write_ethernet((void *)(long)ctx->data, p);
	ip->hop_limit = p->ip.ttl - 1;
#ifdef TNA_HOOK_TC
	/* the hop limit is the upper byte of its 16-bit word as it lies in memory */
	if (tna_unlikely(BPF_CORE_READ_BITFIELD(known, ip_summed) == TNA_CHECKSUM_COMPLETE))
		bpf_csum_update(ctx, ~0x0100U);
	if (on_vlan_receive && p->ip.unpacked)
		ctx->priority = p->ip.priority;
	tna_as_routed(p);
#endif
	return TNA_REDIRECT;
}
