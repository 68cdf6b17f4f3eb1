// SPDX-License-Identifier: Apache-2.0
// What TNA is expected to be able to do on the kernel that runs here.

import { release } from 'node:os';

const [major = 0, minor = 0] = release().split('.').map(Number);

function atLeast(wantedMajor: number, wantedMinor: number): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** bpf_rdonly_cast(), through which FPMs read kernel memory, came with 6.2 and TCX with 6.6; without, all is left to Linux. */
export const accelerates = atLeast(6, 6);

/** Capabilities without which TNA accelerates nothing, and which this kernel must be said to lack. */
export const lacking: readonly string[] = [
  ...(atLeast(6, 2) ? [] : ['kfunc:bpf_rdonly_cast', 'kfunc:bpf_cast_to_kern_ctx']),
  ...(atLeast(6, 6) ? [] : ['attach:tcx', 'btf:net_device.tcx_ingress']),
];
