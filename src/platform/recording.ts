// SPDX-License-Identifier: Apache-2.0
// Snapshots on disk: one JSON document, replayed with --from.

import { readFileSync, writeFileSync } from 'node:fs';
import { TnaError } from '../model/error.js';
import type { Snapshot } from '../model/snapshot.js';

/** `-` is standard output. */
export function writeRecording(file: string, snapshot: Snapshot): void {
  const text = `${JSON.stringify(snapshot, null, 1)}\n`;
  if (file === '-') {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new TnaError('recording', `cannot write the recording: ${(cause as Error).message}`, { object: file, cause });
  }
}

/** @throws TnaError `recording` for a missing file, or one that is not a recording of a version we know */
export function readRecording(file: string): Snapshot {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (cause) {
    throw new TnaError('recording', `cannot read the recording: ${(cause as Error).message}`, { object: file, cause });
  }
  if (!isSnapshot(value))
    throw new TnaError('recording', 'this is not a recording of version 1', {
      object: file,
      hint: 'make one with: tna record FILE',
    });
  if (!isWhole(value)) throw new TnaError('recording', 'parts of this recording are missing', { object: file });
  return value;
}

function isSnapshot(value: unknown): value is Snapshot {
  return isObject(value) && (value as Members).version === 1;
}

function isWhole(value: Snapshot): boolean {
  const { sources, absent, sysctls, sysfs = {}, capabilities, deployed, host, namespace } = value as unknown as Members;
  if (!Array.isArray(capabilities) || ![sources, absent, sysctls, sysfs, deployed, host, namespace].every(isObject))
    return false;
  const { prepared, attachments, pipelines, egress, strays } = deployed as Members;
  const lists = [prepared, attachments, pipelines, egress, strays, ...Object.values(sources as Members)];
  return lists.every(Array.isArray);
}

type Members = { readonly [key: string]: unknown };

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
