// SPDX-License-Identifier: Apache-2.0
// Where the package's own files are, relative to the compiled code: works from a checkout and from anywhere else.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** dist/src/platform/ is three levels below the package, and so is dist/bundle/tna/, where all of this may be in one file. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export function rulesDirectory(): string {
  return join(root, 'rules');
}

/** Netlink specs that users put beside their rules. */
export function specDirectory(rules: string): string {
  return join(rules, 'specs');
}

/** Where `tna fpm build` puts the compiled FPM library. */
export function libraryDirectory(): string {
  return join(root, 'fpm', 'build');
}

export function fpmSource(): {
  readonly modules: string;
  readonly include: string;
  readonly dispatcher: string;
  readonly kernels: string;
  readonly compositions: string;
} {
  return {
    kernels: join(root, 'fpm', 'kernels.yaml'),
    compositions: join(root, 'fpm', 'compositions.yaml'),
    modules: join(root, 'fpm', 'modules'),
    include: join(root, 'fpm', 'include'),
    dispatcher: join(root, 'fpm', 'dispatcher'),
  };
}
