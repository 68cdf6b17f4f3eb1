// SPDX-License-Identifier: Apache-2.0
// Checks a document against the JSON Schema and says what is wrong in the terms of a rule author.
import type { RuleFile } from './generated/rule-file.js';
import { ruleFileSchemaText } from './generated/schema-text.js';
import validator from './generated/validate-rule-file.js';
import { nearest, type RuleErrorCode, type RuleFinding } from './rule-error.js';
import type { LocatedDocument, Path } from './yaml-document.js';

/** What ajv says of one violation. */
interface Violation {
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly keyword: string;
  readonly propertyName?: string;
  readonly params: { readonly [name: string]: unknown };
  readonly message?: string;
}

/** The validator that ajv generated: a function that leaves its findings on itself. */
type Validator = ((data: unknown) => boolean) & { readonly errors?: readonly Violation[] | null };

/** What members of a definition go together; shown where none of the combinations fits. */
const combinations: { readonly [definition: string]: string } = {
  source: 'a source is { spec, dump }, { spec, get or dump, for } or { bpf: attachments }',
  objectType: 'an object has source and key, or refines and when',
  attribute: 'an attribute has path, or from with on, path and default, or sysctl with default',
  binding: 'a binding is { edge, reverse?, many? } or { all }',
  condition: 'a condition has exactly one of when and unless',
};

const patterns: { readonly [definition: string]: string } = {
  name: 'must be a name: lower-case letters, digits and _, at least two, a letter first',
  path: 'must be a path such as linkinfo.data.mode or bits.bit[].name',
  sysctl: 'must be a path below /proc/sys such as net/ipv4/ip_forward',
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
  /** Whether an entry (`['objects', 'bridge']`) violates the schema in a way that makes it unusable. */
  readonly unusable: (section: string, name: string) => boolean;
  readonly errors: readonly RuleFinding[];
}

/** Violations of the schema, each at the node or key that is to be changed. */
export function checkSchema(document: LocatedDocument): CheckedDocument {
  const validate: Validator = validator;
  if (validate(document.data)) {
    return { rules: document.data as RuleFile, unusable: () => false, errors: [] };
  }
  const violations = validate.errors ?? [];
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
  const last = path.at(-1);
  const subject =
    last === undefined ? 'a rule file' : typeof last === 'number' || /^\d+$/.test(last) ? 'this' : `"${last}"`;
  switch (keyword) {
    case 'additionalProperties': {
      const key = String(params.additionalProperty);
      const known = knownKeys(violation.schemaPath);
      const error = at('unknown-key', `unknown key "${key}"`, nearest(key, known));
      return { ...error, ...document.keyPosition([...path, key]) };
    }
    case 'propertyNames': {
      const key = String(params.propertyName);
      const error = at('invalid-value', `"${key}" ${patterns.name}`);
      return { ...error, ...document.keyPosition([...path, key]) };
    }
    case 'required':
      return at('missing-key', `${subject} needs "${String(params.missingProperty)}"`);
    case 'oneOf':
      return at(
        'invalid-combination',
        combinations[definitionOf(violation.schemaPath)] ?? `${subject} matches no form`,
      );
    case 'anyOf':
      return at('invalid-value', `${subject} must be ${anyOfKinds(violation.schemaPath)}`);
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
        `${subject} ${patterns[definitionOf(violation.schemaPath)] ?? 'has characters that are not allowed'}`,
      );
    case 'minItems':
    case 'minProperties':
      return at('invalid-value', `${subject} must not be empty`);
    case 'maxProperties':
      return at('invalid-value', `${subject} must have exactly one member`);
    default:
      return at('invalid-value', `${subject} ${violation.message ?? 'is not valid'}`);
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

/** `#/definitions/attribute/properties/mask/type` → the schema part before the last step. */
function schemaAt(schemaPath: string): unknown {
  let part: unknown = JSON.parse(ruleFileSchemaText);
  for (const step of schemaPath.replace(/^#\//, '').split('/').slice(0, -1)) {
    if (typeof part !== 'object' || part === null) return undefined;
    part = (part as { readonly [key: string]: unknown })[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return part;
}

function knownKeys(schemaPath: string): readonly string[] {
  const part = schemaAt(schemaPath);
  return typeof part === 'object' && part !== null && 'properties' in part
    ? Object.keys(part.properties as object)
    : [];
}

function anyOfKinds(schemaPath: string): string {
  const part = schemaAt(schemaPath);
  const branches =
    typeof part === 'object' && part !== null && 'anyOf' in part ? (part.anyOf as readonly object[]) : [];
  const names = branches.map((branch) => {
    if ('type' in branch) return kinds[String(branch.type)] ?? String(branch.type);
    const reference = '$ref' in branch ? String(branch.$ref).split('/').at(-1) : '';
    if (reference === 'request') return 'a mapping of these';
    return reference === 'expression' ? 'a CEL expression' : `a ${reference}`;
  });
  return names.join(names.length > 2 ? ', ' : ' or ');
}

/** The definition, or the property of one, that a schema path is about. */
function definitionOf(schemaPath: string): string {
  const steps = schemaPath.split('/');
  return steps.at(-2) ?? '';
}

/** JSON pointer → path. */
function toPath(pointer: string): Path {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}
