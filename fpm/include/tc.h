// SPDX-License-Identifier: GPL-2.0
// What tc would run on a device: tcx programs and clsact filters (net/core/dev.c sch_handle_ingress, include/net/tcx.h).
// Before TCX (6.6) there are only filters: dev->miniq_ingress is a list of classifiers, NULL without filters
// (net/sched/sch_ingress.c clsact_chain_head_change), and each classifier of kind bpf a list of programs (cls_bpf.c).
#pragma once
#include "tna.h"

// Characters of "tna_dispatch_tc", as the kernel keeps a program's name.
#define TNA_DISPATCHER_NAME_LOW 0x707369645f616e74ULL  /* "tna_disp" */
#define TNA_DISPATCHER_NAME_HIGH 0x0063745f68637461ULL /* "atch_tc" */

// What hangs from a device at `direction` (ingress, egress): an entry to ask the functions below about, 0 for none.
#define TNA_TC(dev, direction)                                                                                         \
	(TNA_HAS(net_device, tcx_##direction) ? (u64)(dev)->tcx_##direction : (u64)(dev)->miniq_##direction)

// Anything at all? An entry without program and filter (an empty clsact) is none.
static __always_inline bool tna_tc_used(u64 entry)
{
	u64 bundle;

	if (!entry)
		return false;
	if (!TNA_HAS(net_device, tcx_ingress))
		return true;
	bundle = tna_word(entry + TNA_OFFSET(bpf_mprog_entry, parent));
	return tna_word(entry) || (u32)tna_word(bundle + TNA_OFFSET(bpf_mprog_bundle, count)) ||
	       tna_word(bundle - TNA_OFFSET(tcx_entry, bundle) + TNA_OFFSET(tcx_entry, miniq));
}

// Filters, which can have actions? Those of TCX programs are their own.
static __always_inline bool tna_tc_filters(u64 entry)
{
	u64 bundle;

	if (!entry || !TNA_HAS(net_device, tcx_ingress))
		return entry;
	bundle = tna_word(entry + TNA_OFFSET(bpf_mprog_entry, parent));
	return tna_word(bundle - TNA_OFFSET(tcx_entry, bundle) + TNA_OFFSET(tcx_entry, miniq));
}

static __always_inline bool tna_is_dispatcher(u64 prog)
{
	u64 name = tna_word(prog + TNA_OFFSET(bpf_prog, aux)) + TNA_OFFSET(bpf_prog_aux, name);

	return tna_word(name) == TNA_DISPATCHER_NAME_LOW && tna_word(name + 8) == TNA_DISPATCHER_NAME_HIGH;
}

// Anything beside a dispatcher of ours, on a device that our program does not run on at the moment? Before TCX anything at all.
static __always_inline bool tna_tc_foreign(u64 entry)
{
	u64 bundle;

	if (!tna_tc_used(entry))
		return false;
	if (!TNA_HAS(net_device, tcx_ingress))
		return true;
	bundle = tna_word(entry + TNA_OFFSET(bpf_mprog_entry, parent));
	return (u32)tna_word(bundle + TNA_OFFSET(bpf_mprog_bundle, count)) != 1 ||
	       tna_word(bundle - TNA_OFFSET(tcx_entry, bundle) + TNA_OFFSET(tcx_entry, miniq)) ||
	       !tna_is_dispatcher(tna_word(entry));
}

// Filters besides our own dispatcher? We run, so a single classifier with a single program is ours.
static __always_inline bool tna_filters_beside_us(u64 miniq)
{
	struct tcf_proto *first;
	struct list_head *programs;

	/* cls_bpf is a module, and loaded when one of its filters runs; its types may have been missing when we were loaded */
	if (!TNA_HAS(cls_bpf_head, plist))
		return true;
	first = TNA_AT(tcf_proto, TNA_AT(mini_Qdisc, miniq)->filter_list);
	programs = TNA_AT(list_head, (u64)first->root + TNA_OFFSET(cls_bpf_head, plist));
	return first->next || programs->next != programs->prev;
}

// Anything after our own dispatcher? We run, so a single program is ours; otherwise the last one must bear its name.
static __always_inline bool tna_tc_after_us(u64 entry)
{
	u64 bundle;
	u32 count;

	if (!TNA_HAS(net_device, tcx_ingress))
		return tna_filters_beside_us(entry);
	bundle = tna_word(entry + TNA_OFFSET(bpf_mprog_entry, parent));
	if (tna_word(bundle - TNA_OFFSET(tcx_entry, bundle) + TNA_OFFSET(tcx_entry, miniq)))
		return true;
	count = (u32)tna_word(bundle + TNA_OFFSET(bpf_mprog_bundle, count));
	if (count == 1)
		return false;
	if (!count || count > 64)
		return true;
	return !tna_is_dispatcher(tna_word(entry + (u64)(count - 1) * 8));
}
