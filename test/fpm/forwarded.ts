// SPDX-License-Identifier: Apache-2.0
import { checksum, hex, mac } from '../support/lab/frame.js';

/** What Linux makes of an IPv4 packet that it routes: other addresses, one hop less, checksum, no padding. */
export function forwarded(frame: string, destination: string, source: string): string {
  const header = frame.slice(28, 68);
  const length = Number.parseInt(header.slice(4, 8), 16);
  const ttl = hex(Number.parseInt(header.slice(16, 18), 16) - 1, 1);
  const blank = `${header.slice(0, 16)}${ttl}${header.slice(18, 20)}0000${header.slice(24)}`;
  const sum = hex(checksum(blank), 2);
  const rest = frame.slice(68, (14 + length) * 2);
  return `${mac(destination)}${mac(source)}0800${blank.slice(0, 20)}${sum}${blank.slice(24)}${rest}`;
}
