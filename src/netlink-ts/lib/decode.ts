// SPDX-License-Identifier: Apache-2.0
// Decodes headers and attributes by table. Bounded: lengths are checked before anything is read, and nesting is limited.
import {
  type AttributeCodec,
  type AttributeSet,
  Kind,
  type Layout,
  type Message,
  noAttributes,
  type StructCodec,
  type UnknownAttribute,
  type Value,
} from './codec.js';
import { malformed } from './errors.js';
import { hostLittleEndian, maxNesting, nlaTypeMask } from './framing.js';
import { type Draft, type ShapeNode, ShapeTree } from './shapes.js';
import { formatIpv4, formatIpv6, formatMac, readString } from './text.js';

/** Bytes with the views that the decoder reads through. */
export interface Input {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Everything in netlink begins at a multiple of 4. */
  readonly words: Uint32Array;
}

export function inputOf(given: Uint8Array): Input {
  const bytes = (given.byteOffset & 3) === 0 ? given : given.slice();
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    words: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2),
  };
}

// An attribute header, struct nlattr, is a u16 length and a u16 type.
const lengthShift = hostLittleEndian ? 0 : 16;
const typeShift = hostLittleEndian ? 16 : 0;

// The messages around the one being decoded, innermost first: where selectors are looked up.
interface Scope {
  readonly message: Draft;
  readonly outer: Scope | undefined;
}

function fail(set: string, message: string, offset: number): never {
  throw malformed(`decode ${set}`, message, offset);
}

// A 64-bit integer from its halves: a number while it is safe.
function join64(high: number, low: number): number | bigint {
  if (high >= -0x200000 && high < 0x200000) {
    const value = high * 0x100000000 + low;
    if (Number.isSafeInteger(value)) return value;
  }
  return (BigInt(high) << 32n) | BigInt(low);
}

function readU64(view: DataView, at: number, littleEndian: boolean): number | bigint {
  const low = view.getUint32(littleEndian ? at : at + 4, littleEndian);
  return join64(view.getUint32(littleEndian ? at + 4 : at, littleEndian), low);
}

function readS64(view: DataView, at: number, littleEndian: boolean): number | bigint {
  const low = view.getUint32(littleEndian ? at : at + 4, littleEndian);
  return join64(view.getInt32(littleEndian ? at + 4 : at, littleEndian), low);
}

function decodeStruct(input: Input, struct: StructCodec, start: number, end: number, out: Draft): void {
  for (const member of struct.members) {
    const at = start + member.offset;
    // Structs grow at their end: an older kernel sends fewer members.
    if (at + member.size > end) break;
    switch (member.kind) {
      case Kind.pad:
        break;
      case Kind.struct: {
        const inner: Draft = {};
        if (member.struct !== undefined) decodeStruct(input, member.struct, at, at + member.size, inner);
        out[member.name] = inner as Message;
        break;
      }
      default: {
        const value = readFixed(input, member.kind, member.littleEndian, at, at + member.size);
        out[member.name] = value ?? input.bytes.subarray(at, at + member.size);
      }
    }
  }
}

// Everything that is not composed of other values. Undefined when the length does not fit the kind.
function readFixed(
  input: Input,
  kind: number,
  littleEndian: boolean,
  at: number,
  end: number,
): Exclude<Value, Message | readonly Value[]> | undefined {
  const { bytes, view } = input;
  const length = end - at;
  switch (kind) {
    case Kind.u8:
      return length < 1 ? undefined : bytes[at];
    case Kind.u16:
      return length < 2 ? undefined : view.getUint16(at, littleEndian);
    case Kind.u32:
      return length < 4 ? undefined : view.getUint32(at, littleEndian);
    case Kind.u64:
      return length < 8 ? undefined : readU64(view, at, littleEndian);
    case Kind.s8:
      return length < 1 ? undefined : view.getInt8(at);
    case Kind.s16:
      return length < 2 ? undefined : view.getInt16(at, littleEndian);
    case Kind.s32:
      return length < 4 ? undefined : view.getInt32(at, littleEndian);
    case Kind.s64:
      return length < 8 ? undefined : readS64(view, at, littleEndian);
    case Kind.uint:
      if (length === 8) return readU64(view, at, littleEndian);
      return length === 4 ? view.getUint32(at, littleEndian) : undefined;
    case Kind.sint:
      if (length === 8) return readS64(view, at, littleEndian);
      return length === 4 ? view.getInt32(at, littleEndian) : undefined;
    case Kind.flag:
      return true;
    case Kind.string:
      return readString(bytes, at, end);
    case Kind.binary:
      return bytes.subarray(at, end);
    case Kind.mac:
      return formatMac(bytes, at, end);
    case Kind.ipv4:
      return length === 4 ? formatIpv4(bytes, at) : undefined;
    case Kind.ipv6:
      return length === 16 ? formatIpv6(bytes, at) : undefined;
    case Kind.ip:
      if (length === 4) return formatIpv4(bytes, at);
      return length === 16 ? formatIpv6(bytes, at) : undefined;
    default:
      return undefined;
  }
}

