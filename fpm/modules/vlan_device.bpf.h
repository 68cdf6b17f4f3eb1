// SPDX-License-Identifier: GPL-2.0
// FPM vlan_device: the ingress device is a VLAN device, and hands frames on as if the tag had never been.
//
// The program is attached to the VLAN device itself, at tc. So everything below has happened by the time it runs: what the real device's
// taps, filters and hooks do, the choice of the VLAN device, its counters, skb->priority by its ingress map, and PACKET_HOST for
// its own MAC address where that is not the real device's (net/8021q/vlan_core.c vlan_do_receive). Tags further in make the
// frame none for IP: see ip_receive. A VLAN device takes no native XDP.
// net/core/dev.c __netif_receive_skb_core(): packet sockets for some protocol on the device that the frame came in by (orig_dev->ptype_specific),
// which lies somewhere below, are served beside IP: SLOW if there are any on a device below. Of a bond, team or macvlan that is
// one of the devices below it: SLOW, as for all devices of other kinds than hardware, veth, tap and bridge.
// * reorder_hdr off, here or on a VLAN device below: the tag is put back into the packet, where the network header is expected: SLOW.
// Which device is the egress: VLAN devices push the tag when they transmit (include/transmit.h).
#pragma once
#include "bridge.h"
#include "ip.h"
#include "vlan.h"

// Not 0 if packet sockets for single protocols listen on a device below a VLAN device. *lowest becomes the address of the last one.
static __always_inline u64 tna_tapped_below(u64 address, u64 *lowest)
{
	u64 tapped = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < TNA_VLANS_MAX; i++) {
		address = (u64)tna_vlan_priv(address)->real_dev;
		tapped |= tna_protocol_tapped(address);
		if (!tna_is_vlan_device(TNA_AT(net_device, address)))
			break;
	}
	*lowest = address;
	return tapped;
}

static __always_inline int fpm_vlan_device(struct tna_pkt *p)
{
	struct net_device *below;
	u64 lowest;
	bool vlan = tna_is_vlan_device(p->dev), reorders = tna_vlans_reorder(p->dev_address);

	if (tna_unlikely(!vlan || !reorders)) {
		if (!vlan)
			return tna_slow(p, TNA_R_VLAN_DEVICE_NOT_VLAN);
		if (!reorders)
			return tna_slow(p, TNA_R_VLAN_DEVICE_TAG_KEPT);
	}
	if (tna_unlikely(tna_tapped_below(p->dev_address, &lowest)))
		return tna_slow(p, TNA_R_VLAN_DEVICE_TAPPED_BELOW);
	below = TNA_AT(net_device, lowest);
	if (tna_unlikely(!tna_ends_here(p, below) && !tna_is_bridge(below)))
		return tna_slow(p, TNA_R_VLAN_DEVICE_BELOW_KIND);
	return TNA_NEXT;
}
