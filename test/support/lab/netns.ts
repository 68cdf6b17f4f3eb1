// SPDX-License-Identifier: Apache-2.0
// Network namespaces of a test: names that cannot clash, commands inside them, removal without leftovers.

import { isRemoved, removeAtExit } from './cleanup.js';
import { run } from './command.js';

let serial = 0;

/** A name for a namespace that no other process of the tests uses. */
export function netnsName(purpose: string): string {
  serial += 1;
  return `tna-${purpose}-${process.pid}-${serial}`;
}

/** Creates namespaces, removed at exit at the latest; nothing is up in them, not even the loopback device. */
export async function addNetns(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    removeAtExit(`netns ${name}`, ['ip', 'netns', 'del', name]);
  }
  await run('ip', ['-b', '-'], { input: names.map((name) => `netns add ${name}\n`).join('') });
}

/** Removes namespaces and with them their devices. Ignores those that are gone. */
export async function deleteNetns(...names: readonly string[]): Promise<void> {
  await run('ip', ['-force', '-b', '-'], { input: names.map((name) => `netns del ${name}\n`).join('') }).catch(
    () => undefined,
  );
  for (const name of names) {
    isRemoved(`netns ${name}`);
  }
}

/** `ip -b` in a namespace: one process for many commands, without the leading `ip`. */
export async function ip(netns: string, ...commands: readonly string[]): Promise<void> {
  await run('ip', ['-n', netns, '-b', '-'], { input: `${commands.join('\n')}\n` });
}

/** `bridge -b` in a namespace. */
export async function bridge(netns: string, ...commands: readonly string[]): Promise<void> {
  await run('bridge', ['-n', netns, '-b', '-'], { input: `${commands.join('\n')}\n` });
}

/** Any command in a namespace. Resolves to its stdout. */
export async function inNetns(netns: string, command: readonly string[], input = ''): Promise<string> {
  return run('ip', ['netns', 'exec', netns, ...command], { input });
}
