// SPDX-License-Identifier: Apache-2.0
// Generated from specs/*.yaml; do not edit.
import { ethtoolDocument, type EthtoolOperations } from './ethtool.js';
import { netdevDocument, type NetdevOperations } from './netdev.js';
import { nftablesDocument, type NftablesOperations } from './nftables.js';
import { nlctrlDocument, type NlctrlOperations } from './nlctrl.js';
import { rtAddrDocument, type RtAddrOperations } from './rt-addr.js';
import { rtLinkDocument, type RtLinkOperations } from './rt-link.js';
import { rtNeighDocument, type RtNeighOperations } from './rt-neigh.js';
import { rtRouteDocument, type RtRouteOperations } from './rt-route.js';
import { rtRuleDocument, type RtRuleOperations } from './rt-rule.js';
import { tcDocument, type TcOperations } from './tc.js';

export type * from './ethtool.js';
export type * from './netdev.js';
export type * from './nftables.js';
export type * from './nlctrl.js';
export type * from './rt-addr.js';
export type * from './rt-link.js';
export type * from './rt-neigh.js';
export type * from './rt-route.js';
export type * from './rt-rule.js';
export type * from './tc.js';

/** Requests and replies of each spec's operations. */
export interface BundledOperations {
  readonly 'ethtool': EthtoolOperations;
  readonly 'netdev': NetdevOperations;
  readonly 'nftables': NftablesOperations;
  readonly 'nlctrl': NlctrlOperations;
  readonly 'rt-addr': RtAddrOperations;
  readonly 'rt-link': RtLinkOperations;
  readonly 'rt-neigh': RtNeighOperations;
  readonly 'rt-route': RtRouteOperations;
  readonly 'rt-rule': RtRuleOperations;
  readonly 'tc': TcOperations;
}

/** Contents of the specs. */
export const bundledDocuments: Readonly<Record<keyof BundledOperations, unknown>> = {
  'ethtool': ethtoolDocument,
  'netdev': netdevDocument,
  'nftables': nftablesDocument,
  'nlctrl': nlctrlDocument,
  'rt-addr': rtAddrDocument,
  'rt-link': rtLinkDocument,
  'rt-neigh': rtNeighDocument,
  'rt-route': rtRouteDocument,
  'rt-rule': rtRuleDocument,
  'tc': tcDocument,
};
