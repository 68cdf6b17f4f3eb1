// SPDX-License-Identifier: GPL-2.0
// Which of several next hops Linux takes for a packet.
//
// include/net/ip_fib.h fib_multipath_hash_from_keys(), net/core/flow_dissector.c __flow_hash_from_keys(): SipHash-2-4 of struct flow_keys
// from its field `basic` on, most of it zero, with its last four bytes, which are padding (flow_keys_hash_length()). The key is the seed of the network namespace (since Linux 6.11: fib_multipath_hash_seed, or
// where that is 0 a random one), twice in each half. Before that it was a variable of the kernel: TNA_CHOICE_SEED. Lesser address first,
// lesser port first (__flow_hash_consistentify()), so both directions of a flow have one hash. A hash of 0 becomes 1.
// net/ipv4/fib_semantics.c fib_select_multipath(), net/ipv4/nexthop.c nexthop_select_path_hthr(): the first next hop whose upper bound is
// not below half the hash, and whose neighbour is good. Bounds ascend; dead next hops have -1.
// * A neighbour's state matters with fib_multipath_use_neigh, and always in groups of next hop objects. It is not looked at here: what is
//   chosen by the bound alone is what Linux chooses if its neighbour is good (NUD_VALID), and whose is not is SLOW at ip4_neighbour, ip6_neighbour.
// net/ipv6/route.c fib6_select_path(): the same with routes that are siblings (ip6_route).
//   In a group Linux looks for the neighbour of the gateway even where there is none: TNA_CHOICE_NO_GATEWAY.
// By fib_multipath_hash_policy, of each family, of the packet's outer header:
// * 0: addresses; of IPv6 flow label and next header as well. 2 (of the inner header): the same, for packets without a tunnel in them.
// * 1: addresses, protocol and ports (__skb_flow_dissect() with FLOW_DISSECTOR_F_STOP_AT_ENCAP), or the hash that the packet has, if that is one
//   of ports (skb->l4_hash: of the device, a socket, RPS). XDP: nobody knows yet what hash the packet will have: TNA_CHOICE_POLICY.
// * 3: what fib_multipath_hash_fields tells, hashed once more with the hash of inner fields (jhash_2words()), which is 0 without a tunnel, as
//   is the first one if no outer field is told (fib_multipath_custom_hash_skb(), rt6_multipath_custom_hash_skb()).
// * no ports for fragments and protocols without. The dissector has the flow label in the host's byte order, policy 0 has it as in the header.
// Under policies 1 to 3:
// * a flow dissector of BPF, in this namespace or the kernel's first one: TNA_CHOICE_DISSECTOR; it decides what all of that is.
// * protocols behind which Linux looks further (GRE, MPLS; extension headers; AH, whose number for ports is elsewhere; tunnels of IP where inner
//   headers count, by policy 2 or a field of 3): TNA_CHOICE_PROTOCOL.
// * ICMP errors are hashed as any packet there, other than by policy 0.
// * packets with less behind the header than ports need, or ports that are not mapped: TNA_CHOICE_SHORT, whatever the policy (IPv6: ip6_header).
// net/ipv4/nexthop.c nexthop_select_path_res(), resilient groups: the next hop of the bucket that half the hash tells, whatever its neighbour's state.
// * nh_res_bucket_set_busy() notes when the bucket was last used. One that is due for such a note: TNA_CHOICE_BUCKET, so that it does not become
//   idle (nh_res_bucket_idle_point()) while packets are fast, and `ip nexthop bucket` tells the time. Also due is one not used since it changed hands.
// * Packets per next hop of a group (nh_grp_entry_stats_inc(), `ip -s -s nexthop`) do not show what is fast, unless the group was told to
//   collect statistics from hardware as well (hw_stats): somebody means to read them then, TNA_CHOICE_STATISTICS.
#pragma once
#include "fib.h"

#define TNA_HOPS_MAX 16
#define TNA_ANCESTORS_MAX 32
#define TNA_HASH_ADDRESSES 0 /* fib_multipath_hash_policy */
#define TNA_HASH_PORTS 1
#define TNA_HASH_INNER 2
#define TNA_HASH_FIELDS 3
#define TNA_NETNS_FLOW_DISSECTOR 0 /* NETNS_BPF_FLOW_DISSECTOR */

