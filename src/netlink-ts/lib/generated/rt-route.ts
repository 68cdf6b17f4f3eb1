// SPDX-License-Identifier: Apache-2.0
// Generated from specs/rt-route.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface RtRouteRtmsgStruct {
  readonly rtm_family?: number | undefined;
  readonly rtm_dst_len?: number | undefined;
  readonly rtm_src_len?: number | undefined;
  readonly rtm_tos?: number | undefined;
  readonly rtm_table?: number | undefined;
  readonly rtm_protocol?: number | undefined;
  readonly rtm_scope?: number | undefined;
  readonly rtm_type?: number | undefined;
  readonly rtm_flags?: number | undefined;
}

export interface RtRouteRtaCacheinfoStruct {
  readonly clntref?: number | undefined;
  readonly lastuse?: number | undefined;
  readonly expires?: number | undefined;
  readonly error?: number | undefined;
  readonly used?: number | undefined;
  readonly id?: number | undefined;
  readonly ts?: number | undefined;
  readonly tsage?: number | undefined;
}

export interface RtRouteRouteAttrs {
  readonly dst?: string | undefined;
  readonly src?: string | undefined;
  readonly iif?: number | undefined;
  readonly oif?: number | undefined;
  readonly gateway?: string | undefined;
  readonly priority?: number | undefined;
  readonly prefsrc?: string | undefined;
  readonly metrics?: RtRouteMetricsAttrs | undefined;
  readonly multipath?: Uint8Array | undefined;
  readonly protoinfo?: Uint8Array | undefined;
  readonly flow?: number | undefined;
  readonly cacheinfo?: RtRouteRtaCacheinfoStruct | undefined;
  readonly session?: Uint8Array | undefined;
  readonly mp_algo?: Uint8Array | undefined;
  readonly table?: number | undefined;
  readonly mark?: number | undefined;
  readonly mfc_stats?: Uint8Array | undefined;
  readonly via?: Uint8Array | undefined;
  readonly newdst?: Uint8Array | undefined;
  readonly pref?: number | undefined;
  readonly encap_type?: number | undefined;
  readonly encap?: Uint8Array | undefined;
  readonly expires?: number | undefined;
  readonly uid?: number | undefined;
  readonly ttl_propagate?: number | undefined;
  readonly ip_proto?: number | undefined;
  readonly sport?: number | undefined;
  readonly dport?: number | undefined;
  readonly nh_id?: number | undefined;
  readonly flowlabel?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtRouteMetricsAttrs {
  readonly lock?: number | undefined;
  readonly mtu?: number | undefined;
  readonly window?: number | undefined;
  readonly rtt?: number | undefined;
  readonly rttvar?: number | undefined;
  readonly ssthresh?: number | undefined;
  readonly cwnd?: number | undefined;
  readonly advmss?: number | undefined;
  readonly reordering?: number | undefined;
  readonly hoplimit?: number | undefined;
  readonly initcwnd?: number | undefined;
  readonly features?: number | undefined;
  readonly rto_min?: number | undefined;
  readonly initrwnd?: number | undefined;
  readonly quickack?: number | undefined;
  readonly cc_algo?: string | undefined;
  readonly fastopen_no_cookie?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtRouteOperations {
  readonly 'getroute': { readonly request: RtRouteRtmsgStruct & RtRouteRouteAttrs; readonly reply: RtRouteRtmsgStruct & RtRouteRouteAttrs };
  readonly 'newroute': { readonly request: RtRouteRtmsgStruct & RtRouteRouteAttrs; readonly reply: RtRouteRtmsgStruct & RtRouteRouteAttrs };
  readonly 'delroute': { readonly request: RtRouteRtmsgStruct & RtRouteRouteAttrs; readonly reply: RtRouteRtmsgStruct & RtRouteRouteAttrs };
}

/** The spec as data, for the compiler. */
export const rtRouteDocument: unknown = {
  "name": "rt-route",
  "protocol": "netlink-raw",
  "protonum": 0,
  "definitions": [
    {"name":"rtmsg","type":"struct","members":[{"name":"rtm-family","type":"u8"},{"name":"rtm-dst-len","type":"u8"},{"name":"rtm-src-len","type":"u8"},{"name":"rtm-tos","type":"u8"},{"name":"rtm-table","type":"u8"},{"name":"rtm-protocol","type":"u8","enum":"rtm-protocol"},{"name":"rtm-scope","type":"u8"},{"name":"rtm-type","type":"u8","enum":"rtm-type"},{"name":"rtm-flags","type":"u32","enum":"rtm-flags"}]},
    {"name":"rtm-type","type":"enum","entries":["unspec","unicast","local","broadcast","anycast","multicast","blackhole","unreachable","prohibit","throw","nat","xresolve"]},
    {"name":"rtm-protocol","type":"enum","entries":["unspec","redirect","kernel","boot","static",{"name":"ra","value":9},{"name":"zebra","value":11},{"name":"bird","value":12},{"name":"dhcp","value":16},{"name":"keepalived","value":18},{"name":"bgp","value":186},{"name":"isis","value":187},{"name":"ospf","value":188},{"name":"rip","value":189},{"name":"eigrp","value":192}]},
    {"name":"rtm-flags","type":"flags","entries":["dead","pervasive","onlink","offload","linkdown","unresolved","trap",{"name":"notify","value":8},"cloned","equalize","prefix","lookup-table","fib-match","rt-offload","rt-trap",{"name":"offload-failed","value":29}]},
    {"name":"rta-cacheinfo","type":"struct","members":[{"name":"clntref","type":"u32"},{"name":"lastuse","type":"u32"},{"name":"expires","type":"s32"},{"name":"error","type":"u32"},{"name":"used","type":"u32"},{"name":"id","type":"u32"},{"name":"ts","type":"u32"},{"name":"tsage","type":"u32"}]},
  ],
  "attribute-sets": [
    {"name":"route-attrs","attributes":[{"name":"dst","type":"binary","display-hint":"ipv4-or-v6"},{"name":"src","type":"binary","display-hint":"ipv4-or-v6"},{"name":"iif","type":"u32"},{"name":"oif","type":"u32"},{"name":"gateway","type":"binary","display-hint":"ipv4-or-v6"},{"name":"priority","type":"u32"},{"name":"prefsrc","type":"binary","display-hint":"ipv4-or-v6"},{"name":"metrics","type":"nest","nested-attributes":"metrics-attrs"},{"name":"multipath","type":"binary"},{"name":"protoinfo","type":"binary"},{"name":"flow","type":"u32"},{"name":"cacheinfo","type":"binary","struct":"rta-cacheinfo"},{"name":"session","type":"binary"},{"name":"mp-algo","type":"binary"},{"name":"table","type":"u32"},{"name":"mark","type":"u32"},{"name":"mfc-stats","type":"binary"},{"name":"via","type":"binary"},{"name":"newdst","type":"binary"},{"name":"pref","type":"u8"},{"name":"encap-type","type":"u16"},{"name":"encap","type":"binary"},{"name":"expires","type":"u32"},{"name":"pad","type":"pad"},{"name":"uid","type":"u32"},{"name":"ttl-propagate","type":"u8"},{"name":"ip-proto","type":"u8"},{"name":"sport","type":"be16"},{"name":"dport","type":"be16"},{"name":"nh-id","type":"u32"},{"name":"flowlabel","type":"be32"}]},
    {"name":"metrics-attrs","attributes":[{"name":"lock","type":"u32"},{"name":"mtu","type":"u32"},{"name":"window","type":"u32"},{"name":"rtt","type":"u32"},{"name":"rttvar","type":"u32"},{"name":"ssthresh","type":"u32"},{"name":"cwnd","type":"u32"},{"name":"advmss","type":"u32"},{"name":"reordering","type":"u32"},{"name":"hoplimit","type":"u32"},{"name":"initcwnd","type":"u32"},{"name":"features","type":"u32"},{"name":"rto-min","type":"u32"},{"name":"initrwnd","type":"u32"},{"name":"quickack","type":"u32"},{"name":"cc-algo","type":"string"},{"name":"fastopen-no-cookie","type":"u32"}]},
  ],
  "operations": {"enum-model":"directional","fixed-header":"rtmsg","list":[{"name":"getroute","attribute-set":"route-attrs","do":{"request":{"value":26},"reply":{"value":24}},"dump":{"request":{"value":26},"reply":{"value":24}}},{"name":"newroute","attribute-set":"route-attrs","do":{"request":{"value":24}}},{"name":"delroute","attribute-set":"route-attrs","do":{"request":{"value":25}}},{"name":"newroute-ntf","value":24,"notify":"getroute"},{"name":"delroute-ntf","value":25,"notify":"getroute"}]},
  "mcast-groups": {"list":[{"name":"rtnlgrp-ipv4-route","value":7},{"name":"rtnlgrp-ipv6-route","value":11}]},
};
