// SPDX-License-Identifier: GPL-2.0
// Programs of somebody else: they pass everything.
#define SEC(name) __attribute__((section(name), used))

SEC("xdp")
int foreign_xdp(void *context)
{
	(void)context;
	return 2; /* XDP_PASS */
}

SEC("tc")
int foreign_tcx(void *context)
{
	(void)context;
	return -1; /* TCX_NEXT */
}

char foreign_license[] SEC("license") = "GPL";
