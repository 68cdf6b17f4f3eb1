// SPDX-License-Identifier: Apache-2.0
// Commands that undo what a test has made. They are run at the latest when the process ends, also when it is
// interrupted or fails between making and undoing, so that nothing is left on the machine.

import { spawnSync } from 'node:child_process';

const pending = new Map<string, readonly string[]>();
let installed = false;

function install(): void {
  installed = true;
  process.on('exit', () => {
    // Backwards: what was made last depends on what was made first.
    for (const [file, ...args] of [...pending.values()].reverse()) {
      if (file !== undefined) {
        spawnSync(file, args, { stdio: 'ignore', timeout: 20_000 });
      }
    }
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(130));
  }
}

/** Registers the command that removes `object` if nobody else has done so before the process ends. */
export function removeAtExit(object: string, command: readonly string[]): void {
  if (!installed) {
    install();
  }
  pending.set(object, command);
}

/** The object has been removed in the ordinary way. */
export function isRemoved(object: string): void {
  pending.delete(object);
}
