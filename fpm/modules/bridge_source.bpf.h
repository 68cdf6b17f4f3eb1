// SPDX-License-Identifier: GPL-2.0
// FPM bridge_source: Linux must have nothing to learn from the frame's source address, and let it in.
//
// net/bridge/br_input.c br_handle_frame_finish(), locked port (BR_PORT_LOCKED, 802.1X): the source must have an entry on
// this very port that is neither local nor locked. Unknown, elsewhere, local, locked: SLOW; Linux drops the frame, and
// with MAB makes or refreshes a locked entry. Otherwise the frame goes on as on any port.
// net/bridge/br_fdb.c br_fdb_update(), called when the port learns (BR_LEARNING):
// * unknown source: SLOW, Linux creates the entry (and applies fdb_max_learned).
// * local entry ("received packet with own address as source address"): SLOW.
// * entry on another port (a move, or refused by a sticky entry): SLOW.
// * locked entry: SLOW.
// * entry.updated older than the parameter refresh, or than a quarter of the ageing time: SLOW, so that Linux refreshes
//   it and ageing, `bridge -s fdb` and activity notifications stay as they are. Static entries alike. The default, at
//   most one second, is also below the least forward delay, which hold_time() is while the topology changes.
// * entry waiting to be reported active (__fdb_mark_active): SLOW.
// Ageing time 0 means that nothing is learned or refreshed (hold_time): nearly every frame is stale then, and SLOW.
// A lowered ageing time counts from the next refresh of each entry on.
#pragma once
#include "bridge.h"

// Is the entry due for a refresh? Otherwise notes until when it is not.
static __always_inline bool tna_source_stale(struct tna_pkt *p, struct net_bridge_fdb_entry *entry,
					     struct tna_address *known, u64 now)
{
	u64 updated = entry->updated, limit = p->bridge.br->ageing_time / 4;

	if (limit > BRIDGE_SOURCE_refresh)
		limit = BRIDGE_SOURCE_refresh;
	if (now - updated > limit)
		return true;
	known->fresh = updated + limit;
	return false;
}

static __always_inline int fpm_bridge_source(struct tna_pkt *p)
{
	struct net_bridge_fdb_entry *entry;
	struct tna_address *known;
	u64 flags, dst, moved, inactive, now;

	if (!(p->bridge.port_flags & (TNA_BR_LEARNING | TNA_BR_LOCKED)))
		return TNA_NEXT;
	entry = tna_fdb_find(p, p->bridge.br, p->bridge.address, tna_fdb_key(p, p->src), p->bridge.port, &known,
			     &dst, &flags);
	if (tna_unlikely(!entry))
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_UNKNOWN);
	moved = dst ^ p->bridge.port;
	inactive = flags & flags >> 1 & TNA_FDB_NOTIFY; /* both NOTIFY and, one bit above, NOTIFY_INACTIVE */
	if (tna_unlikely(moved | inactive | (flags & (TNA_FDB_LOCAL | TNA_FDB_LOCKED)))) {
		if (flags & TNA_FDB_LOCAL)
			return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_LOCAL);
		if (moved)
			return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_MOVED);
		if (flags & TNA_FDB_LOCKED)
			return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_LOCKED);
		if (inactive && p->bridge.port_flags & TNA_BR_LEARNING)
			return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_INACTIVE);
	}
	/* locked and not learning: nothing is refreshed */
	if (!(p->bridge.port_flags & TNA_BR_LEARNING))
		return TNA_NEXT;
	now = bpf_jiffies64();
	/* past, or farther ahead than this program would set it */
	if (tna_unlikely(known->fresh - now > BRIDGE_SOURCE_refresh) && tna_source_stale(p, entry, known, now))
		return tna_slow(p, TNA_R_BRIDGE_SOURCE_SOURCE_STALE);
	return TNA_NEXT;
}
