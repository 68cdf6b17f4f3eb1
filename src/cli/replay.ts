// SPDX-License-Identifier: Apache-2.0
// `--from`: a recording in the place of the host. Rules may ask for more than was recorded.

import type { Derived } from '../model/derived.js';
import type { Domain } from '../model/ports.js';
import type { RuleSet } from '../model/ruleset.js';
import type { Snapshot } from '../model/snapshot.js';
import { readRecording } from '../platform/recording.js';
import { derive } from '../reconcile/derive.js';
import type { GlobalOptions } from './options.js';

export function replay(file: string, domain: Domain, options: GlobalOptions): Derived {
  const recording = readRecording(file);
  for (const name of unrecorded(domain.rules, recording))
    process.stderr.write(`tna: the recording has nothing of the source ${name}, which is taken to be empty\n`);
  return derive(domain, recording, options.hooks);
}

function unrecorded({ sources }: RuleSet, recording: Snapshot): readonly string[] {
  const isThere = (name: string) => Object.hasOwn(recording.sources, name) || Object.hasOwn(recording.absent, name);
  return sources.flatMap(({ name }) => (isThere(name) ? [] : [name]));
}
