// SPDX-License-Identifier: GPL-2.0
// What dispatcher and program share on one CPU (map tna_scratch_*). Apart from the slot these are memories of pure
// functions and hints, verified on each use: losing them changes nothing but time.
#pragma once
#include <linux/types.h>

#define TNA_HASH_MEMORY 256

struct tna_hash_memory {
	__u64 key;
	__u32 seed;
	__u32 hash;
};

struct tna_scratch {
	__u32 slot;       /* of the interface and hook: index of its counters; written by the dispatcher */
	__u32 brnf_id;    /* guard_bridge_nf: where br_netfilter's state was found last */
	__u64 brnf;       /* its address */
	__u64 veth_ops;   /* offload: the operations of veth devices */
	__u64 no_qdisc;   /* bridge_egress: a queueing discipline that is part of the kernel and does nothing */
	struct tna_hash_memory hashes[TNA_HASH_MEMORY]; /* by the last byte of a MAC address */
};