const scalarBytes: readonly number[] = [0, 1, 2, 4, 8, 1, 2, 4, 8];

function readScalars(input: Input, element: AttributeCodec, start: number, end: number): Value[] | undefined {
  const size = scalarBytes[element.kind] ?? 0;
  if (size === 0 || (end - start) % size !== 0) return undefined;
  const values: Value[] = [];
  for (let at = start; at < end; at += size) {
    const value = readFixed(input, element.kind, element.littleEndian, at, at + size);
    if (value !== undefined) values.push(value);
  }
  return values;
}

function readIndexed(
  input: Input,
  element: AttributeCodec,
  start: number,
  end: number,
  scope: Scope,
  depth: number,
): Value[] | undefined {
  const values: Value[] = [];
  let at = start;
  while (at + 4 <= end) {
    const length = input.view.getUint16(at, hostLittleEndian);
    if (length < 4 || at + length > end) fail(element.name, `element length ${length} is out of bounds`, at);
    const value = readValue(input, element, at + 4, at + length, scope, depth);
    if (value === undefined) return undefined;
    values.push(value);
    at += (length + 3) & ~3;
  }
  return values;
}

function readValue(
  input: Input,
  codec: AttributeCodec,
  start: number,
  end: number,
  scope: Scope,
  depth: number,
): Value | undefined {
  switch (codec.kind) {
    case Kind.nest:
      return codec.nested === undefined
        ? undefined
        : decodeAttributes(input, codec.nested, undefined, start, start, end, scope, depth + 1);
    case Kind.struct: {
      const message: Draft = {};
      if (codec.struct !== undefined) decodeStruct(input, codec.struct, start, end, message);
      return message as Message;
    }
    case Kind.indexedArray:
      return codec.element === undefined ? undefined : readIndexed(input, codec.element, start, end, scope, depth);
    case Kind.scalars:
      return codec.element === undefined ? undefined : readScalars(input, codec.element, start, end);
    case Kind.bitfield32:
      if (end - start < 8) return undefined;
      return {
        value: input.view.getUint32(start, hostLittleEndian),
        selector: input.view.getUint32(start + 4, hostLittleEndian),
      };
    default:
      return readFixed(input, codec.kind, codec.littleEndian, start, end);
  }
}

function selectorValue(name: string, scope: Scope): string | undefined {
  for (let each: Scope | undefined = scope; each !== undefined; each = each.outer) {
    const value = each.message[name];
    if (typeof value === 'string' || typeof value === 'number') return String(value);
  }
  return undefined;
}

function readSubMessage(
  input: Input,
  codec: AttributeCodec,
  start: number,
  end: number,
  scope: Scope,
  depth: number,
): Message | undefined {
  const selected = selectorValue(codec.selector ?? '', scope);
  const format = selected === undefined ? undefined : codec.formats?.get(selected);
  if (format === undefined) return undefined;
  const { header } = format;
  const set = format.attributes ?? noAttributes;
  if (header !== undefined && end - start < header.size) {
    fail(codec.name, `${end - start} bytes are too few for its header`, start);
  }
  const first = start + (((header?.size ?? 0) + 3) & ~3);
  return decodeAttributes(input, set, header, start, first, end, scope, depth + 1);
}

function keepUnknown(input: Input, type: number, start: number, end: number, out: Draft): void {
  const unknown: UnknownAttribute = { type, data: input.bytes.subarray(start, end) };
  const list: unknown = out._unknown;
  if (Array.isArray(list)) list.push(unknown);
  else Object.assign(out, { _unknown: [unknown] });
}

