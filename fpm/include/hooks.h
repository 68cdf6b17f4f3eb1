// SPDX-License-Identifier: GPL-2.0
// Netfilter hooks (net/netfilter/core.c). When the last one of a place goes, its pointer becomes NULL (__nf_hook_entries_try_shrink).
#pragma once
#include "kernel.h"
#include "window.h"

// 0 if these hooks are none, or this function alone.
static __always_inline u64 tna_other_hooks(u64 address, u64 harmless)
{
	struct nf_hook_entries *entries;

	if (!address)
		return 0;
	entries = TNA_AT(nf_hook_entries, address);
	return !harmless | (entries->num_hook_entries ^ 1) | ((u64)entries->hooks[0].hook ^ harmless);
}
