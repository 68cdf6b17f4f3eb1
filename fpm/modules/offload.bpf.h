// SPDX-License-Identifier: GPL-2.0
// FPM offload: state of a frame that lies beside its bytes.
//
// XDP sees bytes only; what an skb or a NIC keeps beside them would be lost by a redirect.
// * veth (drivers/net/veth.c veth_xdp_rcv_skb): the xdp_buff sits in a veth_xdp_buff with the skb that it came from;
//   no skb when the frame arrived by ndo_xdp_xmit. VLAN tag in skb metadata, CHECKSUM_PARTIAL, GSO, a mark (it survives
//   a veth pair inside one network namespace, skb_scrub_packet), a tc_index (tc programs and classes of the sender's egress
//   set it, and it survives every veth pair), a security mark or a time of delivery (SO_TXTIME, which skb_scrub_packet() and skb_clear_tstamp()
//   keep and fq goes by): SLOW. Not skb->priority: it is 0 behind a veth pair
//   (____dev_forward_skb), and at each next one again. Kernels before 6.3 do not keep the skb there: SLOW, all frames.
// * tap (drivers/net/tun.c tun_build_skb, tun_xdp_one): without vnet header a frame is only bytes. With one its checksum
//   can be partial, which XDP is not told: SLOW. Frames that tun hands to do_xdp_generic() are safe for the same reason. With several
//   queues a tap notes which one a flow came by, if XDP passes it, and sends answers there (tun_flow_update): SLOW.
// * a device without rtnetlink kind that is part of something (hardware, virtio): it can have stripped a VLAN tag if its receive VLAN
//   offload is on, or has been asked for: the driver is told before the device's features are (__netdev_update_features): SLOW. Such drivers do not deliver partial checksums or GSO frames to XDP, but for xen-netfront, which looks for a partial
//   checksum after XDP (xennet_get_responses, XEN_NETRXF_csum_blank): SLOW.
// * any other kind: not understood: SLOW.
// * a frame in several buffers, as a veth makes of one longer than a page, or XDP elsewhere has made: not every device transmits such
//   frames (kernel/bpf/devmap.c __xdp_enqueue), and the FPMs see the first buffer alone: SLOW.
// tc: an skb is redirected with all its metadata (skb_do_redirect, __bpf_tx_skb), except that
// * PACKET_LOOPBACK is passed on by br_handle_frame(), not bridged: SLOW.
// * LRO frames: __br_forward() drops them with a warning (skb_warn_if_lro): SLOW.
// * offload_fwd_mark: switch hardware has forwarded the frame already (nbp_switchdev_allowed_egress): SLOW.
// * CHECKSUM_COMPLETE stays, which __br_forward() makes CHECKSUM_NONE (skb_forward_csum): see include/transmit.h.
// * extensions (skb_ext): with SKB_EXT_BRIDGE_NF, which a bridge below a VLAN device on it has left there, br_nf_forward() and
//   br_nf_post_routing() ask iptables whatever this bridge's options say; with TC_SKB_EXT, br_forward() takes back that an address
//   was unknown to a bridge below (br_tc_skb_miss_set), for which filters of the egress may ask (flower l2_miss). Any: SLOW. At XDP
//   there are none: skb_scrub_packet() drops them on the way through a veth pair, and no other XDP program comes upon an skb that
//   has been anywhere.
// * pfmemalloc, received when memory had run out: __netif_receive_skb_core() drops all protocols but ARP, IP, IPv6 and VLAN behind
//   tc: SLOW. XDP does not show whether a page is such a one.
// * CHECKSUM_PARTIAL with a VLAN tag inside the packet: br_dev_queue_push_xmit() sets the network header behind the tags, which
//   programs and filters of the egress go by, and drops the frame if it does not find that (vlan_get_protocol_and_depth): SLOW.
#pragma once
#include "tna.h"
#include "vlan.h"

// Numbers of features are those of no header that user space has, and their enumeration has no name that CO-RE could go by. They
// are the same in Linux 6.1 to 7.3.
#define TNA_VLAN_RX_OFFLOAD ((1ULL << 8) | (1ULL << 46)) /* NETIF_F_HW_VLAN_CTAG_RX, NETIF_F_HW_VLAN_STAG_RX */
#define TNA_IFF_VNET_HDR 0x4000
#define TNA_PACKET_LOOPBACK 5
#define TNA_XDP_HAS_FRAGS 1 /* XDP_FLAGS_HAS_FRAGS */

#ifdef TNA_HOOK_XDP
extern const void xennet_xdp_xmit __ksym __weak;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff___delivery {
	u8 tstamp_type : 2;
};

/* before 6.10 */
struct sk_buff___mono_delivery {
	u8 mono_delivery_time : 1;
};

#pragma clang attribute pop

// Not 0 if the skb's timestamp says when it is to be sent. Where the kernel does not tell, any timestamp will do.
static __always_inline u64 tna_delivery_time(u64 address)
{
	struct sk_buff___delivery *skb = TNA_AT(sk_buff___delivery, address);
	struct sk_buff___mono_delivery *older = TNA_AT(sk_buff___mono_delivery, address);

	if (TNA_HAS(sk_buff___delivery, tstamp_type))
		return BPF_CORE_READ_BITFIELD(skb, tstamp_type);
	if (TNA_HAS(sk_buff___mono_delivery, mono_delivery_time))
		return BPF_CORE_READ_BITFIELD(older, mono_delivery_time);
	return TNA_AT(sk_buff, address)->tstamp;
}
#endif

