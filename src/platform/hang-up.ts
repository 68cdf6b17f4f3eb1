// SPDX-License-Identifier: Apache-2.0
// What SIGHUP means to a process that stays: the end of the terminal that it was started on, or, where it has none, that it shall look.

import { isatty } from 'node:tty';

export interface HangUp {
  /** Whether the terminal is what keeps this process. */
  readonly ends: boolean;
  /** Until this is said, nothing. */
  means(what: () => void): void;
}

/** From now on SIGHUP does not end the process by itself, unless its terminal has gone before it was said what to do. */
export function outliveHangUp(): HangUp {
  const ends = isOnTerminal();
  let meaning = ends ? () => process.exit(hungUp) : () => {};
  process.on('SIGHUP', () => meaning());
  return {
    ends,
    means: (what) => {
      meaning = what;
    },
  };
}

/** As a shell reports a process that SIGHUP has ended. */
const hungUp = 129;

/**
 * Node.js gives a signal that was ignored when it started its default action back, so `nohup` cannot be told by that. But it takes the
 * terminal from the standard streams, as service managers do, and this can be told.
 */
function isOnTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor));
}
