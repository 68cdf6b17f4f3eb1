// SPDX-License-Identifier: GPL-2.0
// FPM ip_egress: nothing on the way out of the device that the route chose would be skipped.
//
// net/core/dev.c __dev_queue_xmit() and the drivers: include/transmit.h; what it finds: SLOW.
// tc: a packet that still belongs to a socket, of a sender on this host or of a tap, keeps it until transmission, where
// Linux's routing lets go of it (skb_orphan() in ip_rcv_core()): fq would pace by it, a program would find it (__sk_buff's sk, bpf_skb_cgroup_id()).
// A socket, and a configured qdisc or anything at tc egress: SLOW. So netfilter egress hooks, see above.
// tc: a packet that a bridge or a VLAN device handed up came in by that for whoever asks (skb->skb_iif), a redirected one by the port. Filters may
// ask, those of qdiscs included: a configured qdisc, or anything at tc egress: SLOW. The same of one that came in through a VRF.
#pragma once
#include "ip.h"
#include "transmit.h"
#include "vrf.h"

static __always_inline int fpm_ip_egress(struct tna_pkt *p)
{
	enum tna_transmit_obstacle obstacle;
	struct tna_transmit t;

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
			return tna_slow(p, TNA_R_IP_EGRESS_TAP_EGRESS);
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
	obstacle = tna_transmit_obstacle(p, ETH_HLEN + p->ip.len);
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
	}
#ifdef TNA_HOOK_TC
	if ((TNA_HANDS_UP || on_vlan_receive || tna_through_vrf(p)) &&
	    tna_unlikely(TNA_AT(Qdisc, p->odev->qdisc)->handle || tna_tc_used(TNA_TC(p->odev, egress))))
		return tna_slow(p, TNA_R_IP_EGRESS_INGRESS_DEVICE);
	if (((struct sk_buff___ip *)tna_known_ctx(p->ctx))->sk &&
	    tna_unlikely(TNA_AT(Qdisc, p->odev->qdisc)->handle || tna_tc_used(TNA_TC(p->odev, egress))))
		return tna_slow(p, TNA_R_IP_EGRESS_SOCKET_QDISC);
#endif
	return TNA_NEXT;
}
