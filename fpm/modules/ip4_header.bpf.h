// SPDX-License-Identifier: GPL-2.0
// FPM ip4_header: an IPv4 header that Linux accepts, of a packet that may be forwarded at all.
//
// net/ipv4/ip_input.c ip_rcv_core():
// * shorter than a header, version other than 4, header length below 5 words, wrong header checksum, total length below
//   the header's or beyond the frame's: SLOW, Linux drops and counts. (Linux cuts what follows the total length off: see
//   ip4_forward. A segmented packet whose total length is another: SLOW.)
// * header in a part of the packet that is not mapped (pskb_may_pull): SLOW.
// net/ipv4/ip_input.c ip_rcv_options(), ip_forward_options(), ip_call_ra_chain(): options: SLOW.
// net/ipv4/ip_forward.c ip_forward(): time to live of 1 or 0: SLOW, Linux answers.
// net/ipv4/route.c ip_route_input_rcu(), ip_route_input_slow(), whatever route_localnet says:
// * multicast or limited broadcast as source, or as destination: SLOW.
// * zero or loopback addresses: SLOW.
#pragma once
#include "ip.h"

static __always_inline int fpm_ip4_header(struct tna_pkt *p)
{
	struct tna_ip4 *ip = tna_network(p);
	u32 *words = tna_network(p), available;
	u64 sum;
	u8 from, to;

	if (p->l3 != bpf_htons(ETH_P_IP))
		return TNA_NEXT;
	if (tna_unlikely((void *)(ip + 1) > tna_data_end(p)))
		return tna_slow(p, TNA_R_IP4_HEADER_SHORT);
	if (tna_unlikely(ip->version_ihl != 0x45)) {
		if (ip->version_ihl >> 4 != 4 || (ip->version_ihl & 15) < 5)
			return tna_slow(p, TNA_R_IP4_HEADER_INVALID);
		if (ip->version_ihl != 0x45)
			return tna_slow(p, TNA_R_IP4_HEADER_OPTIONS);
	}
	p->ip.len = bpf_ntohs(ip->tot_len);
	available = p->len - tna_link_length(p);
	if (tna_unlikely(p->ip.len < TNA_IP4_HLEN || p->ip.len > available || (p->gso && p->ip.len != available)))
		return tna_slow(p, TNA_R_IP4_HEADER_LENGTH);
	/* ones' complement: the sum over a header with its checksum is all ones */
	sum = (u64)words[0] + words[1] + words[2] + words[3] + words[4];
	sum = (sum >> 32) + (u32)sum;
	sum = (sum >> 16) + (u16)sum;
	sum = (sum >> 16) + (u16)sum;
	sum = (sum >> 16) + (u16)sum;
	if (tna_unlikely(sum != 0xffff))
		return tna_slow(p, TNA_R_IP4_HEADER_CHECKSUM);
	p->ip.ttl = ip->ttl;
	if (tna_unlikely(p->ip.ttl <= 1))
		return tna_slow(p, TNA_R_IP4_HEADER_TTL);
	p->ip.saddr = ip->saddr;
	p->ip.daddr = ip->daddr;
	from = p->ip.saddr;
	to = p->ip.daddr;
	if (tna_unlikely((u8)(from - 1) >= 223 || (u8)(to - 1) >= 223 || from == 127 || to == 127)) {
		if (to >> 4 == 14 || p->ip.daddr == 0xffffffff)
			return tna_slow(p, TNA_R_IP4_HEADER_GROUP);
		if (from >> 4 == 14 || p->ip.saddr == 0xffffffff || from == 127 || !from || to == 127 || !to)
			return tna_slow(p, TNA_R_IP4_HEADER_MARTIAN);
	}
	p->ip.tos = ip->tos;
	p->ip.protocol = ip->protocol;
	p->ip.fragment = ip->frag_off & bpf_htons(TNA_IP4_FRAGMENT);
	return TNA_NEXT;
}
