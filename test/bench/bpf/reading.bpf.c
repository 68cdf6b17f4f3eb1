// SPDX-License-Identifier: GPL-2.0
// A redirect that also reads as much of the kernel's memory as TNA has to before it may redirect a bridged frame, or a routed
// packet, and does nothing else with it: no lookup, no counter, no dispatcher. What no program can beat that makes so many checks by reading.
// It reads one device, which stays in the processor's nearest cache.
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// How often a frame that tna_xdp.bridge forwards makes it read, between veths and with br_netfilter there.
#define BRIDGE_WORDS 44
// About as often as a packet of IPv4 makes tna_xdp.router4 read, with one route and one neighbour.
#define ROUTER_WORDS 100
// That many words of struct net_device are read, in turn.
#define SPREAD 64

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device;

struct xdp_rxq_info {
	struct net_device *dev;
};

struct xdp_buff {
	struct xdp_rxq_info *rxq;
};

struct timespec64 {
	long long tv_sec;
};

#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

static __always_inline int redirect_after(struct xdp_md *ctx, int words)
{
	struct xdp_buff *x = bpf_cast_to_kern_ctx(ctx);
	__u64 device = (__u64)x->rxq->dev, all = 0;

#pragma clang loop unroll(full)
	for (int i = 0; i < words - 1; i++) {
		struct timespec64 *word = bpf_rdonly_cast((void *)(device + 8 * (i * 5 % SPREAD)),
							  bpf_core_type_id_kernel(struct timespec64));

		all |= word->tv_sec;
	}
	/* never: some of these words are addresses, so bits are set; the compiler must not know */
	if (!all)
		return XDP_PASS;
	return bpf_redirect_map(&way_out, 0, XDP_ABORTED);
}

SEC("xdp")
int reading_xdp(struct xdp_md *ctx)
{
	return redirect_after(ctx, BRIDGE_WORDS);
}

SEC("xdp")
int reading_router_xdp(struct xdp_md *ctx)
{
	return redirect_after(ctx, ROUTER_WORDS);
}

char bench_license[] SEC("license") = "GPL";
