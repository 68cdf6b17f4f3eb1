// SPDX-License-Identifier: GPL-2.0
// Renews the controller's lease: run by the controller itself (BPF_PROG_TEST_RUN), since only a program can read jiffies.
// The skb's mark is for how many jiffies; 0 only asks for the time. Returns the low half of jiffies.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "lease.h"

typedef __u32 u32;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct tna_lease);
} tna_lease SEC(".maps");

SEC("tc")
int tna_lease_renew(struct __sk_buff *skb)
{
	u32 zero = 0;
	struct tna_lease *lease = bpf_map_lookup_elem(&tna_lease, &zero);
	__u64 now = bpf_jiffies64();

	if (lease && skb->mark) {
		lease->renewed = bpf_ktime_get_ns();
		lease->until = now + skb->mark;
	}
	return (int)now;
}

char tna_license[] SEC("license") = "GPL";
