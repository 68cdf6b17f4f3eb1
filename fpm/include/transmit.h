// SPDX-License-Identifier: GPL-2.0
// What lies between the choice of an egress device and the wire, whoever chose it: bridge or router.
//
// net/core/dev.c __dev_queue_xmit():
// * device down or without carrier: its queue is stopped and drops.
// * netfilter egress hook: on both hooks (a packet that tc redirects carries nf_skip_egress).
// * XDP, which sends beside all of this: taps (dev_queue_xmit_nit), tcx/clsact egress, a root qdisc that is not the
//   kernel's default (handle 0), a device that can't transmit XDP frames (xdp_features). Before 6.3 no flag
//   tells the latter; see tna_xdp_silent().
// XDP, the driver's ndo_xdp_xmit must equal its ndo_start_xmit:
// * veth (veth_xdp_xmit): drops frames longer than the peer's MTU plus headers, tag included, where the skb path does
//   not count the tag.
//   An XDP program at the other end, generic or native, finds the tag in the packet, where that of a frame by the skb path is beside it:
//   no tagged frames while there is one.
// * tap (tun_xdp_xmit): passes by the address filter, socket filter and program of tun_net_xmit(), and spreads over
//   queues in another way: not if there is any of them, or more than one queue. Nor does a reader that wants packet information before
//   each frame (no IFF_NO_PI) get that (tun_put_user_xdp, tun_put_user). Where a full ring stops the queue, so that the qdisc keeps frames
//   (IFF_BACKPRESSURE, Linux 7.3), XDP would drop them: not.
// * hardware (no rtnetlink kind): a device without an XDP program of its own may say that it transmits and yet not do it
//   (otx2_xdp_xmit, qede_xdp_transmit), and drivers take the queue with the number of this CPU and drop frames if they have not as
//   many (i40e_xdp_xmit, mlx5e_xdp_xmit, efx_xdp_tx_buffers), where the skb path takes any: not without the program, or if either number of
//   its queues is not above the CPU's. virtio (virtnet_xdp_xmit) shares its queues among CPUs. Any other kind (bond, ...): not.
// tc leaves a mark on the skb, `redirected`, for which netif_receive_generic_xdp() skips generic XDP. It is without effect
// once the frame has left, but survives a veth, and what other virtual devices do with the frame. (Its other mark,
// nf_skip_egress, is gone behind the first device whenever there is a netfilter egress hook at all: __dev_queue_xmit.)
// * veth: generic XDP on the peer: no. The peer's own ingress takes the mark away.
// * hardware, tap, dummy: the frame has left.
// * VLAN devices, bond, team hand it on to another device: not while any device of the machine has generic XDP (its
//   static key), or the kernel does not tell. Not if below the VLAN devices is one of another kind than the ones named here (a bridge, whose ports
//   are not looked at), or if they are too many to look: what is routed has lost its route (skb_dst()) then, by which tunnels go for their path MTU.
//   For the same reason not what is routed if the device keeps the routes of packets, because one below wants them (netif_keep_dst()).
// * hardware that hands frames on to another device (net_failover, netvsc with a VF): not, since nobody looks at that one.
// * any other kind (vxlan and other tunnels, macvlan, ...), and pseudo devices without a kind (L2TP): not.
// A third thing that bears the mark is what filters copy on the way out (net/sched/act_mirred.c tcf_mirred_to_dev(), mirror): an ifb device drops
// such a copy (drivers/net/ifb.c ifb_xmit()), but receives one with the mark anew, by the device that it was leaving by. Filters or a qdisc
// with classes, on the egress device or below VLAN devices, a bond, a team, while the kernel has the action mirred, or does not tell: not.
// tc leaves CHECKSUM_COMPLETE as it is, which bridge and router take away (skb_forward_csum()): a receiver on this host believes it, even where a
// qdisc (netem) or a program has changed bytes since. With a configured qdisc or anything at tc egress: not; nor into a veth behind which
// anybody but IP itself looks at the packet, nor into VLAN devices, bonds and teams.
#pragma once
#include "packet_sockets.h"
#include "short.h"
#include "tc.h"
#include "vlan.h"

#define TNA_VLAN_HLEN 4
#define TNA_ETH_MIN_MTU 68
#define TNA_XDP_ACT_NDO_XMIT 4
#define TNA_XDP_MODE_DRV 1 /* XDP_MODE_DRV */
#define TNA_IFF_NO_PI 0x1000
#define TNA_IFF_BACKPRESSURE 0x80

