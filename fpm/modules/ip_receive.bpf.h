// SPDX-License-Identifier: GPL-2.0
// FPM ip_receive: the frame is one that the ingress device hands to IP, and to nothing but IP. Whether packets of its family
// (IPv4, IPv6) are routed is for the FPMs of that family to say: where there are none, nobody chooses an egress (ip_egress). In
// the pipeline of a bridge port the ingress device is the bridge, and frames that it does not receive itself are none of
// routing's business.
//
// net/ethernet/eth.c eth_type_trans():
// * XDP: destination other than the device's address: broadcast, multicast or PACKET_OTHERHOST, which ip_rcv_core()
//   and ip6_rcv_core() drop: SLOW. tc: skb->pkt_type other than PACKET_HOST: SLOW. For a bridge see bridge_up.
// * XDP: a tap runs programs while it is down, and only then refuses the frame (tun_get_user, tun_build_skb): SLOW.
// * DSA conduits (netdev_uses_dsa): the frame has a switch tag: SLOW.
// * a device that is not Ethernet: SLOW.
// net/core/dev.c __netif_receive_skb_core(), after what guard_ingress looks at:
// * a VLAN tag, priority tags included (vlan_do_receive, PACKET_OTHERHOST without such a device): SLOW. What a bridge or a VLAN device has
//   taken off is none: see bridge_vlan_up, vlan_receive. XDP: of the port below the VLAN device that frame has to be as well.
// * an rx handler (bridge port, bond, macvlan, ...): SLOW.
// * ptype_base, net->ptype_specific (where there is one), dev->ptype_specific: packet sockets for the packet's family alone get a copy: SLOW.
// net/ipv4/ip_input.c ip_rcv_core(), ip_rcv_finish(), net/ipv6/ip6_input.c ip6_rcv_core(), ip6_rcv_finish():
// * l3mdev_ip_rcv(), l3mdev_ip6_rcv(): the device belongs to a VRF: SLOW without the FPM vrf. It is one: SLOW.
// * tc: a socket that a program has assigned (skb_sk_is_prefetched): SLOW. Any other skb->sk is the sender's on this
//   host; Linux lets go of it here, a redirect keeps it until transmission: SLOW if transmission would report a
//   timestamp to it.
// * tc: skb_valid_dst(): a route found already: SLOW, also for tunnel metadata.
// * tc: skb extensions (IPsec path, MPTCP, bridge netfilter): SLOW.
// net/ipv4/ip_forward.c ip_forward_finish(), net/ipv6/ip6_output.c ip6_forward_finish():
// * tc: switch hardware has forwarded the packet already (offload_l3_fwd_mark): SLOW.
// Segmentation of encapsulated packets counts other headers (skb_gso_transport_seglen): SLOW.
#pragma once
#include "ip.h"

extern const void ip_rcv __ksym __weak;
extern const void ipv6_rcv __ksym __weak;
extern const void ptype_base __ksym __weak;
extern const void sock_pfree __ksym __weak;

#define TNA_PTYPES_MAX 6
#define TNA_IFF_UP 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sk_buff___owner {
	void *destructor;
};

#pragma clang attribute pop

// Does a list of packet handlers have one for this protocol other than IP itself, whose own may be 0 for unknown? A long
// list counts as yes.
static __always_inline bool tna_listened(u64 head, u16 proto, u64 own)
{
	u64 entry = tna_word(head);

#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_PTYPES_MAX; i++) {
		struct packet_type *handler;

		if (entry == head)
			return false;
		handler = TNA_AT(packet_type, entry - TNA_OFFSET(packet_type, list));
		if (handler->type == proto && !(own && (u64)handler->func == own))
			return true;
		entry = (u64)handler->list.next;
	}
	return true;
}

// Packet sockets that are served beside IP: those bound to the device, then those that listen on all devices.
static __always_inline bool tna_ip_tapped(struct tna_pkt *p)
{
	u64 own = p->in_address + TNA_OFFSET(net_device___ip, ptype_specific), all;
	u64 ip = p->proto == bpf_htons(ETH_P_IP) ? (u64)&ip_rcv : (u64)&ipv6_rcv;

	if (tna_unlikely(tna_word(own) != own) && tna_listened(own, p->proto, ip))
		return true;
	if (TNA_HAS(net___ip, ptype_specific)) {
		all = p->net + TNA_OFFSET(net___ip, ptype_specific);
		return tna_unlikely(tna_word(all) != all) && tna_listened(all, p->proto, ip);
	}
	if (!&ptype_base || !ip)
		return true;
	/* PTYPE_HASH_SIZE is 16, a list head two words */
	all = (u64)&ptype_base + (u64)(bpf_ntohs(p->proto) & 15) * 16;
	return tna_listened(all, p->proto, ip);
}

