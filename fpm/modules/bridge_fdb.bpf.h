// SPDX-License-Identifier: GPL-2.0
// FPM bridge_fdb: destination lookup in the bridge's FDB.
//
// net/bridge/br_input.c br_handle_frame_finish(), case BR_PKT_UNICAST:
// * no entry: SLOW, Linux floods.
// * local entry (br_pass_frame_up): SLOW.
// * entry without port: SLOW, br_forward() drops.
// * dst->used is set by Linux on every frame: left to Linux once it is older than the parameter refresh: SLOW.
#pragma once
#include "bridge.h"

static __always_inline int fpm_bridge_fdb(struct tna_pkt *p)
{
	u64 found = tna_fdb_find(p->br, p->dst, 0);
	struct net_bridge_fdb_entry *entry;

	if (!found)
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_MISS);
	entry = TNA_AT(net_bridge_fdb_entry, found);
	if (entry->flags & TNA_FDB_LOCAL)
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_LOCAL);
	p->out_port = (u64)entry->dst;
	if (!p->out_port)
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_NO_PORT);
	if (bpf_jiffies64() - entry->used > BRIDGE_FDB_refresh)
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_USE_STALE);
	return TNA_NEXT;
}