// What speaks against p->odev, each 0 if nothing does. `hooks` are netfilter's and tc's, the latter only a hint: see tna_tc_used(). At tc it
// depends on the packet whether those and the qdisc do: see tna_transmit_obstacle().
struct tna_transmit {
	u64 down, hooks, qdisc;
	u64 tapped, silent; /* XDP */
};

// What may be wrong with one frame for the device that it is to leave by.
enum tna_transmit_obstacle {
	TNA_TRANSMIT_OK,
	TNA_TRANSMIT_TOO_LONG,
	TNA_TRANSMIT_TAP_FILTER,
	TNA_TRANSMIT_KIND,
	TNA_TRANSMIT_PEER_XDP,
	TNA_TRANSMIT_BELOW,
	TNA_TRANSMIT_NO_QUEUE,
	TNA_TRANSMIT_COPIED,
	TNA_TRANSMIT_SUMMED,
};

// is_skb_forwardable(): the longest frame that is not dropped, headers included.
static __always_inline u32 tna_max_length(struct net_device *dev)
{
	return dev->mtu + dev->hard_header_len + TNA_VLAN_HLEN;
}

#ifdef TNA_HOOK_XDP
// Not 0 if the egress device would not transmit an XDP frame, on kernels whose devices do not say so (xdp_features).
// * veth_xdp_xmit(): the peer's receive queue (veth_select_rxq: by this CPU) needs NAPI.
// * tun_xdp_xmit(): always, with the one queue that tna_transmit_obstacle() asks for.
// * other drivers transmit once an XDP program of their own has made them set up the queues for it.
static __always_inline u64 tna_xdp_silent(struct tna_pkt *p)
{
	struct net_device *dev = p->odev, *peer;
	u64 address, rq;
	u32 queues;

	if (!TNA_AT(net_device_ops, dev->netdev_ops)->ndo_xdp_xmit)
		return 1;
	if (TNA_HAS(veth_rq, napi) && tna_is_known_veth(p, dev)) {
		address = tna_word(TNA_PRIV(p->odev_address) + TNA_OFFSET(veth_priv, peer));
		peer = TNA_AT(net_device, address);
		queues = peer->real_num_rx_queues;
		if (!address || !queues)
			return 1;
		rq = tna_word(TNA_PRIV(address) + TNA_OFFSET(veth_priv, rq));
		rq += (u64)(bpf_get_smp_processor_id() % queues) * bpf_core_type_size(struct veth_rq);
		return !tna_word(rq + TNA_OFFSET(veth_rq, napi));
	}
	if (TNA_HAS(tun_struct, filter_prog) && tna_is_tun(dev))
		return 0;
	return !dev->xdp_state[TNA_XDP_MODE_DRV].prog && !dev->xdp_state[TNA_XDP_MODE_DRV].link;
}
#endif

enum netdev_priv_flags___transmit {
	IFF_XMIT_DST_RELEASE,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device___transmit {
	struct {
		struct list_head lower;
	} adj_list;
};

#pragma clang attribute pop

// Does a device that looks like hardware hand frames on to another one?
static __always_inline bool tna_hands_on(u64 address)
{
	u64 head = address + TNA_OFFSET(net_device___transmit, adj_list.lower);

	return tna_word(head) != head;
}

#ifdef TNA_HOOK_TC
extern const void generic_xdp_needed_key __ksym __weak;
extern const void act_base __ksym __weak;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

enum tca_id {
	TNA_ACT_MIRRED = 8, /* TCA_ID_MIRRED */
};

struct tc_action_ops {
	struct list_head head;
	enum tca_id id;
};

#pragma clang attribute pop

#define TNA_ACTIONS_MAX 64
#define TNA_CHECKSUM_COMPLETE 2 /* of sk_buff.ip_summed */

#define TNA_KIND_VLAN 0x6e616c76ULL	   /* "vlan\0" */
#define TNA_KIND_BOND 0x646e6f62ULL	   /* "bond\0" */
#define TNA_KIND_TEAM 0x6d616574ULL	   /* "team\0" */
#define TNA_KIND_DUMMY 0x796d6d7564ULL	   /* "dummy\0" */
#define TNA_KIND_SHORT 0xffffffffffULL	   /* as many characters, end mark included, as all but the last have */
#define TNA_KIND_LONG 0xffffffffffffULL
#define TNA_BELOW_MAX 3

// Is the device below a VLAN device, or the last one below several, of a kind of which nothing is known? A function of its own, which the
// verifier looks at once.
__attribute__((noinline)) u64 tna_unknown_below(u64 address)
{
	if (!TNA_HAS(vlan_dev_priv, real_dev))
		return 1;
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_BELOW_MAX; i++) {
		struct net_device *dev;
		u64 kind;

		address = (u64)tna_vlan_priv(address)->real_dev;
		dev = TNA_AT(net_device, address);
		if (tna_is_hardware(dev))
			return tna_hands_on(address);
		if (tna_is_veth(dev) || tna_is_tun(dev))
			return 0;
		kind = tna_kind(dev);
		if ((kind & TNA_KIND_SHORT) == TNA_KIND_VLAN)
			continue;
		return (kind & TNA_KIND_LONG) != TNA_KIND_DUMMY && (kind & TNA_KIND_SHORT) != TNA_KIND_BOND &&
		       (kind & TNA_KIND_SHORT) != TNA_KIND_TEAM;
	}
	return 1;
}

