// SPDX-License-Identifier: Apache-2.0
// Everything in the kernel that TNA or a test of it could leave behind, one line each, to be compared before and after.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

interface Listed {
  readonly id: number;
  readonly name?: string;
  readonly type: string;
}

/** Network namespaces, our BPF programs and maps, BPF links, pins, and mounts of bpffs. */
export function leftovers(): readonly string[] {
  return [
    ...directory('/run/netns').map((name) => `netns ${name}`),
    ...bpf('prog')
      .filter(isOurs)
      .map((p) => `program ${p.id} ${p.name}`),
    // Not program arrays: the kernel loses some (footprint.ts), and one that is in use comes with what uses it.
    ...bpf('map')
      .filter((map) => isOurs(map) && map.type !== 'prog_array')
      .map((m) => `map ${m.id} ${m.name}`),
    ...bpf('link')
      .filter((l) => l.type === 'xdp' || l.type === 'tcx')
      .map((l) => `link ${l.id} ${l.type}`),
    ...directory('/sys/fs/bpf/tna').map((name) => `pins ${name}`),
    ...readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .filter((line) => line.includes(' bpf ')),
  ];
}

/** What is there and was not before. The kernel frees programs and maps some time after their last use, so this waits a while. */
export async function newLeftovers(before: readonly string[], waitMs = 60_000): Promise<readonly string[]> {
  for (let waited = 0; ; waited += 100) {
    const left = leftovers().filter((thing) => !before.includes(thing));
    if (left.length === 0 || waited >= waitMs) return left;
    await delay(100);
  }
}

function isOurs(listed: Listed): boolean {
  return listed.name?.startsWith('tna_') === true;
}

function bpf(kind: 'prog' | 'map' | 'link'): readonly Listed[] {
  return JSON.parse(
    execFileSync('bpftool', ['-j', kind, 'list'], { encoding: 'utf8', maxBuffer: 64 << 20 }),
  ) as Listed[];
}

function directory(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
