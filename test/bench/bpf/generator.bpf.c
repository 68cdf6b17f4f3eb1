// SPDX-License-Identifier: Apache-2.0
// Sends the frame it is run on, by BPF_PROG_TEST_RUN with live frames, out of the device in the map; each frame
// carries the next of a ring of source addresses.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 sources = 200;

static __u32 position;

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 current = position;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	eth->h_source[5] = current;
	position = current + 1 < sources ? current + 1 : 0;
	return bpf_redirect_map(&way_out, 0, XDP_ABORTED);
}

char bench_license[] SEC("license") = "Apache-2.0";
