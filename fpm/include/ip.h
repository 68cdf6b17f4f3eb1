// SPDX-License-Identifier: GPL-2.0
// IP as the kernel keeps it, as far as FPMs read it: settings, routes, neighbours, local sockets and addresses.
// The three underscores make flavours of types of kernel.h: the same kernel type with the fields that routing needs.
#pragma once
#include "tna.h"

// Settings by number (include/uapi/linux/ip.h IPV4_DEVCONF_*, part of the kernel's ABI), counted from 0.
#define TNA_CONF4_FORWARDING 0
#define TNA_CONF4_RP_FILTER 7
#define TNA_CONF4_ACCEPT_LOCAL 22

#define TNA_ARPHRD_ETHER 1
#define TNA_PACKET_HOST 0
#define TNA_IFF_LOOPBACK 0x8
#define TNA_IFF_POINTOPOINT 0x10
#define TNA_IPPROTO_TCP 6
#define TNA_IPPROTO_UDP 17

enum netdev_priv_flags {
	IFF_L3MDEV_MASTER,
	IFF_L3MDEV_SLAVE,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ipv4_devconf {
	int data[32];
};

struct neigh_table;

struct neigh_parms {
	struct neigh_table *tbl;
};

struct in_device {
	void *ifa_list;
	struct neigh_parms *arp_parms;
	struct ipv4_devconf cnf;
};

// Settings of IPv6, by name.
struct ipv6_devconf {
	int disable_ipv6;
	int mtu6;
	int forwarding;
	int proxy_ndp;
};

struct inet6_dev {
	struct neigh_parms *nd_parms;
	struct ipv6_devconf cnf;
};

struct net_device___ip {
	unsigned short type;
	void *dsa_ptr;
	struct in_device *ip_ptr;
	struct inet6_dev *ip6_ptr;
	struct list_head ptype_specific;
};

struct packet_type {
	__be16 type;
	void *func;
	struct list_head list;
};

struct fib_table {
	unsigned long *tb_data;
};

struct inet_hashinfo;
struct udp_table;

struct inet_timewait_death_row {
	struct inet_hashinfo *hashinfo;
};

typedef struct {
	int counter;
} atomic_t;

struct netns_ipv4 {
	struct inet_timewait_death_row tcp_death_row;
	struct udp_table *udp_table;
	struct ipv4_devconf *devconf_all;
	struct fib_table *fib_main;
	bool fib_has_custom_rules;
	bool fib_has_custom_local_routes;
	atomic_t fib_num_tclassid_users;
	u8 sysctl_ip_early_demux;
	u8 sysctl_tcp_early_demux;
	u8 sysctl_udp_early_demux;
	u8 sysctl_ip_fwd_update_priority;
	struct hlist_head *inet_addr_lst;
};

struct fib6_table;
struct fib6_info;

struct netns_ipv6 {
	struct ipv6_devconf *devconf_all;
	struct fib6_info *fib6_null_entry;
	struct fib6_table *fib6_main_tbl;
	struct fib6_table *fib6_local_tbl;
	bool fib6_has_custom_rules;
};

struct netns_nf___ip {
	struct nf_hook_entries *hooks_ipv4[5];
	struct nf_hook_entries *hooks_ipv6[5];
};

struct netns_xfrm {
	unsigned int policy_count[3];
	u8 policy_default[3];
};

struct net___ip {
	u32 hash_mix;
	struct list_head ptype_specific;
	struct netns_ipv4 ipv4;
	struct netns_ipv6 ipv6;
	struct netns_nf___ip nf;
	struct netns_xfrm xfrm;
};

struct sk_buff___ip {
	void *sk;
	unsigned long _skb_refdst;
	u8 active_extensions;
	u8 encapsulation : 1;
	u8 offload_l3_fwd_mark : 1;
	u32 priority;
};

struct skb_shared_info___ip {
	u8 tx_flags;
};

#pragma clang attribute pop

// Window on the IPv4 state of a network namespace, which lies beyond the reach of one on the namespace itself.
static __always_inline struct netns_ipv4 *tna_netns_ipv4(u64 net)
{
	return TNA_AT(netns_ipv4, net + TNA_OFFSET(net___ip, ipv4));
}

// The same for IPv6.
static __always_inline struct netns_ipv6 *tna_netns_ipv6(u64 net)
{
	return TNA_AT(netns_ipv6, net + TNA_OFFSET(net___ip, ipv6));
}

static __always_inline u32 tna_hash_mix(u64 net)
{
	return (u32)tna_word(net + TNA_OFFSET(net___ip, hash_mix));
}

// A setting of the device or, where one of the two is enough, of all devices.
#define TNA_CONF4(in_dev, all, n) ((in_dev)->cnf.data[n] | (all)->data[n])

// The IPv4 header, options aside.
struct tna_ip4 {
	u8 version_ihl;
	u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	u8 ttl;
	u8 protocol;
	u16 check;
	__be32 saddr;
	__be32 daddr;
};

#define TNA_IP4_HLEN 20
#define TNA_IP4_FRAGMENT 0x3fff /* more fragments, or an offset; host order */

// The IPv6 header, in words that can be loaded at once. Addresses as they lie in memory.
struct tna_ip6 {
	u8 version_class;
	u8 rest_of_class_label[3];
	__be16 payload_len;
	u8 nexthdr;
	u8 hop_limit;
	u64 saddr_high;
	u64 saddr_low;
	u64 daddr_high;
	u64 daddr_low;
};

#define TNA_IP6_HLEN 40

// rt_tos2priority(): TC_PRIO_BESTEFFORT, BULK, INTERACTIVE, INTERACTIVE_BULK by the two upper bits of what was the TOS.
static __always_inline u32 tna_tos_priority(u8 tos)
{
	return 0x4620 >> ((tos >> 3 & 3) * 4) & 15;
}

// Not 0 if packet sockets for single protocols listen on a device.
static __always_inline u64 tna_protocol_tapped(u64 address)
{
	u64 own = address + TNA_OFFSET(net_device___ip, ptype_specific);

	return tna_word(own) ^ own;
}
