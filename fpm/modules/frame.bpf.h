// SPDX-License-Identifier: GPL-2.0
// FPM frame: the Ethernet header, and the protocol as the stack will see it.
//
// net/ethernet/eth.c eth_type_trans(), net/core/dev.c __netif_receive_skb_core(), net/core/skbuff.c skb_vlan_untag():
// * fewer bytes than an Ethernet header: SLOW.
// * XDP: the device has gone to another network namespace with its program (net/core/dev.c __dev_change_net_namespace() takes none off, and
//   kernel/bpf/devmap.c dev_map_notification() only the device itself out of the map): SLOW. At tc the redirect goes by the namespace that the device is in.
// * XDP: an outer 802.1Q/802.1ad tag still lies in the packet. The stack moves it to skb metadata before any handler
//   and drops a frame too short for tag, inner protocol and the two bytes behind it (which vlan_set_encap_proto() may
//   look at): SLOW, Linux drops it. Otherwise skb->protocol is what
//   follows the tag; forwarding leaves the tag, and egress puts the same four bytes back, so the packet stays as it is.
// * tc: the tag is in metadata already.
#pragma once
#include "tna.h"

struct tna_vlan_tag {
	__be16 tci;
	__be16 proto;
} __attribute__((packed));

// struct ethhdr in words that can be loaded at once.
struct tna_eth {
	u32 dst_low;
	u16 dst_high;
	u16 src_low;
	u32 src_high;
	__be16 proto;
};

static __always_inline int fpm_frame(struct tna_pkt *p)
{
	struct tna_eth *eth = p->data;
	struct tna_vlan_tag *tag = p->data + ETH_HLEN;

	p->dev_address = tna_ingress(p);
	p->dev = TNA_AT(net_device, p->dev_address);
	p->net = (u64)p->dev->nd_net.net;
	p->in_address = p->dev_address;
	p->in = p->dev;
	if (tna_unlikely(p->data + ETH_HLEN > p->data_end))
		return tna_slow(p, TNA_R_FRAME_RUNT);
	p->dst = eth->dst_low | (u64)eth->dst_high << 32;
	p->src = eth->src_low | (u64)eth->src_high << 16;
#ifdef TNA_HOOK_XDP
	if (tna_netns && tna_unlikely(TNA_AT(net, p->net)->ns.inum != tna_netns))
		return tna_slow(p, TNA_R_FRAME_OTHER_NAMESPACE);
	p->len = p->data_end - p->data;
	p->proto = eth->proto;
	if (p->proto == bpf_htons(ETH_P_8021Q) || p->proto == bpf_htons(ETH_P_8021AD)) {
		/* the inner protocol follows the tag's TCI: skb_vlan_untag() wants both, and two more bytes */
		if (tna_unlikely((void *)(tag + 1) + sizeof(u16) > p->data_end))
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
