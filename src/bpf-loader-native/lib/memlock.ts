// SPDX-License-Identifier: Apache-2.0
// Kernels before 5.11 charge BPF memory to RLIMIT_MEMLOCK; later ones to the memory cgroup.
import { release } from 'node:os';
import { native } from './native.js';

let done = false;

/** Lifts the limit once per process where the kernel still uses it. Without the privilege the later call says EPERM. */
export function ensureMemlock(): void {
  if (done) return;
  done = true;
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < 5 || (major === 5 && minor < 11)) native.raiseMemlock();
}
