// SPDX-License-Identifier: GPL-2.0
// FPM lease: what only the controller can see is trusted while the controller is known to look.
//
// Reproduces nothing of the kernel. The controller sets the time until which it vouches (dispatcher/lease.bpf.c): later,
// or when it never has: SLOW. The clock is jiffies64: one load, no jumps, and it stands still while a virtual machine is
// suspended, as the controller does.
#pragma once
#include "lease.h"
#include "tna.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct tna_lease);
} TNA_MAP(tna_lease) SEC(".maps");

static __always_inline int fpm_lease(struct tna_pkt *p)
{
	u32 zero = 0;
	struct tna_lease *lease = bpf_map_lookup_elem(&TNA_MAP(tna_lease), &zero);

	if (tna_unlikely(!lease || (__s64)(lease->until - bpf_jiffies64()) <= 0))
		return tna_slow(p, TNA_R_LEASE_LEASE_EXPIRED);
	return TNA_NEXT;
}
