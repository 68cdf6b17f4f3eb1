// SPDX-License-Identifier: GPL-2.0
// The controller's lease (map tna_lease_*): how long pipelines trust what only the controller can see.
#pragma once
#include <linux/types.h>

struct tna_lease {
	__u64 until;   /* jiffies64 when it expires; 0, as in a new map: it has */
	__u64 renewed; /* CLOCK_MONOTONIC in ns when it was renewed, for people */
	__u32 seconds; /* what the operator asked for, for whoever looks at the configuration; 0: nothing was noted */
	__u32 scope;   /* likewise: 1 where needed, 2 everywhere, 3 off */
};
