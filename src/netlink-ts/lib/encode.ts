// SPDX-License-Identifier: Apache-2.0
// Encodes headers and attributes by the tables that the decoder reads: whatever decodes can be sent back.
import type { Mark } from './attribute-path.js';
import {
  type AttributeCodec,
  type AttributeSet,
  Kind,
  type Layout,
  type Message,
  type StructCodec,
  type SubMessageFormat,
  type UnknownAttribute,
} from './codec.js';
import { NetlinkError } from './errors.js';
import { hostLittleEndian, maxNesting, nlaNested } from './framing.js';
import { encodeString, parseIpv4, parseIpv6, parseMac } from './text.js';
import { Writer } from './writer.js';

interface Context {
  readonly writer: Writer;
  readonly operation: string;
  /** Collects where attributes were put. */
  readonly marks: Mark[];
}

interface Scope {
  readonly message: Message;
  readonly path: string;
  readonly outer: Scope | undefined;
}

function refuse(context: Context, path: string, problem: string): never {
  throw new NetlinkError('invalid-request', `${path}: ${problem}`, {
    operation: context.operation,
    attribute: path,
  });
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

const integerBits: readonly number[] = [0, 8, 16, 32, 64, 8, 16, 32, 64];
const isSigned = (kind: number): boolean => kind >= Kind.s8 && kind <= Kind.s64;

function integer(context: Context, kind: number, value: unknown, path: string): bigint {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value))) {
    refuse(context, path, `expected an integer, found ${typeof value}`);
  }
  const wide = BigInt(value as number | bigint);
  const bits = BigInt(integerBits[kind] ?? 0);
  const [low, high] = isSigned(kind) ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n];
  if (wide < low || wide > high) refuse(context, path, `${wide} does not fit in ${bits} bits`);
  return wide;
}

function writeInteger(
  context: Context,
  kind: number,
  littleEndian: boolean,
  value: unknown,
  at: number,
  path: string,
): void {
  const wide = integer(context, kind, value, path);
  const { view } = context.writer;
  switch (integerBits[kind]) {
    case 8:
      view.setUint8(at, Number(wide & 0xffn));
      break;
    case 16:
      view.setUint16(at, Number(wide & 0xffffn), littleEndian);
      break;
    case 32:
      view.setUint32(at, Number(wide & 0xffffffffn), littleEndian);
      break;
    default:
      view.setBigUint64(at, BigInt.asUintN(64, wide), littleEndian);
  }
}

function addressBytes(context: Context, kind: number, value: unknown, path: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'string') refuse(context, path, 'expected an address as text or bytes');
  const v4 = kind === Kind.ipv4 || kind === Kind.ip ? parseIpv4(value) : undefined;
  const v6 = kind === Kind.ipv6 || kind === Kind.ip ? parseIpv6(value) : undefined;
  const bytes = kind === Kind.mac ? parseMac(value) : (v4 ?? v6);
  return bytes ?? refuse(context, path, `"${value}" is not such an address`);
}

function writeStruct(context: Context, struct: StructCodec, message: Message, path: string): void {
  const start = context.writer.reserve(struct.size);
  for (const member of struct.members) {
    const value = message[member.name];
    if (member.kind === Kind.pad || value === undefined) continue;
    const at = start + member.offset;
    const where = path === '' ? member.name : `${path}.${member.name}`;
    if (member.kind <= Kind.s64) {
      writeInteger(context, member.kind, member.littleEndian, value, at, where);
      continue;
    }
    let bytes: Uint8Array;
    if (member.kind === Kind.struct && member.struct !== undefined && isMessage(value)) {
      const inner: Context = { ...context, writer: new Writer() };
      writeStruct(inner, member.struct, value, where);
      bytes = inner.writer.bytes();
    } else if (member.kind === Kind.string && typeof value === 'string') bytes = encodeString(value);
    else if (member.kind === Kind.binary && value instanceof Uint8Array) bytes = value;
    else bytes = addressBytes(context, member.kind, value, where);
    if (bytes.length > member.size) refuse(context, where, `${bytes.length} bytes, at most ${member.size}`);
    new Uint8Array(context.writer.view.buffer).set(bytes, at);
  }
}

function writeNested(
  context: Context,
  set: AttributeSet,
  value: unknown,
  scope: Scope,
  path: string,
  depth: number,
): void {
  if (!isMessage(value)) refuse(context, path, 'expected a mapping of attributes');
  writeAttributes(context, set, { message: value, path, outer: scope }, depth + 1, undefined);
}

function writeSubMessage(
  context: Context,
  codec: AttributeCodec,
  value: unknown,
  scope: Scope,
  path: string,
  depth: number,
): void {
  const format = selectedFormat(codec, scope);
  if (format === undefined) refuse(context, path, `no layout for this ${codec.selector}`);
  if (!isMessage(value)) refuse(context, path, 'expected a mapping');
  if (format.header !== undefined) {
    writeStruct(context, format.header, value, path);
    context.writer.align();
  }
  const inner: Scope = { message: value, path, outer: scope };
  if (format.attributes !== undefined) writeAttributes(context, format.attributes, inner, depth + 1, format.header);
}

