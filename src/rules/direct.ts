// SPDX-License-Identifier: Apache-2.0
// Evaluates the simple majority of checked expressions without the CEL library: attributes, literals, comparisons,
// logic, size, in and exists. Where a value is not what its type promises it gives up, and the library decides.
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Attributes, Scope, Value } from '../model/ruleset.js';
import { byValue } from './by-value.js';

/** Thrown where the library must decide; a constant, because making an Error costs more than an evaluation. */
export const undecided = Symbol('undecided');

/** `locals` holds the objects of the enclosing loops, outermost first. */
type Step = (scope: Scope, locals: Attributes[]) => Value;

/** What the compiler knows of an expression's surroundings. */
interface Surroundings {
  /** Variables that stand for one object, and those that stand for many. */
  readonly single: ReadonlySet<string>;
  readonly many: ReadonlySet<string>;
  readonly typeOf: (node: ASTNode) => string | undefined;
  readonly loops: readonly string[];
}

/** A direct evaluation of a checked expression, or undefined if it uses more than is known here. */
export function compileDirect(
  node: ASTNode,
  single: ReadonlySet<string>,
  many: ReadonlySet<string>,
  typeOf: (node: ASTNode) => string | undefined,
): ((scope: Scope) => Value) | undefined {
  const step = compile(node, { single, many, typeOf, loops: [] });
  return step === undefined ? undefined : (scope) => step(scope, []);
}

function compile(node: ASTNode, around: Surroundings): Step | undefined {
  switch (node.op) {
    case 'value':
      return literal(node.args);
    case '.':
      return attribute(node.args[0], node.args[1], around.typeOf(node), around);
    case '!_': {
      const operand = compile(node.args, around);
      return operand && ((scope, locals) => operand(scope, locals) === false);
    }
    case '&&':
    case '||': {
      const [left, right] = both(node.args, around);
      if (left === undefined || right === undefined) return undefined;
      return node.op === '&&'
        ? (scope, locals) => left(scope, locals) === true && right(scope, locals) === true
        : (scope, locals) => left(scope, locals) === true || right(scope, locals) === true;
    }
    case '?:': {
      const [condition, yes, no] = node.args.map((part) => compile(part, around));
      if (condition === undefined || yes === undefined || no === undefined) return undefined;
      return (scope, locals) => (condition(scope, locals) === true ? yes(scope, locals) : no(scope, locals));
    }
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return comparison(node.op, node.args, around);
    case 'in':
      return membership(node.args, around);
    case 'call': {
      const [name, [argument]] = node.args;
      if (name !== 'size' || argument?.op !== '.') return undefined;
      const list = compile(argument, around);
      return list && ((scope, locals) => asList(list(scope, locals)).length);
    }
    case 'rcall':
      return exists(node.args, around);
    default:
      return undefined;
  }
}

function literal(value: unknown): Step | undefined {
  const plain = typeof value === 'bigint' ? Number(value) : value;
  if (typeof plain === 'string' || typeof plain === 'boolean') return () => plain;
  return typeof value === 'bigint' && Number.isSafeInteger(plain) ? () => Number(value) : undefined;
}

function both([left, right]: readonly ASTNode[], around: Surroundings) {
  return [left && compile(left, around), right && compile(right, around)] as const;
}

/** Reads an attribute and makes sure that it has its declared type. */
function attribute(owner: ASTNode, name: string, type: string | undefined, around: Surroundings): Step | undefined {
  if (owner.op !== 'id') return undefined;
  const variable = owner.args;
  const depth = around.loops.lastIndexOf(variable);
  if (depth < 0 && !around.single.has(variable)) return undefined;
  const holder: (scope: Scope, locals: Attributes[]) => unknown =
    depth < 0 ? (scope) => scope[variable] : (_, locals) => locals[depth];
  const read = (scope: Scope, locals: Attributes[]): Value | undefined => {
    const object = holder(scope, locals);
    return typeof object === 'object' && object !== null ? (object as Attributes)[name] : undefined;
  };
  const check = checks[type ?? ''];
  if (check === undefined) return undefined;
  return (scope, locals) => {
    const value = read(scope, locals);
    if (value === undefined || !check(value)) throw undecided;
    return value;
  };
}

const checks: { readonly [type: string]: (value: Value) => boolean } = {
  string: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
  int: (value) => Number.isSafeInteger(value),
  list: Array.isArray,
  'list<dyn>': Array.isArray,
};