// Has the kernel the action mirred? (net/sched/act_api.c act_base)
static __always_inline bool tna_mirrors(void)
{
	u64 head = (u64)&act_base, at = head;

	if (!&act_base)
		return true;
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_ACTIONS_MAX; i++) {
		at = tna_word(at);
		if (at == head)
			return false;
		if (TNA_AT(tc_action_ops, at)->id == TNA_ACT_MIRRED)
			return true;
	}
	return true;
}

// Could a filter copy a packet between this egress device and the wire? A function of its own, which the verifier looks at once.
__attribute__((noinline)) u64 tna_copies(u64 address)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_BELOW_MAX; i++) {
		struct net_device *dev = TNA_AT(net_device, address);
		struct Qdisc *qdisc = TNA_AT(Qdisc, dev->qdisc);
		u64 kind = tna_is_hardware(dev) ? 0 : tna_kind(dev) & TNA_KIND_SHORT;

		if (tna_tc_filters(TNA_TC(dev, egress)) || kind == TNA_KIND_BOND || kind == TNA_KIND_TEAM ||
		    (qdisc->handle && TNA_AT(Qdisc_ops, qdisc->ops)->cl_ops))
			return tna_mirrors();
		if (kind != TNA_KIND_VLAN)
			return 0;
		if (!TNA_HAS(vlan_dev_priv, real_dev))
			return 1;
		address = (u64)tna_vlan_priv(address)->real_dev;
	}
	return 1;
}

#define TNA_PEER_SEES_SKB 1
#define TNA_PEER_SEES_BYTES 2
#define TNA_PEER_SEES_TAGGED 4
#define TNA_PEER_MERGES 8
#define TNA_F_GRO_BY_SOCKET (1ULL << 57 | 1ULL << 59) /* NETIF_F_GRO_FRAGLIST, NETIF_F_GRO_UDP_FWD */

// Whether at the other end of a veth somebody has an skb before IP (ip_rcv_core(), ip6_rcv_core()), which forgets its socket and goes by its sum:
// tc, netfilter, or an rx handler, behind which it may be sent on as it is; or XDP, which has its bytes alone. Our own dispatcher does as IP does. What
// is tagged goes to VLAN devices, if there are any, at which nobody looks. And whether the veth merges what a socket sends (drivers/net/veth.c
// veth_skb_is_eligible_for_gro()). A function of its own, which the verifier looks at once.
__attribute__((noinline)) u64 tna_peer_looks(u64 address)
{
	struct bpf_xdp_entity *native;
	struct net_device *peer;
	u64 skb, bytes;

	if (!TNA_HAS(veth_priv, peer))
		return TNA_PEER_SEES_SKB;
	address = tna_word(TNA_PRIV(address) + TNA_OFFSET(veth_priv, peer));
	peer = TNA_AT(net_device, address);
	native = &peer->xdp_state[TNA_XDP_MODE_DRV];
	bytes = (u64)peer->xdp_prog | (u64)native->prog | (u64)native->link;
	skb = (u64)peer->nf_hooks_ingress | (u64)peer->rx_handler;
	skb |= tna_tc_foreign(TNA_TC(peer, ingress));
	return (skb ? TNA_PEER_SEES_SKB : 0) | (bytes ? TNA_PEER_SEES_BYTES : 0) | (tna_has_vlan_devices(peer) ? TNA_PEER_SEES_TAGGED : 0) |
	       (peer->features & TNA_F_GRO_BY_SOCKET ? TNA_PEER_MERGES : 0);
}

// What of it matters to a frame that leaves with a tag.
static __always_inline u64 tna_peer_tags(bool tagged)
{
	return tagged ? TNA_PEER_SEES_TAGGED : 0;
}

