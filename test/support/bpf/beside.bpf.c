// SPDX-License-Identifier: GPL-2.0
// What a sender gives a packet beside its bytes, and what of it is there where the packet arrives.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* `marked` is one more than the mark: where it is 0, there was no packet. */
struct seen {
	__u32 marked;
	__u32 priority;
	__u32 tc_index;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct seen);
} beside SEC(".maps");

/* One entry of the map for each packet. */
__u32 packets;
/* What is given: set by the loader. Zero leaves a field as it is. */
const volatile __u32 mark, priority, tc_index;

SEC("tc")
int give(struct __sk_buff *skb)
{
	if (mark)
		skb->mark = mark;
	if (priority)
		skb->priority = priority;
	if (tc_index)
		skb->tc_index = tc_index;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int look(struct __sk_buff *skb)
{
	struct seen *seen;
	__u32 key;

	if (skb->protocol != bpf_htons(0x88b5))
		return TC_ACT_UNSPEC;
	key = packets++;
	seen = bpf_map_lookup_elem(&beside, &key);
	if (seen)
		*seen = (struct seen){ skb->mark + 1, skb->priority, skb->tc_index };
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
