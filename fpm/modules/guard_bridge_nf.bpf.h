// SPDX-License-Identifier: GPL-2.0
// FPM guard_bridge_nf: no netfilter hook may act on a bridged frame.
//
// net->nf.hooks_bridge[] is read at the three hooks that a forwarded frame passes: PRE_ROUTING (nf_hook_bridge_pre),
// FORWARD (__br_forward) and POST_ROUTING (br_forward_finish). No hook at any of them: nothing to do.
//
// br_netfilter's own hooks (net/bridge/br_netfilter_hooks.c br_nf_ops) are harmless while it lets every frame pass:
// br_nf_pre_routing() accepts at once when neither the per-netns sysctl nor the per-bridge option asks for ip(6)tables,
// br_nf_forward() passes ARP alone to arptables, also behind a tag of 802.1Q, whose frames are SLOW where that is on, and
// br_nf_post_routing() accepts what has no nf_bridge state. They are recognised by br_nf_pre_routing's address as the only hook at
// PRE_ROUTING; br_netfilter registers all three together, so a single hook at each of the other two is its own, too. Before Linux 6.8 there
// are two at FORWARD, br_nf_forward_ip() and br_nf_forward_arp(). Anything else: SLOW.
// br_nf_pre_routing() first pulls the header of PPPoE and inner-VLAN frames and drops shorter ones: SLOW.
//
// br_netfilter's per-netns state lies in net->gen under a number that only its own (private) variable knows. It is
// found by what it must point to: a registered sysctl table whose first entry is handled by brnf_sysctl_call_tables()
// and points back into the state itself. What was found is remembered per CPU, and taken only while net->gen still has
// it at that place; that br_netfilter is still the module that it was is seen by its function's address.
// A kernel where these functions can't be found by name: SLOW as soon as there is any hook.
#pragma once
#include "bridge.h"

extern const void br_nf_pre_routing __ksym __weak;
extern const void br_nf_forward_ip __ksym __weak;
extern const void br_nf_forward_arp __ksym __weak;
extern const void brnf_sysctl_call_tables __ksym __weak;

#define TNA_NF_BR_PRE_ROUTING 0
#define TNA_NF_BR_FORWARD 2
#define TNA_NF_BR_POST_ROUTING 4
#define TNA_NET_GENERIC_MAX 256
#define TNA_VLAN_TAG_LEN 4
#define TNA_PPPOE_LEN 8

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ctl_table {
	void *data;
	void *proc_handler;
};

struct ctl_table_header {
	struct ctl_table *ctl_table;
};

struct brnf_net {
	struct ctl_table_header *ctl_hdr;
	int call_iptables;
	int call_ip6tables;
	int call_arptables;
};

#pragma clang attribute pop

static __always_inline bool tna_is_brnf(u64 state)
{
	u64 header = tna_word(state + TNA_OFFSET(brnf_net, ctl_hdr));
	u64 table = tna_word(header + TNA_OFFSET(ctl_table_header, ctl_table));

	return tna_word(table + TNA_OFFSET(ctl_table, proc_handler)) == (u64)&brnf_sysctl_call_tables &&
	       tna_word(table + TNA_OFFSET(ctl_table, data)) == state + TNA_OFFSET(brnf_net, call_arptables);
}

// Number of br_netfilter's slot among those of a network namespace; TNA_NET_GENERIC_MAX if there is none. A function of its own: rarely called, and
// the verifier would go through its loop once for every way in which a frame can get here.
__attribute__((noinline)) u64 tna_brnf_slot(u64 slots)
{
	/* kernels before 6.8 look into functions that nobody calls, too */
	if (!TNA_HAS(brnf_net, ctl_hdr))
		return TNA_NET_GENERIC_MAX;
#pragma clang loop unroll(disable)
	for (u32 i = 0; i < TNA_NET_GENERIC_MAX; i++) {
		u64 state = tna_word(slots + i * 8);

		if (state && tna_is_brnf(state))
			return i;
	}
	return TNA_NET_GENERIC_MAX;
}

// Address of br_netfilter's state of this network namespace, or 0.
static __always_inline u64 tna_brnf(struct tna_pkt *p, u64 net)
{
	u64 slots = tna_word(net + TNA_OFFSET(net, gen)) + TNA_OFFSET(net_generic, ptr), state, slot;
	struct tna_scratch *scratch = p->scratch;

	state = tna_word(slots + (u64)scratch->brnf_id * 8);
	if (state && state == scratch->brnf)
		return state;
	slot = tna_brnf_slot(slots);
	if (slot >= TNA_NET_GENERIC_MAX)
		return 0;
	state = tna_word(slots + slot * 8);
	scratch->brnf_id = slot;
	scratch->brnf = state;
	return state;
}

