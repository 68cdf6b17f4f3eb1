// SPDX-License-Identifier: Apache-2.0
// Generated from specs/rt-rule.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface RtRuleFibRuleHdrStruct {
  readonly family?: number | undefined;
  readonly dst_len?: number | undefined;
  readonly src_len?: number | undefined;
  readonly tos?: number | undefined;
  readonly table?: number | undefined;
  readonly action?: number | undefined;
  readonly flags?: number | undefined;
}

export interface RtRuleUidRangeStruct {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

export interface RtRulePortRangeStruct {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
}

export interface RtRuleRuleAttrs {
  readonly dst?: string | undefined;
  readonly src?: string | undefined;
  readonly iifname?: string | undefined;
  readonly goto?: number | undefined;
  readonly priority?: number | undefined;
  readonly fwmark?: number | undefined;
  readonly flow?: number | undefined;
  readonly tun_id?: number | bigint | undefined;
  readonly suppress_ifgroup?: number | undefined;
  readonly suppress_prefixlen?: number | undefined;
  readonly table?: number | undefined;
  readonly fwmask?: number | undefined;
  readonly oifname?: string | undefined;
  readonly l3mdev?: number | undefined;
  readonly uid_range?: RtRuleUidRangeStruct | undefined;
  readonly protocol?: number | undefined;
  readonly ip_proto?: number | undefined;
  readonly sport_range?: RtRulePortRangeStruct | undefined;
  readonly dport_range?: RtRulePortRangeStruct | undefined;
  readonly dscp?: number | undefined;
  readonly flowlabel?: number | undefined;
  readonly flowlabel_mask?: number | undefined;
  readonly sport_mask?: number | undefined;
  readonly dport_mask?: number | undefined;
  readonly dscp_mask?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtRuleOperations {
  readonly 'getrule': { readonly request: Omit<RtRuleFibRuleHdrStruct, 'table' | 'pad'> & RtRuleRuleAttrs; readonly reply: Omit<RtRuleFibRuleHdrStruct, 'table' | 'pad'> & RtRuleRuleAttrs };
  readonly 'newrule': { readonly request: Omit<RtRuleFibRuleHdrStruct, 'table' | 'pad'> & RtRuleRuleAttrs; readonly reply: Omit<RtRuleFibRuleHdrStruct, 'table' | 'pad'> & RtRuleRuleAttrs };
  readonly 'delrule': { readonly request: Omit<RtRuleFibRuleHdrStruct, 'table' | 'pad'> & RtRuleRuleAttrs; readonly reply: Omit<RtRuleFibRuleHdrStruct, 'table' | 'pad'> & RtRuleRuleAttrs };
}

/** The spec as data, for the compiler. */
export const rtRuleDocument: unknown = {
  "name": "rt-rule",
  "protocol": "netlink-raw",
  "protonum": 0,
  "definitions": [
    {"name":"fib-rule-hdr","type":"struct","members":[{"name":"family","type":"u8"},{"name":"dst-len","type":"u8"},{"name":"src-len","type":"u8"},{"name":"tos","type":"u8"},{"name":"table","type":"u8"},{"name":"pad","type":"pad","len":2},{"name":"action","type":"u8","enum":"fr-act"},{"name":"flags","type":"u32","enum":"rule-flags"}]},
    {"name":"fr-act","type":"enum","entries":["unspec","to-tbl","goto","nop","res3","res4","blackhole","unreachable","prohibit"]},
    {"name":"rule-flags","type":"flags","entries":["permanent","invert","unresolved","iif-detached","oif-detached",{"name":"find-saddr","value":16}]},
    {"name":"uid-range","type":"struct","members":[{"name":"start","type":"u32"},{"name":"end","type":"u32"}]},
    {"name":"port-range","type":"struct","members":[{"name":"start","type":"u16"},{"name":"end","type":"u16"}]},
  ],
  "attribute-sets": [
    {"name":"rule-attrs","attributes":[{"name":"dst","type":"binary","display-hint":"ipv4-or-v6"},{"name":"src","type":"binary","display-hint":"ipv4-or-v6"},{"name":"iifname","type":"string"},{"name":"goto","type":"u32"},{"name":"unused2","type":"unused"},{"name":"priority","type":"u32"},{"name":"unused3","type":"unused"},{"name":"unused4","type":"unused"},{"name":"unused5","type":"unused"},{"name":"fwmark","type":"u32"},{"name":"flow","type":"u32"},{"name":"tun-id","type":"be64"},{"name":"suppress-ifgroup","type":"s32"},{"name":"suppress-prefixlen","type":"s32"},{"name":"table","type":"u32"},{"name":"fwmask","type":"u32"},{"name":"oifname","type":"string"},{"name":"pad","type":"pad"},{"name":"l3mdev","type":"u8"},{"name":"uid-range","type":"binary","struct":"uid-range"},{"name":"protocol","type":"u8"},{"name":"ip-proto","type":"u8"},{"name":"sport-range","type":"binary","struct":"port-range"},{"name":"dport-range","type":"binary","struct":"port-range"},{"name":"dscp","type":"u8"},{"name":"flowlabel","type":"be32"},{"name":"flowlabel-mask","type":"be32"},{"name":"sport-mask","type":"u16"},{"name":"dport-mask","type":"u16"},{"name":"dscp-mask","type":"u8"}]},
  ],
  "operations": {"enum-model":"directional","fixed-header":"fib-rule-hdr","list":[{"name":"getrule","attribute-set":"rule-attrs","dump":{"request":{"value":34},"reply":{"value":32}}},{"name":"newrule","attribute-set":"rule-attrs","do":{"request":{"value":32}}},{"name":"delrule","attribute-set":"rule-attrs","do":{"request":{"value":33}}},{"name":"newrule-ntf","value":32,"notify":"getrule"},{"name":"delrule-ntf","value":33,"notify":"getrule"}]},
  "mcast-groups": {"list":[{"name":"rtnlgrp-ipv4-rule","value":8},{"name":"rtnlgrp-ipv6-rule","value":19}]},
};
