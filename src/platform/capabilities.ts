// SPDX-License-Identifier: Apache-2.0
// Probes of the running kernel, by the loader's probe names. What cannot be asked is `unknown`, with the reason as evidence.

import { kernelBtf, probe } from 'bpf-loader-native';
import type { Capability } from '../model/snapshot.js';

/**
 * Starts reading the kernel's types, on another thread: called before the rules are compiled, it costs a command no time.
 * A kernel without them is for those to report who need them.
 */
export function beginProbing(): void {
  kernelBtf().catch(() => undefined);
}

/** Answers in the order of the questions. Never throws: an FPM with a need that nobody can probe is not used. */
export async function probeCapabilities(probes: readonly string[]): Promise<readonly Capability[]> {
  const answers: Capability[] = [];
  for (const name of probes) {
    try {
      answers.push({ probe: name, ...(await probe(name)) });
    } catch (error) {
      answers.push({
        probe: name,
        answer: 'unknown',
        evidence: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return answers;
}
