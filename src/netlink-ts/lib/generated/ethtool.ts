// SPDX-License-Identifier: Apache-2.0
// Generated from specs/ethtool.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface EthtoolHeader {
  readonly dev_index?: number | undefined;
  readonly dev_name?: string | undefined;
  readonly flags?: number | undefined;
  readonly phy_index?: number | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolBitset {
  readonly nomask?: boolean | undefined;
  readonly size?: number | undefined;
  readonly bits?: EthtoolBitsetBits | undefined;
  readonly value?: readonly (number)[] | undefined;
  readonly mask?: readonly (number)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolBitsetBits {
  readonly bit?: readonly (EthtoolBitsetBit)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolBitsetBit {
  readonly index?: number | undefined;
  readonly name?: string | undefined;
  readonly value?: boolean | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolFeatures {
  readonly header?: EthtoolHeader | undefined;
  readonly hw?: EthtoolBitset | undefined;
  readonly wanted?: EthtoolBitset | undefined;
  readonly active?: EthtoolBitset | undefined;
  readonly nochange?: EthtoolBitset | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolStrset {
  readonly header?: EthtoolHeader | undefined;
  readonly stringsets?: EthtoolStringsets | undefined;
  readonly counts_only?: boolean | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolStringsets {
  readonly stringset?: readonly (EthtoolStringset)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolStringset {
  readonly id?: number | undefined;
  readonly count?: number | undefined;
  readonly strings?: EthtoolStrings | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolStrings {
  readonly string?: readonly (EthtoolString)[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolString {
  readonly index?: number | undefined;
  readonly value?: string | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface EthtoolOperations {
  readonly 'strset-get': { readonly request: EthtoolStrset; readonly reply: EthtoolStrset };
  readonly 'features-get': { readonly request: EthtoolFeatures; readonly reply: EthtoolFeatures };
}

/** The spec as data, for the compiler. */
export const ethtoolDocument: unknown = {
  "name": "ethtool",
  "protocol": "genetlink-legacy",
  "version": 1,
  "definitions": [
    {"name":"header-flags","type":"flags","entries":["compact-bitsets","omit-reply","stats"]},
    {"name":"stringset","type":"enum","entries":["test","stats","priv-flags","ntuple-filters","features","rss-hash-funcs","tunables"]},
  ],
  "attribute-sets": [
    {"name":"header","attributes":[{"name":"dev-index","type":"u32"},{"name":"dev-name","type":"string"},{"name":"flags","type":"u32","enum":"header-flags"},{"name":"phy-index","type":"u32"}]},
    {"name":"bitset","attributes":[{"name":"nomask","type":"flag"},{"name":"size","type":"u32"},{"name":"bits","type":"nest","nested-attributes":"bitset-bits"},{"name":"value","type":"binary","sub-type":"u32"},{"name":"mask","type":"binary","sub-type":"u32"}]},
    {"name":"bitset-bits","attributes":[{"name":"bit","type":"nest","nested-attributes":"bitset-bit","multi-attr":true}]},
    {"name":"bitset-bit","attributes":[{"name":"index","type":"u32"},{"name":"name","type":"string"},{"name":"value","type":"flag"}]},
    {"name":"features","attributes":[{"name":"header","type":"nest","nested-attributes":"header"},{"name":"hw","type":"nest","nested-attributes":"bitset"},{"name":"wanted","type":"nest","nested-attributes":"bitset"},{"name":"active","type":"nest","nested-attributes":"bitset"},{"name":"nochange","type":"nest","nested-attributes":"bitset"}]},
    {"name":"strset","attributes":[{"name":"header","type":"nest","nested-attributes":"header"},{"name":"stringsets","type":"nest","nested-attributes":"stringsets"},{"name":"counts-only","type":"flag"}]},
    {"name":"stringsets","attributes":[{"name":"stringset","type":"nest","nested-attributes":"stringset","multi-attr":true}]},
    {"name":"stringset","attributes":[{"name":"id","type":"u32","enum":"stringset"},{"name":"count","type":"u32"},{"name":"strings","type":"nest","nested-attributes":"strings"}]},
    {"name":"strings","attributes":[{"name":"string","type":"nest","nested-attributes":"string","multi-attr":true}]},
    {"name":"string","attributes":[{"name":"index","type":"u32"},{"name":"value","type":"string"}]},
  ],
  "operations": {"enum-model":"directional","list":[{"name":"strset-get","attribute-set":"strset","do":{"request":{"value":1},"reply":{"value":1}},"dump":{"request":{"value":1},"reply":{"value":1}}},{"name":"features-get","attribute-set":"features","do":{"request":{"value":11},"reply":{"value":11}},"dump":{"request":{"value":11},"reply":{"value":11}}},{"name":"features-ntf","value":13,"notify":"features-get"}]},
  "mcast-groups": {"list":[{"name":"monitor"}]},
};
