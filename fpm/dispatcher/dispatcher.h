// SPDX-License-Identifier: GPL-2.0
// One dispatcher per interface and hook: notes its slot for the counters and tail-calls the program in it.
// An empty slot means that the interface is not accelerated: the packet goes to Linux.
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "scratch.h"

typedef __u32 u32;

const volatile u32 slot = 0;

#define TNA_DISPATCHER(hook, section, context, pass)                                                                   \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);                                                                 \
		__uint(max_entries, 1);                                                                                \
		__type(key, u32);                                                                                      \
		__type(value, u32);                                                                                    \
	} tna_slots_##hook SEC(".maps");                                                                               \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                               \
		__uint(max_entries, 1);                                                                                \
		__type(key, u32);                                                                                      \
		__type(value, struct tna_scratch);                                                                     \
	} tna_scratch_##hook SEC(".maps");                                                                             \
	SEC(section)                                                                                                   \
	int tna_dispatch_##hook(context *ctx)                                                                          \
	{                                                                                                              \
		u32 zero = 0;                                                                                          \
		struct tna_scratch *scratch = bpf_map_lookup_elem(&tna_scratch_##hook, &zero);                         \
                                                                                                                       \
		if (!scratch)                                                                                          \
			return pass;                                                                                   \
		scratch->slot = slot;                                                                                  \
		bpf_tail_call(ctx, &tna_slots_##hook, slot);                                                    \
		return pass;                                                                                           \
	}                                                                                                              \
	char tna_license[] SEC("license") = "GPL"
