// SPDX-License-Identifier: GPL-2.0
// The window: reads of kernel memory at any address, as plain fault-safe loads (a bad address reads as 0).
//
// bpf_rdonly_cast() takes the BTF id of a vmlinux struct only, and bridge, veth and others are usually modules. So an
// address is cast to a vmlinux struct that begins with one large array of integers: the verifier accepts a load of any
// width at any constant offset inside such an array, and one cast serves every field of the object.
//
// Kernels before 6.2 have no such cast. There the module in helpers-kmod/ offers functions that return a pointer to a
// struct of the same shape: the library is compiled a second time, with TNA_WINDOW_KMOD. Each window then costs a call.
#pragma once
#include "kernel.h"

#ifdef TNA_WINDOW_KMOD

struct tna_window {
	u64 word[512];
};

extern struct tna_window *bpf_tna_window_1(u64 address) __ksym;
extern struct tna_window *bpf_tna_xdp_ctx_1(struct xdp_md *ctx) __ksym;
extern struct tna_window *bpf_tna_skb_ctx_1(struct __sk_buff *ctx) __ksym;

static __always_inline void *tna_window(u64 address)
{
	return bpf_tna_window_1(address);
}

// Hides from clang what it knows of a number's range, so that a bound is tested where it is needed: the verifier of an old
// kernel forgets ranges that the compiler relies on.
#define TNA_OPAQUE(number) asm volatile("" : "+r"(number))

// Window on what the kernel has behind a program's context: struct xdp_buff, struct sk_buff.
#ifdef TNA_HOOK_XDP
#define tna_kernel_ctx(ctx) ((void *)bpf_tna_xdp_ctx_1(ctx))
#else
#define tna_kernel_ctx(ctx) ((void *)bpf_tna_skb_ctx_1(ctx))
#endif
#define tna_known_ctx(ctx) tna_kernel_ctx(ctx)

#else

extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

static __always_inline void *tna_window(u64 address)
{
	return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct printk_buffers));
}

#define tna_kernel_ctx(ctx) tna_window((u64)bpf_cast_to_kern_ctx(ctx))
// The same as the verifier knows it: for fields of struct xdp_buff or struct sk_buff itself, whose loads need no range check.
#define tna_known_ctx(ctx) bpf_cast_to_kern_ctx(ctx)
#define TNA_OPAQUE(number) (void)(number)

#endif

// Window on the object of type struct T (local declaration) at an address: a pointer whose fields can be read.
#define TNA_AT(T, address) ((struct T *)tna_window((u64)(address)))

#define TNA_OFFSET(T, field) ((u64)bpf_core_field_offset(struct T, field))
#define TNA_HAS(T, field) bpf_core_field_exists(((struct T *)0)->field)

// One 64-bit word.
static __always_inline u64 tna_word(u64 address)
{
#ifdef TNA_WINDOW_KMOD
	return bpf_tna_window_1(address)->word[0];
#else
	struct timespec64 *w = bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct timespec64));

	return (u64)w->tv_sec;
#endif
}

// Not 0 if one of two adjacent pointers, the first at this address, is not NULL: with one read, of the highest byte of the first and all
// but the highest of the second. The highest byte of a kernel address is 0xff, and no kernel address has only that.
static __always_inline u64 tna_pointers(u64 address)
{
	return tna_word(address + 7);
}

// The 64-bit word that begins with a field. The local declaration of the field must have its true size, since libbpf
// checks that of the access against it.
#define TNA_WORD_AT(pointer, field) (*(const u64 *)&(pointer)->field)
