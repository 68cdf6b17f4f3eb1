// SPDX-License-Identifier: Apache-2.0
// Sends a frame and waits for what it should bring about. On an emulated processor that shares a busy one, a frame takes
// as long as it takes: only what must *not* arrive is waited for by time.

import type { Agent, Received } from '../../support/lab/agent.js';

const patienceMs = 20_000;

/**
 * Sends so many of a frame, one right after the other, and resolves to what arrived once there are at least `least` frames (or it is clear that there won't be), and then nothing
 * for `quiet` milliseconds.
 */
export async function sendAndWait(
  agent: Agent,
  port: number,
  bytes: string,
  least: number,
  quiet: number,
  times = 1,
): Promise<readonly Received[]> {
  const sent = await agent.send(Array.from({ length: times }, () => ({ port, bytes })));
  const received = sent.flatMap((one) => one.received);
  const end = performance.now() + patienceMs;
  while (received.length < least && performance.now() < end) received.push(...(await agent.collect(20)));
  received.push(...(await agent.collect(quiet)));
  return received;
}
