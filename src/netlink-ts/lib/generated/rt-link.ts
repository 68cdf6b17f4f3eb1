// SPDX-License-Identifier: Apache-2.0
// Generated from specs/rt-link.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface RtLinkIfinfomsgStruct {
  readonly ifi_family?: number | undefined;
  readonly ifi_type?: number | undefined;
  readonly ifi_index?: number | undefined;
  readonly ifi_flags?: number | undefined;
  readonly ifi_change?: number | undefined;
}

export interface RtLinkBridgeIdStruct {
  readonly prio?: number | undefined;
  readonly addr?: string | undefined;
}

export interface RtLinkBooloptMultiStruct {
  readonly optval?: number | undefined;
  readonly optmask?: number | undefined;
}

export interface RtLinkBridgeVlanInfoStruct {
  readonly flags?: number | undefined;
  readonly vid?: number | undefined;
}

export interface RtLinkVlanFlagsMaskStruct {
  readonly flags?: number | undefined;
  readonly mask?: number | undefined;
}

export interface RtLinkVlanQosMappingStruct {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface RtLinkPortRangeStruct {
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export interface RtLinkLinkAttrs {
  readonly address?: string | undefined;
  readonly broadcast?: string | undefined;
  readonly ifname?: string | undefined;
  readonly mtu?: number | undefined;
  readonly link?: number | undefined;
  readonly qdisc?: string | undefined;
  readonly stats?: Uint8Array | undefined;
  readonly master?: number | undefined;
  readonly protinfo?: RtLinkBridgePortAttrs | undefined;
  readonly txqlen?: number | undefined;
  readonly map?: Uint8Array | undefined;
  readonly weight?: number | undefined;
  readonly operstate?: number | undefined;
  readonly linkmode?: number | undefined;
  readonly linkinfo?: RtLinkLinkinfoAttrs | undefined;
  readonly net_ns_pid?: number | undefined;
  readonly ifalias?: string | undefined;
  readonly num_vf?: number | undefined;
  readonly vfinfo_list?: Uint8Array | undefined;
  readonly stats64?: Uint8Array | undefined;
  readonly vf_ports?: Uint8Array | undefined;
  readonly port_self?: Uint8Array | undefined;
  readonly af_spec?: RtLinkAfAttrs | RtLinkBridgeAfAttrs | undefined;
  readonly group?: number | undefined;
  readonly net_ns_fd?: number | undefined;
  readonly ext_mask?: number | undefined;
  readonly promiscuity?: number | undefined;
  readonly num_tx_queues?: number | undefined;
  readonly num_rx_queues?: number | undefined;
  readonly carrier?: number | undefined;
  readonly phys_port_id?: Uint8Array | undefined;
  readonly carrier_changes?: number | undefined;
  readonly phys_switch_id?: Uint8Array | undefined;
  readonly link_netnsid?: number | undefined;
  readonly phys_port_name?: string | undefined;
  readonly proto_down?: number | undefined;
  readonly gso_max_segs?: number | undefined;
  readonly gso_max_size?: number | undefined;
  readonly xdp?: RtLinkXdpAttrs | undefined;
  readonly event?: number | undefined;
  readonly new_netnsid?: number | undefined;
  readonly target_netnsid?: number | undefined;
  readonly carrier_up_count?: number | undefined;
  readonly carrier_down_count?: number | undefined;
  readonly new_ifindex?: number | undefined;
  readonly min_mtu?: number | undefined;
  readonly max_mtu?: number | undefined;
  readonly prop_list?: RtLinkPropListAttrs | undefined;
  readonly alt_ifname?: string | undefined;
  readonly perm_address?: string | undefined;
  readonly proto_down_reason?: Uint8Array | undefined;
  readonly parent_dev_name?: string | undefined;
  readonly parent_dev_bus_name?: string | undefined;
  readonly gro_max_size?: number | undefined;
  readonly tso_max_size?: number | undefined;
  readonly tso_max_segs?: number | undefined;
  readonly allmulti?: number | undefined;
  readonly devlink_port?: Uint8Array | undefined;
  readonly gso_ipv4_max_size?: number | undefined;
  readonly gro_ipv4_max_size?: number | undefined;
  readonly dpll_pin?: Uint8Array | undefined;
  readonly max_pacing_offload_horizon?: number | bigint | undefined;
  readonly netns_immutable?: number | undefined;
  readonly headroom?: number | undefined;
  readonly tailroom?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkPropListAttrs {
  readonly alt_ifname?: readonly (string)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkXdpAttrs {
  readonly fd?: number | undefined;
  readonly attached?: number | undefined;
  readonly flags?: number | undefined;
  readonly prog_id?: number | undefined;
  readonly drv_prog_id?: number | undefined;
  readonly skb_prog_id?: number | undefined;
  readonly hw_prog_id?: number | undefined;
  readonly expected_fd?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkLinkinfoAttrs {
  readonly kind?: string | undefined;
  readonly data?: RtLinkBridgeAttrs | RtLinkVethAttrs | RtLinkVlanAttrs | RtLinkVxlanAttrs | RtLinkTunAttrs | RtLinkMacvlanAttrs | RtLinkVrfAttrs | RtLinkBondAttrs | undefined;
  readonly xstats?: Uint8Array | undefined;
  readonly slave_kind?: string | undefined;
  readonly slave_data?: RtLinkBridgePortAttrs | RtLinkBondSlaveAttrs | RtLinkVrfAttrs | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkBridgeAttrs {
  readonly forward_delay?: number | undefined;
  readonly hello_time?: number | undefined;
  readonly max_age?: number | undefined;
  readonly ageing_time?: number | undefined;
  readonly stp_state?: number | undefined;
  readonly priority?: number | undefined;
  readonly vlan_filtering?: number | undefined;
  readonly vlan_protocol?: number | undefined;
  readonly group_fwd_mask?: number | undefined;
  readonly root_id?: RtLinkBridgeIdStruct | undefined;
  readonly bridge_id?: RtLinkBridgeIdStruct | undefined;
  readonly root_port?: number | undefined;
  readonly root_path_cost?: number | undefined;
  readonly topology_change?: number | undefined;
  readonly topology_change_detected?: number | undefined;
  readonly hello_timer?: number | bigint | undefined;
  readonly tcn_timer?: number | bigint | undefined;
  readonly topology_change_timer?: number | bigint | undefined;
  readonly gc_timer?: number | bigint | undefined;
  readonly group_addr?: string | undefined;
  readonly fdb_flush?: boolean | undefined;
  readonly mcast_router?: number | undefined;
  readonly mcast_snooping?: number | undefined;
  readonly mcast_query_use_ifaddr?: number | undefined;
  readonly mcast_querier?: number | undefined;
  readonly mcast_hash_elasticity?: number | undefined;
  readonly mcast_hash_max?: number | undefined;
  readonly mcast_last_member_cnt?: number | undefined;
  readonly mcast_startup_query_cnt?: number | undefined;
  readonly mcast_last_member_intvl?: number | bigint | undefined;
  readonly mcast_membership_intvl?: number | bigint | undefined;
  readonly mcast_querier_intvl?: number | bigint | undefined;
  readonly mcast_query_intvl?: number | bigint | undefined;
  readonly mcast_query_response_intvl?: number | bigint | undefined;
  readonly mcast_startup_query_intvl?: number | bigint | undefined;
  readonly nf_call_iptables?: number | undefined;
  readonly nf_call_ip6tables?: number | undefined;
  readonly nf_call_arptables?: number | undefined;
  readonly vlan_default_pvid?: number | undefined;
  readonly vlan_stats_enabled?: number | undefined;
  readonly mcast_stats_enabled?: number | undefined;
  readonly mcast_igmp_version?: number | undefined;
  readonly mcast_mld_version?: number | undefined;
  readonly vlan_stats_per_port?: number | undefined;
  readonly multi_boolopt?: RtLinkBooloptMultiStruct | undefined;
  readonly mcast_querier_state?: Uint8Array | undefined;
  readonly fdb_n_learned?: number | undefined;
  readonly fdb_max_learned?: number | undefined;
  readonly stp_mode?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkBridgePortAttrs {
  readonly state?: number | undefined;
  readonly priority?: number | undefined;
  readonly cost?: number | undefined;
  readonly mode?: number | undefined;
  readonly guard?: number | undefined;
  readonly protect?: number | undefined;
  readonly fast_leave?: number | undefined;
  readonly learning?: number | undefined;
  readonly unicast_flood?: number | undefined;
  readonly proxyarp?: number | undefined;
  readonly learning_sync?: number | undefined;
  readonly proxyarp_wifi?: number | undefined;
  readonly root_id?: RtLinkBridgeIdStruct | undefined;
  readonly bridge_id?: RtLinkBridgeIdStruct | undefined;
  readonly designated_port?: number | undefined;
  readonly designated_cost?: number | undefined;
  readonly id?: number | undefined;
  readonly no?: number | undefined;
  readonly topology_change_ack?: number | undefined;
  readonly config_pending?: number | undefined;
  readonly message_age_timer?: number | bigint | undefined;
  readonly forward_delay_timer?: number | bigint | undefined;
  readonly hold_timer?: number | bigint | undefined;
  readonly flush?: boolean | undefined;
  readonly multicast_router?: number | undefined;
  readonly mcast_flood?: number | undefined;
  readonly mcast_to_ucast?: number | undefined;
  readonly vlan_tunnel?: number | undefined;
  readonly bcast_flood?: number | undefined;
  readonly group_fwd_mask?: number | undefined;
  readonly neigh_suppress?: number | undefined;
  readonly isolated?: number | undefined;
  readonly backup_port?: number | undefined;
  readonly mrp_ring_open?: number | undefined;
  readonly mrp_in_open?: number | undefined;
  readonly mcast_eht_hosts_limit?: number | undefined;
  readonly mcast_eht_hosts_cnt?: number | undefined;
  readonly locked?: number | undefined;
  readonly mab?: number | undefined;
  readonly mcast_n_groups?: number | undefined;
  readonly mcast_max_groups?: number | undefined;
  readonly neigh_vlan_suppress?: number | undefined;
  readonly backup_nhid?: number | undefined;
  readonly neigh_forward_grat?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkBridgeAfAttrs {
  readonly flags?: number | undefined;
  readonly mode?: number | undefined;
  readonly vlan_info?: readonly (RtLinkBridgeVlanInfoStruct)[] | undefined;
  readonly vlan_tunnel_info?: readonly (RtLinkBridgeVlanTunnelAttrs)[] | undefined;
  readonly mrp?: Uint8Array | undefined;
  readonly cfm?: Uint8Array | undefined;
  readonly mst?: Uint8Array | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkBridgeVlanTunnelAttrs {
  readonly id?: number | undefined;
  readonly vid?: number | undefined;
  readonly flags?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkAfAttrs {
  readonly inet?: RtLinkInetAttrs | undefined;
  readonly inet6?: Uint8Array | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkInetAttrs {
  readonly conf?: Uint8Array | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkVethAttrs {
  readonly peer?: Uint8Array | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkVlanAttrs {
  readonly id?: number | undefined;
  readonly flags?: RtLinkVlanFlagsMaskStruct | undefined;
  readonly egress_qos?: RtLinkVlanQosAttrs | undefined;
  readonly ingress_qos?: RtLinkVlanQosAttrs | undefined;
  readonly protocol?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkVlanQosAttrs {
  readonly mapping?: readonly (RtLinkVlanQosMappingStruct)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkVxlanAttrs {
  readonly id?: number | undefined;
  readonly group?: string | undefined;
  readonly link?: number | undefined;
  readonly local?: string | undefined;
  readonly ttl?: number | undefined;
  readonly tos?: number | undefined;
  readonly learning?: number | undefined;
  readonly ageing?: number | undefined;
  readonly limit?: number | undefined;
  readonly port_range?: RtLinkPortRangeStruct | undefined;
  readonly proxy?: number | undefined;
  readonly rsc?: number | undefined;
  readonly l2miss?: number | undefined;
  readonly l3miss?: number | undefined;
  readonly port?: number | undefined;
  readonly group6?: string | undefined;
  readonly local6?: string | undefined;
  readonly udp_csum?: number | undefined;
  readonly udp_zero_csum6_tx?: number | undefined;
  readonly udp_zero_csum6_rx?: number | undefined;
  readonly remcsum_tx?: number | undefined;
  readonly remcsum_rx?: number | undefined;
  readonly gbp?: boolean | undefined;
  readonly remcsum_nopartial?: boolean | undefined;
  readonly collect_metadata?: number | undefined;
  readonly label?: number | undefined;
  readonly gpe?: boolean | undefined;
  readonly ttl_inherit?: number | undefined;
  readonly df?: number | undefined;
  readonly vnifilter?: number | undefined;
  readonly localbypass?: number | undefined;
  readonly label_policy?: number | undefined;
  readonly reserved_bits?: Uint8Array | undefined;
  readonly mc_route?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkTunAttrs {
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
  readonly type?: number | undefined;
  readonly pi?: number | undefined;
  readonly vnet_hdr?: number | undefined;
  readonly persist?: number | undefined;
  readonly multi_queue?: number | undefined;
  readonly num_queues?: number | undefined;
  readonly num_disabled_queues?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkMacvlanAttrs {
  readonly mode?: number | undefined;
  readonly flags?: number | undefined;
  readonly macaddr_mode?: number | undefined;
  readonly macaddr?: string | undefined;
  readonly macaddr_data?: RtLinkMacvlanMacaddrAttrs | undefined;
  readonly macaddr_count?: number | undefined;
  readonly bc_queue_len?: number | undefined;
  readonly bc_queue_len_used?: number | undefined;
  readonly bc_cutoff?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkMacvlanMacaddrAttrs {
  readonly macaddr?: readonly (string)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkVrfAttrs {
  readonly table?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkBondAttrs {
  readonly mode?: number | undefined;
  readonly active_slave?: number | undefined;
  readonly miimon?: number | undefined;
  readonly updelay?: number | undefined;
  readonly downdelay?: number | undefined;
  readonly use_carrier?: number | undefined;
  readonly arp_interval?: number | undefined;
  readonly arp_ip_target?: readonly (string)[] | undefined;
  readonly arp_validate?: number | undefined;
  readonly arp_all_targets?: number | undefined;
  readonly primary?: number | undefined;
  readonly primary_reselect?: number | undefined;
  readonly fail_over_mac?: number | undefined;
  readonly xmit_hash_policy?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkBondSlaveAttrs {
  readonly state?: number | undefined;
  readonly mii_status?: number | undefined;
  readonly link_failure_count?: number | undefined;
  readonly perm_hwaddr?: string | undefined;
  readonly queue_id?: number | undefined;
  readonly ad_aggregator_id?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtLinkOperations {
  readonly 'getlink': { readonly request: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs; readonly reply: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs };
  readonly 'newlink': { readonly request: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs; readonly reply: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs };
  readonly 'dellink': { readonly request: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs; readonly reply: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs };
  readonly 'setlink': { readonly request: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs; readonly reply: Omit<RtLinkIfinfomsgStruct, 'pad'> & RtLinkLinkAttrs };
}

/** The spec as data, for the compiler. */
export const rtLinkDocument: unknown = {
  "name": "rt-link",
  "protocol": "netlink-raw",
  "protonum": 0,
  "definitions": [
    {"name":"ifinfomsg","type":"struct","members":[{"name":"ifi-family","type":"u8"},{"name":"pad","type":"pad","len":1},{"name":"ifi-type","type":"u16"},{"name":"ifi-index","type":"s32"},{"name":"ifi-flags","type":"u32","enum":"ifinfo-flags"},{"name":"ifi-change","type":"u32"}]},
    {"name":"ifinfo-flags","type":"flags","entries":["up","broadcast","debug","loopback","point-to-point","no-trailers","running","no-arp","promisc","all-multi","master","slave","multicast","portsel","auto-media","dynamic","lower-up","dormant","echo"]},
    {"name":"operstate","type":"enum","entries":["unknown","not-present","down","lower-layer-down","testing","dormant","up"]},
    {"name":"rtext-filter","type":"flags","entries":["vf","brvlan","brvlan-compressed","skip-stats","mrp","cfm-config","cfm-status","mst","name-only"]},
    {"name":"xdp-attached","type":"enum","entries":["none","drv","skb","hw","multi"]},
    {"name":"stp-port-state","type":"enum","entries":["disabled","listening","learning","forwarding","blocking"]},
    {"name":"bridge-boolopt","type":"flags","entries":["no-ll-learn","mcast-vlan-snooping","mst-enable","mdb-offload-fail-notification","fdb-local-vlan-0"]},
    {"name":"bridge-vlan-flags","type":"flags","entries":["master","pvid","untagged","range-begin","range-end","brentry","only-opts"]},
    {"name":"vlan-flags","type":"flags","entries":["reorder-hdr","gvrp","loose-binding","mvrp","bridge-binding"]},
    {"name":"macvlan-mode","type":"flags","entries":["private","vepa","bridge","passthru","source"]},
    {"name":"bridge-id","type":"struct","members":[{"name":"prio","type":"be16"},{"name":"addr","type":"binary","len":6,"display-hint":"mac"}]},
    {"name":"boolopt-multi","type":"struct","members":[{"name":"optval","type":"u32","enum":"bridge-boolopt"},{"name":"optmask","type":"u32","enum":"bridge-boolopt"}]},
    {"name":"bridge-vlan-info","type":"struct","members":[{"name":"flags","type":"u16","enum":"bridge-vlan-flags"},{"name":"vid","type":"u16"}]},
    {"name":"vlan-flags-mask","type":"struct","members":[{"name":"flags","type":"u32","enum":"vlan-flags"},{"name":"mask","type":"u32","enum":"vlan-flags"}]},
    {"name":"vlan-qos-mapping","type":"struct","members":[{"name":"from","type":"u32"},{"name":"to","type":"u32"}]},
    {"name":"port-range","type":"struct","members":[{"name":"low","type":"be16"},{"name":"high","type":"be16"}]},
  ],
  "attribute-sets": [
    {"name":"link-attrs","attributes":[{"name":"address","type":"binary","display-hint":"mac","value":1},{"name":"broadcast","type":"binary","display-hint":"mac"},{"name":"ifname","type":"string"},{"name":"mtu","type":"u32"},{"name":"link","type":"u32"},{"name":"qdisc","type":"string"},{"name":"stats","type":"binary"},{"name":"cost","type":"unused"},{"name":"priority","type":"unused"},{"name":"master","type":"u32"},{"name":"wireless","type":"unused"},{"name":"protinfo","type":"sub-message","sub-message":"protinfo-msg","selector":"ifi-family"},{"name":"txqlen","type":"u32"},{"name":"map","type":"binary"},{"name":"weight","type":"u32"},{"name":"operstate","type":"u8","enum":"operstate"},{"name":"linkmode","type":"u8"},{"name":"linkinfo","type":"nest","nested-attributes":"linkinfo-attrs"},{"name":"net-ns-pid","type":"u32"},{"name":"ifalias","type":"string"},{"name":"num-vf","type":"u32"},{"name":"vfinfo-list","type":"binary"},{"name":"stats64","type":"binary"},{"name":"vf-ports","type":"binary"},{"name":"port-self","type":"binary"},{"name":"af-spec","type":"sub-message","sub-message":"af-spec-msg","selector":"ifi-family"},{"name":"group","type":"u32"},{"name":"net-ns-fd","type":"u32"},{"name":"ext-mask","type":"u32","enum":"rtext-filter"},{"name":"promiscuity","type":"u32"},{"name":"num-tx-queues","type":"u32"},{"name":"num-rx-queues","type":"u32"},{"name":"carrier","type":"u8"},{"name":"phys-port-id","type":"binary"},{"name":"carrier-changes","type":"u32"},{"name":"phys-switch-id","type":"binary"},{"name":"link-netnsid","type":"s32"},{"name":"phys-port-name","type":"string"},{"name":"proto-down","type":"u8"},{"name":"gso-max-segs","type":"u32"},{"name":"gso-max-size","type":"u32"},{"name":"pad","type":"pad"},{"name":"xdp","type":"nest","nested-attributes":"xdp-attrs"},{"name":"event","type":"u32"},{"name":"new-netnsid","type":"s32"},{"name":"target-netnsid","type":"s32"},{"name":"carrier-up-count","type":"u32"},{"name":"carrier-down-count","type":"u32"},{"name":"new-ifindex","type":"s32"},{"name":"min-mtu","type":"u32"},{"name":"max-mtu","type":"u32"},{"name":"prop-list","type":"nest","nested-attributes":"prop-list-attrs"},{"name":"alt-ifname","type":"string"},{"name":"perm-address","type":"binary","display-hint":"mac"},{"name":"proto-down-reason","type":"binary"},{"name":"parent-dev-name","type":"string"},{"name":"parent-dev-bus-name","type":"string"},{"name":"gro-max-size","type":"u32"},{"name":"tso-max-size","type":"u32"},{"name":"tso-max-segs","type":"u32"},{"name":"allmulti","type":"u32"},{"name":"devlink-port","type":"binary"},{"name":"gso-ipv4-max-size","type":"u32"},{"name":"gro-ipv4-max-size","type":"u32"},{"name":"dpll-pin","type":"binary"},{"name":"max-pacing-offload-horizon","type":"uint"},{"name":"netns-immutable","type":"u8"},{"name":"headroom","type":"u16"},{"name":"tailroom","type":"u16"}]},
    {"name":"prop-list-attrs","attributes":[{"name":"alt-ifname","type":"string","multi-attr":true,"value":53}]},
    {"name":"xdp-attrs","attributes":[{"name":"fd","type":"s32"},{"name":"attached","type":"u8","enum":"xdp-attached"},{"name":"flags","type":"u32"},{"name":"prog-id","type":"u32"},{"name":"drv-prog-id","type":"u32"},{"name":"skb-prog-id","type":"u32"},{"name":"hw-prog-id","type":"u32"},{"name":"expected-fd","type":"s32"}]},
    {"name":"linkinfo-attrs","attributes":[{"name":"kind","type":"string"},{"name":"data","type":"sub-message","sub-message":"linkinfo-data-msg","selector":"kind"},{"name":"xstats","type":"binary"},{"name":"slave-kind","type":"string"},{"name":"slave-data","type":"sub-message","sub-message":"linkinfo-slave-data-msg","selector":"slave-kind"}]},
    {"name":"bridge-attrs","attributes":[{"name":"forward-delay","type":"u32"},{"name":"hello-time","type":"u32"},{"name":"max-age","type":"u32"},{"name":"ageing-time","type":"u32"},{"name":"stp-state","type":"u32"},{"name":"priority","type":"u16"},{"name":"vlan-filtering","type":"u8"},{"name":"vlan-protocol","type":"be16"},{"name":"group-fwd-mask","type":"u16"},{"name":"root-id","type":"binary","struct":"bridge-id"},{"name":"bridge-id","type":"binary","struct":"bridge-id"},{"name":"root-port","type":"u16"},{"name":"root-path-cost","type":"u32"},{"name":"topology-change","type":"u8"},{"name":"topology-change-detected","type":"u8"},{"name":"hello-timer","type":"u64"},{"name":"tcn-timer","type":"u64"},{"name":"topology-change-timer","type":"u64"},{"name":"gc-timer","type":"u64"},{"name":"group-addr","type":"binary","display-hint":"mac"},{"name":"fdb-flush","type":"flag"},{"name":"mcast-router","type":"u8"},{"name":"mcast-snooping","type":"u8"},{"name":"mcast-query-use-ifaddr","type":"u8"},{"name":"mcast-querier","type":"u8"},{"name":"mcast-hash-elasticity","type":"u32"},{"name":"mcast-hash-max","type":"u32"},{"name":"mcast-last-member-cnt","type":"u32"},{"name":"mcast-startup-query-cnt","type":"u32"},{"name":"mcast-last-member-intvl","type":"u64"},{"name":"mcast-membership-intvl","type":"u64"},{"name":"mcast-querier-intvl","type":"u64"},{"name":"mcast-query-intvl","type":"u64"},{"name":"mcast-query-response-intvl","type":"u64"},{"name":"mcast-startup-query-intvl","type":"u64"},{"name":"nf-call-iptables","type":"u8"},{"name":"nf-call-ip6tables","type":"u8"},{"name":"nf-call-arptables","type":"u8"},{"name":"vlan-default-pvid","type":"u16"},{"name":"pad","type":"pad"},{"name":"vlan-stats-enabled","type":"u8"},{"name":"mcast-stats-enabled","type":"u8"},{"name":"mcast-igmp-version","type":"u8"},{"name":"mcast-mld-version","type":"u8"},{"name":"vlan-stats-per-port","type":"u8"},{"name":"multi-boolopt","type":"binary","struct":"boolopt-multi"},{"name":"mcast-querier-state","type":"binary"},{"name":"fdb-n-learned","type":"u32"},{"name":"fdb-max-learned","type":"u32"},{"name":"stp-mode","type":"u32"}]},
    {"name":"bridge-port-attrs","attributes":[{"name":"state","type":"u8","enum":"stp-port-state"},{"name":"priority","type":"u16"},{"name":"cost","type":"u32"},{"name":"mode","type":"u8"},{"name":"guard","type":"u8"},{"name":"protect","type":"u8"},{"name":"fast-leave","type":"u8"},{"name":"learning","type":"u8"},{"name":"unicast-flood","type":"u8"},{"name":"proxyarp","type":"u8"},{"name":"learning-sync","type":"u8"},{"name":"proxyarp-wifi","type":"u8"},{"name":"root-id","type":"binary","struct":"bridge-id"},{"name":"bridge-id","type":"binary","struct":"bridge-id"},{"name":"designated-port","type":"u16"},{"name":"designated-cost","type":"u16"},{"name":"id","type":"u16"},{"name":"no","type":"u16"},{"name":"topology-change-ack","type":"u8"},{"name":"config-pending","type":"u8"},{"name":"message-age-timer","type":"u64"},{"name":"forward-delay-timer","type":"u64"},{"name":"hold-timer","type":"u64"},{"name":"flush","type":"flag"},{"name":"multicast-router","type":"u8"},{"name":"pad","type":"pad"},{"name":"mcast-flood","type":"u8"},{"name":"mcast-to-ucast","type":"u8"},{"name":"vlan-tunnel","type":"u8"},{"name":"bcast-flood","type":"u8"},{"name":"group-fwd-mask","type":"u16"},{"name":"neigh-suppress","type":"u8"},{"name":"isolated","type":"u8"},{"name":"backup-port","type":"u32"},{"name":"mrp-ring-open","type":"u8"},{"name":"mrp-in-open","type":"u8"},{"name":"mcast-eht-hosts-limit","type":"u32"},{"name":"mcast-eht-hosts-cnt","type":"u32"},{"name":"locked","type":"u8"},{"name":"mab","type":"u8"},{"name":"mcast-n-groups","type":"u32"},{"name":"mcast-max-groups","type":"u32"},{"name":"neigh-vlan-suppress","type":"u8"},{"name":"backup-nhid","type":"u32"},{"name":"neigh-forward-grat","type":"u8"}]},
    {"name":"bridge-af-attrs","attributes":[{"name":"flags","type":"u16","value":0},{"name":"mode","type":"u16"},{"name":"vlan-info","type":"binary","struct":"bridge-vlan-info","multi-attr":true},{"name":"vlan-tunnel-info","type":"nest","nested-attributes":"bridge-vlan-tunnel-attrs","multi-attr":true},{"name":"mrp","type":"binary"},{"name":"cfm","type":"binary"},{"name":"mst","type":"binary"}]},
    {"name":"bridge-vlan-tunnel-attrs","attributes":[{"name":"id","type":"u32"},{"name":"vid","type":"u16"},{"name":"flags","type":"u16","enum":"bridge-vlan-flags"}]},
    {"name":"af-attrs","attributes":[{"name":"inet","type":"nest","nested-attributes":"inet-attrs","value":2},{"name":"inet6","type":"binary","value":10}]},
    {"name":"inet-attrs","attributes":[{"name":"conf","type":"binary"}]},
    {"name":"veth-attrs","attributes":[{"name":"peer","type":"binary"}]},
    {"name":"vlan-attrs","attributes":[{"name":"id","type":"u16"},{"name":"flags","type":"binary","struct":"vlan-flags-mask"},{"name":"egress-qos","type":"nest","nested-attributes":"vlan-qos-attrs"},{"name":"ingress-qos","type":"nest","nested-attributes":"vlan-qos-attrs"},{"name":"protocol","type":"be16"}]},
    {"name":"vlan-qos-attrs","attributes":[{"name":"mapping","type":"binary","struct":"vlan-qos-mapping","multi-attr":true}]},
    {"name":"vxlan-attrs","attributes":[{"name":"id","type":"u32"},{"name":"group","type":"binary","display-hint":"ipv4"},{"name":"link","type":"u32"},{"name":"local","type":"binary","display-hint":"ipv4"},{"name":"ttl","type":"u8"},{"name":"tos","type":"u8"},{"name":"learning","type":"u8"},{"name":"ageing","type":"u32"},{"name":"limit","type":"u32"},{"name":"port-range","type":"binary","struct":"port-range"},{"name":"proxy","type":"u8"},{"name":"rsc","type":"u8"},{"name":"l2miss","type":"u8"},{"name":"l3miss","type":"u8"},{"name":"port","type":"be16"},{"name":"group6","type":"binary","display-hint":"ipv6"},{"name":"local6","type":"binary","display-hint":"ipv6"},{"name":"udp-csum","type":"u8"},{"name":"udp-zero-csum6-tx","type":"u8"},{"name":"udp-zero-csum6-rx","type":"u8"},{"name":"remcsum-tx","type":"u8"},{"name":"remcsum-rx","type":"u8"},{"name":"gbp","type":"flag"},{"name":"remcsum-nopartial","type":"flag"},{"name":"collect-metadata","type":"u8"},{"name":"label","type":"be32"},{"name":"gpe","type":"flag"},{"name":"ttl-inherit","type":"u8"},{"name":"df","type":"u8"},{"name":"vnifilter","type":"u8"},{"name":"localbypass","type":"u8"},{"name":"label-policy","type":"u32"},{"name":"reserved-bits","type":"binary"},{"name":"mc-route","type":"u8"}]},
    {"name":"tun-attrs","attributes":[{"name":"owner","type":"u32"},{"name":"group","type":"u32"},{"name":"type","type":"u8"},{"name":"pi","type":"u8"},{"name":"vnet-hdr","type":"u8"},{"name":"persist","type":"u8"},{"name":"multi-queue","type":"u8"},{"name":"num-queues","type":"u32"},{"name":"num-disabled-queues","type":"u32"}]},
    {"name":"macvlan-attrs","attributes":[{"name":"mode","type":"u32","enum":"macvlan-mode"},{"name":"flags","type":"u16"},{"name":"macaddr-mode","type":"u32"},{"name":"macaddr","type":"binary","display-hint":"mac"},{"name":"macaddr-data","type":"nest","nested-attributes":"macvlan-macaddr-attrs"},{"name":"macaddr-count","type":"u32"},{"name":"bc-queue-len","type":"u32"},{"name":"bc-queue-len-used","type":"u32"},{"name":"bc-cutoff","type":"s32"}]},
    {"name":"macvlan-macaddr-attrs","attributes":[{"name":"macaddr","type":"binary","display-hint":"mac","multi-attr":true,"value":4}]},
    {"name":"vrf-attrs","attributes":[{"name":"table","type":"u32"}]},
    {"name":"bond-attrs","attributes":[{"name":"mode","type":"u8"},{"name":"active-slave","type":"u32"},{"name":"miimon","type":"u32"},{"name":"updelay","type":"u32"},{"name":"downdelay","type":"u32"},{"name":"use-carrier","type":"u8"},{"name":"arp-interval","type":"u32"},{"name":"arp-ip-target","type":"indexed-array","sub-type":"be32","display-hint":"ipv4"},{"name":"arp-validate","type":"u32"},{"name":"arp-all-targets","type":"u32"},{"name":"primary","type":"u32"},{"name":"primary-reselect","type":"u8"},{"name":"fail-over-mac","type":"u8"},{"name":"xmit-hash-policy","type":"u8"}]},
    {"name":"bond-slave-attrs","attributes":[{"name":"state","type":"u8"},{"name":"mii-status","type":"u8"},{"name":"link-failure-count","type":"u32"},{"name":"perm-hwaddr","type":"binary","display-hint":"mac"},{"name":"queue-id","type":"u16"},{"name":"ad-aggregator-id","type":"u16"}]},
  ],
  "sub-messages": [
    {"name":"linkinfo-data-msg","formats":[{"value":"bridge","attribute-set":"bridge-attrs"},{"value":"veth","attribute-set":"veth-attrs"},{"value":"vlan","attribute-set":"vlan-attrs"},{"value":"vxlan","attribute-set":"vxlan-attrs"},{"value":"tun","attribute-set":"tun-attrs"},{"value":"macvlan","attribute-set":"macvlan-attrs"},{"value":"macvtap","attribute-set":"macvlan-attrs"},{"value":"vrf","attribute-set":"vrf-attrs"},{"value":"bond","attribute-set":"bond-attrs"}]},
    {"name":"linkinfo-slave-data-msg","formats":[{"value":"bridge","attribute-set":"bridge-port-attrs"},{"value":"bond","attribute-set":"bond-slave-attrs"},{"value":"vrf","attribute-set":"vrf-attrs"}]},
    {"name":"protinfo-msg","formats":[{"value":"7","attribute-set":"bridge-port-attrs"}]},
    {"name":"af-spec-msg","formats":[{"value":"0","attribute-set":"af-attrs"},{"value":"7","attribute-set":"bridge-af-attrs"}]},
  ],
  "operations": {"enum-model":"directional","fixed-header":"ifinfomsg","list":[{"name":"getlink","attribute-set":"link-attrs","do":{"request":{"value":18},"reply":{"value":16}},"dump":{"request":{"value":18},"reply":{"value":16}}},{"name":"newlink","attribute-set":"link-attrs","do":{"request":{"value":16}}},{"name":"dellink","attribute-set":"link-attrs","do":{"request":{"value":17}}},{"name":"setlink","attribute-set":"link-attrs","do":{"request":{"value":19}}},{"name":"newlink-ntf","value":16,"notify":"getlink"},{"name":"dellink-ntf","value":17,"notify":"getlink"}]},
  "mcast-groups": {"list":[{"name":"rtnlgrp-link","value":1}]},
};
