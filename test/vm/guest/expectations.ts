// SPDX-License-Identifier: Apache-2.0
// What TNA is expected to be able to do on the kernel that runs here.

import { existsSync } from 'node:fs';
import { release } from 'node:os';

const [major = 0, minor = 0] = release().split('.').map(Number);

function atLeast(wantedMajor: number, wantedMinor: number): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** By the module in helpers-kmod. */
export const byModule = existsSync('/sys/kernel/btf/tna_helpers');

/** FPMs read kernel memory by bpf_rdonly_cast(), since 6.2, or by the module; without, all is left to Linux. */
export const accelerates = atLeast(6, 2) || byModule;

/** Whether routing is possible at all: the UDP sockets of a namespace are found by a table that namespaces have since 6.2. */
export const routes = accelerates && atLeast(6, 2);

/** Whether this kernel shows enough of such devices: XDP on others than taps is left alone before 6.3. */
export function acceleratesAt(kind: string, hook: string): boolean {
  return accelerates && (hook === 'tc' || kind === 'tap' || atLeast(6, 3));
}

/** Capabilities without which TNA accelerates nothing, and which this kernel must be said to lack. */
export const lacking: readonly string[] = accelerates ? [] : ['kfunc:bpf_rdonly_cast', 'kfunc:bpf_tna_window_1'];
