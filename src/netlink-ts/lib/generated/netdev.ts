// SPDX-License-Identifier: Apache-2.0
// Generated from specs/netdev.yaml; do not edit.
import type { UnknownAttribute } from '../codec.js';

export interface NetdevDev {
  readonly ifindex?: number | undefined;
  readonly xdp_features?: number | bigint | undefined;
  readonly xdp_zc_max_segs?: number | undefined;
  readonly xdp_rx_metadata_features?: number | bigint | undefined;
  readonly xsk_features?: number | bigint | undefined;
  readonly _unknown?: readonly UnknownAttribute[] | undefined;
}

export interface NetdevOperations {
  readonly 'dev-get': { readonly request: NetdevDev; readonly reply: NetdevDev };
}

/** The spec as data, for the compiler. */
export const netdevDocument: unknown = {
  "name": "netdev",
  "protocol": "genetlink",
  "version": 1,
  "definitions": [
    {"name":"xdp-act","type":"flags","entries":["basic","redirect","ndo-xmit","xsk-zerocopy","hw-offload","rx-sg","ndo-xmit-sg"]},
    {"name":"xdp-rx-metadata","type":"flags","entries":["timestamp","hash","vlan-tag"]},
    {"name":"xsk-flags","type":"flags","entries":["tx-timestamp","tx-checksum","tx-launch-time-fifo"]},
  ],
  "attribute-sets": [
    {"name":"dev","attributes":[{"name":"ifindex","type":"u32"},{"name":"pad","type":"pad"},{"name":"xdp-features","type":"u64","enum":"xdp-act"},{"name":"xdp-zc-max-segs","type":"u32"},{"name":"xdp-rx-metadata-features","type":"u64","enum":"xdp-rx-metadata"},{"name":"xsk-features","type":"u64","enum":"xsk-flags"}]},
  ],
  "operations": {"list":[{"name":"dev-get","value":1,"attribute-set":"dev","do":{},"dump":{}},{"name":"dev-add-ntf","value":2,"notify":"dev-get"},{"name":"dev-del-ntf","value":3,"notify":"dev-get"},{"name":"dev-change-ntf","value":4,"notify":"dev-get"}]},
  "mcast-groups": {"list":[{"name":"mgmt"},{"name":"page-pool"}]},
};
