// SPDX-License-Identifier: GPL-2.0
// FPM ip_egress: nothing on the way out of the device that the route chose would be skipped.
//
// net/core/dev.c __dev_queue_xmit() and the drivers: include/transmit.h; what it finds: SLOW.
// tc: a packet that still belongs to a socket, of a sender on this host or of a tap, keeps it until transmission, where
// Linux's routing lets go of it (skb_orphan() in ip_rcv_core()): fq would pace by it, a program would find it (__sk_buff's sk, bpf_skb_cgroup_id()).
// A socket, and a configured qdisc, fq as the kernel's own choice (net.core.default_qdisc), anything at tc egress or a netfilter egress hook: SLOW,
// of the egress device, and of what is below VLAN devices, which hand the packet on as it is. A socket, and a bond or team: SLOW. A socket, and a veth
// (the last below VLAN devices, too) at whose other end anything but IP has the packet first, a bridge for example, or a VLAN device, or that merges
// what a socket sends (rx-udp-gro-forwarding, rx-gro-list): SLOW. A socket, and a tap with a BPF program of its own: SLOW.
// A packet socket does not see what it has sent itself (skb_loop_sk() in dev_queue_xmit_nit()): one of a packet socket, and packet sockets that listen
// on the egress device, on a device below, or on all devices: SLOW.
// tc: a packet that a bridge or a VLAN device handed up came in by that for whoever asks (skb->skb_iif), a redirected one by the port. Filters may
// ask, those of qdiscs included: a configured qdisc, or anything at tc egress: SLOW. The same of one that came in through a VRF.
#pragma once
#include "ip.h"
#include "redirect.h"
#include "transmit.h"
#include "vlan.h"
#include "vrf.h"

#ifdef TNA_HOOK_TC
#define TNA_AF_PACKET 17
#define TNA_QDISC_FQ 0x7166ULL /* "fq\0" */
#define TNA_QDISC_SHORT 0xffffffULL
#define TNA_TAGGED 1ULL /* no address has this bit */
#define TNA_PEER_MINDS_SOCKET (TNA_PEER_SEES_SKB | TNA_PEER_MERGES)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* what struct sock begins with */
struct sock_common___family {
	unsigned short skc_family;
};

#pragma clang attribute pop

// Does a socket send what packet sockets listen for there, and is it one itself?
static __always_inline bool tna_hears_itself(u64 sock, struct net_device *dev, u64 address)
{
	return (tna_device_tapped(dev, address) || tna_all_tapped((u64)dev->nd_net.net)) &&
	       TNA_AT(sock_common___family, sock)->skc_family == TNA_AF_PACKET;
}

// Not 0 if a tap has a program that filters its packets or chooses their queue (TUNSETFILTEREBPF, TUNSETSTEERINGEBPF).
static __always_inline u64 tna_tap_programs(u64 address)
{
	u64 priv = TNA_PRIV(address);

	if (!TNA_HAS(tun_struct, filter_prog) || !TNA_HAS(tun_struct, steering_prog))
		return 1;
	return tna_word(priv + TNA_OFFSET(tun_struct, filter_prog)) | tna_word(priv + TNA_OFFSET(tun_struct, steering_prog));
}

// Could somebody between an egress device and the wire ask for this socket, a packet's? The qdisc of a device's first queue is its only one or, below
// mq, the one that all have. TNA_TAGGED beside its address: the packet has a tag. A function of its own, which the verifier looks at once.
__attribute__((noinline)) u64 tna_asks_for_socket(u64 address, u64 sock)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_BELOW_MAX; i++) {
		struct net_device *dev = TNA_AT(net_device, address);
		struct Qdisc *first = TNA_AT(Qdisc, TNA_AT(netdev_queue, dev->_tx)->qdisc);
		u64 kind = tna_is_hardware(dev) ? 0 : tna_kind(dev) & TNA_KIND_SHORT;

		if (TNA_AT(Qdisc, dev->qdisc)->handle || tna_tc_used(TNA_TC(dev, egress)) || dev->nf_hooks_egress ||
		    tna_hears_itself(sock & ~TNA_TAGGED, dev, address) ||
		    (tna_word((u64)first->ops + TNA_OFFSET(Qdisc_ops, id)) & TNA_QDISC_SHORT) == TNA_QDISC_FQ)
			return 1;
		if (tna_is_tun(dev))
			return tna_tap_programs(address);
		if (kind != TNA_KIND_VLAN)
			return kind == TNA_KIND_BOND || kind == TNA_KIND_TEAM ||
			       (tna_is_veth(dev) && tna_peer_looks(address) & (TNA_PEER_MINDS_SOCKET | tna_peer_tags(sock & TNA_TAGGED)));
		if (!TNA_HAS(vlan_dev_priv, real_dev))
			return 1;
		address = (u64)tna_vlan_priv(address)->real_dev;
		sock |= TNA_TAGGED;
	}
	return 1;
}
#endif

