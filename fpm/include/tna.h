// SPDX-License-Identifier: GPL-2.0
// What every FPM gets: struct tna_pkt, the verdicts, and the context layer that makes one source serve XDP and tc.
// The generated composition defines TNA_HOOK_XDP or TNA_HOOK_TC and enum tna_reason before it includes the FPMs.
#pragma once
#include "rhashtable.h"
#include "scratch.h"

// Verdicts of an FPM.
enum tna_verdict {
	TNA_NEXT,     /* nothing decided: go on to the next FPM */
	TNA_SLOW,     /* leave the untouched packet to Linux; the reason is counted */
	TNA_DROP,     /* Linux would drop it silently; the reason is counted */
	TNA_REDIRECT, /* sent: p->action is what the redirect helper returned */
};

// What becomes of a frame's outer VLAN tag when it leaves.
enum tna_tag {
	TNA_TAG_KEEP, /* nothing: as it came, with a tag or without */
	TNA_TAG_PUSH, /* a new tag goes in front of all others */
	TNA_TAG_POP,  /* the outer tag is taken away */
	TNA_TAG_SET,  /* the outer tag gets another TCI */
};

#define TNA_COUNTER_SLOTS 320
#define TNA_COUNT_FAST 0
#define TNA_COUNT_DROP 1
#define TNA_COUNT_END 2 /* no FPM decided: slow path */

struct tna_counters {
	u64 n[TNA_COUNTER_SLOTS];
};

struct net_bridge;
struct net_bridge_port;

// What the bridge's FPMs tell each other; windows, not typed pointers.
struct tna_bridge_path {
	struct net_bridge *br;         /* set by bridge_port, as the next ones */
	u64 address;                   /* of br */
	u64 port;                      /* address of the ingress port */
	unsigned long options;
	unsigned long port_flags;
	struct net_bridge_port *out;   /* set by bridge_fdb */
	u16 vid;                       /* set by bridge_vlan, for what is routed by bridge_vlan_out; 0: the bridge does not filter VLANs */
	bool up;                       /* set by bridge_fdb: the frame is for the bridge device itself, not for a port */
	bool down;                     /* set by bridge_out: the packet leaves by a bridge device; odev is the port below */
};

// What the FPMs of routing tell each other.
struct tna_ip_path {
	u32 saddr, daddr;       /* IPv4, network order */
	u64 daddr_high, daddr_low; /* IPv6, host order: the first and the last eight bytes */
	u32 len;                /* of the packet, its header included, as that says */
	u32 nexthop;            /* set by ip4_route: whose neighbour entry is to be used */
	u64 nexthop_high, nexthop_low; /* the same by ip6_route, as in memory */
	u64 hardware;           /* set by ip4_neighbour, ip6_neighbour: its MAC address, as in memory */
	u64 own;                /* likewise: that of the device that the route chose */
	u16 dport;              /* host order; 0 where there is none */
	u16 fragment;           /* not 0: it is one */
	u8 protocol, tos, ttl;  /* IPv6: next header; hop limit */
	u16 vlan_proto, vlan_tci; /* the outer tag as the device in `in` sees it; proto 0: none */
	bool unpacked;          /* set by vlan_receive: a VLAN device has taken the tag, and given the packet this priority */
	u32 priority;
	u64 vlan_device;        /* set by vlan_out: the VLAN device that the packet leaves by, 0 if by none */
};

struct tna_pkt {
	void *ctx;
	struct tna_scratch *scratch;
	void *data, *data_end;
	struct net_device *dev;  /* ingress: window and address */
	u64 dev_address;
	u64 net;                 /* its network namespace */
	struct net_device *in;   /* what IP takes for the ingress device: dev, or the bridge that hands the frame up */
	u64 in_address;
	struct net_device *odev; /* egress, once chosen: window and address */
	u64 odev_address;
	u32 len;                 /* from the Ethernet header on, with a VLAN tag that is in the packet */
	u32 reason;
	int action;
	u64 dst, src;            /* MAC addresses as they lie in memory, in the low 48 bits */
	u16 proto;               /* skb->protocol as the stack will see it, network order: behind the outer VLAN tag */
	u16 vlan_proto;          /* 0: untagged; otherwise the outer tag's TPID, network order, wherever the tag is kept */
	u16 vlan_tci;            /* the outer tag's TCI */
	u16 l3;                  /* set by ip_receive: proto, once the packet is known to be for routing; otherwise 0 */
	u32 gso;                 /* tc: size of a segment of a packet that is to be segmented, otherwise 0 */
	u8 tag;                  /* enum tna_tag: what egress does to the outer tag; with these two */
	u16 tag_tci;
	u16 tag_proto;           /* network order; of a routed packet 0 where it leaves without tag */
	struct tna_bridge_path bridge;
	struct tna_ip_path ip;
};

#ifdef TNA_HOOK_XDP
// Inode number of the network namespace that the program was loaded for, 0 if it does not matter. An interface that goes to another one takes its XDP
// program along, whose device map knows interfaces by the numbers that they had here.
const volatile u32 tna_netns;
#endif

