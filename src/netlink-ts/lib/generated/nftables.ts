// SPDX-License-Identifier: Apache-2.0
// Generated from specs/nftables.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface NftablesNfgenmsgStruct {
  readonly nfgen_family?: number | undefined;
  readonly version?: number | undefined;
  readonly res_id?: number | undefined;
}

export interface NftablesTableAttrs {
  readonly name?: string | undefined;
  readonly flags?: number | undefined;
  readonly use?: number | undefined;
  readonly handle?: number | bigint | undefined;
  readonly userdata?: Uint8Array | undefined;
  readonly owner?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesChainAttrs {
  readonly table?: string | undefined;
  readonly handle?: number | bigint | undefined;
  readonly name?: string | undefined;
  readonly hook?: NftablesHookAttrs | undefined;
  readonly policy?: number | undefined;
  readonly use?: number | undefined;
  readonly type?: string | undefined;
  readonly counters?: NftablesCounterAttrs | undefined;
  readonly flags?: number | undefined;
  readonly id?: number | undefined;
  readonly userdata?: Uint8Array | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesHookAttrs {
  readonly num?: number | undefined;
  readonly priority?: number | undefined;
  readonly dev?: string | undefined;
  readonly devs?: NftablesDeviceAttrs | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesDeviceAttrs {
  readonly name?: readonly (string)[] | undefined;
  readonly prefix?: readonly (string)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesCounterAttrs {
  readonly bytes?: number | bigint | undefined;
  readonly packets?: number | bigint | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesRuleAttrs {
  readonly table?: string | undefined;
  readonly chain?: string | undefined;
  readonly handle?: number | bigint | undefined;
  readonly expressions?: NftablesExpressionListAttrs | undefined;
  readonly compat?: NftablesCompatAttrs | undefined;
  readonly position?: number | bigint | undefined;
  readonly userdata?: Uint8Array | undefined;
  readonly id?: number | undefined;
  readonly position_id?: number | undefined;
  readonly chain_id?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesCompatAttrs {
  readonly proto?: number | undefined;
  readonly flags?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesExpressionListAttrs {
  readonly elem?: readonly (NftablesExpressionAttrs)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesExpressionAttrs {
  readonly name?: string | undefined;
  readonly data?: Uint8Array | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesFlowtableAttrs {
  readonly table?: string | undefined;
  readonly name?: string | undefined;
  readonly hook?: NftablesFlowtableHookAttrs | undefined;
  readonly use?: number | undefined;
  readonly handle?: number | bigint | undefined;
  readonly flags?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesFlowtableHookAttrs {
  readonly num?: number | undefined;
  readonly priority?: number | undefined;
  readonly devs?: NftablesDeviceAttrs | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesGenAttrs {
  readonly id?: number | undefined;
  readonly proc_pid?: number | undefined;
  readonly proc_name?: string | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NftablesOperations {
  readonly 'gettable': { readonly request: NftablesNfgenmsgStruct & NftablesTableAttrs; readonly reply: NftablesNfgenmsgStruct & NftablesTableAttrs };
  readonly 'getchain': { readonly request: NftablesNfgenmsgStruct & NftablesChainAttrs; readonly reply: NftablesNfgenmsgStruct & NftablesChainAttrs };
  readonly 'getrule': { readonly request: NftablesNfgenmsgStruct & NftablesRuleAttrs; readonly reply: NftablesNfgenmsgStruct & NftablesRuleAttrs };
  readonly 'getflowtable': { readonly request: NftablesNfgenmsgStruct & NftablesFlowtableAttrs; readonly reply: NftablesNfgenmsgStruct & NftablesFlowtableAttrs };
  readonly 'getgen': { readonly request: NftablesNfgenmsgStruct & NftablesGenAttrs; readonly reply: NftablesNfgenmsgStruct & NftablesGenAttrs };
}

/** The spec as data, for the compiler. */
export const nftablesDocument: unknown = {
  "name": "nftables",
  "protocol": "netlink-raw",
  "protonum": 12,
  "definitions": [
    {"name":"nfgenmsg","type":"struct","members":[{"name":"nfgen-family","type":"u8","enum":"nf-family"},{"name":"version","type":"u8"},{"name":"res-id","type":"be16"}]},
    {"name":"nf-family","type":"enum","entries":["unspec","inet","ipv4","arp",{"name":"netdev","value":5},{"name":"bridge","value":7},{"name":"ipv6","value":10}]},
    {"name":"table-flags","type":"flags","entries":["dormant","owner","persist"]},
    {"name":"chain-flags","type":"flags","entries":["base","hw-offload","binding"]},
    {"name":"flowtable-flags","type":"flags","entries":["hw-offload","counter"]},
    {"name":"verdict","type":"enum","entries":["drop","accept"]},
  ],
  "attribute-sets": [
    {"name":"table-attrs","attributes":[{"name":"name","type":"string"},{"name":"flags","type":"be32","enum":"table-flags"},{"name":"use","type":"be32"},{"name":"handle","type":"be64"},{"name":"pad","type":"pad"},{"name":"userdata","type":"binary"},{"name":"owner","type":"be32"}]},
    {"name":"chain-attrs","attributes":[{"name":"table","type":"string"},{"name":"handle","type":"be64"},{"name":"name","type":"string"},{"name":"hook","type":"nest","nested-attributes":"hook-attrs"},{"name":"policy","type":"be32","enum":"verdict"},{"name":"use","type":"be32"},{"name":"type","type":"string"},{"name":"counters","type":"nest","nested-attributes":"counter-attrs"},{"name":"pad","type":"pad"},{"name":"flags","type":"be32","enum":"chain-flags"},{"name":"id","type":"be32"},{"name":"userdata","type":"binary"}]},
    {"name":"hook-attrs","attributes":[{"name":"num","type":"be32"},{"name":"priority","type":"s32","byte-order":"big-endian"},{"name":"dev","type":"string"},{"name":"devs","type":"nest","nested-attributes":"device-attrs"}]},
    {"name":"device-attrs","attributes":[{"name":"name","type":"string","multi-attr":true},{"name":"prefix","type":"string","multi-attr":true}]},
    {"name":"counter-attrs","attributes":[{"name":"bytes","type":"be64"},{"name":"packets","type":"be64"},{"name":"pad","type":"pad"}]},
    {"name":"rule-attrs","attributes":[{"name":"table","type":"string"},{"name":"chain","type":"string"},{"name":"handle","type":"be64"},{"name":"expressions","type":"nest","nested-attributes":"expression-list-attrs"},{"name":"compat","type":"nest","nested-attributes":"compat-attrs"},{"name":"position","type":"be64"},{"name":"userdata","type":"binary"},{"name":"pad","type":"pad"},{"name":"id","type":"be32"},{"name":"position-id","type":"be32"},{"name":"chain-id","type":"be32"}]},
    {"name":"compat-attrs","attributes":[{"name":"proto","type":"be32"},{"name":"flags","type":"be32"}]},
    {"name":"expression-list-attrs","attributes":[{"name":"elem","type":"nest","nested-attributes":"expression-attrs","multi-attr":true}]},
    {"name":"expression-attrs","attributes":[{"name":"name","type":"string"},{"name":"data","type":"binary"}]},
    {"name":"flowtable-attrs","attributes":[{"name":"table","type":"string"},{"name":"name","type":"string"},{"name":"hook","type":"nest","nested-attributes":"flowtable-hook-attrs"},{"name":"use","type":"be32"},{"name":"handle","type":"be64"},{"name":"pad","type":"pad"},{"name":"flags","type":"be32","enum":"flowtable-flags"}]},
    {"name":"flowtable-hook-attrs","attributes":[{"name":"num","type":"be32"},{"name":"priority","type":"s32","byte-order":"big-endian"},{"name":"devs","type":"nest","nested-attributes":"device-attrs"}]},
    {"name":"gen-attrs","attributes":[{"name":"id","type":"be32"},{"name":"proc-pid","type":"be32"},{"name":"proc-name","type":"string"}]},
  ],
  "operations": {"enum-model":"directional","fixed-header":"nfgenmsg","list":[{"name":"gettable","attribute-set":"table-attrs","do":{"request":{"value":2561},"reply":{"value":2560}},"dump":{"request":{"value":2561},"reply":{"value":2560}}},{"name":"getchain","attribute-set":"chain-attrs","do":{"request":{"value":2564},"reply":{"value":2563}},"dump":{"request":{"value":2564},"reply":{"value":2563}}},{"name":"getrule","attribute-set":"rule-attrs","do":{"request":{"value":2567},"reply":{"value":2566}},"dump":{"request":{"value":2567},"reply":{"value":2566}}},{"name":"getflowtable","attribute-set":"flowtable-attrs","do":{"request":{"value":2583},"reply":{"value":2582}},"dump":{"request":{"value":2583},"reply":{"value":2582}}},{"name":"getgen","attribute-set":"gen-attrs","do":{"request":{"value":2576},"reply":{"value":2575}}},{"name":"newtable-ntf","value":2560,"notify":"gettable"},{"name":"deltable-ntf","value":2562,"notify":"gettable"},{"name":"newchain-ntf","value":2563,"notify":"getchain"},{"name":"delchain-ntf","value":2565,"notify":"getchain"},{"name":"newrule-ntf","value":2566,"notify":"getrule"},{"name":"delrule-ntf","value":2568,"notify":"getrule"},{"name":"newgen-ntf","value":2575,"notify":"getgen"},{"name":"newflowtable-ntf","value":2582,"notify":"getflowtable"},{"name":"delflowtable-ntf","value":2584,"notify":"getflowtable"}]},
  "mcast-groups": {"list":[{"name":"nftables","value":7}]},
};