static __always_inline int fpm_offload(struct tna_pkt *p)
{
#ifdef TNA_HOOK_XDP
	if (TNA_HAS(xdp_buff, flags) && tna_unlikely(((struct xdp_buff *)tna_known_ctx(p->ctx))->flags & TNA_XDP_HAS_FRAGS))
		return tna_slow(p, TNA_R_OFFLOAD_FRAGMENTS);
	if (TNA_HAS(veth_xdp_buff, skb) && tna_is_known_veth(p, p->dev)) {
		struct veth_xdp_buff *x = tna_kernel_ctx(p->ctx);
		u64 address = (u64)x->skb, vlan, csum, gso, mark;
		struct sk_buff *skb;

		if (tna_unlikely(!OFFLOAD_veth))
			return tna_slow(p, TNA_R_OFFLOAD_UNKNOWN_DEVICE);
		if (!address)
			return TNA_NEXT;
		if (tna_unlikely(tna_delivery_time(address)))
			return tna_slow(p, TNA_R_OFFLOAD_DELIVERY_TIME);
		skb = TNA_AT(sk_buff, address);
		vlan = skb->vlan_all;
		csum = BPF_CORE_READ_BITFIELD(skb, ip_summed);
		gso = TNA_AT(skb_shared_info, (u64)skb->head + skb->end)->gso_size;
		mark = skb->mark | (TNA_HAS(sk_buff, secmark) ? skb->secmark : 0) |
		       (TNA_HAS(sk_buff, tc_index) ? skb->tc_index : 0);
		if (tna_unlikely(vlan))
			return tna_slow(p, TNA_R_OFFLOAD_VLAN_METADATA);
		if (tna_unlikely(csum == TNA_CHECKSUM_PARTIAL))
			return tna_slow(p, TNA_R_OFFLOAD_PARTIAL_CHECKSUM);
		if (tna_unlikely(gso))
			return tna_slow(p, TNA_R_OFFLOAD_GSO);
		if (tna_unlikely(mark))
			return tna_slow(p, TNA_R_OFFLOAD_MARK);
		return TNA_NEXT;
	}
	if (TNA_HAS(tun_struct, flags) && tna_is_tun(p->dev)) {
		u64 tap = tna_tap(TNA_PRIV(p->dev_address));

		if (tna_unlikely(tap >> 32 & TNA_IFF_VNET_HDR))
			return tna_slow(p, TNA_R_OFFLOAD_VNET_HEADER);
		if (tna_unlikely((u32)tap > 1))
			return tna_slow(p, TNA_R_OFFLOAD_SEVERAL_QUEUES);
		return TNA_NEXT;
	}
	if (tna_unlikely(!tna_is_hardware(p->dev)))
		return tna_slow(p, TNA_R_OFFLOAD_UNKNOWN_DEVICE);
	if (&xennet_xdp_xmit && (u64)TNA_AT(net_device_ops, p->dev->netdev_ops)->ndo_xdp_xmit == (u64)&xennet_xdp_xmit)
		return tna_slow(p, TNA_R_OFFLOAD_XEN);
	if (tna_unlikely((p->dev->features | p->dev->wanted_features) & TNA_VLAN_RX_OFFLOAD))
		return tna_slow(p, TNA_R_OFFLOAD_VLAN_RX_OFFLOAD);
#else
	struct sk_buff *skb = tna_skb(p), *known = tna_known_ctx(p->ctx);

	if (tna_unlikely(BPF_CORE_READ_BITFIELD(known, pkt_type) == TNA_PACKET_LOOPBACK))
		return tna_slow(p, TNA_R_OFFLOAD_LOOPBACK);
	if (p->gso) {
		struct skb_shared_info *shared = TNA_AT(skb_shared_info, (u64)skb->head + skb->end);

		if (tna_unlikely(!shared->gso_type))
			return tna_slow(p, TNA_R_OFFLOAD_LRO);
	}
	if (tna_unlikely(TNA_HAS(sk_buff, offload_fwd_mark) && BPF_CORE_READ_BITFIELD(known, offload_fwd_mark)))
		return tna_slow(p, TNA_R_OFFLOAD_SWITCHDEV_MARK);
	/* of what is routed, ip_receive has looked at the extensions, and the others do not matter */
	if (!p->l3) {
		u64 reserve = BPF_CORE_READ_BITFIELD(known, pfmemalloc);
		u64 extensions = TNA_HAS(sk_buff, active_extensions) ? known->active_extensions : 0;

		if (tna_unlikely(extensions | reserve)) {
			if (extensions)
				return tna_slow(p, TNA_R_OFFLOAD_EXTENSIONS);
			if (reserve)
				return tna_slow(p, TNA_R_OFFLOAD_MEMORY_RESERVE);
		}
		if (tna_unlikely(tna_type_is_vlan(p->proto)) &&
		    BPF_CORE_READ_BITFIELD(known, ip_summed) == TNA_CHECKSUM_PARTIAL)
			return tna_slow(p, TNA_R_OFFLOAD_INNER_TAG_CHECKSUM);
	}
#endif
	return TNA_NEXT;
}
