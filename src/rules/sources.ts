// SPDX-License-Identifier: Apache-2.0
// Sources: what is asked of the kernel. A request per object may only use what is known before it is made.
import type { RequestTemplate, Source as SourceRule } from '../model/ruleset.js';
import type { AttributeUse, CelTypes } from './cel.js';
import type { Declarations, Declared, Site } from './declarations.js';
import { type Checked, compilePredicate } from './expressions.js';
import type { PerObject, Source } from './generated/rule-file.js';
import { checkAttributeName, type ResolvedType, type ResolvedTypes } from './object-types.js';

/** Compiles every usable source; those with errors are reported and left out. */
export function compileSources(declarations: Declarations, types: ResolvedTypes, cel: CelTypes): readonly SourceRule[] {
  const rules: SourceRule[] = [];
  for (const declared of declarations.sources.usable()) {
    const rule = compileSource(declarations, types, cel, declared);
    if (rule !== undefined) rules.push(rule);
  }
  return rules;
}

function compileSource(
  declarations: Declarations,
  types: ResolvedTypes,
  cel: CelTypes,
  { name, site, value }: Declared<Source>,
): SourceRule | undefined {
  if (value.bpf !== undefined) {
    for (const key of Object.keys(value)) {
      if (key !== 'bpf') site.at(key).reportKey('invalid-combination', `"${key}" has no meaning for BPF attachments`);
    }
    return { name, kind: 'bpf-attachments' };
  }
  const common = { name, spec: value.spec ?? '', notify: value.notify ?? [], optional: value.optional ?? false };
  const operation = value.get ?? value.dump ?? '';
  if (value.for === undefined) {
    return { ...common, kind: 'dump', operation, request: (value.request ?? {}) as RequestTemplate };
  }
  if (value.request !== undefined) {
    site.at('request').reportKey('invalid-combination', 'the request of a source with "for" belongs into "for"');
  }
  const target = declarations.objects.resolve(value.for.object, site.at('for', 'object'));
  const type = target === undefined ? undefined : types.get(target.name);
  if (type === undefined) return undefined;
  const when = compilePerObject(declarations, cel, type, value.for, site.at('for'));
  return {
    ...common,
    kind: 'per-object',
    operation,
    mode: value.get === undefined ? 'dump' : 'get',
    object: type.name,
    when: when?.expression,
    forced: value.for.forced,
    request: value.for.request as RequestTemplate,
  };
}

function compilePerObject(
  declarations: Declarations,
  cel: CelTypes,
  type: ResolvedType,
  rule: PerObject,
  site: Site,
): Checked | undefined {
  const isPerObject = (source: string | undefined): boolean => {
    for (const { name, value } of declarations.sources.usable()) if (name === source) return value.for !== undefined;
    return false;
  };
  if (isPerObject(type.source)) {
    site.at('object').report('cycle', `${type.name} comes from a source with "for" itself`);
  }
  const knownLater = (attribute: string): boolean => isPerObject(type.attributes.get(attribute)?.rule.from);
  const scope = cel.scope(new Map([[type.name, { type: type.name, many: false }]]));
  const when = rule.when === undefined ? undefined : compilePredicate(scope, site.at('when'), rule.when);
  const late = when?.uses.find((use: AttributeUse) => knownLater(use.attribute));
  if (late !== undefined) {
    const at = site.at('when');
    at.errors.push({
      ...site.document.positionInText(at.path, late.offset),
      code: 'cycle',
      message: `attribute "${late.attribute}" is only known after requests like this one`,
    });
  }
  checkRequest(type, rule.request, site.at('request'), knownLater);
  return when;
}

function checkRequest(
  type: ResolvedType,
  request: PerObject['request'],
  site: Site,
  knownLater: (attribute: string) => boolean,
): void {
  for (const [member, leaf] of Object.entries(request)) {
    const at = site.at(member);
    if (typeof leaf === 'object') checkRequest(type, leaf, at, knownLater);
    if (typeof leaf !== 'string') continue;
    const attribute = checkAttributeName(type, leaf, at);
    if (attribute === undefined) continue;
    if (attribute.type !== 'int' && attribute.type !== 'string') {
      at.report('type-mismatch', `a request holds integers and text, but "${leaf}" is of type ${attribute.type}`);
    } else if (knownLater(leaf)) {
      at.report('cycle', `attribute "${leaf}" is only known after requests like this one`);
    }
  }
}
