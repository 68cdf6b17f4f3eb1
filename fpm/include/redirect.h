// SPDX-License-Identifier: GPL-2.0
// Sending out of p->odev, and the length of a frame.
//
// XDP: kernel/bpf/devmap.c, a device map keyed by ifindex (an index of a port could be reused by another device).
// tc: bpf_redirect() to the device's egress path, net/core/filter.c. Both only note the target: the frame is sent when
// the program returns p->action, and may still be written until then.
#pragma once
#include "ip.h"
#include "short.h"

// False: XDP cannot reach the device, since it is not in the device map.
static __always_inline bool tna_redirect(struct tna_pkt *p)
{
#ifdef TNA_HOOK_XDP
	p->action = bpf_redirect_map(&tna_egress, p->odev->ifindex, XDP_PASS);
	return p->action == XDP_REDIRECT;
#else
	p->action = bpf_redirect(p->odev->ifindex, 0);
	return true;
#endif
}

// Bytes before the network header when the packet leaves: at XDP a tag is in the packet.
static __always_inline u32 tna_leaving_link_length(struct tna_pkt *p)
{
#ifdef TNA_HOOK_XDP
	if (TNA_ROUTES_TAGS && p->tag_proto)
		return ETH_HLEN + TNA_TAG_LEN;
#endif
	(void)p;
	return ETH_HLEN;
}

// Makes the frame end where the packet does, or later if the egress device has to have it longer (see short.h). False: nothing was changed but what is
// behind the packet, which is nobody's. Pointers into the packet are void afterwards.
static __always_inline bool tna_fit(struct tna_pkt *p)
{
	u32 len = tna_link_length(p) + p->ip.len;
#ifdef TNA_HOOK_XDP
	u32 leaving = tna_leaving_link_length(p) + p->ip.len;

	if (p->len != len && bpf_xdp_adjust_tail(p->ctx, (int)(len - p->len)))
		return false;
	return !tna_too_short(p, leaving) || !bpf_xdp_adjust_tail(p->ctx, TNA_ETH_ZLEN - (int)leaving);
#else
	return p->len == len || !bpf_skb_change_tail(p->ctx, len, 0);
#endif
}

// Decided is what becomes of the packet's outer VLAN tag (p->tag). XDP: the packet begins earlier or later by as much, and tna_write_ethernet() writes the
// tag; without room for it nothing was changed. tc: here it is done, beside the packet; with no tag inside, as in packets that are routed, skb_vlan_pop() and
// skb_vlan_push() only change what is there, and cannot fail (net/core/skbuff.c). Nothing else may fail from here on. Pointers into the packet are
// void afterwards.
static __always_inline bool tna_make_tag(struct tna_pkt *p)
{
#ifdef TNA_HOOK_XDP
	int later = (int)tna_link_length(p) - (int)tna_leaving_link_length(p);

	return !later || !bpf_xdp_adjust_head(p->ctx, later);
#else
	if (p->tag == TNA_TAG_POP || p->tag == TNA_TAG_SET)
		bpf_skb_vlan_pop(p->ctx);
	return p->tag == TNA_TAG_POP || !p->tag || !bpf_skb_vlan_push(p->ctx, p->tag_proto, p->tag_tci);
#endif
}

// The first bytes of a frame in words that can be stored at once.
struct tna_eth_words {
	u32 dst_low;
	u16 dst_high;
	u16 src_low;
	u32 src_high;
	__be16 proto;
	__be16 tci; /* of a tag, whose protocol is before it */
};

// eth_header(): a frame to the next hop. Its bytes have been looked for. tc: the type is skb->protocol's, whatever a program that ran before
// has left in the header (bpf_skb_change_proto() does not write it). XDP: it stays, and a tag goes before it.
static __always_inline void tna_write_ethernet(struct tna_eth_words *eth, struct tna_pkt *p)
{
	eth->dst_low = p->ip.hardware;
	eth->dst_high = p->ip.hardware >> 32;
	eth->src_low = p->ip.own;
	eth->src_high = p->ip.own >> 16;
#ifdef TNA_HOOK_TC
	eth->proto = p->l3;
#else
	if (TNA_ROUTES_TAGS && p->tag_proto) {
		eth->proto = p->tag_proto;
		eth->tci = bpf_htons(p->tag_tci);
	}
#endif
}

#ifdef TNA_HOOK_TC
// What a bridge on the way would have changed of the skb itself, beside its bytes.
// * net/bridge/br_input.c br_handle_frame(): a frame to the bridge's own address, on a port with another one, is for this host.
// * net/core/dev.c netdev_core_pick_tx(), on a bridge device with its one queue (several: see bridge_out): the queue of the receiving device is forgotten.
static __always_inline void tna_as_routed(struct tna_pkt *p)
{
	struct __sk_buff *skb = p->ctx;

	if (TNA_HANDS_UP && skb->pkt_type != TNA_PACKET_HOST)
		bpf_skb_change_type(p->ctx, TNA_PACKET_HOST);
	if (p->bridge.down)
		skb->queue_mapping = 0;
}
#endif
