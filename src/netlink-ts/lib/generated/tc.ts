// SPDX-License-Identifier: Apache-2.0
// Generated from specs/tc.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface TcTcmsgStruct {
  readonly family?: number | undefined;
  readonly ifindex?: number | undefined;
  readonly handle?: number | undefined;
  readonly parent?: number | undefined;
  readonly info?: number | undefined;
}

export interface TcTcAttrs {
  readonly kind?: string | undefined;
  readonly options?: TcBpfAttrs | object | undefined;
  readonly stats?: Uint8Array | undefined;
  readonly xstats?: Uint8Array | undefined;
  readonly rate?: Uint8Array | undefined;
  readonly fcnt?: number | undefined;
  readonly stats2?: Uint8Array | undefined;
  readonly stab?: Uint8Array | undefined;
  readonly dump_invisible?: boolean | undefined;
  readonly chain?: number | undefined;
  readonly hw_offload?: number | undefined;
  readonly ingress_block?: number | undefined;
  readonly egress_block?: number | undefined;
  readonly dump_flags?: { readonly value: number; readonly selector: number } | undefined;
  readonly ext_warn_msg?: string | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface TcBpfAttrs {
  readonly act?: Uint8Array | undefined;
  readonly police?: Uint8Array | undefined;
  readonly classid?: number | undefined;
  readonly ops_len?: number | undefined;
  readonly ops?: Uint8Array | undefined;
  readonly fd?: number | undefined;
  readonly name?: string | undefined;
  readonly flags?: number | undefined;
  readonly flags_gen?: number | undefined;
  readonly tag?: Uint8Array | undefined;
  readonly id?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface TcOperations {
  readonly 'getqdisc': { readonly request: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs; readonly reply: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs };
  readonly 'newqdisc': { readonly request: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs; readonly reply: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs };
  readonly 'delqdisc': { readonly request: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs; readonly reply: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs };
  readonly 'gettfilter': { readonly request: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs; readonly reply: Omit<TcTcmsgStruct, 'pad'> & TcTcAttrs };
}

/** The spec as data, for the compiler. */
export const tcDocument: unknown = {
  "name": "tc",
  "protocol": "netlink-raw",
  "protonum": 0,
  "definitions": [
    {"name":"tcmsg","type":"struct","members":[{"name":"family","type":"u8"},{"name":"pad","type":"pad","len":3},{"name":"ifindex","type":"s32"},{"name":"handle","type":"u32"},{"name":"parent","type":"u32"},{"name":"info","type":"u32"}]},
    {"name":"cls-flags","type":"flags","entries":["skip-hw","skip-sw","in-hw","not-in-hw","verbose"]},
    {"name":"bpf-flags","type":"flags","entries":["direct-action"]},
  ],
  "attribute-sets": [
    {"name":"tc-attrs","attributes":[{"name":"kind","type":"string"},{"name":"options","type":"sub-message","sub-message":"tc-options-msg","selector":"kind"},{"name":"stats","type":"binary"},{"name":"xstats","type":"binary"},{"name":"rate","type":"binary"},{"name":"fcnt","type":"u32"},{"name":"stats2","type":"binary"},{"name":"stab","type":"binary"},{"name":"pad","type":"pad"},{"name":"dump-invisible","type":"flag"},{"name":"chain","type":"u32"},{"name":"hw-offload","type":"u8"},{"name":"ingress-block","type":"u32"},{"name":"egress-block","type":"u32"},{"name":"dump-flags","type":"bitfield32"},{"name":"ext-warn-msg","type":"string"}]},
    {"name":"bpf-attrs","attributes":[{"name":"act","type":"binary"},{"name":"police","type":"binary"},{"name":"classid","type":"u32"},{"name":"ops-len","type":"u16"},{"name":"ops","type":"binary"},{"name":"fd","type":"u32"},{"name":"name","type":"string"},{"name":"flags","type":"u32","enum":"bpf-flags"},{"name":"flags-gen","type":"u32","enum":"cls-flags"},{"name":"tag","type":"binary"},{"name":"id","type":"u32"}]},
  ],
  "sub-messages": [
    {"name":"tc-options-msg","formats":[{"value":"bpf","attribute-set":"bpf-attrs"},{"value":"clsact"},{"value":"ingress"}]},
  ],
  "operations": {"enum-model":"directional","fixed-header":"tcmsg","list":[{"name":"getqdisc","attribute-set":"tc-attrs","do":{"request":{"value":38},"reply":{"value":36}},"dump":{"request":{"value":38},"reply":{"value":36}}},{"name":"newqdisc","attribute-set":"tc-attrs","do":{"request":{"value":36}}},{"name":"delqdisc","attribute-set":"tc-attrs","do":{"request":{"value":37}}},{"name":"gettfilter","attribute-set":"tc-attrs","do":{"request":{"value":46},"reply":{"value":44}},"dump":{"request":{"value":46},"reply":{"value":44}}},{"name":"newqdisc-ntf","value":36,"notify":"getqdisc"},{"name":"delqdisc-ntf","value":37,"notify":"getqdisc"},{"name":"newtfilter-ntf","value":44,"notify":"gettfilter"},{"name":"deltfilter-ntf","value":45,"notify":"gettfilter"}]},
  "mcast-groups": {"list":[{"name":"rtnlgrp-tc","value":4}]},
};
