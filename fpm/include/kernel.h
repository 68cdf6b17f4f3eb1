// SPDX-License-Identifier: GPL-2.0
// The few kernel types and fields that FPMs read. Offsets are relocated at load against the running kernel's BTF
// (of vmlinux or of a module), so only names and C types matter here, neither order nor completeness.
#pragma once
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#ifndef NULL
#define NULL ((void *)0)
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct timespec64 {
	long long tv_sec;
};

struct printk_buffers {
	char outbuf[2048];
};

struct bpf_prog_aux {
	char name[16];
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct bpf_mprog_fp {
	struct bpf_prog *prog;
};

struct bpf_mprog_bundle;

struct bpf_mprog_entry {
	struct bpf_mprog_fp fp_items[64];
	struct bpf_mprog_bundle *parent;
};

struct bpf_mprog_bundle {
	struct bpf_mprog_entry a;
	u32 count;
};

struct mini_Qdisc {
	struct tcf_proto *filter_list;
};

// Kernels before TCX (6.6): the filters of a clsact qdisc hang from the device directly.
struct tcf_proto {
	struct tcf_proto *next;
	void *root;
};

struct cls_bpf_head {
	struct list_head plist;
};

struct tcx_entry {
	struct mini_Qdisc *miniq;
	struct bpf_mprog_bundle bundle;
};

struct nf_hook_entry {
	void *hook;
};

struct nf_hook_entries {
	u16 num_hook_entries;
	struct nf_hook_entry hooks[1];
};

struct netns_nf {
	struct nf_hook_entries *hooks_bridge[5];
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
	struct list_head ptype_all;
	struct netns_nf nf;
	void *gen;
};

struct net_hotdata {
	struct list_head ptype_all;
};

struct net_generic {
	void *ptr[1];
};

typedef struct {
	struct net *net;
} possible_net_t;

struct rtnl_link_ops {
	const char *kind;
};

struct Qdisc_ops {
	const void *cl_ops;
	char id[16];
};

struct Qdisc {
	unsigned int flags;
	const struct Qdisc_ops *ops;
	u32 handle;
};

struct netdev_queue {
	struct Qdisc *qdisc;
};

struct vlan_group {
	unsigned int nr_vlan_devs;
	void *vlan_devices_arrays[16]; /* [2][8], which the kernel's BTF has in one */
};

struct vlan_info {
	struct vlan_group grp;
};

struct net_device_ops {
	void *ndo_start_xmit;
	void *ndo_xdp_xmit;
};

struct bpf_xdp_entity {
	void *prog;
	void *link;
};

struct device {
	struct device *parent;
};

struct net_device {
	const struct net_device_ops *netdev_ops;
	unsigned long priv_flags : 32;
	unsigned long state;
	unsigned int flags;
	unsigned int mtu;
	unsigned short hard_header_len;
	u64 features;
	u64 wanted_features;
	int ifindex;
	u32 xdp_features;
	void *xdp_prog;
	void *rx_handler;
	void *rx_handler_data;
	void *dsa_ptr;
	possible_net_t nd_net;
	struct list_head ptype_all;
	struct vlan_info *vlan_info;
	void *nf_hooks_ingress;
	void *nf_hooks_egress;
	struct bpf_mprog_entry *tcx_ingress;
	struct bpf_mprog_entry *tcx_egress;
	struct mini_Qdisc *miniq_ingress;
	struct mini_Qdisc *miniq_egress;
	struct Qdisc *qdisc;
	struct netdev_queue *_tx;
	const unsigned char *dev_addr;
	struct device dev;
	const struct rtnl_link_ops *rtnl_link_ops;
	unsigned int real_num_rx_queues;
	unsigned int real_num_tx_queues;
	struct bpf_xdp_entity xdp_state[3];
	u8 priv[1];
};

struct xdp_rxq_info {
	struct net_device *dev;
};

struct xdp_buff {
	struct xdp_rxq_info *rxq;
	u32 flags;
};

struct sk_buff {
	struct net_device *dev;
	unsigned int len;
	u8 pkt_type : 3;
	u8 ip_summed : 2;
	u8 offload_fwd_mark : 1;
	u8 pfmemalloc : 1;
	u8 active_extensions;
	u32 vlan_all;
	u32 mark;
	u32 secmark;
	u16 tc_index;
	long long tstamp; /* ktime_t */
	unsigned int end;
	unsigned char *head;
};

struct skb_shared_info {
	unsigned short gso_size;
	unsigned int gso_type;
};

struct veth_xdp_buff {
	struct xdp_buff xdp;
	struct sk_buff *skb;
};

struct veth_rq {
	void *napi;
};

struct veth_priv {
	struct net_device *peer;
	struct veth_rq *rq;
};

struct tap_filter {
	unsigned int count;
};

struct sk_filter;

struct sock {
	struct sk_filter *sk_filter;
};

struct tun_file {
	struct sock sk;
};

struct tun_struct {
	struct tun_file *tfiles[256];
	unsigned int numqueues;
	unsigned int flags;
	struct tap_filter txflt;
	void *filter_prog;
	void *steering_prog;
};

struct bucket_table {
	unsigned int size;
	unsigned int nest;
	u32 hash_rnd;
	void *buckets[1];
};

struct rhash_head {
	struct rhash_head *next;
};

struct rhashtable {
	struct bucket_table *tbl;
};

#pragma clang attribute pop
