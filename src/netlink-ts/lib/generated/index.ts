// SPDX-License-Identifier: Apache-2.0
// Generated from specs/*.yaml; do not edit.
import { nlctrlDocument, type NlctrlOperations } from './nlctrl.js';
import { rtAddrDocument, type RtAddrOperations } from './rt-addr.js';
import { rtLinkDocument, type RtLinkOperations } from './rt-link.js';

export type * from './nlctrl.js';
export type * from './rt-addr.js';
export type * from './rt-link.js';

/** Requests and replies of each spec's operations. */
export interface BundledOperations {
  readonly 'nlctrl': NlctrlOperations;
  readonly 'rt-addr': RtAddrOperations;
  readonly 'rt-link': RtLinkOperations;
}

/** Contents of the specs. */
export const bundledDocuments: Readonly<Record<keyof BundledOperations, unknown>> = {
  'nlctrl': nlctrlDocument,
  'rt-addr': rtAddrDocument,
  'rt-link': rtLinkDocument,
};