function writePayload(
  context: Context,
  codec: AttributeCodec,
  value: unknown,
  scope: Scope,
  path: string,
  depth: number,
): void {
  const { writer } = context;
  switch (codec.kind) {
    case Kind.flag:
      return;
    case Kind.string:
      if (typeof value !== 'string') refuse(context, path, `expected a string, found ${typeof value}`);
      writer.append(encodeString(`${value}\0`));
      return;
    case Kind.binary:
      if (!(value instanceof Uint8Array)) refuse(context, path, 'expected a Uint8Array');
      writer.append(value);
      return;
    case Kind.mac:
    case Kind.ipv4:
    case Kind.ipv6:
    case Kind.ip:
      writer.append(addressBytes(context, codec.kind, value, path));
      return;
    case Kind.struct:
      if (!isMessage(value) || codec.struct === undefined) refuse(context, path, 'expected a mapping');
      writeStruct(context, codec.struct, value, path);
      return;
    case Kind.bitfield32:
      if (!isMessage(value)) refuse(context, path, 'expected { value, selector }');
      writeInteger(context, Kind.u32, hostLittleEndian, value.value, writer.reserve(4), `${path}.value`);
      writeInteger(context, Kind.u32, hostLittleEndian, value.selector, writer.reserve(4), `${path}.selector`);
      return;
    case Kind.uint:
    case Kind.sint: {
      // The shorter form wherever it is enough, as the kernel does.
      const signed = codec.kind === Kind.sint;
      const wide = integer(context, signed ? Kind.s64 : Kind.u64, value, path);
      const short = signed ? wide === BigInt.asIntN(32, wide) : wide === BigInt.asUintN(32, wide);
      const kind = signed ? (short ? Kind.s32 : Kind.s64) : short ? Kind.u32 : Kind.u64;
      writeInteger(context, kind, codec.littleEndian, value, writer.reserve(short ? 4 : 8), path);
      return;
    }
    case Kind.scalars:
    case Kind.indexedArray: {
      const element = codec.element;
      if (!Array.isArray(value) || element === undefined) refuse(context, path, 'expected a list');
      value.forEach((each: unknown, index) => {
        const where = `${path}.${index}`;
        if (codec.kind === Kind.scalars) writePayload(context, element, each, scope, where, depth);
        else writeAttribute(context, { ...element, type: index + 1 }, each, scope, where, depth);
      });
      return;
    }
    case Kind.nest:
      if (codec.nested !== undefined) writeNested(context, codec.nested, value, scope, path, depth);
      return;
    case Kind.subMessage:
      writeSubMessage(context, codec, value, scope, path, depth);
      return;
    default: {
      const bits = integerBits[codec.kind];
      if (bits === undefined) refuse(context, path, 'cannot be sent');
      writeInteger(context, codec.kind, codec.littleEndian, value, writer.reserve(bits / 8), path);
    }
  }
}

function selectedFormat(codec: AttributeCodec, scope: Scope): SubMessageFormat | undefined {
  for (let each: Scope | undefined = scope; each !== undefined; each = each.outer) {
    const selected = each.message[codec.selector ?? ''];
    if (selected !== undefined) return codec.formats?.get(String(selected));
  }
  return undefined;
}

function innerSet(codec: AttributeCodec, scope: Scope): AttributeSet | undefined {
  return codec.kind === Kind.subMessage ? selectedFormat(codec, scope)?.attributes : codec.nested;
}

function isNested(codec: AttributeCodec): boolean {
  return codec.kind === Kind.nest || codec.kind === Kind.indexedArray || codec.kind === Kind.subMessage;
}

function writeAttribute(
  context: Context,
  codec: AttributeCodec,
  value: unknown,
  scope: Scope,
  path: string,
  depth: number,
): void {
  if (codec.kind === Kind.flag && value === false) return;
  const start = context.writer.begin(isNested(codec) ? codec.type | nlaNested : codec.type);
  context.marks.push({ start, path, attributes: innerSet(codec, scope) });
  writePayload(context, codec, value, scope, path, depth);
  if (!context.writer.end(start)) refuse(context, path, 'longer than an attribute can be');
}

function writeUnknown(context: Context, list: readonly UnknownAttribute[]): void {
  for (const { type, data } of list) {
    const start = context.writer.begin(type);
    context.writer.append(data);
    if (!context.writer.end(start)) refuse(context, '_unknown', 'longer than an attribute can be');
  }
}

function writeAttributes(
  context: Context,
  set: AttributeSet,
  scope: Scope,
  depth: number,
  header: StructCodec | undefined,
): void {
  if (depth > maxNesting) refuse(context, scope.path, `nested deeper than ${maxNesting} levels`);
  for (const [name, value] of Object.entries(scope.message)) {
    if (value === undefined) continue;
    if (name === '_unknown') {
      writeUnknown(context, value as readonly UnknownAttribute[]);
      continue;
    }
    const path = scope.path === '' ? name : `${scope.path}.${name}`;
    const codec = set.byName.get(name);
    if (codec === undefined) {
      if (header?.members.some((member) => member.name === name) !== true) {
        refuse(context, path, `no such attribute in ${set.name}`);
      }
    } else if (codec.multi) {
      if (!Array.isArray(value)) refuse(context, path, 'expected a list');
      (value as readonly unknown[]).forEach((each, index) => {
        writeAttribute(context, codec, each, scope, `${path}.${index}`, depth);
      });
    } else writeAttribute(context, codec, value, scope, path, depth);
  }
}

/**
 * Appends the fixed header and the attributes of `message`, and returns where they are.
 * @throws NetlinkError `invalid-request` naming the attribute
 */
export function encodePayload(writer: Writer, layout: Layout, message: Message, operation: string): readonly Mark[] {
  const context: Context = { writer, operation, marks: [] };
  if (layout.header !== undefined) {
    // Where a header member and an attribute share a name (a rule's table) the wider attribute carries the value.
    const members = Object.entries(message).filter(([name]) => !layout.attributes.byName.has(name));
    writeStruct(context, layout.header, Object.fromEntries(members), '');
    writer.align();
  }
  writeAttributes(context, layout.attributes, { message, path: '', outer: undefined }, 0, layout.header);
  return context.marks;
}
