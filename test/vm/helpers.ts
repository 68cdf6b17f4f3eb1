// SPDX-License-Identifier: Apache-2.0
// The module of helpers-kmod, for kernels whose programs cannot read kernel memory by themselves.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Kernel } from './kernels.js';
import { runMachine } from './machine.js';

/** Kernels that the module is for. */
const users: readonly string[] = ['6.1'];

/**
 * Path of the module, built anew when its sources have changed; undefined for a kernel that needs none. The kernel's BTF,
 * which its headers lack, is read from the kernel itself.
 */
export async function prepareHelpers(kernel: Kernel, root: string, output: string): Promise<string | undefined> {
  if (!users.includes(kernel.name)) return undefined;
  const directory = dirname(kernel.image);
  const sources = join(root, 'helpers-kmod');
  const module = join(directory, 'tna_helpers.ko');
  const made = statSync(module, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = Math.max(...readdirSync(sources).map((file) => statSync(join(sources, file)).mtimeMs));
  if (made > newest) return module;
  const btf = join(directory, 'vmlinux.btf');
  if (!existsSync(btf)) {
    const command = 'cat /sys/kernel/btf/vmlinux > /run/output/vmlinux.btf';
    const machine = await runMachine({ kernel, root, command, output, timeoutSeconds: 600 });
    if (machine.code !== 0) throw new Error(`cannot read the BTF of ${kernel.release}: ${machine.stdout}`);
    copyFileSync(join(output, 'vmlinux.btf'), btf);
  }
  execFileSync('bash', [join(root, 'test/vm/build-helpers.sh'), directory, btf, sources], { stdio: 'inherit' });
  return module;
}
