// SPDX-License-Identifier: Apache-2.0
// `tna status` and `tna explain`: what is accelerated, what is not, and why.

import { leftAlone } from '../../model/desired.js';
import { TnaError } from '../../model/error.js';
import type { FpmLibrary } from '../../model/library.js';
import { nearest } from '../../model/nearest.js';
import type { Domain } from '../../model/ports.js';
import type { Attachment } from '../../model/snapshot.js';
import type { Status } from '../../model/status.js';
import { readFpmLibrary } from '../../platform/fpm-library.js';
import type { LiveHost } from '../../platform/live-host.js';
import { libraryDirectory } from '../../platform/package-paths.js';
import { survey } from '../../reconcile/survey.js';
import { explainText, makeStatus, type Seen, statusText } from '../../report/status.js';
import { loadDomain, withHost } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';
import { replay } from '../replay.js';

export async function statusCommand(options: GlobalOptions): Promise<number> {
  try {
    const status = await readStatus(options);
    if (options.output === 'json') printJson(status);
    else print(statusText(status, styleFor(process.stdout)));
    return 0;
  } catch (error) {
    if (options.from !== undefined || !(error instanceof TnaError) || !error.code.startsWith('rules')) throw error;
    // What runs can be told all the same; then the error is.
    const status = await statusWithoutRules(options);
    if (options.output === 'json') printJson(status);
    else print(statusText(status, styleFor(process.stdout)));
    throw error;
  }
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
  else print(explainText(found, styleFor(process.stdout), options.from === undefined));
  return 0;
}

async function readStatus(options: GlobalOptions): Promise<Status> {
  const domain = await loadDomain(options);
  if (options.from !== undefined)
    return makeStatus(replay(options.from, domain, options), () => [], domain.library, null, true);
  return liveStatus(options, domain);
}

/** What `tna status` shows of the live host. */
export function liveStatus(options: GlobalOptions, domain: Domain): Promise<Status> {
  return withHost(options, domain, async (host) => {
    return statusOf(await survey(domain, host, options.hooks), host, domain.library);
  });
}

async function statusWithoutRules(options: GlobalOptions): Promise<Status> {
  const library = await readFpmLibrary(options.library ?? libraryDirectory());
  return withHost(options, { library }, async (host) => {
    const deployed = await host.deployed();
    const interfaces = leftAlone(await host.interfaces(), { code: 'rules', message: 'the rules have errors' });
    const snapshot = { namespace: host.namespace(), deployed };
    return statusOf({ snapshot, desired: { interfaces, egress: [] }, plan: undefined }, host, library);
  });
}

async function statusOf(seen: Seen, host: LiveHost, library: FpmLibrary): Promise<Status> {
  const counters = new Map<Attachment, readonly number[]>();
  for (const attachment of seen.snapshot.deployed.attachments.filter(({ alive }) => alive))
    counters.set(attachment, await host.counters(attachment.hook, attachment.slot));
  return makeStatus(seen, (attachment) => counters.get(attachment) ?? [], library, host.lockHolder());
}
