// SPDX-License-Identifier: Apache-2.0
// Probes of the running kernel, by the loader's probe names. What cannot be asked is `unknown`, with the reason as evidence.

import { kernelBtf, probe } from 'bpf-loader-native';
import { TnaError } from '../model/error.js';
import type { Capability } from '../model/snapshot.js';
import { errnoOf, failure } from './failure.js';

const shortages: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOTSUPP']);

/** What this process was last told that the kernel has. */
const granted = new Set<string>();

/**
 * Starts reading the kernel's types, on another thread: called before the rules are compiled, it costs a command no time.
 * A kernel without them is for those to report who need them.
 */
export function beginProbing(): void {
  kernelBtf().catch(() => undefined);
}

/**
 * Answers in the order of the questions. An FPM with a need that nobody can probe is not used; but what fails for want of descriptors
 * or memory says nothing about the kernel, and must not take down what runs. Neither must a kernel that had something and now cannot be asked, as
 * when somebody forbids loading programs: only a no takes it away.
 * @throws TnaError `capabilities`
 */
export async function probeCapabilities(
  probes: readonly string[],
  ask: typeof probe = probe,
): Promise<readonly Capability[]> {
  const answers: Capability[] = [];
  for (const name of probes) {
    let answer: Capability;
    try {
      answer = { probe: name, ...(await ask(name)) };
    } catch (error) {
      if (shortages.has(errnoOf(error) ?? ''))
        throw failure('capabilities', 'cannot ask what this kernel offers', error);
      const evidence = error instanceof Error ? error.message : String(error);
      answer = { probe: name, answer: 'unknown', evidence };
    }
    if (answer.answer === 'unknown' && granted.has(name))
      throw new TnaError('capabilities', `cannot ask any more whether this kernel has ${name}`, {
        evidence: answer.evidence,
      });
    if (answer.answer === 'yes') granted.add(name);
    else granted.delete(name);
    answers.push(answer);
  }
  return answers;
}