function store(codec: AttributeCodec, value: Value, out: Draft): void {
  if (!codec.multi) {
    out[codec.name] = value;
    return;
  }
  const list: unknown = out[codec.name];
  if (Array.isArray(list)) list.push(value);
  else out[codec.name] = [value];
}

// Checks the lengths of all attributes and finds the template for a message of these.
function draftFor(input: Input, set: AttributeSet, header: StructCodec | undefined, start: number, end: number): Draft {
  const { words } = input;
  let tree = set.shapes.get(header);
  if (tree === undefined) {
    tree = new ShapeTree(set, header);
    set.shapes.set(header, tree);
  }
  let node: ShapeNode | undefined = tree.root;
  // Up to three bytes may be left over, as the kernel's own parser allows.
  for (let at = start; at + 4 <= end; ) {
    const word = words[at >> 2] ?? 0;
    const length = (word >>> lengthShift) & 0xffff;
    if (length < 4 || at + length > end) fail(set.name, `attribute length ${length} is out of bounds`, at);
    node = node?.step((word >>> typeShift) & nlaTypeMask);
    at += (length + 3) & ~3;
  }
  return node === undefined ? {} : node.draft();
}

function decodeAttributes(
  input: Input,
  set: AttributeSet,
  header: StructCodec | undefined,
  headerStart: number,
  start: number,
  end: number,
  outer: Scope | undefined,
  depth: number,
): Message {
  if (depth > maxNesting) fail(set.name, `nested deeper than ${maxNesting} levels`, start);
  const { words } = input;
  const out = draftFor(input, set, header, start, end);
  const scope: Scope = { message: out, outer };
  if (header !== undefined) decodeStruct(input, header, headerStart, headerStart + header.size, out);
  let deferred: number[] | undefined;
  for (let at = start; at + 4 <= end; ) {
    const word = words[at >> 2] ?? 0;
    const length = (word >>> lengthShift) & 0xffff;
    const type = (word >>> typeShift) & nlaTypeMask;
    const codec = set.byType[type];
    if (codec === undefined) {
      if (set.keepUnknown) keepUnknown(input, type, at + 4, at + length, out);
    } else if (codec.kind === Kind.subMessage) {
      // The attribute that selects the layout may come later.
      if (deferred === undefined) deferred = [at];
      else deferred.push(at);
    } else if (codec.kind === Kind.u32 && length === 8 && codec.littleEndian === hostLittleEndian && !codec.multi) {
      // Most attributes by far.
      out[codec.name] = words[(at + 4) >> 2];
    } else if (codec.kind === Kind.u8 && length === 5 && !codec.multi) {
      out[codec.name] = input.bytes[at + 4];
    } else if (codec.kind < Kind.pad) {
      const value = readValue(input, codec, at + 4, at + length, scope, depth);
      if (value !== undefined) store(codec, value, out);
      else if (codec.kind <= Kind.s64) fail(`${set.name}.${codec.name}`, `${length - 4} bytes are too few`, at);
      else if (set.keepUnknown) keepUnknown(input, type, at + 4, at + length, out);
    }
    at += (length + 3) & ~3;
  }
  if (deferred !== undefined) decodeDeferred(input, set, deferred, scope, depth);
  return out as Message;
}

function decodeDeferred(
  input: Input,
  set: AttributeSet,
  offsets: readonly number[],
  scope: Scope,
  depth: number,
): void {
  for (const at of offsets) {
    const end = at + input.view.getUint16(at, hostLittleEndian);
    const type = input.view.getUint16(at + 2, hostLittleEndian) & nlaTypeMask;
    const codec = set.byType[type];
    if (codec === undefined) continue;
    const value = readSubMessage(input, codec, at + 4, end, scope, depth);
    if (value !== undefined) store(codec, value, scope.message);
    else keepUnknown(input, type, at + 4, end, scope.message);
  }
}

/**
 * Decodes what follows the netlink header (and the generic netlink header) of a message.
 * @throws NetlinkError `malformed`
 */
export function decodePayload(
  input: Input,
  layout: Layout,
  attributes: AttributeSet,
  start: number,
  end: number,
): Message {
  const size = layout.header?.size ?? 0;
  if (end - start < size) fail(layout.operation, `${end - start} bytes are too few for its header`, start);
  return decodeAttributes(input, attributes, layout.header, start, start + ((size + 3) & ~3), end, undefined, 0);
}
