// SPDX-License-Identifier: Apache-2.0
// Public interface of the netlink client.
export { type BundledOperations, type BundledSpecName, bundledSpec, bundledSpecNames } from './bundled.js';
export {
  type AnyOperations,
  type ClientOptions,
  type DoOptions,
  type DumpOptions,
  NetlinkClient,
} from './client.js';
export type { Message, Spec, UnknownAttribute, Value } from './codec.js';
export {
  errnoName,
  type NetlinkCondition,
  NetlinkError,
  type NetlinkErrorCode,
  type NetlinkErrorDetails,
} from './errors.js';
export { type DeviceFeatures, ethtoolFeatures } from './ethtool-features.js';
export { enumName, enumValue, flagsOf } from './flags.js';
export { type Acknowledgement, MessageFlag, MessageType } from './framing.js';
export type * from './generated/index.js';
export { answerMembers } from './members.js';
export {
  type DecodedMessage,
  type DecodeOptions,
  decodeMessage,
  decodeMessages,
  type EncodeOptions,
  encodeMessage,
} from './messages.js';
export { enterNetns, netnsInode } from './native.js';
export { loadSpec, SpecError } from './spec-load.js';
export type { NetlinkEvent, SubscribeOptions, Subscription } from './subscription.js';
