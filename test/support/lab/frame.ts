// SPDX-License-Identifier: Apache-2.0
// Builds Ethernet frames for tests: addresses and payloads as hexadecimal text, headers to the RFCs' layouts.

/** A MAC address as twelve hexadecimal digits, from `02:00:…` or from digits. */
export function mac(text: string): string {
  return text.replaceAll(':', '').toLowerCase();
}

/** `020000000001` as `02:00:00:00:00:01`. */
export function colons(address: string): string {
  return address.match(/../g)?.join(':') ?? '';
}

export function hex(value: number, bytes: number): string {
  return value.toString(16).padStart(bytes * 2, '0');
}

/** A 16-bit number in the byte order of the machine, as in struct virtio_net_hdr. */
export function little(value: number): string {
  return hex(((value & 0xff) << 8) | (value >>> 8), 2);
}

/** An Ethernet frame; `type` is an EtherType, or a length below 1536. */
export function ethernet(destination: string, source: string, type: number, payload = ''): string {
  return mac(destination) + mac(source) + hex(type, 2) + payload;
}

/** Puts a VLAN tag after the addresses of a frame. */
export function tagged(frame: string, tci: number, tpid = 0x8100): string {
  return frame.slice(0, 24) + hex(tpid, 2) + hex(tci, 2) + frame.slice(24);
}

/** Pads with zero bytes, or cuts, to exactly `length` bytes. */
export function sized(frame: string, length: number): string {
  return frame.slice(0, length * 2).padEnd(length * 2, '0');
}

/** The Internet checksum of RFC 1071 over hexadecimal bytes. */
export function checksum(bytes: string): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 4) {
    sum += Number.parseInt(bytes.slice(i, i + 4).padEnd(4, '0'), 16);
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return ~sum & 0xffff;
}

function ipv4Address(text: string): string {
  return text
    .split('.')
    .map((part) => hex(Number(part), 1))
    .join('');
}

export interface Ipv4 {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly payload: string;
  readonly ttl?: number;
  /** What was the type of service. */
  readonly tos?: number;
  /** Hexadecimal bytes, a multiple of four. */
  readonly options?: string;
  /** Flags and fragment offset as on the wire. */
  readonly fragment?: number;
  readonly badChecksum?: boolean;
}

/** An IPv4 packet (RFC 791). */
export function ipv4(packet: Ipv4): string {
  const options = packet.options ?? '';
  const words = 5 + options.length / 8;
  const head = `4${words.toString(16)}${hex(packet.tos ?? 0, 1)}${hex(words * 4 + packet.payload.length / 2, 2)}0000${hex(packet.fragment ?? 0, 2)}`;
  const rest = ipv4Address(packet.source) + ipv4Address(packet.destination) + options;
  const start = head + hex(packet.ttl ?? 64, 1) + hex(packet.protocol, 1);
  const sum = checksum(`${start}0000${rest}`) ^ (packet.badChecksum === true ? 0x5555 : 0);
  return start + hex(sum, 2) + rest + packet.payload;
}

/** An IPv6 address such as `fd00:1::10` as 32 hexadecimal digits. */
export function ipv6Address(text: string): string {
  const [head = '', tail] = text.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = (part: readonly string[]) => part.map((group) => group.padStart(4, '0')).join('');
  if (tail === undefined) return groups([...head]);
  return groups([...head]) + groups([...tail]).padStart(32 - head.length * 4, '0');
}

/** An IPv6 packet (RFC 8200); addresses are 32 hexadecimal digits. */
export function ipv6(source: string, destination: string, next: number, payload: string, hops = 64): string {
  return `60000000${hex(payload.length / 2, 2)}${hex(next, 1)}${hex(hops, 1)}${source}${destination}${payload}`;
}

/** A UDP datagram without checksum over IPv4 (RFC 768 allows zero). */
export function udp(sourcePort: number, destinationPort: number, data: string): string {
  return hex(sourcePort, 2) + hex(destinationPort, 2) + hex(8 + data.length / 2, 2) + hex(0, 2) + data;
}

/** A TCP segment whose checksum is right for IPv4 addresses `source` and `destination` (RFC 9293). */
export function tcp(
  source: string,
  destination: string,
  ports: readonly [number, number],
  flags: number,
  data: string,
): string {
  const start = `${hex(ports[0], 2)}${hex(ports[1], 2)}0000000100000000${hex(0x5000 | flags, 2)}ffff`;
  const segment = `${start}00000000${data}`;
  const pseudo = `${ipv4Address(source)}${ipv4Address(destination)}0006${hex(segment.length / 2, 2)}`;
  return `${start}${hex(checksum(pseudo + segment), 2)}0000${data}`;
}

/** An ARP packet for IPv4 over Ethernet (RFC 826); operation 1 asks, 2 answers. */
export function arp(
  operation: 1 | 2,
  senderMac: string,
  senderIp: string,
  targetMac: string,
  targetIp: string,
): string {
  const head = `000108000604${hex(operation, 2)}`;
  return head + mac(senderMac) + ipv4Address(senderIp) + mac(targetMac) + ipv4Address(targetIp);
}
