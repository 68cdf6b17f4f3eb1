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

#define TNA_OFFSET(T, field) ((u64)bpf_core_field_offset(struct T, field))
#define TNA_HAS(T, field) bpf_core_field_exists(((struct T *)0)->field)

// One aligned 64-bit word.
static __always_inline u64 tna_word(u64 address)
{
	struct timespec64 *w = bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct timespec64));

	return (u64)w->tv_sec;
}

// The 64-bit word that begins with a field. The local declaration of the field must have its true size, since libbpf
// checks that of the access against it.
#define TNA_WORD_AT(pointer, field) (*(const u64 *)&(pointer)->field)
