// SPDX-License-Identifier: Apache-2.0
// Says which per-object requests the objects of a first pass give rise to.

import { holds } from '../model/evaluated.js';
import { type ForcedHooks, forcedHook } from '../model/forced-hooks.js';
import type { TnaObject } from '../model/graph.js';
import type { DetailRequest } from '../model/ports.js';
import type { Attributes, RequestTemplate, RuleSet } from '../model/ruleset.js';
import { recipesOf } from './recipe.js';

/** Types whose objects give rise to requests or settings, and those that they refine: all that a first pass needs to make. */
export function detailTypes(rules: RuleSet): ReadonlySet<string> {
  const wanted = new Set<string>();
  const want = (type: string): void => {
    if (wanted.has(type)) return;
    wanted.add(type);
    const { refines } = rules.objects.find((rule) => rule.type === type) ?? {};
    if (refines !== undefined) want(refines);
  };
  for (const source of rules.sources) if (source.kind === 'per-object') want(source.object);
  for (const { rule, settings } of recipesOf(rules)) if (settings.length > 0) want(rule.type);
  return wanted;
}

/**
 * Whether what settings say has a say in which objects there are or in what is asked about them. Their names are looked for in the text of
 * the rules, so the answer may be a needless yes.
 */
export function settingsDecide(rules: RuleSet): boolean {
  const found = recipesOf(rules).flatMap((recipe) => recipe.found);
  const names = new Set(found.flatMap(({ name, place }) => (place.kind === 'source' ? [] : [name])));
  const mentions = (text = '') => (text.match(/\w+/g) ?? []).some((word) => names.has(word));
  return (
    rules.objects.some(({ when }) => mentions(when?.text)) ||
    rules.sources.some(
      (source) =>
        source.kind === 'per-object' && (mentions(source.when?.text) || mentions(JSON.stringify(source.request))),
    )
  );
}

/** Requests of every per-object source, in rule and object order; none where the rules cannot tell whether to ask (the object is in doubt). `any` stands for whatever may be forced later. */
export function detailRequests(
  rules: RuleSet,
  objects: readonly TnaObject[],
  forced: ForcedHooks | 'any',
): readonly DetailRequest[] {
  const requests: DetailRequest[] = [];
  for (const source of rules.sources) {
    if (source.kind !== 'per-object') continue;
    for (const object of objects) {
      if (object.type !== source.object) continue;
      if (source.forced !== undefined && forced !== 'any' && forcedHook(forced, object.label) !== source.forced)
        continue;
      if (holds(source.when, { [object.type]: object.attributes }) !== true) continue;
      requests.push({ source, request: fill(source.request, object.attributes) });
    }
  }
  return requests;
}

function fill(template: RequestTemplate, attributes: Attributes): { [member: string]: unknown } {
  return Object.fromEntries(
    Object.entries(template).map(([member, value]) => [
      member,
      typeof value === 'string' ? attributes[value] : typeof value === 'number' ? value : fill(value, attributes),
    ]),
  );
}