static __always_inline int fpm_ip_egress(struct tna_pkt *p)
{
	enum tna_transmit_obstacle obstacle;
	struct tna_transmit t;
#ifdef TNA_HOOK_TC
	u64 sock;
#endif

	if (!p->l3)
		return TNA_NEXT;
	if (tna_unlikely(!p->odev_address))
		return tna_slow(p, TNA_R_IP_EGRESS_NO_EGRESS);
	p->odev = TNA_AT(net_device, p->odev_address);
	if (tna_unlikely(tna_transmit_suspect(p, &t))) {
		if (t.down)
			return tna_slow(p, TNA_R_IP_EGRESS_EGRESS_DOWN);
		if (p->odev->nf_hooks_egress)
			return tna_slow(p, TNA_R_IP_EGRESS_NF_EGRESS);
#ifdef TNA_HOOK_XDP
		if (t.tapped)
			return tna_slow(p, TNA_R_IP_EGRESS_TAPPED);
		if (t.qdisc)
			return tna_slow(p, TNA_R_IP_EGRESS_QDISC);
		if (t.silent)
			return tna_slow(p, TNA_R_IP_EGRESS_EGRESS_NO_XDP);
		if (tna_tc_used(TNA_TC(p->odev, egress)))
			return tna_slow(p, TNA_R_IP_EGRESS_TC_EGRESS);
#endif
	}
	if (TNA_ROUTES_TAGS)
		p->tag = p->tag_proto ? p->vlan_proto ? TNA_TAG_SET : TNA_TAG_PUSH : p->vlan_proto ? TNA_TAG_POP : TNA_TAG_KEEP;
	obstacle = tna_transmit_obstacle(p, &t, tna_leaving_link_length(p) + p->ip.len);
	if (tna_unlikely(obstacle != TNA_TRANSMIT_OK)) {
		if (obstacle == TNA_TRANSMIT_TOO_LONG)
			return tna_slow(p, TNA_R_IP_EGRESS_TOO_LONG);
		if (obstacle == TNA_TRANSMIT_TAP_FILTER)
			return tna_slow(p, TNA_R_IP_EGRESS_TAP_FILTER);
		if (obstacle == TNA_TRANSMIT_KIND)
			return tna_slow(p, TNA_R_IP_EGRESS_EGRESS_KIND);
		if (obstacle == TNA_TRANSMIT_PEER_XDP)
			return tna_slow(p, TNA_R_IP_EGRESS_PEER_XDP);
		if (obstacle == TNA_TRANSMIT_BELOW)
			return tna_slow(p, TNA_R_IP_EGRESS_EGRESS_BELOW);
		if (obstacle == TNA_TRANSMIT_NO_QUEUE)
			return tna_slow(p, TNA_R_IP_EGRESS_NO_QUEUE);
		if (obstacle == TNA_TRANSMIT_COPIED)
			return tna_slow(p, TNA_R_IP_EGRESS_COPIED);
		if (obstacle == TNA_TRANSMIT_SUMMED)
			return tna_slow(p, TNA_R_IP_EGRESS_SUMMED);
	}
#ifdef TNA_HOOK_TC
	if ((TNA_HANDS_UP || on_vlan_receive || tna_through_vrf(p)) &&
	    tna_unlikely(t.qdisc || (t.hooks && tna_tc_used(TNA_TC(p->odev, egress)))))
		return tna_slow(p, TNA_R_IP_EGRESS_INGRESS_DEVICE);
	sock = (u64)((struct sk_buff___ip *)tna_skb(p))->sk;
	if (sock &&
	    tna_unlikely(t.qdisc || t.hooks || tna_hears_itself(sock, p->odev, p->odev_address) ||
			 !tna_is_known_veth(p, p->odev) ||
			 tna_peer_looks(p->odev_address) & (TNA_PEER_MINDS_SOCKET | tna_peer_tags(tna_leaves_tagged(p)))) &&
	    tna_asks_for_socket(p->odev_address, sock | (tna_leaves_tagged(p) ? TNA_TAGGED : 0)))
		return tna_slow(p, TNA_R_IP_EGRESS_SOCKET_QDISC);
#endif
	return TNA_NEXT;
}