// Flags that switch FPMs on, as far as others ask for them: false where a library lacks them. In a program with just some FPMs
// those of all others are constants.
#ifndef on_bridge_up
const volatile bool on_bridge_up;
#endif
#ifndef on_bridge_vlan
const volatile bool on_bridge_vlan;
#endif
#ifndef on_bridge_vlan_egress
const volatile bool on_bridge_vlan_egress;
#endif
#ifndef on_bridge_vlan_up
const volatile bool on_bridge_vlan_up;
#endif
#ifndef on_vlan_receive
const volatile bool on_vlan_receive;
#endif
#ifndef on_vlan_out
const volatile bool on_vlan_out;
#endif
#ifndef on_bridge_vlan_out
const volatile bool on_bridge_vlan_out;
#endif
#ifndef on_ip_rules
const volatile bool on_ip_rules;
#endif
#ifndef on_vrf
const volatile bool on_vrf;
#endif
// Does a bridge hand frames up in this pipeline? Frames from port to port are none of routing's business then, nor those for
// the bridge device any of the egress port's.
#define TNA_VLAN_AWARE (on_bridge_vlan && on_bridge_vlan_egress)
#define TNA_HANDS_UP (on_bridge_up && (!TNA_VLAN_AWARE || on_bridge_vlan_up))
// May packets that are routed come in with VLAN tags, or leave with them other than by a VLAN device that has a program of its own?
#define TNA_TAKES_TAGS (on_bridge_vlan_up || on_vlan_receive)
#define TNA_ROUTES_TAGS (TNA_TAKES_TAGS || on_vlan_out || on_bridge_vlan_out)
#define TNA_VLAN_BRIDGES on_bridge_vlan_out
#define TNA_TAG_LEN 4

// Stands in the path of an FPM that is off. An instruction of its own there lets the verifier see that the path is never
// taken, and take out the test of the flag, too.
#define TNA_OFF asm volatile("r0 = 0" ::: "r0")

// A check costs most by its branch. So an FPM gathers what must be zero (or equal, by exclusive or) into one word,
// branches once, and finds out afterwards, off the hot path, which reason it was.
#define tna_unlikely(condition) __builtin_expect(!!(condition), 0)

// The barrier keeps the reason in the cold block: clang would otherwise store it before each condition is tested.
static __always_inline int tna_slow(struct tna_pkt *p, u32 reason)
{
	asm volatile("" : "+r"(reason));
	p->reason = reason;
	return TNA_SLOW;
}

static __always_inline int tna_drop(struct tna_pkt *p, u32 reason)
{
	asm volatile("" : "+r"(reason));
	p->reason = reason;
	return TNA_DROP;
}

extern const void veth_xmit __ksym __weak;

// A device with rtnetlink operations is a virtual one; hardware and virtio have none, and are part of something else, which the pseudo devices
// that are made without them (L2TP) are not.
static __always_inline bool tna_is_hardware(struct net_device *dev)
{
	return !dev->rtnl_link_ops && dev->dev.parent;
}

// The first eight bytes of a virtual device's rtnetlink kind.
static __always_inline u64 tna_kind(struct net_device *dev)
{
	return tna_word((u64)TNA_AT(rtnl_link_ops, dev->rtnl_link_ops)->kind);
}

static __always_inline bool tna_is_veth(struct net_device *dev)
{
	/* fewer loads than the name, where the kernel tells the address of the function */
	if (&veth_xmit)
		return (u64)TNA_AT(net_device_ops, dev->netdev_ops)->ndo_start_xmit == (u64)&veth_xmit;
	return !tna_is_hardware(dev) && (tna_kind(dev) & 0xffffffffffULL) == 0x68746576ULL; /* "veth\0" */
}

// The same, remembering the operations of a device that proved to be one.
static __always_inline bool tna_is_known_veth(struct tna_pkt *p, struct net_device *dev)
{
	u64 ops = (u64)dev->netdev_ops;

	if (p->scratch->veth_ops == ops)
		return true;
	if (!tna_is_veth(dev))
		return false;
	p->scratch->veth_ops = ops;
	return true;
}

static __always_inline bool tna_is_tun(struct net_device *dev)
{
	return !tna_is_hardware(dev) && (u32)tna_kind(dev) == 0x6e7574; /* "tun\0" */
}

// Of a tap, by its private memory: the number of its queues, and above that its flags. They lie side by side.
static __always_inline u64 tna_tap(u64 priv)
{
	u64 queues = tna_word(priv + TNA_OFFSET(tun_struct, numqueues));

	if (TNA_OFFSET(tun_struct, flags) == TNA_OFFSET(tun_struct, numqueues) + sizeof(u32))
		return queues;
	return (u32)queues | tna_word(priv + TNA_OFFSET(tun_struct, flags)) << 32;
}

#define TNA_LINK_START (1UL << 0)     /* __LINK_STATE_START */
#define TNA_LINK_NOCARRIER (1UL << 2) /* __LINK_STATE_NOCARRIER */

