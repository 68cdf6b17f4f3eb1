// SPDX-License-Identifier: Apache-2.0
// Kernel modules that TNA needs before it loads a program: their types are resolved at that moment.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { TnaError } from '../model/error.js';

const run = promisify(execFile);

/** Loads modules; one that is there already, or part of the kernel, is fine. @throws TnaError `kernel-module` */
export async function loadKernelModules(names: readonly string[]): Promise<void> {
  try {
    await run('modprobe', ['-a', ...names]);
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause);
    throw new TnaError('kernel-module', `cannot load the kernel modules ${names.join(', ')}`, {
      ...(said === '' ? {} : { evidence: said }),
      cause,
    });
  }
}
