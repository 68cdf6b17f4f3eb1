// SPDX-License-Identifier: GPL-2.0
// FPM ip4_demux: no local socket may claim the packet before its route is looked up.
//
// net/ipv4/ip_input.c ip_rcv_finish_core() looks for the established TCP or connected UDP socket of a packet (tcp_v4_early_demux,
// udp_v4_early_demux) whatever its destination address. One is found for a destination that is not the host's own if the
// socket is transparent, or outlived its address; the packet is then delivered or dropped (ip_forward()).
// Such a socket occupies the packet's destination port: a port that a local TCP or UDP socket of this namespace uses:
// SLOW (include/sockets.h).
// Both look-ups are off with net.ipv4.ip_early_demux, tcp_early_demux and udp_early_demux: as is this one, then.
// Fragments and other protocols have no early demux. A packet too short for ports is not looked up either.
#pragma once
#include "sockets.h"

static __always_inline int fpm_ip4_demux(struct tna_pkt *p)
{
	struct netns_ipv4 *ip = tna_netns_ipv4(p->net);
	__be16 *ports = tna_network(p) + TNA_IP4_HLEN;

	if (p->l3 != bpf_htons(ETH_P_IP) || p->ip.fragment)
		return TNA_NEXT;
	if (p->ip.protocol != TNA_IPPROTO_TCP && p->ip.protocol != TNA_IPPROTO_UDP)
		return TNA_NEXT;
	if (!ip->sysctl_ip_early_demux || p->ip.len < TNA_IP4_HLEN + 2 * sizeof(*ports))
		return TNA_NEXT;
	if (tna_unlikely((void *)(ports + 2) > tna_data_end(p)))
		return tna_slow(p, TNA_R_IP4_DEMUX_NOT_MAPPED);
	p->ip.dport = bpf_ntohs(ports[1]);
	if (p->ip.protocol == TNA_IPPROTO_TCP) {
		if (ip->sysctl_tcp_early_demux && tna_unlikely(tna_tcp_port_used(p->net, ip, p->ip.dport)))
			return tna_slow(p, TNA_R_IP4_DEMUX_TCP_PORT);
	} else if (ip->sysctl_udp_early_demux && tna_unlikely(tna_udp_port_used(p->net, ip, p->ip.dport))) {
		return tna_slow(p, TNA_R_IP4_DEMUX_UDP_PORT);
	}
	return TNA_NEXT;
}