static __always_inline u64 tna_hook_count(u64 entries)
{
	return TNA_AT(nf_hook_entries, entries)->num_hook_entries;
}

// 0 if the hooks at FORWARD are br_netfilter's alone, where those at PRE_ROUTING are.
static __always_inline u64 tna_foreign_forward(u64 entries)
{
	u64 count = tna_hook_count(entries), second;

	if (count != 2)
		return count ^ 1;
	second = entries + TNA_OFFSET(nf_hook_entries, hooks) + bpf_core_type_size(struct nf_hook_entry);
	return ((u64)TNA_AT(nf_hook_entries, entries)->hooks[0].hook ^ (u64)&br_nf_forward_ip) |
	       ((u64)TNA_AT(nf_hook_entry, second)->hook ^ (u64)&br_nf_forward_arp);
}

// Not 0 if br_netfilter passes frames to ip(6)tables, or, asked for that, arptables, in this network namespace.
static __always_inline u64 tna_brnf_calls(struct brnf_net *brnf, bool arp)
{
	u64 calls;

	if (TNA_OFFSET(brnf_net, call_ip6tables) == TNA_OFFSET(brnf_net, call_iptables) + 4)
		calls = TNA_WORD_AT(brnf, call_iptables);
	else
		calls = brnf->call_iptables | brnf->call_ip6tables;
	return arp ? calls | brnf->call_arptables : calls;
}

static __always_inline int fpm_guard_bridge_nf(struct tna_pkt *p)
{
	u64 net = p->net, pre, forward, post, foreign, state, options, calls;
	struct netns_nf *nf = TNA_AT(netns_nf, net + TNA_OFFSET(net, nf));
	bool arp = p->proto == bpf_htons(ETH_P_8021Q); /* or what is behind the tag may be */
	struct nf_hook_entries *first;

	/* a kernel without anybody who could register hooks of bridges */
	if (!TNA_HAS(netns_nf, hooks_bridge))
		return TNA_NEXT;
	/* when the last hook goes, its pointer becomes NULL (net/netfilter/core.c __nf_hook_entries_try_shrink) */
	pre = (u64)nf->hooks_bridge[TNA_NF_BR_PRE_ROUTING];
	forward = (u64)nf->hooks_bridge[TNA_NF_BR_FORWARD];
	post = (u64)nf->hooks_bridge[TNA_NF_BR_POST_ROUTING];
	if (!(pre | forward | post))
		return TNA_NEXT;
	if (!TNA_HAS(brnf_net, ctl_hdr) || !&brnf_sysctl_call_tables || !&br_nf_pre_routing)
		return tna_slow(p, TNA_R_GUARD_BRIDGE_NF_BRIDGE_HOOK);
	first = TNA_AT(nf_hook_entries, pre);
	foreign = (first->num_hook_entries ^ 1) | ((u64)first->hooks[0].hook ^ (u64)&br_nf_pre_routing) |
		  tna_foreign_forward(forward) | (tna_hook_count(post) ^ 1);
	state = tna_brnf(p, net);
	if (tna_unlikely(foreign || !state))
		return tna_slow(p, TNA_R_GUARD_BRIDGE_NF_BRIDGE_HOOK);
	options = p->bridge.options & (TNA_BR_OPTION(BROPT_NF_CALL_IPTABLES) | TNA_BR_OPTION(BROPT_NF_CALL_IP6TABLES) |
				       (arp ? TNA_BR_OPTION(BROPT_NF_CALL_ARPTABLES) : 0));
	calls = tna_brnf_calls(TNA_AT(brnf_net, state), arp);
	if (tna_unlikely(options | calls)) {
		if (options)
			return tna_slow(p, TNA_R_GUARD_BRIDGE_NF_NF_CALL_OPTION);
		if (calls)
			return tna_slow(p, TNA_R_GUARD_BRIDGE_NF_NF_CALL_SYSCTL);
	}
	if (tna_unlikely(p->len < ETH_HLEN + TNA_VLAN_TAG_LEN + TNA_PPPOE_LEN) &&
	    (p->proto == bpf_htons(ETH_P_PPP_SES) || p->proto == bpf_htons(ETH_P_8021Q)))
		return tna_slow(p, TNA_R_GUARD_BRIDGE_NF_ENCAP_SHORT);
	return TNA_NEXT;
}
