// SPDX-License-Identifier: Apache-2.0
// Directories of a test's own in the BPF filesystem.

import { mkdirSync } from 'node:fs';
import { ensureBpffs } from '../../../src/platform/bpffs.js';

/**
 * Makes one, wherever nobody has mounted the filesystem too: a TNA that leaves nothing behind unmounts what it has mounted. (Without it
 * sysfs says that there is no such parent, and Node.js would try to make it for ever.)
 */
export function makePinDirectory(path: string): void {
  ensureBpffs();
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
