// SPDX-License-Identifier: Apache-2.0
// One YAML text → plain data in which every value can be traced back to its line and column.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml';
import type { RuleErrorCode, RuleFinding } from './rule-error.js';
import { offsetInScalar, type Position, type ScalarStyle, SourceText } from './source-text.js';

/** Bytes of one rule file; more is a mistake or an attack. */
const maxFileBytes = 1 << 20;
/** Values in one file after aliases are expanded. */
const maxValues = 50_000;
const maxDepth = 64;
/** Syntax errors of one file that are reported; the rest only follows from the first ones. */
const maxProblems = 20;
/** Open brackets and block levels that are handed to the YAML parser at all. */
const maxBrackets = 500;
const maxBlocks = 200;

/** Members that every JavaScript object has: as names they would be found where nothing was declared. */
const reservedKeys = new Set(['__proto__', ...Object.getOwnPropertyNames(Object.prototype)]);

export type Path = readonly (string | number)[];

interface Member {
  readonly key: Node | undefined;
  readonly value: Node | null;
}

/** Where the parts of some data are written: the node and the key of each member of each mapping and list. */
interface Places {
  readonly data: unknown;
  readonly root: Node | null;
  readonly members: WeakMap<object, ReadonlyMap<string, Member>>;
}

/** A parsed file: its data and where each part of it is written. */
export class LocatedDocument {
  #places: Places | undefined;
  readonly #locate: () => Places;

  /** `locate` is called when a position is asked for, once. */
  constructor(
    readonly source: SourceText,
    readonly data: unknown,
    locate: () => Places,
  ) {
    this.#locate = locate;
  }