// Not 0 if a device is down or has no carrier.
static __always_inline u64 tna_not_running(struct net_device *dev)
{
	return (dev->state & (TNA_LINK_START | TNA_LINK_NOCARRIER)) ^ TNA_LINK_START;
}

// Address of the driver's private data (netdev_priv). Before it was a member of its own (6.11) it followed the structure,
// at the next multiple of NETDEV_ALIGN.
#define TNA_PRIV_OFFSET                                                                                                \
	(TNA_HAS(net_device, priv) ? TNA_OFFSET(net_device, priv) :                                                    \
				     ((u64)bpf_core_type_size(struct net_device) + 31) & ~31ULL)
#define TNA_PRIV(dev_address) ((dev_address) + TNA_PRIV_OFFSET)

#ifdef TNA_HOOK_XDP
#define TNA_CTX struct xdp_md
#define TNA_PASS XDP_PASS
#define TNA_SHOT XDP_DROP
#else
#define TNA_CTX struct __sk_buff
#define TNA_PASS (-1) /* TCX_NEXT, TC_ACT_UNSPEC */
#define TNA_SHOT 2    /* TC_ACT_SHOT */
#endif

#ifdef TNA_HOOK_XDP
#define TNA_MAP(name) name##_xdp
#else
#define TNA_MAP(name) name##_tc
#endif

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct tna_scratch);
} TNA_MAP(tna_scratch) SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct tna_counters);
} TNA_MAP(tna_counters) SEC(".maps");

#ifdef TNA_HOOK_XDP
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u32);
} tna_egress SEC(".maps");
#endif

// The packet, by pointers of which the verifier knows nothing yet.
static __always_inline void *tna_data(struct tna_pkt *p)
{
	return (void *)(long)*(volatile u32 *)&((TNA_CTX *)p->ctx)->data;
}

static __always_inline void *tna_data_end(struct tna_pkt *p)
{
	return (void *)(long)*(volatile u32 *)&((TNA_CTX *)p->ctx)->data_end;
}

// Bytes before the network header of a packet that is routed: at XDP a tag that a bridge or a VLAN device has taken is still in the packet.
static __always_inline u32 tna_link_length(struct tna_pkt *p)
{
#ifdef TNA_HOOK_XDP
	if (TNA_TAKES_TAGS && p->vlan_proto)
		return ETH_HLEN + TNA_TAG_LEN;
#endif
	(void)p;
	return ETH_HLEN;
}

// The network header, by a pointer of which the verifier knows nothing yet.
static __always_inline void *tna_network(struct tna_pkt *p)
{
	return tna_data(p) + tna_link_length(p);
}

// False only if the scratch map has no entry, which cannot be: one check here saves many later.
static __always_inline bool tna_begin(struct tna_pkt *p, TNA_CTX *ctx)
{
	u32 zero = 0;

	__builtin_memset(p, 0, sizeof(*p));
	p->ctx = ctx;
	p->scratch = bpf_map_lookup_elem(&TNA_MAP(tna_scratch), &zero);
	p->data = (void *)(long)ctx->data;
	p->data_end = (void *)(long)ctx->data_end;
	p->reason = TNA_COUNT_END;
	return p->scratch != NULL;
}

static __always_inline int tna_end(struct tna_pkt *p, int verdict)
{
	struct tna_counters *counters;
	u32 index;

	index = p->scratch->slot;
	counters = bpf_map_lookup_elem(&TNA_MAP(tna_counters), &index);
	if (counters) {
		if (verdict == TNA_REDIRECT)
			counters->n[TNA_COUNT_FAST]++;
		else if (p->reason < TNA_COUNTER_SLOTS)
			counters->n[p->reason]++;
		if (verdict == TNA_DROP)
			counters->n[TNA_COUNT_DROP]++;
	}
	if (verdict == TNA_REDIRECT)
		return p->action;
	return verdict == TNA_DROP ? TNA_SHOT : TNA_PASS;
}

#ifdef TNA_HOOK_XDP

static __always_inline u64 tna_ingress(struct tna_pkt *p)
{
	struct xdp_buff *x = tna_known_ctx(p->ctx);

	return (u64)TNA_AT(xdp_rxq_info, x->rxq)->dev;
}

#else

static __always_inline struct sk_buff *tna_skb(struct tna_pkt *p)
{
	return tna_kernel_ctx(p->ctx);
}

static __always_inline u64 tna_ingress(struct tna_pkt *p)
{
	return (u64)tna_skb(p)->dev;
}

#endif

#define TNA_IFF_PROMISC 0x100
#define TNA_CHECKSUM_PARTIAL 3 /* of sk_buff.ip_summed */

// Is a device one that sends frames itself, rather than by another device?
static __always_inline bool tna_ends_here(struct tna_pkt *p, struct net_device *dev)
{
	return tna_is_hardware(dev) || tna_is_known_veth(p, dev) || tna_is_tun(dev);
}
