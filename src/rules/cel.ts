// SPDX-License-Identifier: Apache-2.0
// The one door to the CEL library: object types and variables in, checked expressions over plain numbers out.
// CEL's integers are BigInt there; objects are shown to it through wrappers that convert when an attribute is read.
import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import { nearest } from '../model/nearest.js';
import type { Attributes, AttributeType, Scope, Value } from '../model/ruleset.js';
import { compileDirect, undecided } from './direct.js';
import type { RuleErrorCode } from './rule-error.js';

/** Attributes of an object type, with their types. */
export type AttributeTypes = ReadonlyMap<string, AttributeType>;

/** What a variable stands for: one object of a type, or a list of them. */
export interface Variable {
  readonly type: string;
  readonly many: boolean;
}

export type Variables = ReadonlyMap<string, Variable>;

/** Static type of an expression, as far as rules can tell types apart. */
export type CelType = 'bool' | 'int' | 'string' | 'other';

/** An attribute that an expression reads, and where in its text. */
export interface AttributeUse {
  readonly type: string;
  readonly attribute: string;
  readonly offset: number;
}

export interface CelProblem {
  readonly code: RuleErrorCode;
  readonly message: string;
  /** In UTF-16 code units from the start of the expression. */
  readonly offset: number;
  readonly suggestion?: string;
  readonly cause?: string;
}

export type CelResult =
  | {
      readonly type: CelType;
      readonly typeName: string;
      readonly uses: readonly AttributeUse[];
      /** Throws what the library throws, for instance on an index beyond the end of a list. */
      readonly evaluate: (scope: Scope) => Value;
    }
  | { readonly problem: CelProblem };

const maxExpressionLength = 4096;
const maxNestedLoops = 2;
const limits = { maxAstNodes: 1000, maxDepth: 48, maxListElements: 256, maxMapEntries: 256, maxCallArguments: 4 };

/** Everything that an expression may call. All are bounded by the size of their arguments. */
const functions: ReadonlySet<string> = new Set([
  'size',
  'string',
  'int',
  'exists',
  'exists_one',
  'all',
  'filter',
  'map',
  'contains',
  'startsWith',
  'endsWith',
  'indexOf',
  'lastIndexOf',
  'substring',
  'lowerAscii',
  'upperAscii',
  'trim',
  'split',
  'join',
]);

const loops: ReadonlySet<string> = new Set(['exists', 'exists_one', 'all', 'filter', 'map']);

const reasons: { readonly [name: string]: string } = {
  matches: 'regular expressions can take unbounded time; use contains, startsWith or endsWith',
  has: 'every declared attribute always has a value; compare it with its default',
  dyn: 'it would switch type checking off',
};

/** Names that CEL itself gives a meaning, so that neither types nor variables can have them. */
export const celReservedNames: ReadonlySet<string> = new Set(
  (
    'as break const continue else for function if import in let loop package namespace return var void while true ' +
    'false null string bool int uint double map list bytes null_type type dyn cel optional ast'
  ).split(' '),
);

/** The object types of a rule set, as CEL types. */
export class CelTypes {
  readonly #base = new Environment({ limits });
  readonly #types: ReadonlyMap<string, AttributeTypes>;
  readonly #wrappers = new Map<string, Wrapper>();

  readonly #direct: boolean;

  /** `direct` is switched off only to compare the library's results with those of direct evaluation. */
  constructor(types: ReadonlyMap<string, AttributeTypes>, direct = true) {
    this.#types = types;
    this.#direct = direct;
    for (const [name, attributes] of types) {
      const wrapper = createWrapper(attributes);
      const fields: { [attribute: string]: string } = Object.create(null);
      for (const [attribute, type] of attributes) fields[attribute] = type === 'list' ? 'list<dyn>' : type;
      this.#base.registerType(name, { ctor: wrapper.constructor, fields });
      this.#wrappers.set(name, wrapper);
    }
  }

  /** Where expressions over the given variables are compiled. Every type must be known. */
  scope(variables: Variables): CelScope {
    const environment = this.#base.clone();
    const wrappers = new Map<string, Wrapper>();
    for (const [name, { type, many }] of variables) {
      environment.registerVariable(name, many ? `list<${type}>` : type);
      const wrapper = this.#wrappers.get(type);
      if (wrapper !== undefined) wrappers.set(name, wrapper);
    }
    return new CelScope(environment, variables, wrappers, this.#types, this.#direct);
  }
}

/** Compiles expressions over one set of variables. */
export class CelScope {
  readonly #environment: Environment;
  readonly #variables: Variables;
  readonly #wrappers: ReadonlyMap<string, Wrapper>;
  readonly #types: ReadonlyMap<string, AttributeTypes>;
  readonly #direct: boolean;

  constructor(
    environment: Environment,
    variables: Variables,
    wrappers: ReadonlyMap<string, Wrapper>,
    types: ReadonlyMap<string, AttributeTypes>,
    direct: boolean,
  ) {
    this.#direct = direct;
    this.#environment = environment;
    this.#variables = variables;
    this.#wrappers = wrappers;
    this.#types = types;
  }

