/* SPDX-License-Identifier: Apache-2.0 */
/* Uses what no kernel has: a weak function behind a constant, and (with STRONG) one that must resolve. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

extern int bpf_loader_test_absent(struct xdp_md *ctx) __ksym __weak;
#ifdef STRONG
extern int bpf_loader_test_required(struct xdp_md *ctx) __ksym;
#endif

const volatile bool use_absent = false;

SEC("xdp")
int careful(struct xdp_md *ctx)
{
	if (use_absent)
		return bpf_loader_test_absent(ctx);
#ifdef STRONG
	return bpf_loader_test_required(ctx);
#endif
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
