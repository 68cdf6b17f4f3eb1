// SPDX-License-Identifier: Apache-2.0
// The controller that works on a namespace, as far as it can be seen from here.

import { statSync } from 'node:fs';
import { namespaceId, namespacePath } from './namespace.js';
import { pathsOf } from './other-root.js';
import { PinDirectory } from './pin-directory.js';

export interface RunningController {
  readonly pid: number;
  readonly argv: readonly string[];
  /** Where a path that it was given leads it. */
  resolve(path: string): string;
}

/** `namespace` is what the user calls it; undefined for that of this process. Undefined also where nothing can be told. */
export function controllerOf(namespace: string | undefined): RunningController | undefined {
  try {
    const inode = namespace === undefined ? namespaceId() : String(statSync(namespacePath(namespace)).ino);
    const holder = new PinDirectory(inode).holder();
    if (holder === null) return undefined;
    const { pid, argv } = holder;
    return { pid, argv, resolve: pathsOf(pid) };
  } catch {
    // What is wrong is for the command itself to say.
    return undefined;
  }
}