/* bits of fib_multipath_hash_fields: FIB_MULTIPATH_HASH_FIELD_SRC_IP, ... */
#define TNA_FIELD_SOURCE 0
#define TNA_FIELD_DESTINATION 1
#define TNA_FIELD_PROTOCOL 2
#define TNA_FIELD_LABEL 3
#define TNA_FIELD_SOURCE_PORT 4
#define TNA_FIELD_DESTINATION_PORT 5
#define TNA_FIELDS_OUTER 0x3f
#define TNA_FIELDS_INNER 0xfc0
/* what counts by policies 0, 1 and 2, a byte each */
#define TNA_FIELDS_IP4 0x033703
#define TNA_FIELDS_IP6 0x0f370f

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sysctl_fib_multipath_hash_seed {
	u32 mp_seed;
};

struct netns_ipv4___multipath {
	struct sysctl_fib_multipath_hash_seed sysctl_fib_multipath_hash_seed;
	u32 sysctl_fib_multipath_hash_fields;
	u8 sysctl_fib_multipath_hash_policy;
};

struct netns_sysctl_ipv6 {
	u32 multipath_hash_fields;
	u8 multipath_hash_policy;
};

struct netns_ipv6___multipath {
	struct netns_sysctl_ipv6 sysctl;
};

struct flow_keys {
	struct {
		u8 ip_proto;
	} basic;
	struct {
		__be32 ports;
	} ports;
	struct {
		u8 any;
	} addrs;
};

struct nh_grp_entry {
	struct nexthop *nh;
	struct {
		atomic_t upper_bound;
	} hthr;
};

typedef struct {
	long long counter;
} atomic64_t;

struct nh_res_bucket {
	struct nh_grp_entry *nh_entry;
	atomic64_t used_time;
	unsigned long migrated_time;
};

struct nh_res_table {
	u32 idle_timer;
	u16 num_nh_buckets;
	struct nh_res_bucket nh_buckets[0];
};

struct nh_group {
	u16 num_nh;
	bool hash_threshold;
	bool hw_stats;
	struct nh_res_table *res_table;
	struct nh_grp_entry nh_entries[0];
};

struct nexthop___group {
	struct nh_group *nh_grp;
};

struct fib_nh_common___multipath {
	atomic_t nhc_upper_bound;
};

struct sk_buff___hash {
	u8 l4_hash : 1;
	u32 hash;
};

struct netns_bpf {
	void *run_array[2];
};

struct net___bpf {
	struct netns_bpf bpf;
};

struct nsproxy {
	struct net *net_ns;
};

struct task_struct {
	struct task_struct *real_parent;
	struct nsproxy *nsproxy;
};

#pragma clang attribute pop

struct tna_bound {
	int value;
};

// What speaks against the choice that was made; the one with the greatest number.
enum tna_choice_obstacle {
	TNA_CHOICE_OK,
	TNA_CHOICE_SEED,
	TNA_CHOICE_POLICY,
	TNA_CHOICE_DISSECTOR,
	TNA_CHOICE_PROTOCOL,
	TNA_CHOICE_SHORT,
	TNA_CHOICE_ICMP_ERROR,
	TNA_CHOICE_BUCKET,
	TNA_CHOICE_STATISTICS,
	TNA_CHOICE_NO_HOP,
	TNA_CHOICE_UNEQUAL,
	TNA_CHOICE_NO_GATEWAY,
};

// Next hops that lie one behind the other, or, of a group, entries that point to them.
struct tna_hops {
	u64 first; /* address */
	u64 size;  /* of one */
	u64 bound; /* where in one its upper bound is */
	u64 table; /* address of struct nh_res_table, by which a resilient group chooses, otherwise 0 */
	u32 count;
	bool group;
};

struct tna_sip {
	u64 v0, v1, v2, v3;
};

static __always_inline u64 tna_rotated(u64 value, u32 bits)
{
	return value << bits | value >> (64 - bits);
}

