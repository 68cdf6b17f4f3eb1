// SPDX-License-Identifier: Apache-2.0
// What no forwarding program can beat: each frame goes to one fixed device, unread. And a program that does nothing at
// all, to time the attachment itself.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// For tc: index of the device.
const volatile __u32 egress = 0;

// For XDP: the device, at index 0.
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

SEC("xdp")
int redirect_xdp(struct xdp_md *ctx)
{
	return bpf_redirect_map(&way_out, 0, XDP_ABORTED);
}

SEC("tc")
int redirect_tc(struct __sk_buff *skb)
{
	return bpf_redirect(egress, 0);
}

SEC("xdp")
int pass_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int pass_tc(struct __sk_buff *skb)
{
	return -1; /* TCX_NEXT */
}

char bench_license[] SEC("license") = "Apache-2.0";
