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

static __always_inline int fpm_bridge_port(struct tna_pkt *p)
{
	struct net_device *dev = p->dev;
	struct net_bridge_port *port;
	struct net_bridge *br;
	u64 options;

	if (!(BPF_CORE_READ_BITFIELD(dev, priv_flags) & TNA_IFF_BRIDGE_PORT))
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	if (&br_handle_frame && TNA_FIELD_WORD(dev, net_device, rx_handler) != (u64)&br_handle_frame)
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	if (TNA_HAS(net_device, dsa_ptr) && TNA_FIELD_WORD(dev, net_device, dsa_ptr))
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	p->port = TNA_FIELD_WORD(dev, net_device, rx_handler_data);
	if (!p->port)
		return tna_slow(p, TNA_R_BRIDGE_PORT_NOT_A_PORT);
	port = TNA_AT(net_bridge_port, p->port);
	if (port->state != TNA_BR_STATE_FORWARDING)
		return tna_slow(p, TNA_R_BRIDGE_PORT_PORT_STATE);
	if (port->flags & TNA_BR_VLAN_TUNNEL)
		return tna_slow(p, TNA_R_BRIDGE_PORT_VLAN_TUNNEL);
	if (port->flags & TNA_BR_LOCKED)
		return tna_slow(p, TNA_R_BRIDGE_PORT_LOCKED);
	if (TNA_HAS(net_bridge_port, hwdom) && port->hwdom)
		return tna_slow(p, TNA_R_BRIDGE_PORT_SWITCHDEV);
	p->br = (u64)port->br;
	br = TNA_AT(net_bridge, p->br);
	options = br->options;
	if (TNA_BR_OPTION(options, BROPT_VLAN_ENABLED))
		return tna_slow(p, TNA_R_BRIDGE_PORT_VLAN_FILTERING);
	if (TNA_BR_OPTION(options, BROPT_MST_ENABLED))
		return tna_slow(p, TNA_R_BRIDGE_PORT_MST);
	if (p->proto == bpf_htons(ETH_P_IPV6) && TNA_BR_OPTION(options, BROPT_NEIGH_SUPPRESS_ENABLED))
		return tna_slow(p, TNA_R_BRIDGE_PORT_ND_SUPPRESS);
	if (TNA_TYPED(net_device, br->dev)->flags & TNA_IFF_PROMISC)
		return tna_slow(p, TNA_R_BRIDGE_PORT_BRIDGE_PROMISC);
	return TNA_NEXT;
}
