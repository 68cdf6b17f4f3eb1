// SPDX-License-Identifier: GPL-2.0
// FPM ip4_demux: no local socket may claim the packet before its route is looked up.
//
// net/ipv4/ip_input.c ip_rcv_finish_core() looks for the established TCP or connected UDP socket of a packet (tcp_v4_early_demux,
// udp_v4_early_demux) whatever its destination address. One is found for a destination that is not the host's own if the
// socket is transparent, or outlived its address; the packet is then delivered or dropped (ip_forward()).
// Such a socket occupies the packet's destination port: a port that a local TCP or UDP socket of this namespace uses:
// SLOW. Sockets of any state that early demux can find are in these tables by local port:
// * TCP: hashinfo->bhash, a bucket per port (inet_bhashfn), until the last socket, TIME_WAIT included, is gone.
// * UDP: udp_table->hash (udp_hashfn).
// Both look-ups are off with net.ipv4.ip_early_demux, tcp_early_demux and udp_early_demux: as is this one, then.
// Fragments and other protocols have no early demux. A packet too short for ports is not looked up either.
#pragma once
#include "ip.h"

#define TNA_SOCKETS_MAX 8

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inet_bind_hashbucket {
	struct hlist_head chain;
};

struct inet_bind_bucket {
	possible_net_t ib_net;
	unsigned short port;
	struct hlist_node node;
};

struct inet_hashinfo {
	struct inet_bind_hashbucket *bhash;
	unsigned int bhash_size;
};

struct udp_hslot {
	struct hlist_head head;
};

struct udp_table {
	struct udp_hslot *hash;
	unsigned int mask;
};

struct sock_common {
	u16 skc_num;
	possible_net_t skc_net;
	struct hlist_node skc_node;
};

#pragma clang attribute pop

static __always_inline bool tna_tcp_port_used(u64 net, struct netns_ipv4 *ip, u16 port)
{
	struct inet_hashinfo *info = TNA_AT(inet_hashinfo, ip->tcp_death_row.hashinfo);
	u64 slot = (port + tna_hash_mix(net)) & (info->bhash_size - 1), entry;

	entry = tna_word((u64)info->bhash + slot * bpf_core_type_size(struct inet_bind_hashbucket) +
			 TNA_OFFSET(inet_bind_hashbucket, chain));
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_SOCKETS_MAX; i++) {
		struct inet_bind_bucket *bucket;

		if (!entry)
			return false;
		bucket = TNA_AT(inet_bind_bucket, entry - TNA_OFFSET(inet_bind_bucket, node));
		if (bucket->port == port && (u64)bucket->ib_net.net == net)
			return true;
		entry = (u64)bucket->node.next;
	}
	return true;
}

static __always_inline bool tna_udp_port_used(u64 net, struct netns_ipv4 *ip, u16 port)
{
	struct udp_table *table = TNA_AT(udp_table, ip->udp_table);
	u64 slot = (port + tna_hash_mix(net)) & table->mask, entry;

	entry = tna_word((u64)table->hash + slot * bpf_core_type_size(struct udp_hslot) + TNA_OFFSET(udp_hslot, head));
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_SOCKETS_MAX; i++) {
		struct sock_common *sock;

		/* odd: the end of a list of kernels where it is a nulls list */
		if (!entry || entry & 1)
			return false;
		sock = TNA_AT(sock_common, entry - TNA_OFFSET(sock_common, skc_node));
		if (sock->skc_num == port && (u64)sock->skc_net.net == net)
			return true;
		entry = (u64)sock->skc_node.next;
	}
	return true;
}

static __always_inline int fpm_ip4_demux(struct tna_pkt *p)
{
	struct netns_ipv4 *ip = tna_netns_ipv4(p->net);
	__be16 *ports = p->data + ETH_HLEN + TNA_IP4_HLEN;

	if (p->l3 != bpf_htons(ETH_P_IP) || p->ip.fragment)
		return TNA_NEXT;
	if (p->ip.protocol != TNA_IPPROTO_TCP && p->ip.protocol != TNA_IPPROTO_UDP)
		return TNA_NEXT;
	if (!ip->sysctl_ip_early_demux || p->ip.len < TNA_IP4_HLEN + 2 * sizeof(*ports))
		return TNA_NEXT;
	if (tna_unlikely((void *)(ports + 2) > p->data_end))
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
