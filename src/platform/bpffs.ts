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

/**
 * In a mount namespace of its own (as `ip netns exec` makes) what is pinned cannot be seen, and a mount, with everything pinned in it,
 * would vanish with this process.
 * @throws TnaError `no-bpffs`
 */
export function refuseHiddenBpffs(): void {
  if (bpffsMounted() || !inPrivateMounts()) return;
  throw new TnaError(
    'no-bpffs',
    `${bpffsRoot} is not mounted here, and what is mounted in this private mount namespace would not last`,
    { hint: 'use `tna --netns NAME` instead of `ip netns exec NAME tna`' },
  );
}

/** @throws TnaError `no-bpffs` */
export function ensureBpffs(): void {
  if (bpffsMounted()) return;
  refuseHiddenBpffs();
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

/** Somebody else's may be mounted over it. */
function mountedByUs(): boolean {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const topmost = mounts.filter((line) => line.split(' ')[1] === bpffsRoot).at(-1);
  return topmost?.startsWith(`${mountSource} ${bpffsRoot} bpf `) === true;
}

/**
 * Whether the mounts of this process are not those of the host, or of the container. Of the first process of a container not even that
 * may be told: then those who started this one are asked, of whom the one that made the namespace is in another.
 */
function inPrivateMounts(): boolean {
  const ours = mountsOf('self');
  const first = mountsOf('1');
  return first === undefined
    ? ancestors()
        .map(mountsOf)
        .some((one) => one !== undefined && one !== ours)
    : first !== ours;
}

function mountsOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** The parent, its parent and so on, as far as they can be seen. */
function ancestors(): readonly string[] {
  const pids: string[] = [];
  for (let pid = String(process.ppid); Number(pid) > 1 && !pids.includes(pid); ) {
    pids.push(pid);
    try {
      pid = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0';
    } catch {
      break;
    }
  }
  return pids;
}
