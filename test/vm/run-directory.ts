// SPDX-License-Identifier: Apache-2.0
// Each run of the machines keeps what they said in a directory of its own, so that runs beside each other do not mix.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Makes the directory of this process below `parent`, and removes those of the runs before the last `keep` that have ended. */
export function makeRunDirectory(parent: string, keep: number, now = new Date(), pid = process.pid): string {
  const time = now
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(':', '.');
  const path = join(parent, `${time}-${pid}`);
  mkdirSync(path, { recursive: true });
  const earlier = readdirSync(parent)
    .filter((name) => runName.test(name) && join(parent, name) !== path)
    .sort();
  for (const name of earlier.slice(0, Math.max(0, earlier.length - keep)))
    if (!existsSync(`/proc/${runName.exec(name)?.[1]}`)) rmSync(join(parent, name), { recursive: true, force: true });
  return path;
}

const runName = /^\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-(\d+)$/;