function comparison(op: string, operands: readonly ASTNode[], around: Surroundings): Step | undefined {
  const types = operands.map(around.typeOf);
  const comparable = types[0] === 'int' || types[0] === 'string' || (types[0] === 'bool' && op.endsWith('='));
  if (types[0] !== types[1] || !comparable) return undefined;
  const [left, right] = both(operands, around);
  if (left === undefined || right === undefined) return undefined;
  switch (op) {
    case '==':
      return (scope, locals) => left(scope, locals) === right(scope, locals);
    case '!=':
      return (scope, locals) => left(scope, locals) !== right(scope, locals);
    case '<':
      return (scope, locals) => left(scope, locals) < right(scope, locals);
    case '<=':
      return (scope, locals) => left(scope, locals) <= right(scope, locals);
    case '>':
      return (scope, locals) => left(scope, locals) > right(scope, locals);
    default:
      return (scope, locals) => left(scope, locals) >= right(scope, locals);
  }
}

function asList(value: Value): readonly Value[] {
  if (!Array.isArray(value)) throw undecided;
  return value;
}

/** `x in object.list` for text and integers, as long as the list holds nothing else. */
function membership(operands: readonly ASTNode[], around: Surroundings): Step | undefined {
  const type = around.typeOf(operands[0] as ASTNode);
  if (operands[1]?.op !== '.' || (type !== 'string' && type !== 'int')) return undefined;
  const [left, right] = both(operands, around);
  const check = checks[type];
  if (left === undefined || right === undefined || check === undefined) return undefined;
  return (scope, locals) => {
    const wanted = left(scope, locals);
    const list = asList(right(scope, locals));
    for (const element of list) if (!check(element)) throw undecided;
    return list.includes(wanted);
  };
}

/** `objects.exists(x, …)` over a variable that stands for many objects. */
function exists(
  [method, receiver, [variable, predicate]]: readonly [string, ASTNode, readonly ASTNode[]],
  around: Surroundings,
): Step | undefined {
  if (method !== 'exists' || receiver.op !== 'id' || variable?.op !== 'id' || predicate === undefined) return undefined;
  if (!around.many.has(receiver.args) || around.loops.includes(receiver.args)) return undefined;
  const list = receiver.args;
  const depth = around.loops.length;
  const test = compile(predicate, { ...around, loops: [...around.loops, variable.args] });
  if (test === undefined) return undefined;
  const wanted = equality(predicate, variable.args, around);
  return (scope, locals) => {
    const objects = scope[list];
    if (!Array.isArray(objects)) throw undecided;
    const all = objects as readonly Attributes[];
    const groups = wanted && byValue(all, wanted.attribute, wanted.check);
    const candidates = groups && wanted ? (groups.get(wanted.value(scope, locals)) ?? []) : all;
    for (const object of candidates) {
      locals[depth] = object;
      if (test(scope, locals) === true) return true;
    }
    return false;
  };
}

/** What a loop's objects can be looked up by. */
interface Equality {
  readonly attribute: string;
  readonly check: (value: Value) => boolean;
  readonly value: Step;
  /** Fewer objects have the value of another object's attribute, as a rule, than one that a rule names. */
  readonly isLiteral: boolean;
}

/** `x.attribute == value` among what must hold of an object, with a value that is the same for all x. */
function equality(node: ASTNode, x: string, around: Surroundings): Equality | undefined {
  if (node.op === '&&') {
    const [left, right] = node.args.map((part) => equality(part, x, around));
    return left === undefined || (left.isLiteral && right !== undefined) ? right : left;
  }
  if (node.op !== '==') return undefined;
  return oneSide(node.args[0], node.args[1], x, around) ?? oneSide(node.args[1], node.args[0], x, around);
}

function oneSide(own: ASTNode, other: ASTNode, x: string, around: Surroundings): Equality | undefined {
  const isOf = (node: ASTNode) => node.op === '.' && node.args[0].op === 'id' && node.args[0].args === x;
  if (own.op !== '.' || !isOf(own) || isOf(other) || (other.op !== 'value' && other.op !== '.')) return undefined;
  const type = around.typeOf(own);
  const check = type === 'int' || type === 'string' ? checks[type] : undefined;
  const value = compile(other, around);
  return check && value && { attribute: own.args[1], check, value, isLiteral: other.op === 'value' };
}
