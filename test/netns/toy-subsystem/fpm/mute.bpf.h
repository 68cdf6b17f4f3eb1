// SPDX-License-Identifier: GPL-2.0
// FPM mute, a toy: drops UDP over IPv4 to one port. Reproduces nothing of Linux; it shows the contract of an FPM.
// What is not a whole UDP datagram to that port goes on untouched; fragments are left to Linux.
#pragma once
#include "tna.h"

static __always_inline int fpm_mute(struct tna_pkt *p)
{
	u8 *ip = p->data + 14, *udp;

	if (p->proto != bpf_htons(0x0800) || (void *)(ip + 20) > p->data_end || ip[9] != 17)
		return TNA_NEXT;
	if ((ip[6] & 0x3f) | ip[7])
		return tna_slow(p, TNA_R_MUTE_FRAGMENT);
	udp = ip + (ip[0] & 0xf) * 4;
	if ((void *)(udp + 8) > p->data_end)
		return TNA_NEXT;
	if ((udp[2] << 8 | udp[3]) == MUTE_port)
		return tna_drop(p, TNA_R_MUTE_MUTED);
	return TNA_NEXT;
}
