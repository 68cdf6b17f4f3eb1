// SPDX-License-Identifier: Apache-2.0
// The BPF filesystem at its usual place: mounted where nobody did, and unmounted again if it was we who did and nobody uses it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { BpfError, isBpffs, mountBpffs, unmountBpffs } from 'bpf-loader-native';
import { TnaError } from '../model/error.js';
import { bpffsRoot } from './pins.js';

/** The source by which /proc/mounts tells our mount from others'. */
const mountSource = 'tna';
/** What the kernel itself puts into a fresh BPF filesystem (CONFIG_BPF_PRELOAD). */
const preloaded = ['maps.debug', 'progs.debug'];

export function bpffsMounted(): boolean {
  return isBpffs(bpffsRoot);
}

/** @throws TnaError `no-bpffs` */
export function ensureBpffs(): void {
  if (bpffsMounted()) return;
  // In a mount namespace of its own (as `ip netns exec` makes) the mount, and with it everything pinned, would vanish with this process.
  if (inPrivateMounts()) {
    throw new TnaError(
      'no-bpffs',
      `${bpffsRoot} is not mounted here, and what is mounted in this private mount namespace would not last`,
      { hint: 'use `tna --netns NAME` instead of `ip netns exec NAME tna`' },
    );
  }
  try {
    mountBpffs(bpffsRoot, mountSource);
  } catch (cause) {
    const text = cause instanceof BpfError ? cause.summary : cause instanceof Error ? cause.message : String(cause);
    throw new TnaError('no-bpffs', `the BPF filesystem is not mounted at ${bpffsRoot} and cannot be: ${text}`, {
      hint: `mount -t bpf bpf ${bpffsRoot}`,
      cause,
    });
  }
}

/** Unmounts it if it was we who mounted it and nothing is in it. */
export function releaseBpffs(): void {
  if (!mountedByUs() || !readdirSync(bpffsRoot).every((name) => preloaded.includes(name))) return;
  try {
    unmountBpffs(bpffsRoot);
  } catch {
    // Somebody is using it now: then it is theirs to keep.
  }
}

function mountedByUs(): boolean {
  return readFileSync('/proc/mounts', 'utf8').includes(`\n${mountSource} ${bpffsRoot} bpf `);
}

function inPrivateMounts(): boolean {
  try {
    return readlinkSync('/proc/self/ns/mnt') !== readlinkSync('/proc/1/ns/mnt');
  } catch {
    return false;
  }
}
