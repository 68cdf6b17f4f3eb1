// SPDX-License-Identifier: Apache-2.0
// Numbers and framing of netlink messages (linux/netlink.h): headers, acknowledgements, extended ACKs.
import { endianness } from 'node:os';
import type { Input } from './decode.js';
import { malformed } from './errors.js';
import { readString } from './text.js';

/** Netlink is in the byte order of the host. */
export const hostLittleEndian = endianness() === 'LE';

export const nlmsgHeaderBytes = 16;
export const genlHeaderBytes = 4;
/** nla_type without the nested and byte-order bits. */
export const nlaTypeMask = 0x3fff;
export const nlaNested = 0x8000;
/** Deeper nesting than any family has; bounds recursion on hostile bytes. */
export const maxNesting = 24;

export const MessageType = { noop: 1, error: 2, done: 3, overrun: 4, firstOfFamily: 16 } as const;

/** Bits of nlmsg_flags. */
export const MessageFlag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  capped: 0x100,
  ackTlvs: 0x200,
} as const;

/** Position and header of one message within a buffer. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  /** Offset of the header. */
  readonly start: number;
  /** Offset behind the last byte, without padding. */
  readonly end: number;
}

/**
 * The message that begins at `start`.
 * @throws NetlinkError `malformed` when its header or length is not within `limit`
 */
export function frameAt(input: Input, start: number, limit: number): Frame {
  const { view } = input;
  if (limit - start < nlmsgHeaderBytes) throw malformed('read message', 'header is cut off', start);
  const length = view.getUint32(start, hostLittleEndian);
  if (length < nlmsgHeaderBytes || length > limit - start) {
    throw malformed('read message', `message length ${length} is out of bounds`, start);
  }
  return {
    type: view.getUint16(start + 4, hostLittleEndian),
    flags: view.getUint16(start + 6, hostLittleEndian),
    sequence: view.getUint32(start + 8, hostLittleEndian),
    port: view.getUint32(start + 12, hostLittleEndian),
    start,
    end: start + length,
  };
}

/** Offset of the message behind `frame`. */
export function nextFrame(frame: Frame): number {
  return (frame.end + 3) & ~3;
}

/** What an NLMSG_ERROR or the end of a dump says. */
export interface Acknowledgement {
  /** Positive errno, 0 for success. */
  readonly errno: number;
  /** Extended-ACK text: an error's reason, or a warning. */
  readonly text?: string;
  /** Offset of the offending attribute in the request. */
  readonly offset?: number;
  /** Attribute type that is missing, within the nest at `missingNest` (0: top level). */
  readonly missingType?: number;
  readonly missingNest?: number;
}

const extendedText = 1;
const extendedOffset = 2;
const extendedMissingType = 5;
const extendedMissingNest = 6;

/** Reads an NLMSG_ERROR or NLMSG_DONE message. */
export function readAcknowledgement(input: Input, frame: Frame): Acknowledgement {
  const { view } = input;
  const payload = frame.start + nlmsgHeaderBytes;
  // A dump's end without a status: old kernels.
  if (frame.end - payload < 4) return { errno: 0 };
  const errno = Math.max(0, 0 - view.getInt32(payload, hostLittleEndian));
  let at = payload + 4;
  if (frame.type === MessageType.error) {
    if (frame.end - at < nlmsgHeaderBytes) throw malformed('read acknowledgement', 'request header is cut off', at);
    const requestLength = view.getUint32(at, hostLittleEndian);
    const echoed = (frame.flags & MessageFlag.capped) !== 0 ? nlmsgHeaderBytes : requestLength;
    if (echoed > frame.end - at) return { errno };
    at += (echoed + 3) & ~3;
  }
  const found: { text?: string; offset?: number; missingType?: number; missingNest?: number } = {};
  if ((frame.flags & MessageFlag.ackTlvs) === 0) return { errno };
  while (at + 4 <= frame.end) {
    const length = view.getUint16(at, hostLittleEndian);
    if (length < 4 || at + length > frame.end) throw malformed('read acknowledgement', 'attribute is cut off', at);
    const type = view.getUint16(at + 2, hostLittleEndian) & nlaTypeMask;
    if (type === extendedText) found.text = readString(input.bytes, at + 4, at + length);
    else if (length >= 8) {
      const number = view.getUint32(at + 4, hostLittleEndian);
      if (type === extendedOffset) found.offset = number;
      else if (type === extendedMissingType) found.missingType = number;
      else if (type === extendedMissingNest) found.missingNest = number;
    }
    at += (length + 3) & ~3;
  }
  return { errno, ...found };
}
