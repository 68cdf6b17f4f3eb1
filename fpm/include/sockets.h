// SPDX-License-Identifier: GPL-2.0
// Local ports of TCP and UDP sockets, which those of IPv4 and IPv6 share. Sockets of any state that early demux can find are in
// these tables by local port:
// * TCP: hashinfo->bhash, a bucket per port (inet_bhashfn), until the last socket, TIME_WAIT included, is gone.
// * UDP: udp_table->hash (udp_hashfn).
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
