/* SPDX-License-Identifier: Apache-2.0 */
/* One of each that the loader deals with: constants, maps, tail calls, a ring buffer, and XDP and tc programs. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct pair {
	__u32 first, second;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

const volatile bool enabled = false;
const volatile bool emit = false;
const volatile bool jump = false;
const volatile bool forward = false;
const volatile int verdict = XDP_DROP;
const volatile __u8 address[6] = {2, 0, 0, 0, 0, 1};
const volatile short offsets[2] = {1, 2};
const volatile struct pair limits = {3, 4};
const volatile __u64 threshold = 1000;
__u64 runs;

static __always_inline void count(__u32 slot)
{
	__u64 *total = bpf_map_lookup_elem(&totals, &slot);

	if (total)
		*total += 1;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	if (!enabled)
		return XDP_PASS;
	runs++;
	count(0);
	if (emit) {
		struct pair sample = {limits.second, (__u32)threshold};

		bpf_ringbuf_output(&events, &sample, sizeof(sample), 0);
	}
	if (jump)
		bpf_tail_call(ctx, &slots, 1);
	if (forward)
		return bpf_redirect_map(&ports, 0, XDP_ABORTED);
	return verdict + address[5] - 1 + offsets[1] - 2;
}

SEC("xdp")
int target(struct xdp_md *ctx)
{
	return 42;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	count(1);
	return XDP_DROP;
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	skb->mark += 1;
	skb->cb[1] = skb->gso_size;
	skb->priority = skb->wire_len;
	return enabled ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tc")
int mark(struct __sk_buff *skb)
{
	count(1);
	return -1; /* next program of the list */
}

char LICENSE[] SEC("license") = "GPL";
