// SPDX-License-Identifier: GPL-2.0
// FPM bridge_port: the ingress device is a bridge port that forwards, and port and bridge use only understood features.
//
// net/bridge/br_input.c br_handle_frame(), br_handle_frame_finish():
// * dev->rx_handler is br_handle_frame (br_handle_frame_dummy on DSA conduits, other handlers on bond, macvlan, ...)
//   and the device is flagged as a bridge port: otherwise SLOW.
// * state other than forwarding, or MST (state per VLAN): SLOW.
// * VLAN filtering: SLOW. VLAN tunnel (br_handle_ingress_vlan_tunnel): SLOW.
// * locked port, with or without MAB: SLOW.
// * bridge device promiscuous: a copy goes up (local_rcv): SLOW.
// * neigh_suppress on any port: IPv6 frames SLOW (br_do_suppress_nd).
// * switchdev hardware domain (nbp_switchdev_frame_mark): SLOW.
// The bridge device itself being down does not stop forwarding in these functions: br_dev_stop() only stops its queue,
// and br_stp_disable_bridge() puts the ports into a state that is checked above.
#pragma once
#include "bridge.h"

extern const void br_handle_frame __ksym __weak;

static __always_inline bool tna_is_bridge_port(struct net_device *dev)
{
	if (&br_handle_frame)
		return (u64)dev->rx_handler == (u64)&br_handle_frame;
	return BPF_CORE_READ_BITFIELD(dev, priv_flags) & TNA_IFF_BRIDGE_PORT &&
	       !(TNA_HAS(net_device, dsa_ptr) && dev->dsa_ptr);
}

static __always_inline int fpm_bridge_port(struct tna_pkt *p)
{
	struct net_device *dev = p->dev;
	struct net_bridge_port *port;
	struct net_bridge *br;
	unsigned long options;
	u64 address;

	if (tna_unlikely(!tna_is_bridge_port(dev)))
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	address = (u64)dev->rx_handler_data;
	if (tna_unlikely(!address))
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	port = TNA_AT(net_bridge_port, address);
	p->bridge.port = port;
	p->bridge.port_flags = port->flags;
	if (tna_unlikely(port->state != TNA_BR_STATE_FORWARDING))
		return tna_slow(p, TNA_R_BRIDGE_PORT_PORT_STATE);
	if (tna_unlikely(p->bridge.port_flags & TNA_BR_VLAN_TUNNEL))
		return tna_slow(p, TNA_R_BRIDGE_PORT_VLAN_TUNNEL);
	if (tna_unlikely(p->bridge.port_flags & TNA_BR_LOCKED))
		return tna_slow(p, TNA_R_BRIDGE_PORT_LOCKED);
	if (tna_unlikely(TNA_HAS(net_bridge_port, hwdom) && port->hwdom))
		return tna_slow(p, TNA_R_BRIDGE_PORT_SWITCHDEV);
	address = (u64)port->br;
	br = TNA_AT(net_bridge, address);
	p->bridge.br = br;
	p->bridge.options = options = br->options;
	if (tna_unlikely(TNA_BR_OPTION(options, BROPT_VLAN_ENABLED)))
		return tna_slow(p, TNA_R_BRIDGE_PORT_VLAN_FILTERING);
	if (tna_unlikely(TNA_BR_OPTION(options, BROPT_MST_ENABLED)))
		return tna_slow(p, TNA_R_BRIDGE_PORT_MST);
	if (tna_unlikely(p->proto == bpf_htons(ETH_P_IPV6) && TNA_BR_OPTION(options, BROPT_NEIGH_SUPPRESS_ENABLED)))
		return tna_slow(p, TNA_R_BRIDGE_PORT_ND_SUPPRESS);
	if (tna_unlikely(TNA_TYPED(net_device, br->dev)->flags & TNA_IFF_PROMISC))
		return tna_slow(p, TNA_R_BRIDGE_PORT_BRIDGE_PROMISC);
	tna_rht_open(&p->bridge.fdb, address + TNA_OFFSET(net_bridge, fdb_hash_tbl));
	return TNA_NEXT;
}
