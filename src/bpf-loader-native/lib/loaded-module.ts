// SPDX-License-Identifier: Apache-2.0
// Whether a module of the kernel is loaded, and which loading of it that is.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BpfError } from './error.js';

interface Loading {
  readonly answer: 'yes' | 'no' | 'unknown';
  /** Of a loaded module: different after it was unloaded and loaded again. */
  readonly evidence: string;
}

/**
 * Parts of the kernel proper have a directory in sysfs as well if they have parameters, but no `initstate`: they answer 'no', since they
 * neither come nor go. The directory is made after the module's BTF and symbols are there. Each loading has a new one, with an inode
 * number that kernfs does not use twice.
 */
export function readModule(name: string, directory = '/sys/module'): Loading {
  if (!/^\w+$/.test(name))
    throw new BpfError({ code: 'unknown-name', operation: 'probe', object: `module:${name}`, summary: 'not a module' });
  const path = join(directory, name);
  try {
    const { ino } = statSync(path, { bigint: true });
    const state = readFileSync(join(path, 'initstate'), 'latin1').trim();
    // Its BTF goes first.
    if (state === 'going') return { answer: 'no', evidence: `${name} is being unloaded` };
    return { answer: 'yes', evidence: `${path} is inode ${ino}` };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!existsSync(directory)) return { answer: 'unknown', evidence: `${directory} does not exist` };
    // An attribute of a directory that has just gone cannot be read: ENODEV.
    if (!['ENOENT', 'ENODEV'].includes(code)) return { answer: 'unknown', evidence: `${path}: ${code}` };
    return { answer: 'no', evidence: `${name} is not loaded, or part of the kernel proper` };
  }
}
