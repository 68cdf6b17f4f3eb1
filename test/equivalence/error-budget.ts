// SPDX-License-Identifier: Apache-2.0
// Which errors of a router are certain. Linux answers so many packets of one source that it has no way for at once, then
// one in a second (ip_error(), net.ipv4.route.error_burst and error_cost, which a namespace cannot change): whether later
// ones are answered is a matter of time. The router may itself be the source. Not every packet that counts is answered (ICMP errors, later fragments, ...).
// IPv6 redirects are limited in the same way, by source and by next hop (ip6_forward(), ndisc_send_redirect(),
// inet_peer_xrlim_allow()), and nothing can be set there. Other errors of IPv6 are not: see `quiet6`.

import type { Received, Send } from '../support/lab/agent.js';

const burst = 5;
const virtioHeader = 20;

/** Counters in which errors show that may be sent or not. */
const counters4 = /^(Ip\.OutRequests|Icmp\.OutMsgs|Icmp\.InErrors|Icmp\.(In|Out)DestUnreachs|IcmpMsg\.(In|Out)Type3) /;
const counters6 = /^Icmp6(In|Out)(Redirects|Type137) /;

/** Without its VLAN tags. */
function untagged(bytes: string): string {
  return /^8100|^88a8/.test(bytes.slice(24, 28)) ? untagged(bytes.slice(0, 24) + bytes.slice(32)) : bytes;
}

/** Who is told that there is no way: the destination of an ICMP message "network", "host" or "communication" unreachable. */
function toldBy(bytes: string): string | undefined {
  return /^.{24}080045.{16}01.{20}03(?:00|01|0d)/.test(bytes) ? bytes.slice(60, 68) : undefined;
}

const isRedirect = (bytes: string): boolean => /^.{24}86dd6.{11}3a.{66}8900/.test(bytes);

/** Source and destination of an IPv6 packet. */
const pair = (bytes: string): string => bytes.slice(44, 108);

/** Whom a redirect tells, and of which destination. */
const concerned = (bytes: string): readonly string[] => [bytes.slice(76, 108), bytes.slice(156, 188)];

export class ErrorBudget {
  /** By source: the frames from it that Linux alone did not forward, any of which may have been such a packet. */
  readonly #spent = new Map<string, number[]>();
  /** By port: packets that left it as they had come, and redirects, either of which is one per packet that is worth a redirect. */
  readonly #returned = new Map<number, number[]>();
  readonly #redirects = new Map<number, number[]>();
  /**
   * By address: packets from it or to it that left no other port. One without a neighbour, or whose sender's own route has a
   * gateway, counts against the redirects about its destination, and nothing is seen of it.
   */
  readonly #stayed = new Map<string, number[]>();

  constructor(frames: readonly Send[], received: readonly (readonly Received[])[]) {
    const pairs = new Map<number, Set<string>>();
    for (const [index, frame] of frames.entries()) {
      const bytes = untagged(frame.virtio === true ? frame.bytes.slice(virtioHeader) : frame.bytes);
      if (bytes.slice(24, 28) === '86dd') {
        const there = pairs.get(frame.port) ?? new Set();
        pairs.set(frame.port, there.add(pair(bytes)));
        const went = (received[index] ?? []).some(
          (one) => one.port !== frame.port && pair(untagged(one.bytes)) === pair(bytes),
        );
        const forwardable = !/^f(?:f|e[89ab])/.test(bytes.slice(76));
        for (const address of went || !forwardable ? [] : [bytes.slice(44, 76), bytes.slice(76, 108)])
          this.#stayed.set(address, [...(this.#stayed.get(address) ?? []), index]);
      }
      if (bytes.slice(24, 28) !== '0800') continue;
      const source = bytes.slice(52, 60);
      const forwarded = (received[index] ?? [])
        .map((one) => untagged(one.bytes))
        .some((one) => one.slice(24, 28) === '0800' && one.slice(52, 60) === source);
      if (!forwarded) this.#spent.set(source, [...(this.#spent.get(source) ?? []), index]);
    }
    for (const [index, { port, bytes: whole }] of received.flatMap((all, i) => all.map((one) => [i, one] as const))) {
      const bytes = untagged(whole);
      if (bytes.slice(24, 28) !== '86dd') continue;
      const counted = isRedirect(bytes) ? this.#redirects : this.#returned;
      if (isRedirect(bytes) || pairs.get(port)?.has(pair(bytes)) === true)
        counted.set(port, [...(counted.get(port) ?? []), index]);
    }
  }

  /** Whether it depends on the time that this came out of a port after a frame. */
  isUncertain(whole: string, frame: number, port: number): boolean {
    const bytes = untagged(whole);
    const before = (list: readonly number[] | undefined) => (list ?? []).filter((index) => index <= frame).length;
    if (isRedirect(bytes))
      return (
        [this.#returned, this.#redirects].some((one) => before(one.get(port)) > burst) ||
        concerned(bytes).some((address) => before(this.#stayed.get(address)) > burst)
      );
    const told = toldBy(bytes);
    return told !== undefined && before(this.#spent.get(told)) > burst;
  }

  /** Whether a counter, `NAME VALUE`, may differ for that reason. */
  mayDiffer(counter: string): boolean {
    const exceeded = (...all: readonly Map<unknown, number[]>[]) =>
      all.some((one) => [...one.values()].some((indices) => indices.length > burst));
    return (
      (counters4.test(counter) && exceeded(this.#spent)) ||
      (counters6.test(counter) && exceeded(this.#returned, this.#redirects, this.#stayed))
    );
  }
}
