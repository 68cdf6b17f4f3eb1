// SPDX-License-Identifier: Apache-2.0
// Which errors of a router are certain. Linux answers so many packets of one source that it has no way for at once, then
// one in a second (ip_error(), net.ipv4.route.error_burst and error_cost, which a namespace cannot change): whether later
// ones are answered is a matter of time. Not every packet that counts is answered (ICMP errors, later fragments, ...).

import type { Received, Send } from '../support/lab/agent.js';

const burst = 5;
const virtioHeader = 20;

/** Who is told that there is no way: the destination of an ICMP message "network", "host" or "communication" unreachable. */
function toldBy(bytes: string): string | undefined {
  return /^.{24}080045.{16}01.{20}03(?:00|01|0d)/.test(bytes) ? bytes.slice(60, 68) : undefined;
}

export class ErrorBudget {
  /** By source: the frames from it that Linux alone did not forward, any of which may have been such a packet. */
  readonly #spent = new Map<string, number[]>();

  constructor(frames: readonly Send[], received: readonly (readonly Received[])[]) {
    for (const [index, frame] of frames.entries()) {
      const bytes = frame.virtio === true ? frame.bytes.slice(virtioHeader) : frame.bytes;
      if (bytes.slice(24, 28) !== '0800') continue;
      const source = bytes.slice(52, 60);
      const forwarded = (received[index] ?? []).some(
        (one) => one.bytes.slice(24, 28) === '0800' && one.bytes.slice(52, 60) === source,
      );
      if (!forwarded) this.#spent.set(source, [...(this.#spent.get(source) ?? []), index]);
    }
  }

  /** Whether it depends on the time that this came out after a frame. */
  isUncertain(bytes: string, frame: number): boolean {
    const told = toldBy(bytes);
    const spent = told === undefined ? [] : (this.#spent.get(told) ?? []);
    return spent.filter((index) => index <= frame).length > burst;
  }

  /** Whether counters of such messages may differ. */
  get isExceeded(): boolean {
    return [...this.#spent.values()].some((spent) => spent.length > burst);
  }
}