  /** Parses and type-checks one expression. Never throws. */
  compile(text: string): CelResult {
    if (text.length > maxExpressionLength) {
      const message = `expression is longer than ${maxExpressionLength} characters`;
      return { problem: { code: 'cel-too-complex', message, offset: 0 } };
    }
    try {
      return this.#compile(text);
    } catch (error) {
      return { problem: this.#problem(error, text) };
    }
  }

  #compile(text: string): CelResult {
    const parsed = this.#environment.parse(text);
    const forbidden = findForbidden(parsed.ast, 0);
    if (forbidden !== undefined) return { problem: forbidden };
    const checked = parsed.check();
    if (checked.error !== undefined) return { problem: this.#problem(checked.error, text) };
    const found = { uses: [] as AttributeUse[], variables: new Set<string>() };
    const indexed = collect(parsed.ast, this.#types, found);
    if (indexed !== undefined) return { problem: indexed };
    const typeName = checked.type ?? 'dyn';
    const type = typeName === 'bool' || typeName === 'int' || typeName === 'string' ? typeName : 'other';
    const thorough = this.#evaluator(parsed, found.variables);
    const direct = this.#direct ? this.#directly(parsed.ast) : undefined;
    if (direct === undefined) return { type, typeName, uses: found.uses, evaluate: thorough };
    const evaluate = (scope: Scope): Value => {
      try {
        return direct(scope);
      } catch (error) {
        if (error === undecided) return thorough(scope);
        throw error;
      }
    };
    return { type, typeName, uses: found.uses, evaluate };
  }

  #directly(node: ASTNode): ((scope: Scope) => Value) | undefined {
    const of = (many: boolean) =>
      new Set([...this.#variables].filter(([, v]) => v.many === many).map(([name]) => name));
    return compileDirect(node, of(false), of(true), (part) => checkedType(part)?.name);
  }

  #evaluator(parsed: ParseResult, used: ReadonlySet<string>): (scope: Scope) => Value {
    const needed: [string, Wrapper][] = [];
    for (const [name, wrapper] of this.#wrappers) if (used.has(name)) needed.push([name, wrapper]);
    return (scope) => {
      const context: { [variable: string]: object | undefined } = {};
      for (const [name, wrapper] of needed) {
        const bound = scope[name];
        if (bound !== undefined) context[name] = isList(bound) ? wrapper.list(bound) : wrapper.one(bound);
      }
      return fromCel(parsed(context));
    };
  }

  #problem(error: unknown, text: string): CelProblem {
    if (error instanceof RangeError) {
      return { code: 'cel-too-complex', message: 'expression is nested too deeply', offset: 0 };
    }
    const { code, summary, range, node } = celError(error);
    const offset = Math.min(range?.start ?? 0, text.length);
    if (code === 'limit_exceeded') {
      return { code: 'cel-too-complex', message: `expression is too complex: ${lowerFirst(summary)}`, offset };
    }
    if (code === 'unknown_variable') {
      const name = summary.slice(summary.indexOf(':') + 2);
      const known = [...this.#variables.keys()];
      const message = `unknown variable "${name}"; known here: ${known.join(', ') || 'none'}`;
      return withSuggestion({ code: 'cel-unknown-variable', message, offset }, nearest(name, known));
    }
    const owner = node?.op === '.' ? checkedType(node.args[0]) : undefined;
    if (code === 'no_such_key' && owner !== undefined && node?.op === '.') {
      const name = node.args[1];
      const message = `unknown attribute "${name}" of ${owner.name}`;
      const known = this.#types.get(owner.name)?.keys() ?? [];
      return withSuggestion({ code: 'cel-unknown-attribute', message, offset }, nearest(name, known));
    }
    if (code === 'invalid_index_type' && owner?.kind === 'list' && node?.op === '.') {
      const message = `"${node.args[1]}" of a list; use exists(x, …) or filter(x, …)[0] to name one element`;
      return { code: 'cel-type', message, offset };
    }
    const syntax = error instanceof Error && error.name === 'ParseError';
    return {
      code: syntax ? 'cel-syntax' : 'cel-type',
      message: reword(summary),
      offset,
      ...(code === '' ? {} : { cause: code }),
    };
  }
}

interface CheckedType {
  readonly kind: string;
  readonly name: string;
}

/** The type that the library's checker left on a node, where it got that far. */
function checkedType(node: ASTNode): CheckedType | undefined {
  return (node as ASTNode & { readonly checkedType?: CheckedType }).checkedType;
}

interface LibraryError {
  readonly code: string;
  readonly summary: string;
  readonly range: { readonly start: number } | undefined;
  readonly node: ASTNode | undefined;
}

function celError(error: unknown): LibraryError {
  const found = error as Partial<LibraryError> & { readonly message?: string };
  return {
    code: found.code ?? '',
    summary: found.summary ?? found.message ?? String(error),
    range: found.range,
    node: found.node?.op === undefined ? undefined : found.node,
  };
}

function withSuggestion(problem: CelProblem, suggestion: string | undefined): CelProblem {
  return suggestion === undefined ? problem : { ...problem, suggestion };
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** The library's sentence in terms of a rule author. */
function reword(summary: string): string {
  const operands = /^no such overload: (.+) (\S+) (.+)$/.exec(summary);
  if (operands !== null) return `operator ${operands[2]} cannot be applied to ${operands[1]} and ${operands[3]}`;
  const call = /^found no matching overload for '(.+)'$/.exec(summary);
  if (call !== null) return `no function ${call[1]} takes these types`;
  if (/\bEOF$/.test(summary)) return 'the expression ends too early';
  return `in expression: ${lowerFirst(summary)}`;
}

/** The nodes directly below a node. */
function children(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case '!_':
    case '-_':
      return [node.args];
    case 'map':
      return node.args.flat();
    default:
      return node.args as readonly ASTNode[];
  }
}

/** The first call that rules may not make, or loops nested too deeply. Works on the syntax, before type checking. */
function findForbidden(node: ASTNode, depth: number): CelProblem | undefined {
  let inner = depth;
  if (node.op === 'map')
    return { code: 'cel-forbidden', message: 'map literals are not available in rules', offset: node.start };
  if (node.op === 'call' || node.op === 'rcall') {
    const name = node.args[0];
    // The name stands before its arguments: find it behind the receiver.
    const from = node.op === 'rcall' ? node.args[1].end : node.start;
    const offset = Math.max(node.start, node.input.indexOf(name, from));
    if (!functions.has(name)) {
      const reason = reasons[name];
      const message =
        reason === undefined ? `unknown function "${name}"` : `${name} is not available in rules: ${reason}`;
      const suggestion = reason === undefined ? nearest(name, functions) : undefined;
      return withSuggestion({ code: 'cel-forbidden', message, offset }, suggestion);
    }
    if (node.op === 'rcall' && loops.has(name)) inner += 1;
    if (inner > maxNestedLoops) {
      return { code: 'cel-too-complex', message: `more than ${maxNestedLoops} nested loops`, offset };
    }
  }
  for (const child of children(node)) {
    const found = findForbidden(child, inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Collects what a checked expression reads; finds attributes that are not written by their name. */
function collect(
  node: ASTNode,
  types: ReadonlyMap<string, AttributeTypes>,
  found: { readonly uses: AttributeUse[]; readonly variables: Set<string> },
): CelProblem | undefined {
  if (node.op === 'id') found.variables.add(node.args);
  if (node.op === '.' || node.op === '[]') {
    const owner = checkedType(node.args[0]);
    if (owner !== undefined && types.has(owner.name)) {
      if (node.op === '[]') {
        const message = `an attribute of ${owner.name} must be written by its name: .name`;
        return { code: 'cel-type', message, offset: node.args[0].end };
      }
      found.uses.push({ type: owner.name, attribute: node.args[1], offset: node.pos });
    }
  }
  for (const child of children(node)) {
    const problem = collect(child, types, found);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const wrapped = Symbol('attributes');

/** Shows an attributes object to CEL. Attributes are read through, never copied, so that they cannot go stale. */
interface Wrapper {
  readonly constructor: new (attributes: Attributes) => object;
  one(attributes: Attributes): object;
  list(objects: readonly Attributes[]): readonly object[];
}

function createWrapper(attributes: AttributeTypes): Wrapper {
  class Wrapped {
    readonly [wrapped]: Attributes;
    constructor(source: Attributes) {
      this[wrapped] = source;
    }
  }
  for (const [name, type] of attributes) {
    const read =
      type === 'string' || type === 'bool'
        ? function (this: Wrapped): unknown {
            return this[wrapped][name];
          }
        : function (this: Wrapped): unknown {
            return toCel(this[wrapped][name]);
          };
    Object.defineProperty(Wrapped.prototype, name, { get: read, enumerable: true });
  }
  const lists = new WeakMap<readonly Attributes[], readonly Wrapped[]>();
  return {
    constructor: Wrapped,
    one: (source) => new Wrapped(source),
    list(objects) {
      let known = lists.get(objects);
      if (known === undefined || known.length !== objects.length) {
        known = objects.map((source) => new Wrapped(source));
        lists.set(objects, known);
      }
      return known;
    },
  };
}

function isList(bound: Attributes | readonly Attributes[]): bound is readonly Attributes[] {
  return Array.isArray(bound);
}

/** Plain value → CEL's: integers become BigInt. Other numbers stay and fail CEL's type check of the attribute. */
function toCel(value: Value | undefined): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object') return value;
  return value.some((element) => typeof element === 'number') ? value.map(toCel) : value;
}

/** CEL's value → plain. Anything that is not a plain value (an object, null) is an error of the expression. */
function fromCel(value: unknown): Value {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map(fromCel);
  throw new TypeError('the expression gives neither text, a number, true/false nor a list of these');
}
