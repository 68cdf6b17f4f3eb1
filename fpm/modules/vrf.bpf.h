// SPDX-License-Identifier: GPL-2.0
// FPM vrf: the ingress device belongs to a VRF, through which the packet goes before its route is looked up.
//
// net/ipv4/ip_input.c ip_rcv_finish(), ip_list_rcv_finish(), net/ipv6/ip6_input.c ip6_rcv_finish(): l3mdev_l3_rcv():
// * no master, or another one than a VRF: SLOW.
// drivers/net/vrf.c vrf_ip_rcv(), vrf_ip6_rcv():
// * IPv4 groups, IPv6 groups and link-local destinations, which take other ways: see ip4_header, ip6_header.
// * packet sockets on the VRF device, for all protocols (ptype_all): SLOW. Those for IP alone are never served there. Those on all devices are only served
//   if there is one on the VRF.
// * vrf_rcv_nfhook(): netfilter hooks at PRE_ROUTING, a second time: see guard_ip4, guard_ip6, where those that are known are harmless here, too
//   (ip_sabotage_in() accepts what has no nf_bridge state).
// * whether the VRF device is up, has addresses, tc programs, filters, XDP, qdiscs or netdev chains: packets do not go through the device itself.
// * skb->dev and skb->skb_iif are the VRF from here on, but for neighbour discovery of IPv6. Who asks at tc egress: see ip_egress. net/ipv4/ip_input.c
//   ip_rcv_finish_core() goes on with the device that the packet came by: its settings count, and its addresses. IPv6 looks the route up from the VRF: see
//   ip6_route.
// * IPSKB_L3SLAVE, IP6SKB_L3SLAVE: for local sockets (see ip4_demux).
// Not in the fast path: the VRF device's own counters of received packets (dev_dstats_rx_add). What is forwarded leaves by the device that the route
// tells; only packets of the host itself go out through a VRF (l3mdev_ip_out()).
#pragma once
#include "packet_sockets.h"
#include "vrf.h"

static __always_inline int fpm_vrf(struct tna_pkt *p)
{
	u64 vrf;

	p->scratch->vrf = 0;
	if (!p->l3 || !tna_in_vrf(p->in))
		return TNA_NEXT;
	vrf = tna_vrf(p->in_address);
	if (tna_unlikely(!vrf))
		return tna_slow(p, TNA_R_VRF_UNKNOWN);
	if (tna_unlikely(tna_device_tapped(TNA_AT(net_device, vrf), vrf)))
		return tna_slow(p, TNA_R_VRF_TAPPED);
	p->scratch->vrf = vrf;
	return TNA_NEXT;
}
