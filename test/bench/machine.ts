// SPDX-License-Identifier: Apache-2.0
// What the figures depend on: kernel, processor, mitigations, load.

import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly kernel: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryMiB: number;
  /** Vulnerabilities that cost time, by name: what the kernel says it does about them. */
  readonly mitigations: Readonly<Record<string, string>>;
  readonly loadAverage: number;
  readonly node: string;
}

export function readMachine(): Machine {
  return {
    kernel: release(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    mitigations: readMitigations(),
    loadAverage: loadavg()[0] ?? 0,
    node: process.version,
  };
}

function readMitigations(): Record<string, string> {
  const directory = '/sys/devices/system/cpu/vulnerabilities';
  const found: Record<string, string> = {};
  for (const name of list(directory)) {
    const text = readFileSync(`${directory}/${name}`, 'utf8').trim();
    if (text !== 'Not affected') found[name] = text;
  }
  return found;
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
