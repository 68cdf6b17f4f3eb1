// SPDX-License-Identifier: Apache-2.0
// Kernels to boot: fetched once from Debian's archive (fetch-kernels.sh), each with an initramfs of its own.

import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Kernel {
  /** As on the command line: `6.1`, `6.12`, `newest`. */
  readonly name: string;
  /** As `uname -r` says. */
  readonly release: string;
  readonly image: string;
  readonly initramfs: string;
  /** Directory to be mounted at /lib/modules. */
  readonly modules: string;
  /** Path of the module of helpers-kmod, for a kernel that needs it. */
  readonly helpers?: string;
}

/** What the matrix covers: the oldest that TNA knows, Debian's stable one, and the newest in the archive. */
export const allKernels: readonly string[] = ['6.1', '6.12', 'newest'];

/**
 * Makes the kernels ready below `directory`; those that are there already are not fetched again.
 *
 * @param sources directory of the scripts (test/vm)
 * @throws what the scripts say when the archive can't be reached or lacks a kernel
 */
export function prepareKernels(names: readonly string[], directory: string, sources: string): readonly Kernel[] {
  execFileSync('bash', [join(sources, 'fetch-kernels.sh'), directory, ...names], { stdio: 'inherit' });
  return names.map((name) => {
    // Without symbolic links: the machine finds it below a mount of the host's file system.
    const own = realpathSync(join(directory, name));
    const initramfs = join(own, 'initramfs.cpio');
    const made = statSync(initramfs, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const parts = ['make-initramfs.sh', 'guest/init'].map((file) => statSync(join(sources, file)).mtimeMs);
    if (made < Math.max(...parts)) {
      const archive = execFileSync('bash', [join(sources, 'make-initramfs.sh'), own], { maxBuffer: 256 << 20 });
      // By one rename: another run may be reading it.
      writeFileSync(`${initramfs}.${process.pid}`, archive);
      renameSync(`${initramfs}.${process.pid}`, initramfs);
    }
    return {
      name,
      release: readFileSync(join(own, 'release'), 'utf8').trim(),
      image: join(own, 'vmlinuz'),
      initramfs,
      modules: join(own, 'modules'),
    };
  });
}

/** Forgets cached kernels, so that the archive's present ones are fetched. */
export function forgetKernels(names: readonly string[], directory: string): void {
  for (const name of names) rmSync(join(directory, name), { recursive: true, force: true });
}
