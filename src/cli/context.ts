// SPDX-License-Identifier: Apache-2.0
// What a command works with: rules, library and the host, live or recorded.

import type { Derived } from '../model/derived.js';
import { TnaError } from '../model/error.js';
import type { Domain } from '../model/ports.js';
import { beginProbing } from '../platform/capabilities.js';
import { readFpmLibrary } from '../platform/fpm-library.js';
import { LiveHost } from '../platform/live-host.js';
import { enterNamespace } from '../platform/namespace.js';
import { pruningFor } from '../platform/netlink-reader.js';
import { libraryDirectory, rulesDirectory, specDirectory } from '../platform/package-paths.js';
import { protocolsIn } from '../platform/protocols.js';
import { type RuleFileText, readRuleFiles } from '../platform/rule-files.js';
import { survey } from '../reconcile/survey.js';
import { count } from '../report/table.js';
import { compileRules } from '../rules/index.js';
import type { GlobalOptions } from './options.js';
import { replay } from './replay.js';
import { unknownHooks } from './unknown-hooks.js';

/** A domain and the texts that it was compiled from. */
export interface LoadedDomain extends Domain {
  readonly files: readonly RuleFileText[];
}

/** Rules checked against the library; @throws TnaError `rules` with every error on a line of its own. */
export async function loadDomain(options: GlobalOptions): Promise<LoadedDomain> {
  if (options.from === undefined) beginProbing();
  const library = await readFpmLibrary(options.library ?? libraryDirectory());
  const directory = options.rules ?? rulesDirectory();
  const files = readRuleFiles(directory);
  const compiled = compileRules(files, library, protocolsIn(specDirectory(directory)));
  if ('errors' in compiled) {
    const [first, ...more] = compiled.errors.map((error) => error.text);
    throw new TnaError('rules', `the rules in ${directory} have ${count(compiled.errors.length, 'error')}`, {
      evidence: [first, ...more].join('\n'),
    });
  }
  return { rules: compiled.ruleSet, library, files, ...(options.lease === undefined ? {} : { lease: options.lease }) };
}

/**
 * Opens the live host, in the namespace that the user named, and closes it whatever `use` does. What of the domain is
 * missing limits what can be done: without a library nothing can be put in place.
 */
export async function withHost<T>(
  options: GlobalOptions,
  { rules, library }: Partial<Domain>,
  use: (host: LiveHost) => Promise<T>,
  how: { readonly everything?: boolean } = {},
): Promise<T> {
  if (options.from !== undefined) {
    throw new TnaError('usage', '--from replays a recording; this command needs the live host');
  }
  if (options.netns !== undefined) enterNamespace(options.netns);
  const host = LiveHost.open(library, {
    namespace: options.netns,
    specDirectory: specDirectory(options.rules ?? rulesDirectory()),
    pruning: how.everything === true || rules === undefined ? undefined : pruningFor(rules),
  });
  try {
    return await use(host);
  } finally {
    await host.close();
  }
}

/** Holds the namespace while `use` works on it. What `use` fails with counts for more than trouble in leaving. */
export async function withLock<T>(host: LiveHost, use: () => Promise<T>): Promise<T> {
  await host.lock();
  let result: T;
  try {
    result = await use();
  } catch (error) {
    try {
      host.leave();
    } catch {
      // Most likely for the same reason.
    }
    throw error;
  }
  host.leave();
  return result;
}

/** Looks at the live host, or at a recorded one with --from. */
export async function look(options: GlobalOptions, domain: Domain): Promise<Derived> {
  const derived =
    options.from !== undefined
      ? replay(options.from, domain, options)
      : await withHost(options, domain, (host) => survey(domain, host, options.hooks));
  for (const line of unknownHooks(options.hooks, derived.desired)) process.stderr.write(`${line}\n`);
  return derived;
}
