// SPDX-License-Identifier: Apache-2.0
// Whether a bed forwards as Linux does: every known unicast frame arrives once, where its station is, and nowhere else.

import { type Bed, frame } from './bed.js';

/** Lets the bridge learn station N behind port N-1. */
export async function teach(bed: Bed, ports: readonly number[]): Promise<void> {
  await bed.agent.send(ports.map((port) => ({ port, bytes: frame(0, port + 1) })));
}

/** Frames between all pairs of ports that did not arrive exactly once at the right one. */
export async function misdelivered(bed: Bed, ports: readonly number[]): Promise<readonly string[]> {
  const pairs = ports.flatMap((from) => ports.filter((to) => to !== from).map((to) => [from, to] as const));
  const sent = await bed.agent.send(pairs.map(([from, to], i) => ({ port: from, bytes: frame(to + 1, from + 1, i) })));
  return sent.flatMap(({ errno, received }, i) => {
    const [from, to] = pairs[i] as readonly [number, number];
    const places = received.map(({ port }) => port);
    return errno === 0 && places.length === 1 && places[0] === to
      ? []
      : [`${from} to ${to}: errno ${errno}, arrived at ${JSON.stringify(places)}`];
  });
}

/**
 * The same in two rounds, for whoever counts fast frames: entries of the FDB that were not refreshed for a moment (the parameter `refresh` of
 * bridge_source, less than it takes to ask for the counters) are refreshed by Linux in the first, so that the second can be fast.
 */
export async function misdeliveredTwice(bed: Bed, ports: readonly number[]): Promise<readonly string[]> {
  return [...(await misdelivered(bed, ports)), ...(await misdelivered(bed, ports))];
}
