// SPDX-License-Identifier: GPL-2.0
// FPM ip4_forward: writes what forwarding changes in an IPv4 packet, and sends it. Nothing has been written before.
//
// net/ipv4/ip_input.c ip_rcv_core(): bytes behind the packet's end (padding) are cut off. If that fails: SLOW; the
// helpers fail before they change anything. XDP: hardware gets zeros in their place (see include/short.h).
// net/ipv4/ip_forward.c ip_forward():
// * ip_decrease_ttl(): time to live less one, checksum adjusted (RFC 1624) to the very value that Linux makes.
// * rt_tos2priority(), unless ip_forward_update_priority is off: tc: skb->priority is set. With the setting off the priority that a VLAN device
//   gave the packet stays: see vlan_receive. XDP has no priority to set: only a configured qdisc would ask for it (see ip_egress), and behind
//   a veth it is 0 whatever it was (____dev_forward_skb).
// * skb_forward_csum(): tc: a complete checksum (CHECKSUM_COMPLETE) stays one; it stays right, since the sum over an IPv4
//   header does not change, and bpf_redirect() adds the new Ethernet header to it.
// * skb_clear_tstamp(): bpf_redirect() does it, too. skb->mark, hash and queue stay as they are in both.
// net/ethernet/eth.c eth_header(): the neighbour's address, the device's own, also where that is a bridge.
// VLAN tags that bridges and VLAN devices have put on or taken off: made before the packet is written. No room for one: SLOW.
// What a bridge on the way makes of an skb: see include/redirect.h.
// Not in the fast path: ipForwDatagrams and the other counters of /proc/net/snmp.
#pragma once
#include "ip.h"
#include "redirect.h"

static __always_inline int fpm_ip4_forward(struct tna_pkt *p)
{
	struct tna_ip4 *ip;
	u32 check;
	TNA_CTX *ctx = p->ctx;

	if (p->l3 != bpf_htons(ETH_P_IP))
		return TNA_NEXT;
	if (tna_unlikely(!tna_redirect(p)))
		return tna_slow(p, TNA_R_IP4_FORWARD_EGRESS_CANNOT_XDP);
	if (tna_unlikely(!tna_fit(p)))
		return tna_slow(p, TNA_R_IP4_FORWARD_CUT);
	if (TNA_ROUTES_TAGS && tna_unlikely(!tna_make_tag(p)))
		return tna_slow(p, TNA_R_IP4_FORWARD_NO_ROOM);
	ip = (void *)(long)ctx->data + tna_leaving_link_length(p);
	if (tna_unlikely((void *)(ip + 1) > (void *)(long)ctx->data_end))
		return tna_slow(p, TNA_R_IP4_FORWARD_SHORT);
	tna_write_ethernet((void *)(long)ctx->data, p);
	check = ip->check + bpf_htons(0x0100);
	ip->check = check + (check >= 0xffff);
	ip->ttl = p->ip.ttl - 1;
#ifdef TNA_HOOK_TC
	if (tna_netns_ipv4(p->net)->sysctl_ip_fwd_update_priority)
		ctx->priority = tna_tos_priority(p->ip.tos);
	else if (on_vlan_receive && p->ip.unpacked)
		ctx->priority = p->ip.priority;
	tna_as_routed(p);
#endif
	return TNA_REDIRECT;
}
