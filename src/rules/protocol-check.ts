// SPDX-License-Identifier: Apache-2.0
// Sources against the netlink families that they name: a misspelt operation would fail every pass, and a misspelt member would silently
// leave an attribute at its default, so that no condition on it ever held.

import { nearest } from '../model/nearest.js';
import type { Protocol, Protocols } from '../model/protocols.js';
import type { Declarations, Declared, Site } from './declarations.js';
import type { Source } from './generated/rule-file.js';
import type { ResolvedTypes } from './object-types.js';

/** Operation and family of a source that is sound. */
interface Answers {
  readonly protocol: Protocol;
  readonly operation: string;
}

/** Reports what the families do not have. Files that were checked before are not again. */
export function checkProtocols(
  declarations: Declarations,
  types: ResolvedTypes,
  protocols: Protocols,
  isKnown: (site: Site) => boolean,
): void {
  const answers = new Map<string, Answers | undefined>();
  const answersOf = (name: string): Answers | undefined => {
    if (!answers.has(name)) {
      const declared = [...declarations.sources.usable()].find((source) => source.name === name);
      answers.set(name, declared === undefined ? undefined : checkSource(declared, protocols));
    }
    return answers.get(name);
  };
  for (const { name, site } of declarations.sources.usable()) if (!isKnown(site)) answersOf(name);
  for (const type of types.values()) {
    for (const { rule, site, owner } of type.attributes.values()) {
      if (owner !== type.name || rule.sysctl !== undefined || rule.sysfs !== undefined || isKnown(site)) continue;
      const given = answersOf(rule.from ?? type.source);
      if (given === undefined) continue;
      checkPath(given, rule.path ?? '', site.at('path'));
      if (rule.from !== undefined) checkPath(given, rule.on ?? '', site.at('on'));
    }
  }
}

function checkSource({ value, site }: Declared<Source>, protocols: Protocols): Answers | undefined {
  if (value.bpf !== undefined) return undefined;
  const name = value.spec ?? '';
  const protocol = protocols.find(name);
  if (protocol === undefined)
    return site.at('spec').report('unknown-name', `unknown netlink spec "${name}"`, nearest(name, protocols.names));
  if ('problem' in protocol) return site.at('spec').report('invalid-value', `spec ${name}: ${protocol.problem}`);
  const how = value.get === undefined ? 'dump' : 'get';
  const operation = value[how] ?? '';
  const { groups } = protocol;
  for (const [index, group] of (value.notify ?? []).entries()) {
    if (groups === undefined || groups.includes(group)) continue;
    const at = site.at('notify', index);
    at.report('unknown-name', `netlink spec ${name} has no multicast group "${group}"`, nearest(group, groups));
  }
  const operations = protocol.operations(how);
  if (operations.includes(operation)) return { protocol, operation };
  const message = `netlink spec ${name} has no operation "${operation}" that can ${how === 'get' ? 'be asked for one object' : 'dump'}`;
  return site.at(how).report('unknown-name', message, nearest(operation, operations));
}

/** The first step that leads nowhere is reported, at its column. */
function checkPath({ protocol, operation }: Answers, path: string, site: Site): void {
  const walked: string[] = [];
  let offset = 0;
  for (const step of path.split('.')) {
    const name = step.replace(/\[\]$/, '');
    const members = protocol.members(operation, walked) ?? [];
    if (!members.includes(name)) {
      const where = walked.length === 0 ? `what ${operation} answers` : walked.join('.');
      const suggestion = nearest(name, members);
      site.errors.push({
        ...site.document.positionInText(site.path, offset),
        code: 'unknown-name',
        message: `there is no member "${name}" in ${where}`,
        ...(suggestion === undefined ? {} : { suggestion }),
      });
      return;
    }
    walked.push(name);
    offset += step.length + 1;
  }
}
