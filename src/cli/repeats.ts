// SPDX-License-Identifier: Apache-2.0
// The same trouble is worth a line when it begins, and one now and then while it lasts; not one for each time it was met.

import type { Clock } from '../model/ports.js';

const againMs = 10 * 60_000;

export class Repeats {
  /** When each was last told. */
  private readonly told = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  isWorthTelling(text: string): boolean {
    const now = this.clock.now();
    for (const [other, at] of this.told) if (now - at >= againMs) this.told.delete(other);
    if (this.told.has(text)) return false;
    this.told.set(text, now);
    return true;
  }

  /** All is well, or this trouble is over: it is new when it comes again. */
  forget(text?: string): void {
    if (text === undefined) this.told.clear();
    else this.told.delete(text);
  }
}
