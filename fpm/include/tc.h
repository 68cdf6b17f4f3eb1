// SPDX-License-Identifier: GPL-2.0
// What tc would run on a device: tcx programs and clsact filters (net/core/dev.c sch_handle_ingress, include/net/tcx.h).
#pragma once
#include "tna.h"

// Characters of "tna_dispatch_tc", as the kernel keeps a program's name.
#define TNA_DISPATCHER_NAME_LOW 0x707369645f616e74ULL  /* "tna_disp" */
#define TNA_DISPATCHER_NAME_HIGH 0x0063745f68637461ULL /* "atch_tc" */

// Anything at all, at dev->tcx_ingress or dev->tcx_egress? An entry without program and filter (an empty clsact) is none.
static __always_inline bool tna_tcx_used(u64 entry)
{
	u64 bundle;

	if (!entry)
		return false;
	bundle = tna_word(entry + TNA_OFFSET(bpf_mprog_entry, parent));
	return tna_word(entry) || (u32)tna_word(bundle + TNA_OFFSET(bpf_mprog_bundle, count)) ||
	       tna_word(bundle - TNA_OFFSET(tcx_entry, bundle) + TNA_OFFSET(tcx_entry, miniq));
}

// Anything after our own dispatcher? We run, so a single program is ours; otherwise the last one must bear its name.
static __always_inline bool tna_tcx_after_us(u64 entry)
{
	u64 bundle = tna_word(entry + TNA_OFFSET(bpf_mprog_entry, parent)), last, name;
	u32 count;

	if (tna_word(bundle - TNA_OFFSET(tcx_entry, bundle) + TNA_OFFSET(tcx_entry, miniq)))
		return true;
	count = (u32)tna_word(bundle + TNA_OFFSET(bpf_mprog_bundle, count));
	if (count == 1)
		return false;
	if (!count || count > 64)
		return true;
	last = tna_word(entry + (u64)(count - 1) * 8);
	name = tna_word(last + TNA_OFFSET(bpf_prog, aux)) + TNA_OFFSET(bpf_prog_aux, name);
	return tna_word(name) != TNA_DISPATCHER_NAME_LOW || tna_word(name + 8) != TNA_DISPATCHER_NAME_HIGH;
}