static __always_inline void tna_sip_round(struct tna_sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = tna_rotated(s->v1, 13) ^ s->v0;
	s->v3 = tna_rotated(s->v3, 16) ^ s->v2;
	s->v0 = tna_rotated(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v3 = tna_rotated(s->v3, 21) ^ s->v0;
	s->v1 = tna_rotated(s->v1, 17) ^ s->v2;
	s->v2 = tna_rotated(s->v2, 32);
}

static __always_inline void tna_sip_word(struct tna_sip *s, u64 word)
{
	s->v3 ^= word;
	tna_sip_round(s);
	tna_sip_round(s);
	s->v0 ^= word;
}

// siphash() keyed by the seed of a network namespace: begin, words, and the end with the length of all, in bytes.
static __always_inline void tna_sip_begin(struct tna_sip *s, u32 seed)
{
	u64 key = (u64)seed << 32 | seed;

	s->v0 = key ^ 0x736f6d6570736575ULL;
	s->v1 = key ^ 0x646f72616e646f6dULL;
	s->v2 = key ^ 0x6c7967656e657261ULL;
	s->v3 = key ^ 0x7465646279746573ULL;
}

static __always_inline u32 tna_sip_end(struct tna_sip *s, u64 length)
{
	tna_sip_word(s, length << 56);
	s->v2 ^= 0xff;
	tna_sip_round(s);
	tna_sip_round(s);
	tna_sip_round(s);
	tna_sip_round(s);
	return (u32)(s->v0 ^ s->v1 ^ s->v2 ^ s->v3);
}

// Swaps two numbers if the second one is less. Without a branch, of which the verifier would have to follow both ways.
static __always_inline void tna_in_order(u32 *a, u32 *b)
{
	u64 less = (u64)*b - *a;
	u32 change;

	asm volatile("" : "+r"(less));
	change = (*a ^ *b) & (u32)(less >> 32);
	*a ^= change;
	*b ^= change;
}

// 1 if a is less than b, both of 63 bits, otherwise 0. Here as below without branches: the verifier would go through the hash once for each way.
static __always_inline u64 tna_less(u64 a, u64 b)
{
	u64 less = (a - b) >> 63;

	asm volatile("" : "+r"(less));
	return less;
}

// The same of 64 bits.
static __always_inline u64 tna_under(u64 a, u64 b)
{
	u64 under = ((~a & b) | (~(a ^ b) & (a - b))) >> 63;

	asm volatile("" : "+r"(under));
	return under;
}

// Does the kernel hash what is hashed here?
static __always_inline bool tna_hash_known(void)
{
	u64 first = TNA_OFFSET(flow_keys, basic);

#ifdef TNA_WINDOW_KMOD
	return false; /* kernels that need that are older */
#endif
	TNA_ONLY_HERE(first);
	return TNA_HAS(netns_ipv4___multipath, sysctl_fib_multipath_hash_seed.mp_seed) && TNA_HAS(flow_keys, addrs) &&
	       TNA_OFFSET(flow_keys, ports) - first == 28 && TNA_OFFSET(flow_keys, addrs) - first == 36 &&
	       bpf_core_type_size(struct flow_keys) - first == 72;
}

// The hash of two IPv4 addresses, as in memory, and what else counts.
static __always_inline u32 tna_flow_hash4(u32 seed, u32 source, u32 destination, u8 protocol, u32 ports)
{
	struct tna_sip s;

	tna_in_order(&source, &destination);
	tna_sip_begin(&s, seed);
	tna_sip_word(&s, (u64)protocol << 16);
	tna_sip_word(&s, 0);
	tna_sip_word(&s, 0);
	tna_sip_word(&s, (u64)ports << 32);
	tna_sip_word(&s, (u64)source << 32);
	tna_sip_word(&s, destination);
	return tna_sip_end(&s, 48);
}

// The same of IPv6: addresses of two words each, as in memory, and the flow label as in the header.
static __always_inline u32 tna_flow_hash6(u32 seed, const u64 *source, const u64 *destination, u8 protocol, u32 label,
					   u32 ports)
{
	u64 a = source[0], b = source[1], c = destination[0], d = destination[1], swap;
	struct tna_sip s;

	/* memcmp(): as numbers of big-endian bytes */
	swap = tna_under(bpf_be64_to_cpu(c), bpf_be64_to_cpu(a)) |
	       ((1 ^ (tna_under(c, a) | tna_under(a, c))) & tna_under(bpf_be64_to_cpu(d), bpf_be64_to_cpu(b)));
	swap = -swap;
	c ^= a;
	d ^= b;
	a ^= c & swap;
	b ^= d & swap;
	c ^= a;
	d ^= b;
	tna_sip_begin(&s, seed);
	tna_sip_word(&s, (u64)label << 32 | (u64)protocol << 16);
	tna_sip_word(&s, 0);
	tna_sip_word(&s, 0);
	tna_sip_word(&s, (u64)ports << 32);
	tna_sip_word(&s, a << 32);
	tna_sip_word(&s, a >> 32 | b << 32);
	tna_sip_word(&s, b >> 32 | c << 32);
	tna_sip_word(&s, c >> 32 | d << 32);
	tna_sip_word(&s, d >> 32);
	return tna_sip_end(&s, 72);
}

// The kernel's first network namespace, the one of its first task: every task descends from that, which is its own parent. 0 if it is too far.
static __always_inline u64 tna_init_net(struct tna_pkt *p)
{
	u64 task, parent = 0;

	if (!p->scratch->init_net) {
		task = bpf_get_current_task();
		/* once per CPU, and to the end: the verifier would follow each way out */
#pragma clang loop unroll(disable)
		for (int i = 0; i < TNA_ANCESTORS_MAX; i++) {
			parent = task;
			task = tna_word(task + TNA_OFFSET(task_struct, real_parent));
		}
		if (parent == task)
			p->scratch->init_net = (u64)TNA_AT(nsproxy, tna_word(task + TNA_OFFSET(task_struct, nsproxy)))->net_ns;
	}
	return p->scratch->init_net;
}

static __always_inline u64 tna_flow_dissector(u64 net)
{
	return tna_word(net + TNA_OFFSET(net___bpf, bpf.run_array) + TNA_NETNS_FLOW_DISSECTOR * 8);
}

// Is a protocol (up to 255) in a set, of which the members below 64 and those from 128 to 191 are told? 0 or 1.
static __always_inline u64 tna_among(u64 protocol, u64 low, u64 high)
{
	return (low >> (protocol & 63) & tna_less(protocol, 64)) | (high >> (protocol & 63) & tna_less(protocol ^ 128, 64));
}

// What Linux hashes of a packet, beside its addresses, and how. In few words, which outlive the hash on a stack that has no room.
struct tna_hashed {
	u64 how;      /* TNA_HOW_* */
	u32 protocol; /* if it counts, otherwise 0, as the ports: source and destination, in order */
	u32 ports;
};

/* bits 0 to 5: TNA_FIELD_*, which count; bits 8 to 15: the policy; and what may speak against it */
#define TNA_HOW_POLICY(how) ((u8)((how) >> 8))
#define TNA_HOW_DISSECTOR (1ULL << 16) /* a program dissects, or may */
#define TNA_HOW_DEEPER (1ULL << 17)    /* Linux looks behind the protocol that the header tells */

// All ones if a bit is set, otherwise 0.
static __always_inline u64 tna_counts(u64 fields, u32 bit)
{
	u64 one = fields >> bit & 1;

	asm volatile("" : "+r"(one));
	return -one;
}

// `named`: fib_multipath_hash_fields. False if the packet is too short to tell.
static __always_inline bool tna_hashed(struct tna_pkt *p, u64 net, u32 header, u64 policy, u64 named, struct tna_hashed *f)
{
	void *packet = tna_network(p);
	u16 *words = packet + header;
	u8 told_protocol = p->ip.protocol;
	u64 protocol, first = tna_init_net(p), fields, inner, has = 1, further = 1ULL << 47 | 1ULL << 51;
	u32 source, destination, length, told = TNA_FIELDS_IP6;
	u16 fragment = p->ip.fragment;

	TNA_ONLY_HERE(told_protocol);
	protocol = told_protocol;
	TNA_ONLY_HERE(policy);
	if ((void *)(words + 2) > tna_data_end(p))
		return false;
	/* its length is read once more: with p->ip.len the verifier would follow the walk before once for each way on which it knows another */
	if (header == TNA_IP4_HLEN) {
		length = bpf_ntohs(((struct tna_ip4 *)packet)->tot_len);
		TNA_ONLY_HERE(fragment);
		has = tna_less(fragment, 1);
		told = TNA_FIELDS_IP4;
	} else {
		length = TNA_IP6_HLEN + bpf_ntohs(((struct tna_ip6 *)packet)->payload_len);
		/* hop-by-hop and destination options, routing and fragment headers */
		further |= 1ULL << 0 | 1ULL << 60 | 1ULL << 43 | 1ULL << 44;
	}
	named &= -tna_less(policy ^ TNA_HASH_FIELDS, 1);
	fields = (told >> (policy & 3) * 8 | named) & TNA_FIELDS_OUTER;
	inner = tna_less(policy ^ TNA_HASH_INNER, 1) | tna_less(0, named & TNA_FIELDS_INNER);
	/* GRE, AH, ...; MPLS; tunnels of IPv4 and IPv6 */
	f->how = has & (tna_among(protocol, further, 1ULL << (137 - 128)) | (tna_among(protocol, 1ULL << 4 | 1ULL << 41, 0) & inner));
	f->how *= TNA_HOW_DEEPER;
	f->how |= fields | policy << 8;
	f->how |= (tna_under(first, 1) | tna_under(0, tna_flow_dissector(first) | tna_flow_dissector(net))) * TNA_HOW_DISSECTOR;
	/* TCP, UDP, DCCP, ESP; SCTP, UDP-Lite (proto_ports_offset()) */
	has &= tna_among(protocol, 1ULL << 6 | 1ULL << 17 | 1ULL << 33 | 1ULL << 50, 1ULL << (132 - 128) | 1ULL << (136 - 128));
	has &= tna_less(header + 3, length);
	source = words[0] & tna_counts(fields, TNA_FIELD_SOURCE_PORT);
	destination = words[1] & tna_counts(fields, TNA_FIELD_DESTINATION_PORT);
	tna_in_order(&source, &destination);
	f->ports = (source | destination << 16) & (u32)-has;
	f->protocol = protocol & tna_counts(fields, TNA_FIELD_PROTOCOL);
	TNA_ONLY_HERE(f->how);
	return true;
}

// 1 if the packet has a hash that Linux takes.
static __always_inline u64 tna_hash_given(struct tna_pkt *p, u64 how)
{
#ifdef TNA_HOOK_TC
	struct sk_buff___hash *skb = (void *)tna_skb(p);

	return BPF_CORE_READ_BITFIELD(skb, l4_hash) & tna_less(TNA_HOW_POLICY(how) ^ TNA_HASH_PORTS, 1);
#else
	(void)p, (void)how;
	return 0;
#endif
}

// What bounds are compared with, given the hash of what counts.
static __always_inline u32 tna_half_hash(struct tna_pkt *p, u64 how, u32 hash)
{
	u32 again;

	hash += tna_less(hash, 1);
	again = tna_jhash2_words(hash & (u32)-tna_less(0, how & TNA_FIELDS_OUTER), 0, 0);
	hash ^= (hash ^ again) & (u32)-tna_less(TNA_HOW_POLICY(how) ^ TNA_HASH_FIELDS, 1);
#ifdef TNA_HOOK_TC
	hash ^= (hash ^ ((struct sk_buff___hash *)tna_skb(p))->hash) & (u32)-tna_hash_given(p, how);
#else
	(void)p;
#endif
	return hash >> 1;
}

// Does anything about the policy speak against that?
static __always_inline enum tna_choice_obstacle tna_hash_obstacle(struct tna_pkt *p, u64 how)
{
	u32 policy = TNA_HOW_POLICY(how);

#ifdef TNA_HOOK_TC
	if (policy > TNA_HASH_FIELDS)
		return TNA_CHOICE_POLICY;
#else
	if (policy == TNA_HASH_PORTS || policy > TNA_HASH_FIELDS)
		return TNA_CHOICE_POLICY;
#endif
	if (policy != TNA_HASH_ADDRESSES && !tna_hash_given(p, how)) {
		if (how & TNA_HOW_DISSECTOR)
			return TNA_CHOICE_DISSECTOR;
		if (how & TNA_HOW_DEEPER)
			return TNA_CHOICE_PROTOCOL;
	}
	return TNA_CHOICE_OK;
}

// The entries of a group of next hop objects.
static __always_inline void tna_group_hops(u64 object, struct tna_hops *hops)
{
	u64 group = (u64)TNA_AT(nexthop___group, object)->nh_grp;

	hops->first = group + TNA_OFFSET(nh_group, nh_entries);
	hops->size = bpf_core_type_size(struct nh_grp_entry);
	hops->bound = TNA_OFFSET(nh_grp_entry, hthr.upper_bound);
	hops->table = TNA_AT(nh_group, group)->hash_threshold ? 0 : (u64)TNA_AT(nh_group, group)->res_table;
	hops->count = TNA_AT(nh_group, group)->num_nh;
	hops->group = true;
}

// Is it wanted how many packets each of the group's next hops had?
static __always_inline bool tna_group_counts(u64 object)
{
	return TNA_HAS(nh_group, hw_stats) && TNA_AT(nh_group, TNA_AT(nexthop___group, object)->nh_grp)->hw_stats;
}

// Address of struct fib_nh_common of one of them; 0 if it refuses packets.
static __always_inline u64 tna_hop_at(struct tna_hops *hops, u64 at)
{
	return hops->group ? tna_next_hop_object((u64)TNA_AT(nh_grp_entry, at)->nh) : at;
}

// Where the one with the first upper bound that is not below the hash is; 0 if none of the first TNA_HOPS_MAX has one.
static __always_inline u64 tna_hop_by_hash(struct tna_hops *hops, u32 hash)
{
	u64 at = hops->first;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < TNA_HOPS_MAX; i++) {
		if (i >= hops->count)
			break;
		/* signed: -1 is below all */
		if (TNA_AT(tna_bound, at + hops->bound)->value >= (int)hash)
			return at;
		at += hops->size;
	}
	return 0;
}

