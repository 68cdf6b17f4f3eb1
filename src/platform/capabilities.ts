// SPDX-License-Identifier: Apache-2.0
// Probes of the running kernel, by the loader's probe names. What cannot be asked is `unknown`, with the reason as evidence.

import { kernelBtf, probe } from 'bpf-loader-native';
import type { Capability } from '../model/snapshot.js';
import { errnoOf, failure } from './failure.js';

const shortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

/**
 * Starts reading the kernel's types, on another thread: called before the rules are compiled, it costs a command no time.
 * A kernel without them is for those to report who need them.
 */
export function beginProbing(): void {
  kernelBtf().catch(() => undefined);
}

/**
 * Answers in the order of the questions. An FPM with a need that nobody can probe is not used; but what fails for want of descriptors
 * or memory says nothing about the kernel, and must not take down what runs.
 * @throws TnaError `capabilities`
 */
export async function probeCapabilities(probes: readonly string[]): Promise<readonly Capability[]> {
  const answers: Capability[] = [];
  for (const name of probes) {
    try {
      answers.push({ probe: name, ...(await probe(name)) });
    } catch (error) {
      if (shortages.has(errnoOf(error) ?? ''))
        throw failure('capabilities', 'cannot ask what this kernel offers', error);
      answers.push({
        probe: name,
        answer: 'unknown',
        evidence: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return answers;
}
