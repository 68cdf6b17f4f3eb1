/* SPDX-License-Identifier: Apache-2.0 */
/* Loads until the constant turns its out-of-bounds read on: then the verifier has to refuse it. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

const volatile bool broken = true;

SEC("xdp")
int careless(struct xdp_md *ctx)
{
	unsigned char *data = (unsigned char *)(long)ctx->data;

	if (broken)
		return data[100] + XDP_PASS;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
