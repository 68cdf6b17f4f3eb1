// SPDX-License-Identifier: Apache-2.0
// Sends the frame it is run on, by BPF_PROG_TEST_RUN with live frames, out of the device in the map. Frames come back into
// use as the path left them, so what the path may have written is written anew.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// Flows: source addresses for a bridge, destinations for a router.
const volatile __u32 flows = 200;
// For a router: addresses of the Ethernet header in words as they lie in memory, the first destination, the sum of the IP header without destination and checksum.
const volatile __u32 addresses[3];
const volatile __u32 destination = 0;
const volatile __u32 header_sum = 0;
const volatile __u8 ttl = 64;
// Networks of 256 addresses that the destinations are scattered over.
const volatile __u32 networks = 1;

static __u32 position;

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

static __always_inline __u32 next_position(void)
{
	__u32 current = position;

	position = current + 1 < flows ? current + 1 : 0;
	return current;
}

// To a bridge: each frame carries the next of a ring of source addresses.
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	eth->h_source[5] = next_position();
	return bpf_redirect_map(&way_out, 0, XDP_ABORTED);
}

// To a router: each packet goes to the next of a ring of destinations.
SEC("xdp")
int generate_routed(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 number = next_position(), to, sum, *words = (void *)eth;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	/* the upper half of a product scatters over any number of networks */
	to = destination + ((__u32)((__u64)(number * 2654435761u) * networks >> 32) << 8) + (number & 0xff);
	words[0] = addresses[0];
	words[1] = addresses[1];
	words[2] = addresses[2];
	to = bpf_htonl(to);
	ip->ttl = ttl;
	ip->daddr = to;
	sum = header_sum + (to & 0xffff) + (to >> 16);
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	ip->check = ~sum;
	return bpf_redirect_map(&way_out, 0, XDP_ABORTED);
}

// The same of IPv6: network N is 4000:N:N::/48, N in two parts.
SEC("xdp")
int generate_routed6(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct ipv6hdr *ip = (void *)(eth + 1);
	__u32 number = next_position(), network, *words = (void *)eth;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	network = (__u64)(number * 2654435761u) * networks >> 32;
	words[0] = addresses[0];
	words[1] = addresses[1];
	words[2] = addresses[2];
	ip->hop_limit = ttl;
	ip->daddr.in6_u.u6_addr16[1] = bpf_htons(network >> 16);
	ip->daddr.in6_u.u6_addr16[2] = bpf_htons(network);
	ip->daddr.in6_u.u6_addr16[7] = bpf_htons(number & 0xff);
	return bpf_redirect_map(&way_out, 0, XDP_ABORTED);
}

char bench_license[] SEC("license") = "Apache-2.0";
