// SPDX-License-Identifier: Apache-2.0
// Counts the generator's frames, recognised by their destination address, and drops everything.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

// First four bytes of the destination address, as they lie in memory.
const volatile __u32 destination = 0;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 zero = 0;
	__u64 *frames = bpf_map_lookup_elem(&arrived, &zero);

	if (frames && (void *)(eth + 1) <= (void *)(long)ctx->data_end && *(__u32 *)eth->h_dest == destination)
		++*frames;
	return XDP_DROP;
}

char bench_license[] SEC("license") = "Apache-2.0";
