// SPDX-License-Identifier: Apache-2.0
// `tna record FILE`: saves what a pass sees, to be replayed anywhere with --from.

import { writeRecording } from '../../platform/recording.js';
import { takeSnapshot } from '../../reconcile/survey.js';
import { loadDomain, withHost } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson } from '../output.js';

export async function recordCommand(options: GlobalOptions, file: string): Promise<number> {
  const domain = await loadDomain(options);
  const snapshot = await withHost(options, domain, (host) => takeSnapshot(domain, host, 'any'), { everything: true });
  writeRecording(file, snapshot);
  const messages = Object.values(snapshot.sources).reduce((n, some) => n + some.length, 0);
  if (file === '-') return 0;
  if (options.output === 'json') printJson({ file, messages });
  else print(`recorded ${messages} messages in ${file}`);
  return 0;
}
