// SPDX-License-Identifier: GPL-2.0
// FPM bridge_source: Linux must have nothing to learn from the frame's source address.
//
// net/bridge/br_fdb.c br_fdb_update(), called when the port learns (BR_LEARNING) and hold_time() is not 0:
// * unknown source: SLOW, Linux creates the entry (and applies fdb_max_learned).
// * local entry ("received packet with own address as source address"): SLOW.
// * entry on another port (a move, or refused by a sticky entry): SLOW.
// * locked entry: SLOW.
// * entry.updated older than the parameter refresh, or than a quarter of the ageing time: SLOW, so that Linux refreshes
//   it and ageing, `bridge -s fdb` and activity notifications stay as they are. Static entries alike.
// * entry waiting to be reported active (__fdb_mark_active): SLOW.
#pragma once
#include "bridge.h"

static __always_inline int fpm_bridge_source(struct tna_pkt *p)
{
	struct net_bridge_port *port = TNA_AT(net_bridge_port, p->port);
	struct net_bridge_fdb_entry *entry;
	u64 hold, age, found;

	if (!(port->flags & TNA_BR_LEARNING))
		return TNA_NEXT;
	hold = tna_br_hold_time(TNA_AT(net_bridge, p->br));
	if (!hold)
		return TNA_NEXT;
	found = tna_fdb_find(p->br, p->src, 0);
	if (!found)
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_UNKNOWN);
	entry = TNA_AT(net_bridge_fdb_entry, found);
	if (entry->flags & TNA_FDB_LOCAL)
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_LOCAL);
	if ((u64)entry->dst != p->port)
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_MOVED);
	if (entry->flags & TNA_FDB_LOCKED)
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_LOCKED);
	if ((entry->flags & (TNA_FDB_NOTIFY | TNA_FDB_NOTIFY_INACTIVE)) == (TNA_FDB_NOTIFY | TNA_FDB_NOTIFY_INACTIVE))
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_INACTIVE);
	age = bpf_jiffies64() - entry->updated;
	if (age > BRIDGE_SOURCE_refresh || age > hold / 4)
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_STALE);
	return TNA_NEXT;
}
