// SPDX-License-Identifier: GPL-2.0
// FPM frame: the Ethernet header, and the protocol as the stack will see it.
//
// net/ethernet/eth.c eth_type_trans(), net/core/dev.c __netif_receive_skb_core(), net/core/skbuff.c skb_vlan_untag():
// * fewer bytes than an Ethernet header: SLOW.
// * XDP: an outer 802.1Q/802.1ad tag still lies in the packet. The stack moves it to skb metadata before any handler
//   and drops a frame too short for tag and inner protocol: SLOW, Linux drops it. Otherwise skb->protocol is what
//   follows the tag; forwarding leaves the tag, and egress puts the same four bytes back, so the packet stays as it is.
// * tc: the tag is in metadata already.
#pragma once
#include "tna.h"

struct tna_vlan_tag {
	__be16 tci;
	__be16 proto;
} __attribute__((packed));

static __always_inline int fpm_frame(struct tna_pkt *p)
{
	struct ethhdr *eth = p->data;
	struct tna_vlan_tag *tag = (void *)(eth + 1);

	if ((void *)(eth + 1) > p->data_end)
		return tna_slow(p, TNA_R_FRAME_RUNT);
	p->eth = eth;
	p->dst = (u64) * (u32 *)&eth->h_dest[0] | (u64) * (u16 *)&eth->h_dest[4] << 32;
	p->src = (u64) * (u32 *)&eth->h_source[0] | (u64) * (u16 *)&eth->h_source[4] << 32;
#ifdef TNA_HOOK_XDP
	p->len = p->data_end - p->data;
	p->proto = eth->h_proto;
	if (p->proto == bpf_htons(ETH_P_8021Q) || p->proto == bpf_htons(ETH_P_8021AD)) {
		if ((void *)(tag + 1) > p->data_end)
			return tna_slow(p, TNA_R_FRAME_TAGGED_RUNT);
		p->vlan_proto = p->proto;
		p->vlan_tci = bpf_ntohs(tag->tci);
		p->proto = tag->proto;
	}
#else
	struct __sk_buff *skb = p->ctx;

	(void)tag;
	p->len = skb->len;
	p->proto = skb->protocol;
	if (skb->vlan_present) {
		p->vlan_proto = skb->vlan_proto;
		p->vlan_tci = skb->vlan_tci;
	}
	p->gso = skb->gso_size;
#endif
	return TNA_NEXT;
}