// Could somebody below a device that hands frames on miss frames that tc redirected into it? The count comes first in
// struct static_key.
static __always_inline bool tna_mark_matters(void)
{
	return !&generic_xdp_needed_key || (u32)tna_word((u64)&generic_xdp_needed_key);
}
#endif

// Not 0 if there are netfilter egress hooks or programs or filters of tc.
static __always_inline u64 tna_egress_hooks(struct tna_pkt *p)
{
	struct net_device *dev = p->odev;

	if (TNA_HAS(net_device, tcx_egress) &&
	    TNA_OFFSET(net_device, tcx_egress) == TNA_OFFSET(net_device, nf_hooks_egress) + 8)
		return tna_pointers(p->odev_address + TNA_OFFSET(net_device, nf_hooks_egress));
	return (u64)dev->nf_hooks_egress | TNA_TC(dev, egress);
}

// Looks at p->odev; not 0 if any of the words is not.
static __always_inline u64 tna_transmit_suspect(struct tna_pkt *p, struct tna_transmit *t)
{
	struct net_device *dev = p->odev;

	t->hooks = tna_egress_hooks(p);
	t->qdisc = TNA_AT(Qdisc, dev->qdisc)->handle; /* 0 if the kernel chose it: noqueue, or the default of hardware and taps */
#ifdef TNA_HOOK_XDP
	t->tapped = tna_device_tapped(dev, p->odev_address);
	t->silent = TNA_HAS(net_device, xdp_features) ? ~dev->xdp_features & TNA_XDP_ACT_NDO_XMIT : tna_xdp_silent(p);
#endif
	t->down = tna_not_running(dev);
#ifdef TNA_HOOK_XDP
	return t->down | t->hooks | t->tapped | t->qdisc | t->silent;
#else
	return t->down | t->hooks | t->qdisc;
#endif
}

// Does the frame leave with a VLAN tag that Linux keeps in metadata?
static __always_inline bool tna_leaves_tagged(struct tna_pkt *p)
{
	return p->tag == TNA_TAG_PUSH || p->tag == TNA_TAG_SET || (p->tag == TNA_TAG_KEEP && p->vlan_proto);
}

#ifdef TNA_HOOK_XDP
// Has a device an XDP program, generic or native, attached by a link or without?
static __always_inline bool tna_has_xdp(struct net_device *dev)
{
	struct bpf_xdp_entity *native = &dev->xdp_state[TNA_XDP_MODE_DRV];

	return dev->xdp_prog || native->prog || native->link;
}
#endif

#ifdef TNA_HOOK_XDP
// Has hardware, or virtio, made ready to send what this CPU redirects to it?
static __always_inline bool tna_hardware_ready(struct net_device *dev)
{
	struct bpf_xdp_entity *native = &dev->xdp_state[TNA_XDP_MODE_DRV];
	u32 cpu;

	if (!((u64)native->prog | (u64)native->link))
		return false;
	if (tna_is_virtio(dev))
		return true;
	cpu = bpf_get_smp_processor_id();
	return cpu < dev->real_num_tx_queues && cpu < dev->real_num_rx_queues;
}

// Has the tap one queue, which drops what it has no room for, and frames without packet information?
static __always_inline bool tna_tap_plain(u64 priv)
{
	u64 tap = tna_tap(priv);

	return (u32)tap == 1 && (tap >> 32 & (TNA_IFF_NO_PI | TNA_IFF_BACKPRESSURE)) == TNA_IFF_NO_PI;
}
#endif

