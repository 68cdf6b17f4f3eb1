// SPDX-License-Identifier: Apache-2.0
// `tna status` and `tna explain`: what is accelerated, what is not, and why.

import { TnaError } from '../../model/error.js';
import type { Domain } from '../../model/ports.js';
import type { Attachment } from '../../model/snapshot.js';
import type { Status } from '../../model/status.js';
import { readRecording } from '../../platform/recording.js';
import { derive } from '../../reconcile/derive.js';
import { survey } from '../../reconcile/survey.js';
import { explainText, makeStatus, statusText } from '../../report/status.js';
import { loadDomain, withHost } from '../context.js';
import { nearest } from '../nearest.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';

export async function statusCommand(options: GlobalOptions): Promise<number> {
  const status = await readStatus(options);
  if (options.output === 'json') printJson(status);
  else print(statusText(status, styleFor(process.stdout)));
  return 0;
}

/** @throws TnaError `unknown-interface` */
export async function explainCommand(options: GlobalOptions, name: string): Promise<number> {
  const status = await readStatus(options);
  const found = status.interfaces.find((i) => i.name === name);
  if (found === undefined) {
    const guess = nearest(
      name,
      status.interfaces.map((i) => i.name),
    );
    throw new TnaError(
      'unknown-interface',
      `there is no interface ${name} in this namespace`,
      guess === undefined ? {} : { hint: `tna explain ${guess}` },
    );
  }
  if (options.output === 'json') printJson(found);
  else print(explainText(found, styleFor(process.stdout)));
  return 0;
}

async function readStatus(options: GlobalOptions): Promise<Status> {
  const domain = await loadDomain(options);
  if (options.from !== undefined)
    return makeStatus(derive(domain, readRecording(options.from), options.hooks), () => [], domain.library, null);
  return liveStatus(options, domain);
}

/** What `tna status` shows of the live host. */
export function liveStatus(options: GlobalOptions, domain: Domain): Promise<Status> {
  return withHost(options, domain, async (host) => {
    const derived = await survey(domain, host, options.hooks);
    const counters = new Map<Attachment, readonly number[]>();
    for (const attachment of derived.snapshot.deployed.attachments.filter(({ alive }) => alive))
      counters.set(attachment, await host.counters(attachment.hook, attachment.slot));
    return makeStatus(derived, (attachment) => counters.get(attachment) ?? [], domain.library, host.lockHolder());
  });
}
