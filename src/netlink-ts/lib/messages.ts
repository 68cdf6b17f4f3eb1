// SPDX-License-Identifier: Apache-2.0
// Whole netlink messages as pure functions over bytes: what the client uses, and what tests and replay use without it.
import type { Mark } from './attribute-path.js';
import type { AttributeSet, Layout, Message, Operation, Spec } from './codec.js';
import { decodePayload, type Input, inputOf } from './decode.js';
import { encodePayload } from './encode.js';
import { NetlinkError } from './errors.js';
import {
  type Acknowledgement,
  type Frame,
  frameAt,
  genlHeaderBytes,
  hostLittleEndian,
  MessageFlag,
  MessageType,
  nextFrame,
  nlmsgHeaderBytes,
  readAcknowledgement,
} from './framing.js';
import { pruner } from './prune.js';
import { Writer } from './writer.js';

export interface EncodeOptions {
  /** Bits of nlmsg_flags; NLM_F_REQUEST and, for a dump, NLM_F_DUMP come in any case. */
  readonly flags?: number;
  readonly sequence?: number;
  readonly port?: number;
  /** Number of the generic netlink family in the running kernel. */
  readonly familyId?: number;
}

export interface DecodeOptions {
  /** Decode only these attributes, or parts of nests by path, such as `linkinfo.kind` (and the fixed header). */
  readonly only?: readonly string[];
  /** `out` for messages that user space sent. */
  readonly direction?: 'in' | 'out';
}

export interface DecodedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  /** Name of the operation or notification; absent for control messages and for types that the spec lacks. */
  readonly operation?: string;
  readonly message?: Message;
  /** Of an NLMSG_ERROR or NLMSG_DONE. */
  readonly acknowledgement?: Acknowledgement;
}

/**
 * Bytes of a request.
 * @throws NetlinkError `invalid-request`, or `unsupported` when the spec has no such operation
 */
export function encodeMessage(
  spec: Spec,
  operation: string,
  mode: 'do' | 'dump',
  request: Message = {},
  options: EncodeOptions = {},
): Uint8Array {
  return encodeRequest(spec, operation, mode, request, options).bytes;
}

export interface EncodedRequest {
  readonly operation: Operation;
  readonly bytes: Uint8Array;
  readonly headerStart: number;
  readonly marks: readonly Mark[];
}

/** As `encodeMessage`, with what is needed to explain a refusal by the kernel. */
export function encodeRequest(
  spec: Spec,
  operation: string,
  mode: 'do' | 'dump',
  request: Message,
  options: EncodeOptions,
): EncodedRequest {
  const label = `${spec.name} ${operation} ${mode}`;
  const found = spec.operations.get(operation);
  if (found === undefined) {
    throw new NetlinkError('unsupported', `the spec has no operation "${operation}"`, { operation: label });
  }
  const writer = new Writer();
  writer.reserve(nlmsgHeaderBytes);
  if (spec.generic) writer.view.setUint8(writer.reserve(genlHeaderBytes), found.request.value);
  if (spec.generic) writer.view.setUint8(nlmsgHeaderBytes + 1, spec.version);
  const headerStart = writer.position;
  const marks = encodePayload(writer, found.request, request, label);
  const { view } = writer;
  const flags = (options.flags ?? 0) | MessageFlag.request | (mode === 'dump' ? MessageFlag.dump : 0);
  view.setUint32(0, writer.position, hostLittleEndian);
  view.setUint16(
    4,
    spec.generic ? (options.familyId ?? MessageType.firstOfFamily) : found.request.value,
    hostLittleEndian,
  );
  view.setUint16(6, flags, hostLittleEndian);
  view.setUint32(8, options.sequence ?? 0, hostLittleEndian);
  view.setUint32(12, options.port ?? 0, hostLittleEndian);
  return { operation: found, bytes: writer.bytes(), headerStart, marks };
}

/** Layout of the message at `frame`, or undefined when the spec does not know it. */
export function layoutOf(spec: Spec, input: Input, frame: Frame, direction: 'in' | 'out' = 'in'): Layout | undefined {
  const layouts = direction === 'in' ? spec.incoming : spec.outgoing;
  if (!spec.generic) return layouts.get(frame.type);
  if (frame.end - frame.start < nlmsgHeaderBytes + genlHeaderBytes) return undefined;
  return layouts.get(input.bytes[frame.start + nlmsgHeaderBytes] ?? 0);
}

/** Decodes the body of the message at `frame`. */
export function decodeBody(spec: Spec, input: Input, frame: Frame, layout: Layout, attributes: AttributeSet): Message {
  const start = frame.start + nlmsgHeaderBytes + (spec.generic ? genlHeaderBytes : 0);
  if (start > frame.end) {
    throw new NetlinkError('malformed', 'generic netlink header is cut off', {
      operation: `decode ${layout.operation}`,
      offset: frame.start,
    });
  }
  return decodePayload(input, layout, attributes, start, frame.end);
}

/**
 * Decodes all messages in `bytes`, each padded to 4 bytes as the kernel sends them.
 * @throws NetlinkError `malformed`
 */
export function decodeMessages(spec: Spec, bytes: Uint8Array, options: DecodeOptions = {}): DecodedMessage[] {
  const input = inputOf(bytes);
  const prune = pruner(options.only);
  const decoded: DecodedMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const frame = frameAt(input, at, bytes.length);
    at = nextFrame(frame);
    const { type, flags, sequence, port } = frame;
    const header = { type, flags, sequence, port };
    if (type === MessageType.error || type === MessageType.done) {
      decoded.push({ ...header, acknowledgement: readAcknowledgement(input, frame) });
      continue;
    }
    const layout = type < MessageType.firstOfFamily ? undefined : layoutOf(spec, input, frame, options.direction);
    if (layout === undefined) decoded.push(header);
    else {
      const message = decodeBody(spec, input, frame, layout, prune(layout));
      decoded.push({ ...header, operation: layout.operation, message });
    }
  }
  return decoded;
}

/** Decodes `bytes`, which hold exactly one message. */
export function decodeMessage(spec: Spec, bytes: Uint8Array, options: DecodeOptions = {}): DecodedMessage {
  const [first, ...more] = decodeMessages(spec, bytes, options);
  if (first === undefined || more.length > 0) {
    throw new NetlinkError('malformed', `expected one message, found ${first === undefined ? 0 : more.length + 1}`, {
      operation: `decode ${spec.name}`,
    });
  }
  return first;
}