// Would a frame of `len` bytes, link-layer header included, leave p->odev as it does with Linux? `t` is what tna_transmit_suspect() saw there.
// No veth has a smaller MTU than TNA_ETH_MIN_MTU (drivers/net/veth.c veth_setup, min_mtu), nor has its peer.
static __always_inline enum tna_transmit_obstacle tna_transmit_obstacle(struct tna_pkt *p, const struct tna_transmit *t, u32 len)
{
	struct net_device *dev = p->odev;
	u64 priv = TNA_PRIV(p->odev_address);
#ifdef TNA_HOOK_XDP
	(void)t;
	if (TNA_HAS(veth_priv, peer) && tna_is_known_veth(p, dev)) {
		if (tna_unlikely(tna_leaves_tagged(p)) &&
		    tna_has_xdp(TNA_AT(net_device, tna_word(priv + TNA_OFFSET(veth_priv, peer)))))
			return TNA_TRANSMIT_PEER_XDP;
		if (len <= TNA_ETH_MIN_MTU + ETH_HLEN)
			return TNA_TRANSMIT_OK;
		if (tna_unlikely(len > tna_max_length(dev) ||
				 len > tna_max_length(TNA_AT(net_device, tna_word(priv + TNA_OFFSET(veth_priv, peer))))))
			return TNA_TRANSMIT_TOO_LONG;
		return TNA_TRANSMIT_OK;
	}
	if (tna_unlikely(len > tna_max_length(dev)))
		return TNA_TRANSMIT_TOO_LONG;
	if (tna_is_hardware(dev))
		return !tna_hardware_ready(dev) ? TNA_TRANSMIT_NO_QUEUE : tna_hands_on(p->odev_address) ? TNA_TRANSMIT_KIND : TNA_TRANSMIT_OK;
	if (TNA_HAS(tun_struct, filter_prog) && tna_is_tun(dev)) {
		u64 queue = tna_word(priv + TNA_OFFSET(tun_struct, tfiles));

		if (tna_unlikely(!tna_tap_plain(priv) || !queue ||
		    (u32)tna_word(priv + TNA_OFFSET(tun_struct, txflt) + TNA_OFFSET(tap_filter, count)) ||
		    tna_word(priv + TNA_OFFSET(tun_struct, filter_prog)) ||
		    tna_word(queue + TNA_OFFSET(tun_file, sk) + TNA_OFFSET(sock, sk_filter))))
			return TNA_TRANSMIT_TAP_FILTER;
		return TNA_TRANSMIT_OK;
	}
	return TNA_TRANSMIT_KIND;
#else
	struct sk_buff *skb = tna_known_ctx(p->ctx);
	u64 kind, summed = BPF_CORE_READ_BITFIELD(skb, ip_summed) == TNA_CHECKSUM_COMPLETE;

	if (tna_unlikely(t->hooks | t->qdisc)) {
		if (summed)
			return TNA_TRANSMIT_SUMMED;
		if (tna_copies(p->odev_address))
			return TNA_TRANSMIT_COPIED;
	}
	if (TNA_HAS(veth_priv, peer) && tna_is_known_veth(p, dev)) {
		if (tna_unlikely(!p->gso && len > TNA_ETH_MIN_MTU + ETH_HLEN && len > tna_max_length(dev)))
			return TNA_TRANSMIT_TOO_LONG;
		if (tna_unlikely(TNA_AT(net_device, tna_word(priv + TNA_OFFSET(veth_priv, peer)))->xdp_prog))
			return TNA_TRANSMIT_PEER_XDP;
		if (tna_unlikely(summed) &&
		    tna_peer_looks(p->odev_address) & (TNA_PEER_SEES_SKB | TNA_PEER_SEES_BYTES | tna_peer_tags(tna_leaves_tagged(p))))
			return TNA_TRANSMIT_SUMMED;
		return TNA_TRANSMIT_OK;
	}
	if (tna_unlikely(!p->gso && len > tna_max_length(dev)))
		return TNA_TRANSMIT_TOO_LONG;
	if (tna_is_hardware(dev))
		return tna_unlikely(tna_hands_on(p->odev_address)) ? TNA_TRANSMIT_KIND : TNA_TRANSMIT_OK;
	if (tna_is_tun(dev))
		return TNA_TRANSMIT_OK;
	kind = tna_kind(dev);
	if ((kind & TNA_KIND_LONG) == TNA_KIND_DUMMY)
		return TNA_TRANSMIT_OK;
	kind &= TNA_KIND_SHORT;
	if (tna_unlikely(kind != TNA_KIND_VLAN && kind != TNA_KIND_BOND && kind != TNA_KIND_TEAM))
		return TNA_TRANSMIT_KIND;
	if (kind == TNA_KIND_VLAN && tna_unlikely(tna_unknown_below(p->odev_address)))
		return TNA_TRANSMIT_KIND;
	if (p->l3 && tna_unlikely(!(BPF_CORE_READ_BITFIELD(dev, priv_flags) &
				    bpf_core_enum_value(enum netdev_priv_flags___transmit, IFF_XMIT_DST_RELEASE))))
		return TNA_TRANSMIT_KIND;
	if (tna_unlikely(tna_mark_matters()))
		return TNA_TRANSMIT_BELOW;
	if (tna_unlikely(summed))
		return TNA_TRANSMIT_SUMMED;
	if (tna_unlikely(tna_copies(p->odev_address)))
		return TNA_TRANSMIT_COPIED;
	return TNA_TRANSMIT_OK;
#endif
}
