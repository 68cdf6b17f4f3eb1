// SPDX-License-Identifier: GPL-2.0
// FPM egress: send the frame out of the egress device that an earlier FPM chose and vetted, with the VLAN tag that it decided.
//
// XDP: kernel/bpf/devmap.c, a device map keyed by ifindex (an index of a port could be reused by another device).
// A device that is not in the map: SLOW. tc: bpf_redirect() to the device's egress path, net/core/filter.c.
// The tag is written last, so that a frame left to Linux is as it came:
// * XDP: bpf_xdp_adjust_head() fails, for want of head room, before anything is changed: SLOW. All that is written then is
//   addresses and tag. Before it, a frame that is too short for hardware is filled up (see include/short.h): SLOW if there is no room.
// * tc: net/core/skbuff.c skb_vlan_push() puts the new tag into metadata, and what was there into the packet; that fails
//   for want of memory, before anything is changed: SLOW. skb_vlan_pop() and push without a further tag in the packet touch
//   metadata only and cannot fail.
#pragma once
#include "short.h"
#include "tna.h"

#ifdef TNA_HOOK_XDP
// Addresses and outer tag, as they lie in memory.
struct tna_eth_vlan {
	u32 dst_low;
	u16 dst_high;
	u16 src_low;
	u32 src_high;
	__be16 proto;
	__be16 tci;
};

// Writes the decided tag. False: nothing was changed.
static __always_inline bool tna_write_tag(struct tna_pkt *p)
{
	struct tna_eth_vlan *eth;
	void *end;

	if (p->tag != TNA_TAG_SET && bpf_xdp_adjust_head(p->ctx, p->tag == TNA_TAG_PUSH ? -4 : 4))
		return false;
	eth = (void *)(long)((struct xdp_md *)p->ctx)->data;
	end = (void *)(long)((struct xdp_md *)p->ctx)->data_end;
	if ((void *)(eth + 1) > end)
		return false;
	eth->dst_low = p->dst;
	eth->dst_high = p->dst >> 32;
	eth->src_low = p->src;
	eth->src_high = p->src >> 16;
	if (p->tag != TNA_TAG_POP) {
		eth->proto = p->tag_proto;
		eth->tci = bpf_htons(p->tag_tci);
	}
	return true;
}

// Makes the frame long enough for the egress device and writes the tag. False: the frame is as it was.
static __always_inline bool tna_finish(struct tna_pkt *p)
{
	/* p->len has the tag counted already (bridge_vlan_egress) */
	int lacks = tna_too_short(p, p->len) ? TNA_ETH_ZLEN - (int)p->len : 0;

	if (tna_unlikely(lacks) && bpf_xdp_adjust_tail(p->ctx, lacks))
		return false;
	if (!p->tag || tna_write_tag(p))
		return true;
	if (lacks)
		bpf_xdp_adjust_tail(p->ctx, -lacks);
	return false;
}
#else
static __always_inline bool tna_write_tag(struct tna_pkt *p)
{
	if (p->tag != TNA_TAG_PUSH)
		bpf_skb_vlan_pop(p->ctx);
	return p->tag == TNA_TAG_POP || !bpf_skb_vlan_push(p->ctx, p->tag_proto, p->tag_tci);
}

static __always_inline bool tna_finish(struct tna_pkt *p)
{
	return !p->tag || tna_write_tag(p);
}
#endif

static __always_inline int fpm_egress(struct tna_pkt *p)
{
	if (TNA_HANDS_UP && p->bridge.up)
		return TNA_NEXT;
	if (tna_unlikely(!p->odev))
		return tna_slow(p, TNA_R_EGRESS_NO_EGRESS);
#ifdef TNA_HOOK_XDP
	p->action = bpf_redirect_map(&tna_egress, p->odev->ifindex, XDP_PASS);
	if (tna_unlikely(p->action != XDP_REDIRECT))
		return tna_slow(p, TNA_R_EGRESS_EGRESS_CANNOT_XDP);
#else
	p->action = bpf_redirect(p->odev->ifindex, 0);
#endif
	if (tna_unlikely(!tna_finish(p)))
		return tna_slow(p, TNA_R_EGRESS_NO_ROOM);
	return TNA_REDIRECT;
}
