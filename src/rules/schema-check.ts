// SPDX-License-Identifier: Apache-2.0
// Checks a document against the JSON Schema and says what is wrong in the terms of a rule author.

import { nearest } from '../model/nearest.js';
import type { RuleFile } from './generated/rule-file.js';
import { ruleFileSchemaText } from './generated/schema-text.js';
import validator from './generated/validate-rule-file.js';
import type { RuleErrorCode, RuleFinding } from './rule-error.js';
import type { LocatedDocument, Path } from './yaml-document.js';

/** What ajv says of one violation. */
interface Violation {
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly propertyName?: string;
  readonly params: { readonly [name: string]: unknown };
}

/** The validator that ajv generated: a function that leaves its findings on itself. */
type Validator = ((data: unknown) => boolean) & { readonly errors?: readonly Violation[] | null };

/** Of one file; the rest is reported when these are gone. */
const maxViolations = 1000;

/** As much of JSON Schema as the messages need. */
interface SchemaPart {
  readonly $ref?: string;
  readonly type?: string;
  readonly anyOf?: readonly SchemaPart[];
  readonly items?: SchemaPart;
  readonly properties?: { readonly [name: string]: SchemaPart };
  readonly additionalProperties?: SchemaPart | boolean;
  readonly definitions?: { readonly [name: string]: SchemaPart };
}

/** What members of a definition go together; shown where none of the combinations fits. */
const combinations: { readonly [definition: string]: string } = {
  source: 'a source is { spec, dump }, { spec, get or dump, for } or { bpf: attachments }',
  objectType: 'an object has source and key, or refines and when',
  attribute: 'an attribute has path, or from with on, path and default, or sysctl or sysfs with default',
  binding: 'a binding is { edge, reverse?, many? } or { all }',
  condition: 'a condition has exactly one of when and unless',
};

const patterns: { readonly [definition: string]: string } = {
  name: 'must be a name: lower-case letters, digits and _, a letter first',
  path: 'must be a path such as linkinfo.slave_data.mode or bits.bit[].name',
  sysctl: 'must be a path below /proc/sys such as net/ipv4/ip_forward',
  sysfs: 'must be a path below /sys/devices/system such as devices/system/cpu/smt/active',
  code: 'must be a code: lower-case letters, digits and -, a letter first',
};

const kinds: { readonly [type: string]: string } = {
  object: 'a mapping',
  array: 'a list',
  string: 'text',
  integer: 'an integer',
  boolean: 'true or false',
};

export interface CheckedDocument {
  /** The file's data, of which the parts named by `unusable` do not have the promised shape. */
  readonly rules: RuleFile;
  /** Whether an entry (`['objects', NAME]`) violates the schema in a way that makes it unusable. */
  readonly unusable: (section: string, name: string) => boolean;
  readonly errors: readonly RuleFinding[];
}

/** Violations of the schema, each at the node or key that is to be changed. */
export function checkSchema(document: LocatedDocument): CheckedDocument {
  const validate: Validator = validator;
  if (validate(document.data)) {
    return { rules: document.data as RuleFile, unusable: () => false, errors: [] };
  }
  const violations = (validate.errors ?? []).slice(0, maxViolations);
  const alternatives = new Set(violations.filter((v) => v.keyword === 'anyOf').map((v) => v.instancePath));
  const errors: RuleFinding[] = [];
  const spoilt = new Set<string>();
  let wholeFile = false;
  for (const violation of violations) {
    if (violation.propertyName !== undefined || isPartOfAlternative(violation, alternatives)) continue;
    const path = toPath(violation.instancePath);
    errors.push(describe(document, violation, path));
    const harmless =
      violation.keyword === 'additionalProperties' || (path.length === 0 && violation.keyword === 'required');
    if (harmless) continue;
    if (path.length < 2 && (violation.keyword !== 'propertyNames' || path.length === 0)) wholeFile = true;
    const [section, name] =
      violation.keyword === 'propertyNames' ? [...path, String(violation.params.propertyName)] : path;
    spoilt.add(`${section}/${name}`);
  }
  const unusable = (section: string, name: string): boolean => wholeFile || spoilt.has(`${section}/${name}`);
  return { rules: document.data as RuleFile, unusable, errors };
}

