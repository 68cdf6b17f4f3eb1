// SPDX-License-Identifier: GPL-2.0
// FPM l2_control: frames that the bridge does not simply forward by destination address.
//
// net/bridge/br_input.c:
// * br_handle_frame: source not a valid unicast address (is_valid_ether_addr): SLOW, Linux drops it.
// * link-local 01:80:c2:00:00:0X (with or without group_fwd_mask), broadcast and multicast: SLOW, all are group addresses.
// * br_process_frame_type: CFM and MRP frames: SLOW.
// * br_handle_frame_finish: ARP and RARP (br_do_proxy_suppress_arp): the bridge may answer in another's stead: SLOW.
#pragma once
#include "bridge.h"

#define TNA_ETH_P_RARP 0x8035
#define TNA_ETH_P_CFM 0x8902
#define TNA_ETH_P_MRP 0x88e3

static __always_inline int fpm_l2_control(struct tna_pkt *p)
{
	if (tna_unlikely((p->src | p->dst) & 1 || !p->src)) {
		if (!p->src || p->src & 1)
			return tna_slow(p, TNA_R_L2_CONTROL_INVALID_SOURCE);
		if (p->dst == 0xffffffffffffULL)
			return tna_slow(p, TNA_R_L2_CONTROL_BROADCAST);
		if ((p->dst & 0xf0ffffffffffULL) == 0x0000c28001ULL)
			return tna_slow(p, TNA_R_L2_CONTROL_LINK_LOCAL);
		if (p->dst & 1)
			return tna_slow(p, TNA_R_L2_CONTROL_MULTICAST);
	}
	if (tna_unlikely(p->proto == bpf_htons(ETH_P_ARP) || p->proto == bpf_htons(TNA_ETH_P_RARP)))
		return tna_slow(p, TNA_R_L2_CONTROL_ARP);
	if (tna_unlikely(p->proto == bpf_htons(TNA_ETH_P_CFM) || p->proto == bpf_htons(TNA_ETH_P_MRP)))
		return tna_slow(p, TNA_R_L2_CONTROL_CFM_MRP);
	return TNA_NEXT;
}
