// SPDX-License-Identifier: GPL-2.0
// FPM bridge_port: the ingress device is a bridge port that forwards, and port and bridge use only understood features.
//
// net/bridge/br_input.c br_handle_frame(), br_handle_frame_finish():
// * dev->rx_handler is br_handle_frame (br_handle_frame_dummy on DSA conduits, other handlers on bond, macvlan, ...)
//   and the device is flagged as a bridge port: otherwise SLOW.
// * state other than forwarding, or MST (state per VLAN): SLOW.
// * VLAN filtering, in a pipeline without the FPMs for it: SLOW; with them see bridge_vlan, and statistics
//   per VLAN, which count every frame: SLOW. VLAN tunnel (br_handle_ingress_vlan_tunnel): SLOW.
// * locked port, with or without MAB: see bridge_source.
// * bridge device promiscuous: a copy goes up (local_rcv): SLOW.
// * neigh_suppress or neigh_vlan_suppress on any port: ICMPv6, and IPv6 frames whose header is out of reach: SLOW
//   (br_is_nd_neigh_msg, br_do_suppress_nd; nothing else is looked at; older kernels answer unicast solicitations, too).
//   ARP: see l2_control.
// * switchdev hardware domain (nbp_switchdev_frame_mark): SLOW.
// The bridge device itself being down does not stop forwarding in these functions: br_dev_stop() only stops its queue,
// and br_stp_disable_bridge() puts the ports into a state that is checked above.
#pragma once
#include "bridge.h"
#include "vlan.h"

#define TNA_IPV6_NEXTHDR 6

extern const void br_handle_frame __ksym __weak;

static __always_inline bool tna_is_bridge_port(struct net_device *dev)
{
	if (&br_handle_frame)
		return (u64)dev->rx_handler == (u64)&br_handle_frame;
	return BPF_CORE_READ_BITFIELD(dev, priv_flags) & TNA_IFF_BRIDGE_PORT &&
	       !(TNA_HAS(net_device, dsa_ptr) && dev->dsa_ptr);
}

// Would the bridge look for a neighbour solicitation or advertisement in this IPv6 frame? It does not skip extension headers.
static __always_inline bool tna_may_be_nd(struct tna_pkt *p)
{
	u8 *header = p->data + ETH_HLEN;

#ifdef TNA_HOOK_XDP
	if (p->vlan_proto)
		header += TNA_VLAN_LEN;
#endif
	return (void *)(header + TNA_IPV6_NEXTHDR + 1) > p->data_end || header[TNA_IPV6_NEXTHDR] == TNA_ICMPV6;
}

static __always_inline int fpm_bridge_port(struct tna_pkt *p)
{
	u64 address, bridge, device, state, features, domain, promisc;
	struct net_bridge_port *port;
	struct net_bridge *br;

	if (tna_unlikely(!tna_is_bridge_port(p->dev)))
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	address = (u64)p->dev->rx_handler_data;
	if (tna_unlikely(!address))
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	port = TNA_AT(net_bridge_port, address);
	p->bridge.port = address;
	p->bridge.port_flags = port->flags;
	state = port->state ^ TNA_BR_STATE_FORWARDING;
	domain = TNA_HAS(net_bridge_port, hwdom) ? port->hwdom : 0;
	bridge = (u64)port->br;
	br = TNA_AT(net_bridge, bridge);
	p->bridge.br = br;
	p->bridge.address = bridge;
	p->bridge.options = br->options;
	features = TNA_BR_OPTION(BROPT_MST_ENABLED);
	if (TNA_VLAN_AWARE)
		features |= TNA_BR_OPTION(BROPT_VLAN_STATS_ENABLED);
	else
		features |= TNA_BR_OPTION(BROPT_VLAN_ENABLED);
	if (p->proto == bpf_htons(ETH_P_IPV6))
		features |= TNA_BR_OPTION(BROPT_NEIGH_SUPPRESS_ENABLED);
	features &= p->bridge.options;
	device = tna_bridge_device(br, bridge);
	promisc = TNA_AT(net_device, device)->flags & TNA_IFF_PROMISC;
	if (tna_unlikely(state | domain | features | promisc |
			 (p->bridge.port_flags & TNA_BR_VLAN_TUNNEL))) {
		if (state)
			return tna_slow(p, TNA_R_BRIDGE_PORT_PORT_STATE);
		if (p->bridge.port_flags & TNA_BR_VLAN_TUNNEL)
			return tna_slow(p, TNA_R_BRIDGE_PORT_VLAN_TUNNEL);
		if (domain)
			return tna_slow(p, TNA_R_BRIDGE_PORT_SWITCHDEV);
		if (features & TNA_BR_OPTION(BROPT_VLAN_ENABLED))
			return tna_slow(p, TNA_R_BRIDGE_PORT_VLAN_FILTERING);
		if (features & TNA_BR_OPTION(BROPT_VLAN_STATS_ENABLED))
			return tna_slow(p, TNA_R_BRIDGE_PORT_VLAN_STATS);
		if (features & TNA_BR_OPTION(BROPT_MST_ENABLED))
			return tna_slow(p, TNA_R_BRIDGE_PORT_MST);
		if (features & TNA_BR_OPTION(BROPT_NEIGH_SUPPRESS_ENABLED) && tna_may_be_nd(p))
			return tna_slow(p, TNA_R_BRIDGE_PORT_ND_SUPPRESS);
		if (promisc)
			return tna_slow(p, TNA_R_BRIDGE_PORT_BRIDGE_PROMISC);
	}
	return TNA_NEXT;
}
