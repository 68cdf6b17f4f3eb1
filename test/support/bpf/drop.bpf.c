// SPDX-License-Identifier: GPL-2.0
// What an operator might attach: programs that drop IPv4 and have no opinion of the rest.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("tc")
int drop_tc(struct __sk_buff *skb)
{
	return skb->protocol == bpf_htons(ETH_P_IP) ? 2 /* TC_ACT_SHOT */ : -1;
}

SEC("xdp")
int drop_xdp(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	return eth->h_proto == bpf_htons(ETH_P_IP) ? XDP_DROP : XDP_PASS;
}

char drop_license[] SEC("license") = "GPL";
