// SPDX-License-Identifier: GPL-2.0
// FPM guard_ingress: everything that Linux would run on the ingress device before the device's rx handler.
//
// net/core/dev.c __netif_receive_skb_core(), in its order:
// * generic XDP (do_xdp_generic): XDP: our own program then runs on an skb whose VLAN tag, checksum and GSO state it
//   cannot see: SLOW. tc: it has run already.
// * AF_PACKET taps (net->ptype_all, older: net_hotdata.ptype_all or the global ptype_all; dev->ptype_all): XDP: SLOW, so
//   that tcpdump sees every packet. tc: they have been served already.
// * tcx and clsact (sch_handle_ingress): XDP: any: SLOW. tc: programs before ours have run and let the packet go on;
//   one after ours, or a clsact filter, would be skipped: SLOW. Before TCX ours is a clsact filter itself: any
//   other one, before or after it, is SLOW.
// * netfilter ingress hooks of the device (nf_ingress): SLOW. They run after tc.
// * a VLAN device (vlan_do_receive) takes frames of its tag before the rx handler: SLOW. Other tags are for the rx handler.
// * a device that goes down leaves forwarding state (br_stp_disable_port): see bridge_port.
// * ptype_specific handlers are not reached by a frame that the rx handler consumes.
#pragma once
#include "packet_sockets.h"
#include "tc.h"
#include "vlan.h"

static __always_inline int fpm_guard_ingress(struct tna_pkt *p)
{
	struct net_device *dev = p->dev;
	u64 nf = (u64)dev->nf_hooks_ingress, tc = TNA_TC(dev, ingress);
#ifdef TNA_HOOK_XDP
	u64 generic = (u64)dev->xdp_prog, tapped = tna_device_tapped(dev, p->dev_address), all = tna_all_tapped(p->net);

	if (tna_unlikely(nf | tc | generic | tapped | all)) {
		if (generic)
			return tna_slow(p, TNA_R_GUARD_INGRESS_GENERIC_XDP);
		if (tapped)
			return tna_slow(p, TNA_R_GUARD_INGRESS_TAPPED);
		if (all)
			return tna_slow(p, TNA_R_GUARD_INGRESS_TAPPED_ALL);
		if (tna_tc_used(tc))
			return tna_slow(p, TNA_R_GUARD_INGRESS_TC_INGRESS);
#else
	if (tna_unlikely(tna_tc_after_us(tc)))
		return tna_slow(p, TNA_R_GUARD_INGRESS_TC_INGRESS);
	if (tna_unlikely(nf)) {
#endif
		if (nf)
			return tna_slow(p, TNA_R_GUARD_INGRESS_NF_INGRESS);
	}
	/* at XDP vlan_receive has seen to it, but not to a VLAN device on a bridge's port */
#ifdef TNA_HOOK_XDP
	if (TNA_TAKES_TAGS && !TNA_HANDS_UP && p->ip.unpacked)
		return TNA_NEXT;
#endif
	if (p->vlan_proto && tna_has_vlan_devices(dev) &&
	    tna_vlan_device(dev, p->vlan_proto, p->vlan_tci & TNA_VLAN_VID_MASK))
		return tna_slow(p, TNA_R_GUARD_INGRESS_VLAN_DEVICE);
	return TNA_NEXT;
}
