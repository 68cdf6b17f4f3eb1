// SPDX-License-Identifier: Apache-2.0
// Output that cannot be written: a full disk under a log, a reader that has gone. It never stops what is being done to the host.

import { writeSync } from 'node:fs';

/** Holds for the whole process. A command whose results were lost in part says so at its end, and fails; `staying` ones go on. */
export function outliveOutput(): { readonly staying: () => void } {
  let lost: Error | undefined;
  let stays = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader such as `head` closes the pipe when it has seen enough.
    if (error.code !== 'EPIPE') lost ??= error;
  });
  // An error that cannot be told has still its exit code.
  process.stderr.on('error', () => {});
  process.once('exit', (code) => {
    if (lost === undefined || stays) return;
    if (code === 0) process.exitCode = 1;
    try {
      writeSync(2, `tna: cannot write the output: ${lost.message}\n`);
    } catch {
      // Standard error is as full.
    }
  });
  return {
    staying: () => {
      stays = true;
    },
  };
}
