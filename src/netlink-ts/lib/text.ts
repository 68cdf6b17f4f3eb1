// SPDX-License-Identifier: Apache-2.0
// Text forms of addresses and strings in netlink bytes, both ways.

const hexByte: readonly string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

/** Hardware address of any length as `aa:bb:…`. */
export function formatMac(bytes: Uint8Array, start: number, end: number): string {
  if (end - start === 6) {
    return `${hexByte[bytes[start] ?? 0]}:${hexByte[bytes[start + 1] ?? 0]}:${hexByte[bytes[start + 2] ?? 0]}:${
      hexByte[bytes[start + 3] ?? 0]
    }:${hexByte[bytes[start + 4] ?? 0]}:${hexByte[bytes[start + 5] ?? 0]}`;
  }
  let text = '';
  for (let at = start; at < end; at++) text += at === start ? hexByte[bytes[at] ?? 0] : `:${hexByte[bytes[at] ?? 0]}`;
  return text;
}

/** Bytes of `aa:bb:…`, or undefined when it is not one. */
export function parseMac(text: string): Uint8Array | undefined {
  if (text === '') return new Uint8Array(0);
  const parts = text.split(':');
  if (!parts.every((part) => /^[0-9a-fA-F]{2}$/.test(part))) return undefined;
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16));
}

export function formatIpv4(bytes: Uint8Array, start: number): string {
  return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
}

/** RFC 5952 text: lower case, the longest run of at least two zero groups compressed, the first one on a tie. */
export function formatIpv6(bytes: Uint8Array, start: number): string {
  const groups: number[] = [];
  for (let index = 0; index < 8; index++) {
    groups.push(((bytes[start + 2 * index] ?? 0) << 8) | (bytes[start + 2 * index + 1] ?? 0));
  }
  let bestStart = -1;
  let bestLength = 1;
  for (let index = 0; index < 8; index++) {
    let length = 0;
    while (index + length < 8 && groups[index + length] === 0) length++;
    if (length > bestLength) {
      bestStart = index;
      bestLength = length;
    }
    index += length;
  }
  // ::ffff:a.b.c.d, as inet_ntop(3) and the kernel's %pI6c print it.
  if (bestStart === 0 && bestLength === 5 && groups[5] === 0xffff) return `::ffff:${formatIpv4(bytes, start + 12)}`;
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (bestStart < 0) return hex(0, 8);
  return `${hex(0, bestStart)}::${hex(bestStart + bestLength, 8)}`;
}

export function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const numbers = match.slice(1).map(Number);
  return numbers.every((number) => number <= 255) ? Uint8Array.from(numbers) : undefined;
}

export function parseIpv6(text: string): Uint8Array | undefined {
  const lastColon = text.lastIndexOf(':');
  const tail = parseIpv4(text.slice(lastColon + 1));
  const plain =
    tail === undefined
      ? text
      : `${text.slice(0, lastColon + 1)}${hexByte[tail[0] ?? 0]}${hexByte[tail[1] ?? 0]}:${hexByte[tail[2] ?? 0]}${
          hexByte[tail[3] ?? 0]
        }`;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const left = halves[0] === '' ? [] : (halves[0] ?? '').split(':');
  const right = halves.length === 1 || halves[1] === '' ? [] : (halves[1] ?? '').split(':');
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...left, ...new Array<string>(missing).fill('0'), ...right];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const bytes = new Uint8Array(16);
  groups.forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes[2 * index] = value >> 8;
    bytes[2 * index + 1] = value & 0xff;
  });
  return bytes;
}

const utf8Decoder = new TextDecoder();
const utf8Encoder = new TextEncoder();
const shortAscii = 24;

/** String up to the first NUL or `end`. Bytes that are not UTF-8 become U+FFFD. */
export function readString(bytes: Uint8Array, start: number, end: number): string {
  // Nearly every name is short ASCII, for which a loop is several times faster than a decoder.
  let text = '';
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) return text;
    if (byte >= 0x80 || at - start >= shortAscii) {
      const nul = bytes.indexOf(0, at);
      return utf8Decoder.decode(bytes.subarray(start, nul < 0 || nul > end ? end : nul));
    }
    text += String.fromCharCode(byte);
  }
  return text;
}

export function encodeString(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}
