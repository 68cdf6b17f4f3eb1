// SPDX-License-Identifier: Apache-2.0
// A directed case, of bridges or routers: an oddity on a kind of port and a hook, and how its result is judged.

import type { Difference } from './compare.js';
import type { Change, Hook, PortKind } from './configuration.js';
import type { Oddity } from './oddity.js';
import type { Case, CaseResult } from './runner.js';

export interface Directed {
  readonly name: string;
  /** Reasons (`fpm:code`) that this case is there for. */
  readonly aims: readonly string[];
  readonly make: () => Case;
  /** What the case was made for and did not happen. */
  readonly judge: (result: CaseResult) => Difference[];
}

/** Changes of a script stand where they are made; those that follow each other are one. */
export function scriptChanges(oddity: Pick<Oddity, 'script' | 'change'>, count: number): Change[] {
  if (oddity.script === undefined) {
    return oddity.change === undefined ? [] : [{ before: Math.floor(count / 3), steps: oddity.change }];
  }
  let before = 0;
  const changes: Change[] = [];
  for (const one of oddity.script) {
    if ('bytes' in one) {
      before += 1;
    } else {
      changes.push({ before, steps: one });
    }
  }
  return changes;
}

/**
 * What a change forbids is no more refreshed in the FDB, and old after 400 ms (the parameter `refresh` of bridge_source, which is asked before the
 * guards). Where others compute, the change alone may take as long: then so many frames are Linux's for that reason, and the case may miss its aim.
 */
export function cameTooLate({ claims }: CaseResult): boolean {
  return claims.some(({ slowBy }) => (slowBy['bridge_source:source-stale'] ?? 0) >= 10);
}

/** The counters must show that the case came upon what it aims at, and that it left the rest fast. */
function judge(
  oddity: Pick<Oddity, 'fast' | 'fastFrames'>,
  aimed: readonly string[],
  result: CaseResult,
): Difference[] {
  const missed = (what: string, expected: string): Difference => ({ what, frame: undefined, expected, actual: 'none' });
  const fast = (oddity.fast ?? [])
    .filter((name) => (result.claims.find((claim) => claim.name === name)?.counters.fast ?? 0) === 0)
    .map((name) => missed(`fast path of ${name}`, 'some frames'));
  const aims = aimed
    .filter((reason) => result.claims.every((claim) => (claim.slowBy[reason] ?? 0) === 0))
    .map((reason) => missed(`frames left to Linux for ${reason}`, 'some'));
  const count = result.claims.reduce((sum, claim) => sum + claim.counters.fast, 0);
  const few: Difference[] =
    count < (oddity.fastFrames ?? 0)
      ? [{ what: 'fast frames', frame: undefined, expected: `${oddity.fastFrames}`, actual: `${count}` }]
      : [];
  return [...fast, ...few, ...aims];
}

/** The cases of one oddity: each kind of port and hook where it has a meaning. */
export function directed(
  oddity: Pick<Oddity, 'name' | 'aims' | 'fast' | 'fastFrames' | 'kinds' | 'hooks'>,
  make: (kind: PortKind, hook: Hook) => Case,
): Directed[] {
  return (oddity.kinds ?? (['tap', 'veth'] as const)).flatMap((kind) =>
    (oddity.hooks ?? (['xdp', 'tc'] as const)).map((hook) => {
      const aims = (oddity.aims ?? []).flatMap((aim) => {
        const [reason, only = hook] = aim.split('@');
        return only === hook && reason !== undefined ? [reason] : [];
      });
      const name = `${oddity.name} (${kind}, ${hook})`;
      return { name, aims, make: () => make(kind, hook), judge: (result) => judge(oddity, aims, result) };
    }),
  );
}
