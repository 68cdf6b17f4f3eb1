// SPDX-License-Identifier: Apache-2.0
// What must be true of process and kernel before anything else is tried, each with a message of its own.

import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { TnaError } from '../model/error.js';

/** Bit numbers of include/uapi/linux/capability.h. CAP_SYS_ADMIN stands for both BPF ones on its own. */
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;
const CAP_PERFMON = 38n;
const CAP_BPF = 39n;

/** @throws TnaError `not-permitted`, `kernel-too-old`, `no-btf` */
export function checkPrivileges(): void {
  const held = effectiveCapabilities();
  const has = (bit: bigint) => (held & (1n << bit)) !== 0n;
  const missing = [
    ...(has(CAP_NET_ADMIN) ? [] : ['CAP_NET_ADMIN']),
    ...(has(CAP_BPF) || has(CAP_SYS_ADMIN) ? [] : ['CAP_BPF']),
    ...(has(CAP_PERFMON) || has(CAP_SYS_ADMIN) ? [] : ['CAP_PERFMON']),
  ];
  if (missing.length > 0) {
    throw new TnaError('not-permitted', `this needs ${missing.join(', ')}`, {
      hint: 'run as root, or replay a recording with --from FILE',
    });
  }
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 1))
    throw new TnaError('kernel-too-old', `kernel ${release()} is too old: 6.1 is the oldest that TNA knows`);
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    throw new TnaError('no-btf', 'this kernel has no BTF, which tells where its structures are', {
      hint: 'use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions do',
    });
  }
}

function effectiveCapabilities(): bigint {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return line === null ? 0n : BigInt(`0x${line[1]}`);
}
