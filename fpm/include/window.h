// SPDX-License-Identifier: GPL-2.0
// The window: reads of kernel memory at any address, as plain fault-safe loads (a bad address reads as 0).
//
// bpf_rdonly_cast() takes the BTF id of a vmlinux struct only, and bridge, veth and others are usually modules. So an
// address is cast to a vmlinux struct that begins with one large array of integers: the verifier accepts a load of any
// width at any constant offset inside such an array, and one cast serves every field of the object.
#pragma once
#include "kernel.h"

static __always_inline void *tna_window(u64 address)
{
	return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct printk_buffers));
}

// Window on the object of type struct T (local declaration) at an address: a pointer whose fields can be read.
#define TNA_AT(T, address) ((struct T *)tna_window((u64)(address)))

// For objects larger than the window (net_device, net): cast to the vmlinux type itself.
#define TNA_TYPED(T, address) \
	((struct T *)bpf_rdonly_cast((void *)(u64)(address), bpf_core_type_id_kernel(struct T)))

#define TNA_OFFSET(T, field) ((u64)bpf_core_field_offset(struct T, field))
#define TNA_HAS(T, field) bpf_core_field_exists(((struct T *)0)->field)

// One aligned 64-bit word.
static __always_inline u64 tna_word(u64 address)
{
	struct timespec64 *w = bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct timespec64));

	return (u64)w->tv_sec;
}

// The 64-bit word at an offset of a window or of a typed pointer, whatever fields lie there. The barrier keeps clang from
// folding the offset into the load, which would then have to have the field's own width.
static __always_inline u64 tna_word_at(const void *pointer, u64 offset)
{
	asm volatile("" : "+r"(offset));
	return *(const u64 *)((const char *)pointer + offset);
}

#define TNA_WORD_AT(pointer, T, field) tna_word_at(pointer, TNA_OFFSET(T, field))

// The same, for typed pointers whose field is a pointer, as a plain number.
#define TNA_FIELD_WORD(pointer, T, field) tna_word((u64)(pointer) + TNA_OFFSET(T, field))

static __always_inline bool tna_list_empty(u64 head)
{
	return tna_word(head) == head;
}
