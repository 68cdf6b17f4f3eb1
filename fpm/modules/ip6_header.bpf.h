// SPDX-License-Identifier: GPL-2.0
// FPM ip6_header: an IPv6 header that Linux accepts, of a packet that may be forwarded at all.
//
// net/ipv6/ip6_input.c ip6_rcv_core():
// * shorter than a header, version other than 6, payload longer than the frame: SLOW, Linux drops and counts. (Linux cuts what
//   follows the payload off: see ip6_forward. A segmented packet whose length is another: SLOW.)
// * header, or the four bytes behind it that may be ports, in a part of the packet that is not mapped (pskb_may_pull): SLOW.
// * hop-by-hop options (ipv6_parse_hopopts: router alert, jumbo payload, IOAM, CALIPSO): SLOW. No other extension header is looked at
//   where a packet is only forwarded: routing headers (segment routing, RPL) are the destination's, fragments, IPsec and
//   options of the destination go through as any payload.
// * a payload of no length, which hop-by-hop options or the segmentation (BIG TCP) tell instead: SLOW.
// * loopback as source or destination, multicast as source: SLOW, Linux drops.
// net/ipv6/ip6_output.c ip6_forward():
// * hop limit of 1 or 0: SLOW, Linux answers.
// * unspecified, loopback or multicast source: SLOW, Linux drops; link-local source: SLOW, Linux answers.
// * multicast destination (ip6_mc_input), link-local destination (looked up on the ingress device alone, rt6_need_strict): SLOW.
// Addresses that begin with 64 zero bits, IPv4-mapped ones among them: SLOW, although Linux would only drop some.
#pragma once
#include "ip.h"

#define TNA_NEXTHDR_HOP 0
#define TNA_IP6_PORTS 4 /* bytes, which ip6_demux reads */

// The first 10 bits of fe80::/10, in the first bytes as they lie in memory.
static __always_inline bool tna_ip6_link_local(u64 high)
{
	return (high & 0xc0ff) == 0x80fe;
}

static __always_inline int fpm_ip6_header(struct tna_pkt *p)
{
	struct tna_ip6 *ip = tna_network(p);
	u64 from, to;
	u32 behind;

	if (p->l3 != bpf_htons(ETH_P_IPV6))
		return TNA_NEXT;
	if (tna_unlikely((void *)(ip + 1) + TNA_IP6_PORTS > tna_data_end(p)))
		return tna_slow(p, TNA_R_IP6_HEADER_SHORT);
	if (tna_unlikely(ip->version_class >> 4 != 6))
		return tna_slow(p, TNA_R_IP6_HEADER_INVALID);
	p->ip.protocol = ip->nexthdr;
	if (tna_unlikely(p->ip.protocol == TNA_NEXTHDR_HOP))
		return tna_slow(p, TNA_R_IP6_HEADER_OPTIONS);
	p->ip.len = TNA_IP6_HLEN + bpf_ntohs(ip->payload_len);
	/* negative: longer than the frame. A product, where `&&` would have the verifier go on in two ways. */
	behind = p->len - tna_link_length(p) - p->ip.len;
	if (tna_unlikely(p->ip.len == TNA_IP6_HLEN || behind >> 31 | (u64)behind * p->gso))
		return tna_slow(p, TNA_R_IP6_HEADER_LENGTH);
	p->ip.ttl = ip->hop_limit;
	if (tna_unlikely(p->ip.ttl <= 1))
		return tna_slow(p, TNA_R_IP6_HEADER_HOP_LIMIT);
	from = ip->saddr_high;
	to = ip->daddr_high;
	if (tna_unlikely((u8)to == 0xff))
		return tna_slow(p, TNA_R_IP6_HEADER_GROUP);
	if (tna_unlikely(!from || !to || (u8)from == 0xff))
		return tna_slow(p, TNA_R_IP6_HEADER_MARTIAN);
	if (tna_unlikely(tna_ip6_link_local(from) || tna_ip6_link_local(to)))
		return tna_slow(p, TNA_R_IP6_HEADER_LINK_LOCAL);
	p->ip.daddr_high = bpf_be64_to_cpu(to);
	p->ip.daddr_low = bpf_be64_to_cpu(ip->daddr_low);
	return TNA_NEXT;
}
