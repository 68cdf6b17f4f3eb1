// SPDX-License-Identifier: GPL-2.0
// FPM egress: send the frame out of the egress device that an earlier FPM chose and vetted.
//
// XDP: kernel/bpf/devmap.c, a device map keyed by ifindex (an index of a port could be reused by another device).
// A device that is not in the map: SLOW. tc: bpf_redirect() to the device's egress path, net/core/filter.c.
#pragma once
#include "tna.h"

static __always_inline int fpm_egress(struct tna_pkt *p)
{
	if (tna_unlikely(!p->odev))
		return tna_slow(p, TNA_R_EGRESS_NO_EGRESS);
#ifdef TNA_HOOK_XDP
	p->action = bpf_redirect_map(&tna_egress, p->odev->ifindex, XDP_PASS);
	if (tna_unlikely(p->action != XDP_REDIRECT))
		return tna_slow(p, TNA_R_EGRESS_EGRESS_CANNOT_XDP);
#else
	p->action = bpf_redirect(p->odev->ifindex, 0);
#endif
	return TNA_REDIRECT;
}
