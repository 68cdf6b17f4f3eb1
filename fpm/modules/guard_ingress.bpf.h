// SPDX-License-Identifier: GPL-2.0
// FPM guard_ingress: everything that Linux would run on the ingress device before the device's rx handler.
//
// net/core/dev.c __netif_receive_skb_core(), in its order:
// * generic XDP (do_xdp_generic): XDP: our own program then runs on an skb whose VLAN tag, checksum and GSO state it
//   cannot see: SLOW. tc: it has run already.
// * AF_PACKET taps (net->ptype_all, older: net_hotdata.ptype_all or the global ptype_all; dev->ptype_all): XDP: SLOW, so
//   that tcpdump sees every packet. tc: they have been served already.
// * tcx and clsact (sch_handle_ingress): XDP: any: SLOW. tc: programs before ours have run and let the packet go on;
//   one after ours, or a clsact filter, would be skipped: SLOW. On a kernel without tcx this can't be seen: SLOW.
// * netfilter ingress hooks of the device (nf_ingress): SLOW. They run after tc.
// * VLAN devices (vlan_do_receive) take tagged frames before the rx handler: tagged frame on a device that has any: SLOW.
// * device down (a driver may still deliver what it had queued): SLOW.
// * ptype_specific handlers are not reached by a frame that the rx handler consumes.
#pragma once
#include "tc.h"

extern const void ptype_all __ksym __weak;
extern const void net_hotdata __ksym __weak;

static __always_inline bool tna_any_device_tapped(struct net *net)
{
	if (TNA_HAS(net, ptype_all))
		return (u64)net->ptype_all.next != (u64)&net->ptype_all;
	if (TNA_HAS(net_hotdata, ptype_all) && &net_hotdata)
		return !tna_list_empty((u64)&net_hotdata + TNA_OFFSET(net_hotdata, ptype_all));
	if (&ptype_all)
		return !tna_list_empty((u64)&ptype_all);
	return true;
}

static __always_inline int fpm_guard_ingress(struct tna_pkt *p)
{
	struct net_device *dev = p->dev;
	struct net *net = dev->nd_net.net;

	p->net = (u64)net;
	if (tna_unlikely(!(dev->flags & TNA_IFF_UP)))
		return tna_slow(p, TNA_R_GUARD_INGRESS_INGRESS_DOWN);
#ifdef TNA_HOOK_XDP
	if (tna_unlikely(dev->xdp_prog))
		return tna_slow(p, TNA_R_GUARD_INGRESS_GENERIC_XDP);
	if (tna_unlikely(tna_device_tapped(dev)))
		return tna_slow(p, TNA_R_GUARD_INGRESS_TAP_INGRESS);
	if (tna_unlikely(tna_any_device_tapped(net)))
		return tna_slow(p, TNA_R_GUARD_INGRESS_TAP_ALL);
	if (tna_unlikely(tna_tc_ingress_used(dev)))
		return tna_slow(p, TNA_R_GUARD_INGRESS_TC_INGRESS);
#else
	if (tna_unlikely(!TNA_HAS(net_device, tcx_ingress) || tna_tcx_after_us(TNA_FIELD_WORD(dev, net_device, tcx_ingress))))
		return tna_slow(p, TNA_R_GUARD_INGRESS_TC_INGRESS);
#endif
	if (tna_unlikely(TNA_HAS(net_device, nf_hooks_ingress) && dev->nf_hooks_ingress))
		return tna_slow(p, TNA_R_GUARD_INGRESS_NF_INGRESS);
	if (p->vlan_proto && TNA_HAS(net_device, vlan_info)) {
		u64 info = TNA_FIELD_WORD(dev, net_device, vlan_info);

		if (tna_unlikely(info && (u32)tna_word(info + TNA_OFFSET(vlan_info, grp) + TNA_OFFSET(vlan_group, nr_vlan_devs))))
		return tna_slow(p, TNA_R_GUARD_INGRESS_VLAN_DEVICE);
	}
	return TNA_NEXT;
}
