/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forwarding table lookup in kernel memory, the size and kind of a bridge fast path: typed pointer walk, CO-RE
 * offsets, bpf_rdonly_cast reads and a bounded chain walk, behind a constant. It is what template times are measured on.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct timespec64 {
	__s64 tv_sec;
};
struct rhash_head {
	struct rhash_head *next;
};
struct bucket_table {
	unsigned int size;
	unsigned int nest;
	__u32 hash_rnd;
	void *buckets[];
};
struct rhashtable {
	struct bucket_table *tbl;
};
struct net_bridge_fdb_key {
	unsigned char addr[6];
};
struct net_bridge_port;
struct net_bridge_fdb_entry {
	struct rhash_head rhnode;
	struct net_bridge_port *dst;
	struct net_bridge_fdb_key key;
	unsigned long updated;
};
struct net_bridge {
	struct rhashtable fdb_hash_tbl;
};
struct net_device {
	void *rx_handler_data;
	int ifindex;
};
struct net_bridge_port {
	struct net_bridge *br;
	struct net_device *dev;
	unsigned char state;
};
struct xdp_rxq_info {
	struct net_device *dev;
};
struct xdp_buff {
	struct xdp_rxq_info *rxq;
};
#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;
extern void *bpf_rdonly_cast(void *obj, __u32 btf_id) __ksym;

const volatile bool enabled = false;
const volatile __u32 max_age = 15000;
__u64 hits;

#define OFFSET(type, field) ((__u64)bpf_core_field_offset(type, field))

static __always_inline __u64 read64(__u64 address)
{
	struct timespec64 *window =
		bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct timespec64));

	return window->tv_sec;
}

static __always_inline __u32 rotate(__u32 word, int by)
{
	return (word << by) | (word >> (32 - by));
}

static __always_inline __u32 hash(__u64 key, __u32 seed)
{
	__u32 a = 0xdeadbeef + 8 + seed + (__u32)key, b = 0xdeadbeef + 8 + seed + (__u32)(key >> 32);
	__u32 c = 0xdeadbeef + 8 + seed;

	c = (c ^ b) - rotate(b, 14);
	a = (a ^ c) - rotate(c, 11);
	b = (b ^ a) - rotate(a, 25);
	c = (c ^ b) - rotate(b, 16);
	a = (a ^ c) - rotate(c, 4);
	b = (b ^ a) - rotate(a, 14);
	return (c ^ b) - rotate(b, 24);
}

static __always_inline __u64 find(__u64 bridge, __u64 key)
{
	__u64 table = read64(bridge + OFFSET(struct net_bridge, fdb_hash_tbl) + OFFSET(struct rhashtable, tbl));
	__u32 size = read64(table + OFFSET(struct bucket_table, size));
	__u32 seed = read64(table + OFFSET(struct bucket_table, hash_rnd));
	__u64 node;

	if (!table || (__u32)read64(table + OFFSET(struct bucket_table, nest)))
		return 0;
	node = read64(table + OFFSET(struct bucket_table, buckets) + 8 * (__u64)(hash(key, seed) & (size - 1))) & ~1ULL;
#pragma unroll
	for (int i = 0; i < 6; i++) {
		__u64 entry = node - OFFSET(struct net_bridge_fdb_entry, rhnode);

		if (!node || (node & 1))
			return 0;
		if (read64(entry + OFFSET(struct net_bridge_fdb_entry, key)) == key)
			return entry;
		node = read64(node);
	}
	return 0;
}

SEC("xdp")
int lookup(struct xdp_md *ctx)
{
	unsigned char *data = (unsigned char *)(long)ctx->data, *end = (unsigned char *)(long)ctx->data_end;
	struct xdp_buff *buff = bpf_cast_to_kern_ctx(ctx);
	__u64 port, bridge, source, destination, out;

	if (!enabled || data + 14 > end)
		return XDP_PASS;
	port = (__u64)buff->rxq->dev->rx_handler_data;
	if (!port)
		return XDP_PASS;
	bridge = read64(port + OFFSET(struct net_bridge_port, br));
	destination = *(__u32 *)data | (__u64) * (__u16 *)(data + 4) << 32;
	source = *(__u32 *)(data + 6) | (__u64) * (__u16 *)(data + 10) << 32;
	source = find(bridge, source);
	if (!source || read64(source + OFFSET(struct net_bridge_fdb_entry, dst)) != port)
		return XDP_PASS;
	if (bpf_jiffies64() - read64(source + OFFSET(struct net_bridge_fdb_entry, updated)) > max_age)
		return XDP_PASS;
	destination = find(bridge, destination);
	if (!destination)
		return XDP_PASS;
	out = read64(destination + OFFSET(struct net_bridge_fdb_entry, dst));
	if (!out || out == port || (read64(out + OFFSET(struct net_bridge_port, state)) & 0xff) != 3)
		return XDP_PASS;
	hits++;
	return bpf_redirect(read64(read64(out + OFFSET(struct net_bridge_port, dev)) + OFFSET(struct net_device, ifindex)),
			    0);
}

char LICENSE[] SEC("license") = "GPL";
