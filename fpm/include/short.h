// SPDX-License-Identifier: GPL-2.0
// XDP: frames that are shorter than Ethernet has them, where hardware is to send them.
//
// A driver fills an skb up to ETH_ZLEN bytes with zeros if its hardware does not do so by itself, or not right (eth_skb_pad(), skb_put_padto(),
// bnxt_start_xmit()). What comes by XDP it takes for a frame that was received, and so long enough (bnxt_xdp_xmit(), dpaa_xdp_xmit_frame(),
// cpsw_ndo_xdp_xmit()). Shorter are frames of veths and taps, and those that lost their padding, as in ip_rcv_core(), or a VLAN tag.
// virtio sends a frame as long as it is, either way.
#pragma once
#include "tna.h"

#ifdef TNA_HOOK_XDP
#define TNA_ETH_ZLEN 60

extern const void virtnet_xdp_xmit __ksym __weak;

static __always_inline bool tna_is_virtio(struct net_device *dev)
{
	return &virtnet_xdp_xmit &&
	       (u64)TNA_AT(net_device_ops, dev->netdev_ops)->ndo_xdp_xmit == (u64)&virtnet_xdp_xmit;
}

// Does a device want frames of ETH_ZLEN bytes at least? A function of its own, which the verifier looks at once.
__attribute__((noinline)) u64 tna_wants_length(u64 address)
{
	struct net_device *dev = TNA_AT(net_device, address);

	return tna_is_hardware(dev) && !tna_is_virtio(dev);
}

// Is a frame of `len` bytes too short for the egress device? bpf_xdp_adjust_tail() makes the bytes that it adds zeros.
static __always_inline bool tna_too_short(struct tna_pkt *p, u32 len)
{
	return len < TNA_ETH_ZLEN && tna_wants_length(p->odev_address);
}
#endif
