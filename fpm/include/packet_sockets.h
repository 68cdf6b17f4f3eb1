// SPDX-License-Identifier: GPL-2.0
// Packet sockets (AF_PACKET) that see frames of every protocol, as tcpdump's.
#pragma once
#include "tna.h"

// Not 0 if packet sockets listen on this very device (dev->ptype_all).
static __always_inline u64 tna_device_tapped(struct net_device *dev, u64 address)
{
	return (u64)dev->ptype_all.next ^ (address + TNA_OFFSET(net_device, ptype_all));
}

extern const void ptype_all __ksym __weak;
extern const void net_hotdata __ksym __weak;

// Not 0 if packet sockets listen on all devices.
static __always_inline u64 tna_all_tapped(u64 net)
{
	u64 head;

	if (TNA_HAS(net, ptype_all))
		return (u64)TNA_AT(net, net)->ptype_all.next ^ (net + TNA_OFFSET(net, ptype_all));
	if (TNA_HAS(net_hotdata, ptype_all) && &net_hotdata)
		head = (u64)&net_hotdata + TNA_OFFSET(net_hotdata, ptype_all);
	else if (&ptype_all)
		head = (u64)&ptype_all;
	else
		return 1;
	return tna_word(head) ^ head;
}
