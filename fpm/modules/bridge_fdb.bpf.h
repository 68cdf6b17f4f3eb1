// SPDX-License-Identifier: GPL-2.0
// FPM bridge_fdb: destination lookup in the bridge's FDB.
//
// net/bridge/br_input.c br_handle_frame_finish(), case BR_PKT_UNICAST:
// * no entry: SLOW, Linux floods.
// * local entry (br_pass_frame_up): see bridge_up; in a pipeline without it: SLOW. Such an entry is not marked as used.
// * entry without port: SLOW, br_forward() drops.
// * br_forward.c should_deliver(): back out of the ingress port: SLOW, Linux drops, or sends with hairpin.
// * dst->used is set by Linux on every frame: left to Linux once it is older than the parameter refresh: SLOW.
#pragma once
#include "bridge.h"

// Has the entry to be marked as used? Otherwise notes until when it has not.
static __always_inline bool tna_use_stale(struct net_bridge_fdb_entry *entry, struct tna_address *known, u64 now)
{
	u64 used = entry->used;

	if (now - used > BRIDGE_FDB_refresh)
		return true;
	known->used = used + BRIDGE_FDB_refresh;
	return false;
}

static __always_inline int fpm_bridge_fdb(struct tna_pkt *p)
{
	struct net_bridge_fdb_entry *entry;
	struct tna_address *known;
	u64 out, flags, now;

	entry = tna_fdb_find(p, p->bridge.br, p->bridge.address, tna_fdb_key(p, p->dst), 0, &known, &out,
			     &flags);
	if (tna_unlikely(!entry))
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_MISS);
	if (tna_unlikely(flags & TNA_FDB_LOCAL)) {
		if (TNA_HANDS_UP) {
			p->bridge.up = true;
			return TNA_NEXT;
		}
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_LOCAL);
	}
	if (tna_unlikely(!out))
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_NO_PORT);
	if (tna_unlikely(out == p->bridge.port))
		return tna_slow(p, TNA_R_BRIDGE_FDB_SAME_PORT);
	now = bpf_jiffies64();
	if (tna_unlikely(known->used - now > BRIDGE_FDB_refresh) && tna_use_stale(entry, known, now))
		return tna_slow(p, TNA_R_BRIDGE_FDB_FDB_USE_STALE);
	p->bridge.out = TNA_AT(net_bridge_port, out);
	p->odev_address = (u64)p->bridge.out->dev;
	p->odev = TNA_AT(net_device, p->odev_address);
	return TNA_NEXT;
}
