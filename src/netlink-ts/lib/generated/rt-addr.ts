// SPDX-License-Identifier: Apache-2.0
// Generated from specs/rt-addr.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface RtAddrIfaddrmsgStruct {
  readonly ifa_family?: number | undefined;
  readonly ifa_prefixlen?: number | undefined;
  readonly ifa_flags?: number | undefined;
  readonly ifa_scope?: number | undefined;
  readonly ifa_index?: number | undefined;
}

export interface RtAddrCacheinfoStruct {
  readonly prefered?: number | undefined;
  readonly valid?: number | undefined;
  readonly cstamp?: number | undefined;
  readonly tstamp?: number | undefined;
}

export interface RtAddrAddrAttrs {
  readonly address?: string | undefined;
  readonly local?: string | undefined;
  readonly label?: string | undefined;
  readonly broadcast?: string | undefined;
  readonly anycast?: string | undefined;
  readonly cacheinfo?: RtAddrCacheinfoStruct | undefined;
  readonly multicast?: string | undefined;
  readonly flags?: number | undefined;
  readonly rt_priority?: number | undefined;
  readonly target_netnsid?: number | undefined;
  readonly proto?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtAddrOperations {
  readonly 'getaddr': { readonly request: RtAddrIfaddrmsgStruct & RtAddrAddrAttrs; readonly reply: RtAddrIfaddrmsgStruct & RtAddrAddrAttrs };
  readonly 'newaddr': { readonly request: RtAddrIfaddrmsgStruct & RtAddrAddrAttrs; readonly reply: RtAddrIfaddrmsgStruct & RtAddrAddrAttrs };
  readonly 'deladdr': { readonly request: RtAddrIfaddrmsgStruct & RtAddrAddrAttrs; readonly reply: RtAddrIfaddrmsgStruct & RtAddrAddrAttrs };
}

/** The spec as data, for the compiler. */
export const rtAddrDocument: unknown = {
  "name": "rt-addr",
  "protocol": "netlink-raw",
  "protonum": 0,
  "definitions": [
    {"name":"ifaddrmsg","type":"struct","members":[{"name":"ifa-family","type":"u8"},{"name":"ifa-prefixlen","type":"u8"},{"name":"ifa-flags","type":"u8","enum":"ifa-flags"},{"name":"ifa-scope","type":"u8"},{"name":"ifa-index","type":"u32"}]},
    {"name":"ifa-flags","type":"flags","entries":["secondary","nodad","optimistic","dadfailed","homeaddress","deprecated","tentative","permanent","managetempaddr","noprefixroute","mcautojoin","stable-privacy"]},
    {"name":"cacheinfo","type":"struct","members":[{"name":"prefered","type":"u32"},{"name":"valid","type":"u32"},{"name":"cstamp","type":"u32"},{"name":"tstamp","type":"u32"}]},
  ],
  "attribute-sets": [
    {"name":"addr-attrs","attributes":[{"name":"address","type":"binary","display-hint":"ipv4-or-v6"},{"name":"local","type":"binary","display-hint":"ipv4-or-v6"},{"name":"label","type":"string"},{"name":"broadcast","type":"binary","display-hint":"ipv4-or-v6"},{"name":"anycast","type":"binary","display-hint":"ipv4-or-v6"},{"name":"cacheinfo","type":"binary","struct":"cacheinfo"},{"name":"multicast","type":"binary","display-hint":"ipv4-or-v6"},{"name":"flags","type":"u32","enum":"ifa-flags"},{"name":"rt-priority","type":"u32"},{"name":"target-netnsid","type":"s32"},{"name":"proto","type":"u8"}]},
  ],
  "operations": {"enum-model":"directional","fixed-header":"ifaddrmsg","list":[{"name":"getaddr","attribute-set":"addr-attrs","dump":{"request":{"value":22},"reply":{"value":20}}},{"name":"newaddr","attribute-set":"addr-attrs","do":{"request":{"value":20}}},{"name":"deladdr","attribute-set":"addr-attrs","do":{"request":{"value":21}}},{"name":"newaddr-ntf","value":20,"notify":"getaddr"},{"name":"deladdr-ntf","value":21,"notify":"getaddr"}]},
  "mcast-groups": {"list":[{"name":"rtnlgrp-ipv4-ifaddr","value":5},{"name":"rtnlgrp-ipv6-ifaddr","value":9}]},
};
