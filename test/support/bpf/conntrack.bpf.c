/* SPDX-License-Identifier: Apache-2.0 */
/* Calls kernel functions that distribution kernels have in a module (nf_conntrack), behind a constant. */
#include <linux/bpf.h>
#include <linux/in.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct nf_conn {
	unsigned long status;
};
struct bpf_ct_opts {
	int netns_id;
	int error;
	unsigned char l4proto;
	unsigned char dir;
	unsigned char reserved[2];
};

extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *ctx, struct bpf_sock_tuple *tuple, __u32 tuple_size,
					 struct bpf_ct_opts *opts, __u32 opts_size) __ksym __weak;
extern void bpf_ct_release(struct nf_conn *connection) __ksym __weak;

const volatile bool ask = false;

SEC("xdp")
int tracked(struct xdp_md *ctx)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_ct_opts opts = {.netns_id = -1, .l4proto = IPPROTO_UDP};
	struct nf_conn *connection;

	if (!ask)
		return XDP_PASS;
	connection = bpf_xdp_ct_lookup(ctx, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	if (connection) {
		bpf_ct_release(connection);
		return XDP_TX;
	}
	return opts.error == -2 ? XDP_DROP : XDP_ABORTED;
}

char LICENSE[] SEC("license") = "GPL";
