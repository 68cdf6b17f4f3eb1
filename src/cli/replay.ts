// SPDX-License-Identifier: Apache-2.0
// `--from`: a recording in the place of the host. Rules may ask for more than was recorded.

import type { Derived } from '../model/derived.js';
import type { Domain } from '../model/ports.js';
import type { Snapshot } from '../model/snapshot.js';
import { readRecording } from '../platform/recording.js';
import { derive } from '../reconcile/derive.js';
import { probesOf, settingsOf } from '../reconcile/survey.js';
import type { GlobalOptions } from './options.js';

export function replay(file: string, domain: Domain, options: GlobalOptions): Derived {
  const recording = readRecording(file);
  for (const line of unrecorded(domain, recording)) process.stderr.write(`tna: the recording has nothing of ${line}\n`);
  return derive(domain, recording, options.hooks);
}

/** What these rules and this library would have asked the host, and others did not. */
function unrecorded(domain: Domain, recording: Snapshot): readonly string[] {
  const { rules } = domain;
  const isThere = (name: string) => Object.hasOwn(recording.sources, name) || Object.hasOwn(recording.absent, name);
  const sources = rules.sources.flatMap(({ name }) => (isThere(name) ? [] : [name]));
  const answered = new Set(recording.capabilities.map(({ probe }) => probe));
  const probes = probesOf(domain).filter((probe) => !answered.has(probe));
  const settings = settingsOf(rules, recording);
  const missing = (paths: readonly string[], given: object = {}) => paths.filter((path) => !Object.hasOwn(given, path));
  return [
    ...sources.map((name) => `the source ${name}, which is taken to be empty`),
    ...lacking('the probe', probes, 'taken to be unanswered'),
    ...lacking('the sysctl', missing(settings.sysctl, recording.sysctls), "taken to have the rules' default"),
    ...lacking('the file', missing(settings.sysfs, recording.sysfs), "taken to have the rules' default"),
  ];
}

const mostNames = 5;

/** One line, since there may be a sysctl for each of a thousand devices. */
function lacking(what: string, names: readonly string[], taken: string): readonly string[] {
  if (names.length === 0) return [];
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : '';
  return [`${what}${names.length > 1 ? 's' : ''} ${names.slice(0, mostNames).join(', ')}${more}, ${taken}`];
}
