// SPDX-License-Identifier: Apache-2.0
import { checksum, hex, mac } from '../support/lab/frame.js';

/** What Linux makes of a packet that it routes: other addresses, one hop less, the checksum of IPv4, no padding. */
export function forwarded(frame: string, destination: string, source: string): string {
  if (frame.slice(24, 28) === '86dd') {
    const end = 54 + Number.parseInt(frame.slice(36, 40), 16);
    const hops = hex(Number.parseInt(frame.slice(42, 44), 16) - 1, 1);
    return `${mac(destination)}${mac(source)}${frame.slice(24, 42)}${hops}${frame.slice(44, end * 2)}`;
  }
  const header = frame.slice(28, 68);
  const length = Number.parseInt(header.slice(4, 8), 16);
  const ttl = hex(Number.parseInt(header.slice(16, 18), 16) - 1, 1);
  const blank = `${header.slice(0, 16)}${ttl}${header.slice(18, 20)}0000${header.slice(24)}`;
  const sum = hex(checksum(blank), 2);
  const rest = frame.slice(68, (14 + length) * 2);
  return `${mac(destination)}${mac(source)}0800${blank.slice(0, 20)}${sum}${blank.slice(24)}${rest}`;
}