/** ajv also reports why each alternative failed; the author only needs to know that none fits. */
function isPartOfAlternative(violation: Violation, alternatives: ReadonlySet<string>): boolean {
  if (violation.schemaPath.includes('/oneOf/') || violation.schemaPath.includes('/anyOf/')) return true;
  if (violation.keyword === 'anyOf') return false;
  for (const path of alternatives) {
    if (violation.instancePath === path || violation.instancePath.startsWith(`${path}/`)) return true;
  }
  return false;
}

function describe(document: LocatedDocument, violation: Violation, path: Path): RuleFinding {
  const at = (code: RuleErrorCode, message: string, suggestion?: string): RuleFinding => ({
    ...document.position(path),
    code,
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  });
  const { keyword, params } = violation;
  const { definition, part } = schemaAt(path);
  const last = path.at(-1);
  const element = definition === 'hookRule' ? 'hook' : definition;
  const subject =
    last === undefined ? 'a rule file' : /^\d+$/.test(String(last)) ? `this ${element}`.trim() : `"${last}"`;
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params.additionalProperty);
      const known = Object.keys(part.properties ?? {});
      const error = at('unknown-key', `unknown key "${key}"`, nearest(key, known));
      return { ...error, ...document.keyPosition([...path, key]) };
    }
    case 'propertyNames': {
      const key = String(params.propertyName);
      const types = path.length === 1 && last === 'objects';
      const error = at('invalid-value', `"${key}" ${patterns.name}${types && key.length < 2 ? ', at least two' : ''}`);
      return { ...error, ...document.keyPosition([...path, key]) };
    }
    case 'required':
      return at('missing-key', `${subject} needs "${String(params.missingProperty)}"`);
    case 'oneOf':
      return at('invalid-combination', combinations[definition] ?? `${subject} matches no form`);
    case 'anyOf':
      return at('invalid-value', `${subject} must be ${anyOfKinds(part)}`);
    case 'type':
      return at('invalid-value', `${subject} must be ${kinds[String(params.type)] ?? String(params.type)}`);
    case 'enum': {
      const allowed = Array.isArray(params.allowedValues) ? params.allowedValues.map(String) : [];
      const given = valueAt(document, path);
      return at('invalid-value', `${subject} must be one of ${allowed.join(', ')}`, nearest(String(given), allowed));
    }
    case 'const':
      return at('invalid-value', `${subject} must be ${String(params.allowedValue)}`);
    case 'pattern':
      return at(
        'invalid-value',
        `${subject} ${patterns[definition || String(last)] ?? 'has characters that are not allowed'}`,
      );
    case 'minItems':
    case 'minProperties':
      return at('invalid-value', `${subject} must not be empty`);
    case 'maxProperties':
      return at('invalid-value', `${subject} must have exactly one member`);
    case 'minimum':
      return at('invalid-value', `${subject} must be at least ${String(params.limit)}`);
    case 'maximum':
      return at('invalid-value', `${subject} must be at most ${String(params.limit)}`);
    default:
      return at('invalid-value', `${subject} is not valid (${keyword})`);
  }
}

function valueAt(document: LocatedDocument, path: Path): unknown {
  let value = document.data;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as { readonly [key: string]: unknown })[String(step)];
  }
  return value;
}

let schema: SchemaPart | undefined;

/** The part of the schema that describes the value at a path, and the name of its definition, if it has one. */
function schemaAt(path: Path): { readonly definition: string; readonly part: SchemaPart } {
  schema ??= JSON.parse(ruleFileSchemaText) as SchemaPart;
  const root = schema;
  let definition = '';
  const follow = (part: SchemaPart): SchemaPart => {
    const name = part.$ref?.split('/').at(-1);
    definition = name ?? '';
    return name === undefined ? part : (root.definitions?.[name] ?? {});
  };
  let part = root;
  for (const step of path) {
    const next = part.properties?.[String(step)] ?? part.items ?? part.additionalProperties;
    part = follow(typeof next === 'object' ? next : {});
  }
  return { definition, part };
}

function anyOfKinds(part: SchemaPart): string {
  const names = (part.anyOf ?? []).map(({ type, $ref }) => {
    if (type !== undefined) return kinds[type] ?? type;
    const reference = $ref?.split('/').at(-1);
    return reference === 'request'
      ? 'a mapping of these'
      : reference === 'expression'
        ? 'a CEL expression'
        : `a ${reference}`;
  });
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** JSON pointer → path. */
function toPath(pointer: string): Path {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}
