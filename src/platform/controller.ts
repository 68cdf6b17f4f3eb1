// SPDX-License-Identifier: Apache-2.0
// The controller that works on a namespace, as far as it can be seen from here.

import { readlinkSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { namespaceId, namespacePath } from './namespace.js';
import { PinDirectory } from './pin-directory.js';

export interface RunningController {
  readonly pid: number;
  readonly argv: readonly string[];
  /** A path that it was given, seen from its working directory. */
  resolve(path: string): string;
}

/** `namespace` is what the user calls it; undefined for that of this process. Undefined also where nothing can be told. */
export function controllerOf(namespace: string | undefined): RunningController | undefined {
  try {
    const inode = namespace === undefined ? namespaceId() : String(statSync(namespacePath(namespace)).ino);
    const holder = new PinDirectory(inode).holder();
    if (holder === null) return undefined;
    const { pid, argv } = holder;
    // looked up now, while it is there
    const directory = readlinkSync(`/proc/${pid}/cwd`);
    return { pid, argv, resolve: (path) => resolve(directory, path) };
  } catch {
    // What is wrong is for the command itself to say.
    return undefined;
  }
}