static __always_inline int fpm_ip_receive(struct tna_pkt *p)
{
	struct net_device *dev = p->in;
	struct net_device___ip *ipdev = TNA_AT(net_device___ip, p->in_address);
	u64 handler = (u64)dev->rx_handler, dsa = TNA_HAS(net_device___ip, dsa_ptr) ? (u64)ipdev->dsa_ptr : 0;
	u64 tag = TNA_TAKES_TAGS ? p->ip.vlan_proto : p->vlan_proto;
	u64 l3, type = ipdev->type ^ TNA_ARPHRD_ETHER, flags, other = 0, down = ~dev->flags & TNA_IFF_UP;
#ifdef TNA_HOOK_TC
	struct sk_buff *skb = tna_skb(p), *known = tna_known_ctx(p->ctx);
	struct sk_buff___ip *state = (struct sk_buff___ip *)known;
	u64 sock = state->sk != NULL, extensions = state->active_extensions;
	u64 dst = state->_skb_refdst, encapsulated = 0, offloaded = 0;
#endif

	if (TNA_HANDS_UP && !p->bridge.up)
		return TNA_NEXT;
	if (tna_unlikely(p->proto != bpf_htons(ETH_P_IP) && p->proto != bpf_htons(ETH_P_IPV6)))
		return tna_slow(p, TNA_R_IP_RECEIVE_NOT_IP);
#ifdef TNA_HOOK_XDP
	/* of a tagged frame the port below the VLAN device is as much asked */
	if (TNA_TAKES_TAGS && p->ip.unpacked) {
		struct net_device___ip *port = TNA_AT(net_device___ip, p->dev_address);

		dsa |= TNA_HAS(net_device___ip, dsa_ptr) ? (u64)port->dsa_ptr : 0;
		type |= port->type ^ TNA_ARPHRD_ETHER;
		down |= ~p->dev->flags & TNA_IFF_UP;
	}
#endif
	flags = bpf_core_enum_value(enum netdev_priv_flags, IFF_L3MDEV_MASTER);
	if (!on_vrf)
		flags |= bpf_core_enum_value(enum netdev_priv_flags, IFF_L3MDEV_SLAVE);
	flags &= BPF_CORE_READ_BITFIELD(dev, priv_flags);
	if (!TNA_HANDS_UP) {
#ifdef TNA_HOOK_XDP
		other = (tna_word((u64)dev->dev_addr) & 0xffffffffffffULL) ^ p->dst;
#else
		other = BPF_CORE_READ_BITFIELD(known, pkt_type) ^ TNA_PACKET_HOST;
#endif
	}
	if (tna_unlikely(other | tag | handler | dsa | type | flags | down)) {
		if (down)
			return tna_slow(p, TNA_R_IP_RECEIVE_DOWN);
		if (tag)
			return tna_slow(p, TNA_R_IP_RECEIVE_TAGGED);
		if (handler)
			return tna_slow(p, TNA_R_IP_RECEIVE_RX_HANDLER);
		if (dsa)
			return tna_slow(p, TNA_R_IP_RECEIVE_DSA);
		if (type)
			return tna_slow(p, TNA_R_IP_RECEIVE_NOT_ETHERNET);
		if (flags)
			return tna_slow(p, TNA_R_IP_RECEIVE_VRF);
		if (other)
			return tna_slow(p, TNA_R_IP_RECEIVE_NOT_OURS);
	}
	if (tna_unlikely(tna_ip_tapped(p)))
		return tna_slow(p, TNA_R_IP_RECEIVE_PACKET_SOCKET);
#ifdef TNA_HOOK_TC
	if (TNA_HAS(sk_buff___ip, offload_l3_fwd_mark))
		offloaded = BPF_CORE_READ_BITFIELD(state, offload_l3_fwd_mark);
	if (p->gso)
		encapsulated = BPF_CORE_READ_BITFIELD(state, encapsulation);
	if (tna_unlikely(sock | dst | extensions | offloaded | encapsulated)) {
		if (dst)
			return tna_slow(p, TNA_R_IP_RECEIVE_ROUTED);
		if (extensions)
			return tna_slow(p, TNA_R_IP_RECEIVE_EXTENSIONS);
		if (offloaded)
			return tna_slow(p, TNA_R_IP_RECEIVE_SWITCHDEV_MARK);
		if (encapsulated)
			return tna_slow(p, TNA_R_IP_RECEIVE_ENCAPSULATED);
		if (sock) {
			u64 shared = (u64)skb->head + skb->end;

			if (!&sock_pfree || (u64)((struct sk_buff___owner *)skb)->destructor == (u64)&sock_pfree)
				return tna_slow(p, TNA_R_IP_RECEIVE_ASSIGNED_SOCKET);
			if (TNA_AT(skb_shared_info___ip, shared)->tx_flags)
				return tna_slow(p, TNA_R_IP_RECEIVE_TIMESTAMP);
		}
	}
#endif
	/* a constant on each way (see fpm/README.md); clang must not see that it is p->proto */
	l3 = bpf_htons(ETH_P_IPV6);
	if (p->proto == bpf_htons(ETH_P_IP)) {
		l3 = bpf_htons(ETH_P_IP);
		asm volatile("" : "+r"(l3));
	} else {
		asm volatile("" : "+r"(l3));
	}
	p->l3 = l3;
	return TNA_NEXT;
}
