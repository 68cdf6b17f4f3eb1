// SPDX-License-Identifier: GPL-2.0
/*
 * tna_helpers: the window of TNA's fast-path modules for kernels whose BPF programs have no bpf_rdonly_cast() (before
 * Linux 6.2). An XDP or tc program that calls these kernel functions gets what bpf_rdonly_cast() and
 * bpf_cast_to_kern_ctx() give it elsewhere: leave to read kernel memory by loads that cannot fault.
 *
 * Nothing is looked up, changed or kept here. All knowledge of the bridge stays in the FPMs, which are the same source
 * on every kernel (README.md says why). The verifier allows loads only through what is returned: the kernel's
 * JIT gives each an entry in the exception table, and a bad address reads as 0.
 *
 * The number at the end of each name is the version of this interface. A function whose meaning changes gets another
 * number, so a program never runs with a module that it was not made for: it does not load.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/filter.h>
#include <linux/kernfs.h>
#include <linux/kobject.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/skbuff.h>
#include <linux/version.h>
#include <net/xdp.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "tna_helpers knows Linux 6.1 and later"
#endif

/* Linux 6.3 */
#ifndef __bpf_kfunc
#define __bpf_kfunc __used noinline
#endif
/* Linux 6.7 */
#ifndef __bpf_kfunc_start_defs
#define __bpf_kfunc_start_defs()                                                                                       \
	__diag_push();                                                                                                 \
	__diag_ignore_all("-Wmissing-prototypes", "called by BPF programs only")
#define __bpf_kfunc_end_defs() __diag_pop()
#endif
/* Linux 6.9 */
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START(name) BTF_SET8_START(name)
#define BTF_KFUNCS_END(name) BTF_SET8_END(name)
#endif

static bool force;
module_param(force, bool, 0444);
MODULE_PARM_DESC(force, "load although this kernel does not need the module");

/*
 * The type of what is returned. The verifier accepts a load of any width at any constant offset inside a large array of
 * integers. It is never defined anywhere: only its shape in this module's BTF matters.
 */
struct tna_window {
	u64 word[512];
};

__bpf_kfunc_start_defs();

/* A window on any address. */
__bpf_kfunc struct tna_window *bpf_tna_window_1(u64 address)
{
	return (struct tna_window *)address;
}

/* A window on the struct xdp_buff behind an XDP program's context. */
__bpf_kfunc struct tna_window *bpf_tna_xdp_ctx_1(struct xdp_md *ctx)
{
	return (struct tna_window *)ctx;
}

/* A window on the struct sk_buff behind a tc program's context. */
__bpf_kfunc struct tna_window *bpf_tna_skb_ctx_1(struct __sk_buff *ctx)
{
	return (struct tna_window *)ctx;
}

__bpf_kfunc_end_defs();

/*
 * Kernels that have bpf_rdonly_cast() let only holders of CAP_PERFMON read through it (check_ptr_to_btf_access()). In 6.1
 * whoever may load programs (CAP_BPF, CAP_NET_ADMIN) may call any function and read through what it returns. The one
 * thing that 6.1 can ask for in addition is CAP_SYS_BOOT, by this flag (check_kfunc_call()): nothing is destroyed here.
 */
#define TNA_PRIVILEGED KF_DESTRUCTIVE

BTF_KFUNCS_START(tna_xdp_functions)
BTF_ID_FLAGS(func, bpf_tna_window_1, TNA_PRIVILEGED)
BTF_ID_FLAGS(func, bpf_tna_xdp_ctx_1, TNA_PRIVILEGED)
BTF_KFUNCS_END(tna_xdp_functions)

BTF_KFUNCS_START(tna_tc_functions)
BTF_ID_FLAGS(func, bpf_tna_window_1, TNA_PRIVILEGED)
BTF_ID_FLAGS(func, bpf_tna_skb_ctx_1, TNA_PRIVILEGED)
BTF_KFUNCS_END(tna_tc_functions)

static const struct btf_kfunc_id_set tna_xdp_set = { .owner = THIS_MODULE, .set = &tna_xdp_functions };
static const struct btf_kfunc_id_set tna_tc_set = { .owner = THIS_MODULE, .set = &tna_tc_functions };

/* Whether the kernel has a function, exported or not. */
static bool __init tna_kernel_has(const char *name)
{
	struct kprobe probe = { .symbol_name = name };

	if (register_kprobe(&probe))
		return false;
	unregister_kprobe(&probe);
	return true;
}

/*
 * Whether the kernel took this module's BTF. It loads a module whose BTF is missing, or does not fit vmlinux's, all the
 * same, and then merely finds no functions in it. What it took it shows as /sys/kernel/btf/NAME.
 */
static bool __init tna_btf_registered(void)
{
	struct kernfs_node *directory = kernfs_find_and_get(kernel_kobj->sd, "btf"), *own;

	if (!directory)
		return false;
	own = kernfs_find_and_get(directory, KBUILD_MODNAME);
	kernfs_put(directory);
	if (!own)
		return false;
	kernfs_put(own);
	return true;
}

static int __init tna_helpers_init(void)
{
	int error;

	if (!force && tna_kernel_has("bpf_rdonly_cast")) {
		pr_err("this kernel has bpf_rdonly_cast(): TNA needs no module here (force=1 loads it nevertheless)\n");
		return -EOPNOTSUPP;
	}
	if (!tna_btf_registered()) {
		pr_err("the kernel did not accept this module's BTF: build it anew for this very kernel, see README.md\n");
		return -ENOEXEC;
	}
	if (!tna_xdp_functions.cnt || !tna_xdp_functions.pairs[0].id) {
		pr_err("the BTF ids of this module are not resolved: build it with its own Makefile, see README.md\n");
		return -ENOEXEC;
	}
	error = register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &tna_xdp_set);
	if (!error)
		error = register_btf_kfunc_id_set(BPF_PROG_TYPE_SCHED_CLS, &tna_tc_set);
	if (error)
		pr_err("cannot register functions for BPF programs: error %d\n", error);
	return error;
}

/* The functions go with the module's BTF. A program that calls them holds the module, which then cannot be removed. */
static void __exit tna_helpers_exit(void)
{
}

module_init(tna_helpers_init);
module_exit(tna_helpers_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Kernel memory windows for TNA's fast-path modules");
MODULE_VERSION("1.0");