  /** Where the value at a path starts; where there is no such value, the innermost one that exists. */
  position(path: Path): Position {
    return this.source.position(startOf(this.#find(path).value));
  }

  /** Where the key of the last step of a path is written; the value for elements of lists. */
  keyPosition(path: Path): Position {
    const member = this.#find(path);
    return this.source.position(startOf(member.key ?? member.value));
  }

  /** Position of the `index`th character of the text at a path. */
  positionInText(path: Path, index: number): Position {
    const { value } = this.#find(path);
    if (!isScalar(value) || typeof value.value !== 'string') return this.position(path);
    const offset = offsetInScalar(this.source.text, startOf(value), styleOf(value), value.value, index);
    return this.source.position(offset);
  }

  places(): Places {
    this.#places ??= this.#locate();
    return this.#places;
  }

  #find(path: Path): Member {
    const { root, members, ...of } = this.places();
    let found: Member = { key: undefined, value: root };
    let { data } = of;
    for (const step of path) {
      if (typeof data !== 'object' || data === null) break;
      const member = members.get(data)?.get(String(step));
      if (member === undefined) break;
      found = member;
      data = (data as { readonly [key: string]: unknown })[String(step)];
    }
    return found;
  }
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function styleOf(scalar: Scalar): ScalarStyle {
  switch (scalar.type) {
    case 'QUOTE_SINGLE':
      return 'single';
    case 'QUOTE_DOUBLE':
      return 'double';
    case 'BLOCK_FOLDED':
    case 'BLOCK_LITERAL':
      return 'block';
    default:
      return 'plain';
  }
}

/** A file whose data is known already. It is only parsed when somebody asks where a part of it is written. */
export function knownDocument(file: string, text: string, data: unknown): LocatedDocument {
  return new LocatedDocument(
    new SourceText(file, text),
    data,
    () => parseYaml(file, text).document?.places() ?? nowhere,
  );
}

const nowhere: Places = { data: undefined, root: null, members: new WeakMap() };

/** Parses one file. `document` is absent when the text cannot be used at all. Never throws. */
export function parseYaml(file: string, text: string): { document?: LocatedDocument; errors: readonly RuleFinding[] } {
  const source = new SourceText(file, text);
  const errors: RuleFinding[] = [];
  const report = (code: RuleErrorCode, offset: number, message: string): void => {
    errors.push({ ...source.position(offset), code, message });
  };
  if (text.length > maxFileBytes || Buffer.byteLength(text) > maxFileBytes) {
    report('too-large', 0, `file is larger than ${maxFileBytes >> 20} MiB`);
    return { errors };
  }
  const tooDeep = nestedTooDeep(text);
  if (tooDeep !== undefined) {
    report('too-large', tooDeep, `nested more than ${maxDepth} levels deep`);
    return { errors };
  }
  let parsed: Document.Parsed;
  try {
    // Duplicate keys are found below, where the first one's position is known (and in linear time).
    parsed = parseDocument(text, { merge: true, uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
  } catch (cause) {
    report('yaml-syntax', 0, `not YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
    return { errors };
  }
  for (const problem of [...parsed.errors, ...parsed.warnings].slice(0, maxProblems)) {
    const message =
      problem.code === 'MULTIPLE_DOCS'
        ? 'a rule file is one YAML document'
        : `${problem.message.charAt(0).toLowerCase()}${problem.message.slice(1)}`;
    errors.push({ ...source.position(problem.pos[0]), code: 'yaml-syntax', message, cause: problem.code });
  }
  if (errors.length > 0) return { errors };
  const reader = new Reader(source, report);
  const data = reader.read(parsed.contents);
  if (reader.failed) return { errors };
  const places: Places = { data, root: parsed.contents, members: reader.members };
  return { document: new LocatedDocument(source, data, () => places), errors };
}

/**
 * Offset at which the text is nested deeper than the parser, which recurses, can be trusted with; undefined if nowhere.
 * Looks at indentation, leading `- ? :` and brackets only, so texts and comments count too: hence the generous limits.
 */
function nestedTooDeep(text: string): number | undefined {
  // Nearly every file is cleared by these two, which cost nothing: few brackets, no line that starts far to the right.
  const few = (text.match(/[[{]/g)?.length ?? 0) <= maxBrackets;
  if (few && !new RegExp(`^(?:[ \\t]|[-?:](?=\\s)){${maxBlocks},}`, 'm').test(text)) return undefined;
  const columns: number[] = [];
  let brackets = 0;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    let at = start;
    for (let leading = true; leading; ) {
      while (text[at] === ' ' || text[at] === '\t') at += 1;
      if (at >= end) break;
      while ((columns.at(-1) ?? -1) >= at - start) columns.pop();
      columns.push(at - start);
      if (columns.length > maxBlocks) return at;
      leading = /[-?:]/.test(text[at] ?? '') && /\s/.test(text[at + 1] ?? '');
      if (leading) at += 1;
    }
    for (; at < end; at++) {
      const c = text[at];
      if (c === '[' || c === '{') brackets += 1;
      else if (c === ']' || c === '}') brackets = Math.max(0, brackets - 1);
      if (brackets > maxBrackets) return at;
    }
    start = end + 1;
  }
  return undefined;
}

/** Converts nodes to data: aliases resolved, merge keys applied, sizes bounded. */
class Reader {
  readonly members = new WeakMap<object, ReadonlyMap<string, Member>>();
  failed = false;
  readonly #source: SourceText;
  readonly #report: (code: RuleErrorCode, offset: number, message: string) => void;
  readonly #targets = new Map<Alias, Node>();
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #values = 0;

  constructor(source: SourceText, report: (code: RuleErrorCode, offset: number, message: string) => void) {
    this.#source = source;
    this.#report = report;
  }

  read(root: Node | null): unknown {
    this.#resolveAliases(root, 0);
    return this.failed ? undefined : this.#convert(root, 0);
  }

  #fail(code: RuleErrorCode, node: Node | null, message: string): undefined {
    this.failed = true;
    this.#report(code, startOf(node), message);
    return undefined;
  }

  /** An alias means the nearest anchor of its name before it, so they are resolved in the order of the text. */
  #resolveAliases(node: unknown, depth: number): void {
    if (depth > maxDepth) {
      if (!this.failed) this.#fail('too-large', node as Node, `nested more than ${maxDepth} levels deep`);
      return;
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined) this.#fail('yaml-alias', node, `alias *${node.source} has no anchor before it`);
      else this.#targets.set(node, target);
      return;
    }
    if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    }
    if (isMap(node)) {
      for (const pair of node.items) {
        this.#resolveAliases(pair.key, depth + 1);
        this.#resolveAliases(pair.value, depth + 1);
      }
    } else if (isSeq(node)) for (const item of node.items) this.#resolveAliases(item, depth + 1);
  }

  #convert(node: Node | null, depth: number): unknown {
    if (this.failed) return undefined;
    this.#values += 1;
    if (this.#values > maxValues)
      return this.#fail('too-large', node, `more than ${maxValues} values after aliases are expanded`);
    if (depth > maxDepth) return this.#fail('too-large', node, `nested more than ${maxDepth} levels deep`);
    if (node === null) return null;
    if (this.#open.has(node)) return this.#fail('yaml-alias', node, 'an alias must not contain itself');
    this.#open.add(node);
    const value = this.#convertNode(node, depth);
    this.#open.delete(node);
    return value;
  }

  #convertNode(node: Node, depth: number): unknown {
    if (isAlias(node)) return this.#convert(this.#targets.get(node) ?? null, depth + 1);
    if (isMap(node))
      return this.#convertMap(node as Node & { items: readonly { key: unknown; value: unknown }[] }, depth);
    if (isSeq(node)) {
      const members = new Map<string, Member>();
      const list = node.items.map((item, index) => {
        const value = this.#target(item as Node | null);
        members.set(String(index), { key: undefined, value });
        return this.#convert(item as Node | null, depth + 1);
      });
      this.members.set(list, members);
      return list;
    }
    if (!isScalar(node)) return this.#fail('yaml-syntax', node, 'not a mapping, list or scalar');
    const { value } = node;
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return value;
    return this.#fail('invalid-value', node, 'must be text, a number or true/false');
  }

  #convertMap(map: Node & { items: readonly { key: unknown; value: unknown }[] }, depth: number): unknown {
    const members = new Map<string, Member>();
    const data: { [key: string]: unknown } = Object.create(null);
    const merged: (Node | null)[] = [];
    for (const pair of map.items) {
      const key = pair.key as Node;
      if (isMergeKey(key)) {
        merged.push(pair.value as Node | null);
        continue;
      }
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.#fail('invalid-value', key ?? map, 'a key must be text');
        continue;
      }
      const name = key.value;
      const earlier = members.get(name);
      if (reservedKeys.has(name)) this.#fail('reserved-name', key, `"${name}" cannot be used as a name`);
      else if (earlier !== undefined) {
        const line = this.#source.position(startOf(earlier.key ?? null)).line;
        this.#fail('duplicate-key', key, `key "${name}" is already used in line ${line}`);
      } else {
        members.set(name, { key, value: this.#target(pair.value as Node | null) ?? key });
        data[name] = this.#convert(pair.value as Node | null, depth + 1);
      }
    }
    this.members.set(data, members);
    for (const value of merged) this.#merge(value, data, members, depth);
    return data;
  }

  /** `<<: *base` and `<<: [*first, *second]`: adds the members that are not there yet. */
  #merge(node: Node | null, into: { [key: string]: unknown }, members: Map<string, Member>, depth: number): void {
    const target = this.#target(node);
    if (depth > maxDepth) {
      this.#fail('yaml-alias', node, 'an alias must not contain itself');
      return;
    }
    if (isSeq(target)) {
      for (const item of target.items) if (!this.failed) this.#merge(item as Node | null, into, members, depth + 1);
      return;
    }
    if (!isMap(target)) {
      this.#fail('yaml-alias', node, '<< needs a mapping, an alias of one, or a list of these');
      return;
    }
    const base = this.#convert(target, depth + 1);
    if (typeof base !== 'object' || base === null) return;
    for (const [name, member] of this.members.get(base) ?? []) {
      if (members.has(name)) continue;
      members.set(name, member);
      into[name] = (base as { readonly [key: string]: unknown })[name];
    }
  }

  #target(node: Node | null): Node | null {
    return isAlias(node) ? (this.#targets.get(node) ?? node) : node;
  }
}

function isMergeKey(key: unknown): boolean {
  if (!isScalar(key)) return false;
  if (typeof key.value === 'symbol') return key.value.description === '<<';
  return key.value === '<<' && key.type === 'PLAIN';
}
