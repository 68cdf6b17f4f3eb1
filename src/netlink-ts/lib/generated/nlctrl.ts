// SPDX-License-Identifier: Apache-2.0
// Generated from specs/nlctrl.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface NlctrlCtrlAttrs {
  readonly family_id?: number | undefined;
  readonly family_name?: string | undefined;
  readonly version?: number | undefined;
  readonly hdrsize?: number | undefined;
  readonly maxattr?: number | undefined;
  readonly ops?: readonly (NlctrlOpAttrs)[] | undefined;
  readonly mcast_groups?: readonly (NlctrlMcastGroupAttrs)[] | undefined;
  readonly policy?: Uint8Array | undefined;
  readonly op_policy?: Uint8Array | undefined;
  readonly op?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NlctrlOpAttrs {
  readonly id?: number | undefined;
  readonly flags?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NlctrlMcastGroupAttrs {
  readonly name?: string | undefined;
  readonly id?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NlctrlOperations {
  readonly 'getfamily': { readonly request: NlctrlCtrlAttrs; readonly reply: NlctrlCtrlAttrs };
}

/** The spec as data, for the compiler. */
export const nlctrlDocument: unknown = {
  "name": "nlctrl",
  "protocol": "genetlink-legacy",
  "version": 2,
  "definitions": [
    {"name":"op-flags","type":"flags","entries":["admin-perm","cmd-cap-do","cmd-cap-dump","cmd-cap-haspol","uns-admin-perm"]},
  ],
  "attribute-sets": [
    {"name":"ctrl-attrs","attributes":[{"name":"family-id","type":"u16"},{"name":"family-name","type":"string"},{"name":"version","type":"u32"},{"name":"hdrsize","type":"u32"},{"name":"maxattr","type":"u32"},{"name":"ops","type":"indexed-array","sub-type":"nest","nested-attributes":"op-attrs"},{"name":"mcast-groups","type":"indexed-array","sub-type":"nest","nested-attributes":"mcast-group-attrs"},{"name":"policy","type":"binary"},{"name":"op-policy","type":"binary"},{"name":"op","type":"u32"}]},
    {"name":"op-attrs","attributes":[{"name":"id","type":"u32"},{"name":"flags","type":"u32","enum":"op-flags"}]},
    {"name":"mcast-group-attrs","attributes":[{"name":"name","type":"string"},{"name":"id","type":"u32"}]},
  ],
  "operations": {"enum-model":"directional","list":[{"name":"getfamily","attribute-set":"ctrl-attrs","do":{"request":{"value":3},"reply":{"value":1}},"dump":{"reply":{"value":1}}},{"name":"delfamily-ntf","value":2,"notify":"getfamily"}]},
};
