// SPDX-License-Identifier: Apache-2.0
// The compiled form of a spec: tables that the decoder and the encoder walk.

import type { ShapeTree } from './shapes.js';

/** A decoded value. 64-bit integers are `number` while they are safe integers and `bigint` above. */
export type Value = number | bigint | string | boolean | Uint8Array | Message | readonly Value[];

/** An attribute that the spec does not describe, kept as it came. */
export interface UnknownAttribute {
  readonly type: number;
  readonly data: Uint8Array;
}

/** A decoded or to be encoded message: fixed-header members and attributes by snake_case name. */
export interface Message {
  readonly [name: string]: Value | readonly UnknownAttribute[] | undefined;
  readonly _unknown?: readonly UnknownAttribute[];
}

/** How the payload of an attribute or member is laid out. */
export const Kind = {
  u8: 1,
  u16: 2,
  u32: 3,
  u64: 4,
  s8: 5,
  s16: 6,
  s32: 7,
  s64: 8,
  /** 4 or 8 bytes, by the payload's length */
  uint: 9,
  sint: 10,
  flag: 11,
  string: 12,
  binary: 13,
  mac: 14,
  ipv4: 15,
  ipv6: 16,
  /** IPv4 or IPv6 by length */
  ip: 17,
  struct: 18,
  /** scalars back to back */
  scalars: 19,
  /** { value, selector } */
  bitfield32: 20,
  nest: 21,
  /** nest whose attribute types are indexes */
  indexedArray: 22,
  /** layout chosen by the value of another attribute */
  subMessage: 23,
  /** padding: no information */
  pad: 24,
  /** left out by `only` */
  skip: 25,
} as const;
export type KindNumber = (typeof Kind)[keyof typeof Kind];

export interface EnumTable {
  readonly name: string;
  readonly flags: boolean;
  /** Value (for flags: bit mask) by name. */
  readonly byName: ReadonlyMap<string, number>;
  readonly byValue: ReadonlyMap<number, string>;
}

export interface StructMember {
  readonly name: string;
  readonly kind: KindNumber;
  readonly offset: number;
  readonly size: number;
  readonly littleEndian: boolean;
  readonly struct?: StructCodec;
}

export interface StructCodec {
  readonly name: string;
  readonly size: number;
  readonly members: readonly StructMember[];
}

export interface SubMessageFormat {
  readonly header?: StructCodec;
  readonly attributes?: AttributeSet;
}

export interface AttributeCodec {
  readonly name: string;
  readonly type: number;
  readonly kind: KindNumber;
  readonly multi: boolean;
  readonly littleEndian: boolean;
  readonly struct?: StructCodec;
  readonly nested?: AttributeSet;
  /** Element of scalars and indexed arrays. */
  readonly element?: AttributeCodec;
  /** Layouts of a sub-message by the selector's value. */
  readonly formats?: ReadonlyMap<string, SubMessageFormat>;
  readonly selector?: string;
}

export interface AttributeSet {
  readonly name: string;
  /** Indexed by attribute type. */
  readonly byType: readonly (AttributeCodec | undefined)[];
  readonly byName: ReadonlyMap<string, AttributeCodec>;
  /** False for a set pruned by `only`: attributes that it does not describe are left out. */
  readonly keepUnknown: boolean;
  /** Templates for the decoder, by fixed header. */
  readonly shapes: Map<StructCodec | undefined, ShapeTree>;
}

/** Of messages that have none: what comes all the same is kept as unknown. */
export const noAttributes: AttributeSet = {
  name: 'none',
  byType: [],
  byName: new Map(),
  keepUnknown: true,
  shapes: new Map(),
};

/** One direction of an operation. */
export interface Layout {
  /** Name of the operation or notification. */
  readonly operation: string;
  /** nlmsg_type of a raw family, command of a generic netlink family. */
  readonly value: number;
  readonly header?: StructCodec;
  readonly attributes: AttributeSet;
}

export interface Operation {
  readonly name: string;
  readonly request: Layout;
  readonly reply?: Layout;
  readonly modes: ReadonlySet<'do' | 'dump'>;
}

/** A compiled spec. */
export interface Spec {
  readonly name: string;
  readonly generic: boolean;
  /** Netlink protocol number of the socket. */
  readonly protocol: number;
  /** Version in the generic netlink header. */
  readonly version: number;
  readonly operations: ReadonlyMap<string, Operation>;
  /** Layouts of what the kernel sends, by value; of a notification where one has it. */
  readonly incoming: ReadonlyMap<number, Layout>;
  readonly outgoing: ReadonlyMap<number, Layout>;
  /** Group number by name; undefined where a generic netlink family must be asked. */
  readonly groups: ReadonlyMap<string, number | undefined>;
  readonly enums: ReadonlyMap<string, EnumTable>;
  readonly attributeSets: ReadonlyMap<string, AttributeSet>;
  readonly structs: ReadonlyMap<string, StructCodec>;
}
