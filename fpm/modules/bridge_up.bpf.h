// SPDX-License-Identifier: GPL-2.0
// FPM bridge_up: a frame for the bridge itself goes up to the bridge device, and nothing on that way has a say in it. From here on
// the bridge device is the ingress device (p->in); frames from port to port pass this FPM, and all of routing, untouched.
//
// net/bridge/br_input.c br_handle_frame_finish(): the destination has a local entry (see bridge_fdb).
// * br_handle_frame(): only the bridge's own address makes the frame one for this host (PACKET_HOST), whatever eth_type_trans() made of
//   it on the port. Other local entries (addresses of ports, "self" entries of the bridge): SLOW; most of them ip_rcv() drops.
// * isolated: only between ports, so without a meaning here.
// br_pass_frame_up():
// * a bridge that filters VLANs: see bridge_vlan_up; pipelines without that have no frames that go up (TNA_HANDS_UP), and see bridge_port.
// * netfilter hooks of the family bridge at LOCAL_IN: SLOW. br_netfilter's own, br_nf_local_in(), accepts what is PACKET_HOST: alone, it is
//   nothing. Those at PRE_ROUTING: see guard_bridge_nf.
// * IGMP statistics: of groups only. The bridge device promiscuous: see bridge_port.
// net/core/dev.c netif_receive_skb(), __netif_receive_skb_core() for the bridge device, in its order (compare guard_ingress):
// * generic XDP on the bridge device, the only XDP that it can have: SLOW.
// * packet sockets on the bridge device: SLOW. On all devices: they see the frame on the port and on the bridge: SLOW, also at tc, where
//   they have only been served for the port.
// * tcx programs, clsact filters, netfilter ingress hooks of the bridge device: SLOW.
// netif_receive_skb() of the bridge device: get_rps_cpu() has the packet's hash made if the queue that it came by, the bridge's one, has RPS or RFS
// (rps_cpus, rps_flow_cnt), which a choice among next hops by ports then goes by (include/multipath.h). tc: such a queue, or several: SLOW. XDP: next
// hops are not chosen by ports there; the CPU counts for next hop objects of IPv6 alone (include/dst.h).
// * VLAN devices: see vlan_receive. rx handler, packet sockets for IP alone, VRF: see ip_receive.
// Not in the fast path: the bridge device's own counters of received packets (dev_sw_netstats_rx_add).
#pragma once
#include "bridge.h"
#include "hooks.h"
#include "packet_sockets.h"
#include "rps.h"
#include "tc.h"

#define TNA_NF_BR_LOCAL_IN 1

extern const void br_nf_local_in __ksym __weak;

static __always_inline int fpm_bridge_up(struct tna_pkt *p)
{
	u64 address, other, generic, tapped, tc, nf, hooks, spreads = 0;
	struct net_device *dev;

	if (!p->bridge.up)
		return TNA_NEXT;
	address = tna_bridge_device(p->bridge.br, p->bridge.address);
	dev = TNA_AT(net_device, address);
	p->in_address = address;
	p->in = dev;
	other = (tna_word((u64)dev->dev_addr) & 0xffffffffffffULL) ^ p->dst;
	generic = (u64)dev->xdp_prog;
	tapped = tna_device_tapped(dev, address);
#ifdef TNA_HOOK_TC
	tapped |= tna_all_tapped(p->net);
	spreads = (dev->real_num_rx_queues ^ 1) | tna_queue_spreads(address, 0);
#endif
	tc = TNA_TC(dev, ingress);
	nf = (u64)dev->nf_hooks_ingress;
	hooks = tna_other_hooks((u64)TNA_AT(netns_nf, p->net + TNA_OFFSET(net, nf))->hooks_bridge[TNA_NF_BR_LOCAL_IN],
				(u64)&br_nf_local_in);
	if (tna_unlikely(other | generic | tapped | tc | nf | hooks | spreads)) {
		if (other)
			return tna_slow(p, TNA_R_BRIDGE_UP_OTHER_ADDRESS);
		if (hooks)
			return tna_slow(p, TNA_R_BRIDGE_UP_BRIDGE_HOOK);
		if (generic)
			return tna_slow(p, TNA_R_BRIDGE_UP_GENERIC_XDP);
		if (tapped)
			return tna_slow(p, TNA_R_BRIDGE_UP_TAPPED);
		if (tna_tc_used(tc))
			return tna_slow(p, TNA_R_BRIDGE_UP_TC_INGRESS);
		if (nf)
			return tna_slow(p, TNA_R_BRIDGE_UP_NF_INGRESS);
		if (spreads)
			return tna_slow(p, TNA_R_BRIDGE_UP_RPS);
	}
	return TNA_NEXT;
}