// Where the next hop of a resilient group's bucket is, and whether the bucket's use is to be noted: after `refresh` jiffies, or a quarter of the time
// after which it is idle.
static __always_inline u64 tna_hop_by_bucket(u64 address, u32 hash, u32 refresh, bool *due)
{
	struct nh_res_table *table = TNA_AT(nh_res_table, address);
	u32 limit = table->idle_timer / 4;
	struct nh_res_bucket *bucket;
	u64 used;

	bucket = TNA_AT(nh_res_bucket, address + TNA_OFFSET(nh_res_table, nh_buckets) +
					       hash % table->num_nh_buckets * bpf_core_type_size(struct nh_res_bucket));
	used = bucket->used_time.counter;
	if (limit > refresh)
		limit = refresh;
	*due = used == bucket->migrated_time || bpf_jiffies64() - used > limit;
	return (u64)bucket->nh_entry;
}

// Does one of the first TNA_HOPS_MAX that are alive leave by a device? (fib_info_nh_uses_dev(), nexthop_uses_dev())
static __always_inline bool tna_hop_by_device(struct tna_hops *hops, u64 dev)
{
	u64 at = hops->first;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < TNA_HOPS_MAX; i++) {
		struct fib_nh_common *hop;

		if (i >= hops->count)
			break;
		hop = TNA_AT(fib_nh_common, tna_hop_at(hops, at));
		if ((u64)hop->nhc_dev == dev && !(hop->nhc_flags & (TNA_RTNH_F_DEAD | TNA_RTNH_F_LINKDOWN)))
			return true;
		at += hops->size;
	}
	return false;
}
