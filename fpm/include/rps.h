// SPDX-License-Identifier: GPL-2.0
// Receive packet steering: whether a packet goes on to another CPU behind XDP (net/core/dev.c get_rps_cpu()), or has its hash made for that.
#pragma once
#include "tna.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct netdev_rx_queue {
	void *rps_map;
	void *rps_flow_table;
};

/* newer kernels keep the length of the table in its address */
struct netdev_rx_queue___tagged {
	unsigned long rps_flow_table;
};

struct net_device___rx {
	struct netdev_rx_queue *_rx;
};

#pragma clang attribute pop

// Not 0 if a receive queue of a device has RPS or RFS (rps_cpus, rps_flow_cnt).
static __always_inline u64 tna_queue_spreads(u64 address, u32 index)
{
	u64 queue = (u64)TNA_AT(net_device___rx, address)->_rx + (u64)index * bpf_core_type_size(struct netdev_rx_queue);
	u64 spreads = 0;

	if (TNA_HAS(netdev_rx_queue, rps_map))
		spreads |= tna_word(queue + TNA_OFFSET(netdev_rx_queue, rps_map));
	if (TNA_HAS(netdev_rx_queue, rps_flow_table))
		spreads |= tna_word(queue + TNA_OFFSET(netdev_rx_queue, rps_flow_table));
	else if (TNA_HAS(netdev_rx_queue___tagged, rps_flow_table))
		spreads |= tna_word(queue + TNA_OFFSET(netdev_rx_queue___tagged, rps_flow_table));
	return spreads;
}
