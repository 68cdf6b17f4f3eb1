// SPDX-License-Identifier: Apache-2.0
// Generated from specs/rt-neigh.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface RtNeighNdmsgStruct {
  readonly ndm_family?: number | undefined;
  readonly ndm_ifindex?: number | undefined;
  readonly ndm_state?: number | undefined;
  readonly ndm_flags?: number | undefined;
  readonly ndm_type?: number | undefined;
}

export interface RtNeighNdaCacheinfoStruct {
  readonly confirmed?: number | undefined;
  readonly used?: number | undefined;
  readonly updated?: number | undefined;
  readonly refcnt?: number | undefined;
}

export interface RtNeighNeighbourAttrs {
  readonly dst?: string | undefined;
  readonly lladdr?: string | undefined;
  readonly cacheinfo?: RtNeighNdaCacheinfoStruct | undefined;
  readonly probes?: number | undefined;
  readonly vlan?: number | undefined;
  readonly port?: number | undefined;
  readonly vni?: number | undefined;
  readonly ifindex?: number | undefined;
  readonly master?: number | undefined;
  readonly link_netnsid?: number | undefined;
  readonly src_vni?: number | undefined;
  readonly protocol?: number | undefined;
  readonly nh_id?: number | undefined;
  readonly fdb_ext_attrs?: RtNeighFdbExtAttrs | undefined;
  readonly flags_ext?: number | undefined;
  readonly ndm_state_mask?: number | undefined;
  readonly ndm_flags_mask?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtNeighFdbExtAttrs {
  readonly activity_notify?: number | undefined;
  readonly dont_refresh?: boolean | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface RtNeighOperations {
  readonly 'getneigh': { readonly request: RtNeighNdmsgStruct & RtNeighNeighbourAttrs; readonly reply: RtNeighNdmsgStruct & RtNeighNeighbourAttrs };
  readonly 'newneigh': { readonly request: RtNeighNdmsgStruct & RtNeighNeighbourAttrs; readonly reply: RtNeighNdmsgStruct & RtNeighNeighbourAttrs };
  readonly 'delneigh': { readonly request: RtNeighNdmsgStruct & RtNeighNeighbourAttrs; readonly reply: RtNeighNdmsgStruct & RtNeighNeighbourAttrs };
}

/** The spec as data, for the compiler. */
export const rtNeighDocument: unknown = {
  "name": "rt-neigh",
  "protocol": "netlink-raw",
  "protonum": 0,
  "definitions": [
    {"name":"ndmsg","type":"struct","members":[{"name":"ndm-family","type":"u8"},{"name":"pad","type":"pad","len":3},{"name":"ndm-ifindex","type":"s32"},{"name":"ndm-state","type":"u16","enum":"nud-state"},{"name":"ndm-flags","type":"u8","enum":"ntf-flags"},{"name":"ndm-type","type":"u8"}]},
    {"name":"nud-state","type":"flags","entries":["incomplete","reachable","stale","delay","probe","failed","noarp","permanent"]},
    {"name":"ntf-flags","type":"flags","entries":["use","self","master","proxy","ext-learned","offloaded","sticky","router"]},
    {"name":"ntf-ext-flags","type":"flags","entries":["managed","locked","ext-validated"]},
    {"name":"nda-cacheinfo","type":"struct","members":[{"name":"confirmed","type":"u32"},{"name":"used","type":"u32"},{"name":"updated","type":"u32"},{"name":"refcnt","type":"u32"}]},
  ],
  "attribute-sets": [
    {"name":"neighbour-attrs","attributes":[{"name":"dst","type":"binary","display-hint":"ipv4-or-v6"},{"name":"lladdr","type":"binary","display-hint":"mac"},{"name":"cacheinfo","type":"binary","struct":"nda-cacheinfo"},{"name":"probes","type":"u32"},{"name":"vlan","type":"u16"},{"name":"port","type":"be16"},{"name":"vni","type":"u32"},{"name":"ifindex","type":"u32"},{"name":"master","type":"u32"},{"name":"link-netnsid","type":"s32"},{"name":"src-vni","type":"u32"},{"name":"protocol","type":"u8"},{"name":"nh-id","type":"u32"},{"name":"fdb-ext-attrs","type":"nest","nested-attributes":"fdb-ext-attrs"},{"name":"flags-ext","type":"u32","enum":"ntf-ext-flags"},{"name":"ndm-state-mask","type":"u16"},{"name":"ndm-flags-mask","type":"u8"}]},
    {"name":"fdb-ext-attrs","attributes":[{"name":"activity-notify","type":"u8"},{"name":"dont-refresh","type":"flag"}]},
  ],
  "operations": {"enum-model":"directional","fixed-header":"ndmsg","list":[{"name":"getneigh","attribute-set":"neighbour-attrs","do":{"request":{"value":30},"reply":{"value":28}},"dump":{"request":{"value":30},"reply":{"value":28}}},{"name":"newneigh","attribute-set":"neighbour-attrs","do":{"request":{"value":28}}},{"name":"delneigh","attribute-set":"neighbour-attrs","do":{"request":{"value":29}}},{"name":"newneigh-ntf","value":28,"notify":"getneigh"},{"name":"delneigh-ntf","value":29,"notify":"getneigh"}]},
  "mcast-groups": {"list":[{"name":"rtnlgrp-neigh","value":3}]},
};
