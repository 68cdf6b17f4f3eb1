// SPDX-License-Identifier: Apache-2.0
// Counts the tests of one TAP stream: what stands at its top level, a subtest being one test.

export interface TapCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Names and reasons of what was skipped, at any depth. */
  readonly skips: readonly string[];
}

export function countTap(output: string): TapCount {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  const skips: string[] = [];
  for (const line of output.split('\n')) {
    const point = /^(\s*)(not )?ok \d+(?: - )?(.*)$/.exec(line);
    if (point === null) continue;
    const [, indent, not, rest] = point as unknown as [string, string, string | undefined, string];
    const isSkip = /# (SKIP|TODO)/i.test(rest);
    if (isSkip) skips.push(rest.trim());
    if (indent !== '') continue;
    if (isSkip) skipped++;
    else if (not === undefined) passed++;
    else failed++;
  }
  return { passed, failed, skipped, skips };
}
