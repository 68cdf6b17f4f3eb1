// SPDX-License-Identifier: GPL-2.0
// FPM ip6_demux: no local socket may claim the packet before its route is looked up.
//
// net/ipv6/ip6_input.c ip6_rcv_finish_core() does as ip4_demux says of IPv4, by the same settings (net.ipv4.ip_early_demux and
// so on) and for the next header of the IPv6 header itself: TCP and UDP behind an extension header, fragments among them, are not
// looked up. A port that a local TCP or UDP socket of this namespace uses, of whichever family: SLOW (include/sockets.h).
#pragma once
#include "sockets.h"

static __always_inline int fpm_ip6_demux(struct tna_pkt *p)
{
	struct netns_ipv4 *ip = tna_netns_ipv4(p->net);
	__be16 *ports = tna_network(p) + TNA_IP6_HLEN;

	if (p->l3 != bpf_htons(ETH_P_IPV6))
		return TNA_NEXT;
	if (p->ip.protocol != TNA_IPPROTO_TCP && p->ip.protocol != TNA_IPPROTO_UDP)
		return TNA_NEXT;
	if (!ip->sysctl_ip_early_demux || p->ip.len < TNA_IP6_HLEN + 2 * sizeof(*ports))
		return TNA_NEXT;
	/* the verifier wants it again; ip6_header has made sure of it */
	if (tna_unlikely((void *)(ports + 2) > tna_data_end(p)))
		return tna_slow(p, TNA_R_IP6_DEMUX_NOT_MAPPED);
	p->ip.dport = bpf_ntohs(ports[1]);
	if (p->ip.protocol == TNA_IPPROTO_TCP) {
		if (ip->sysctl_tcp_early_demux && tna_unlikely(tna_tcp_port_used(p->net, ip, p->ip.dport)))
			return tna_slow(p, TNA_R_IP6_DEMUX_TCP_PORT);
	} else if (ip->sysctl_udp_early_demux && tna_unlikely(tna_udp_port_used(p->net, ip, p->ip.dport))) {
		return tna_slow(p, TNA_R_IP6_DEMUX_UDP_PORT);
	}
	return TNA_NEXT;
}
