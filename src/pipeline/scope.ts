// SPDX-License-Identifier: Apache-2.0
// Binds the variables of a rule's expressions to objects of the graph.

import type { Reason } from '../model/desired.js';
import type { Graph, TnaObject } from '../model/graph.js';
import type { Attributes, Binding, Scope } from '../model/ruleset.js';

/** Objects of a graph by type, id and edge; built once per graph. */
export interface GraphIndex {
  object(id: string): TnaObject | undefined;
  ofType(type: string): readonly TnaObject[];
  /** Objects that an object's edge of this name leads to, or (reverse) that lead to it by it. */
  along(edge: string, id: string, reverse: boolean): readonly TnaObject[];
  /** Attributes of all objects of a type; the same array each time, so that evaluators can cache by identity. */
  attributesOfType(type: string): readonly Attributes[];
  /** That about the first object of the type of which there is one. */
  doubtOfType(type: string): Reason | undefined;
}

export function indexGraph(graph: Graph): GraphIndex {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const byType: Groups = new Map();
  for (const node of graph.nodes) append(byType, node.type, node);
  const forward = new Map<string, Groups>();
  const backward = new Map<string, Groups>();
  for (const { name, from, to } of graph.edges) {
    const [source, target] = [byId.get(from), byId.get(to)];
    if (source === undefined || target === undefined) continue;
    append(ofEdge(forward, name), from, target);
    append(ofEdge(backward, name), to, source);
  }
  const attributes = new Map<string, readonly Attributes[]>();
  const doubts = new Map<string, Reason>();
  for (const { type, doubt } of graph.nodes) if (doubt !== undefined && !doubts.has(type)) doubts.set(type, doubt);
  return {
    doubtOfType: (type) => doubts.get(type),
    object: (id) => byId.get(id),
    ofType: (type) => byType.get(type) ?? [],
    along: (edge, id, reverse) => (reverse ? backward : forward).get(edge)?.get(id) ?? [],
    attributesOfType: (type) => {
      let list = attributes.get(type);
      if (list === undefined) {
        list = (byType.get(type) ?? []).map((object) => object.attributes);
        attributes.set(type, list);
      }
      return list;
    },
  };
}

/** A scope with the object that each single variable stands for, or the variable that found no object. */
export type Bound =
  | {
      readonly scope: Scope;
      readonly objects: ReadonlyMap<string, TnaObject>;
      /** Why what the scope says may be wrong: it cannot be told whether one of its objects exists. */
      readonly doubt: Reason | undefined;
    }
  | { readonly missing: string };

/**
 * Edges of a base type are followed from a refined object too: a bridge port has the queues of its link.
 * A single variable without an object makes the whole binding fail; a list may be empty.
 */
export function bindScope(
  index: GraphIndex,
  variable: string,
  subject: TnaObject,
  bindings: readonly Binding[],
): Bound {
  const scope: { [name: string]: Attributes | readonly Attributes[] } = { [variable]: subject.attributes };
  const objects = new Map([[variable, subject]]);
  let { doubt } = subject;
  for (const binding of bindings) {
    if (binding.kind === 'all') {
      scope[binding.variable] = index.attributesOfType(binding.type);
      doubt ??= index.doubtOfType(binding.type);
      continue;
    }
    const found =
      subject.base === undefined
        ? index.along(binding.edge, subject.id, binding.reverse)
        : lineage(index, subject).flatMap((object) => index.along(binding.edge, object.id, binding.reverse));
    const first = found[0];
    doubt ??= found.find((object) => object.doubt !== undefined)?.doubt;
    if (binding.many) scope[binding.variable] = found.map((object) => object.attributes);
    else if (first === undefined) return { missing: binding.variable };
    else {
      scope[binding.variable] = first.attributes;
      objects.set(binding.variable, first);
    }
  }
  return { scope, objects, doubt };
}

/** The object and those that it refines, most refined first. */
export function lineage(index: GraphIndex, object: TnaObject): readonly TnaObject[] {
  const chain: TnaObject[] = [object];
  for (let base = object.base; base !== undefined; ) {
    const next = index.object(base);
    if (next === undefined) break;
    chain.push(next);
    base = next.base;
  }
  return chain;
}

type Groups = Map<string, TnaObject[]>;

function append(groups: Groups, key: string, object: TnaObject): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [object]);
  else group.push(object);
}

function ofEdge(edges: Map<string, Groups>, name: string): Groups {
  const known = edges.get(name);
  if (known !== undefined) return known;
  const groups: Groups = new Map();
  edges.set(name, groups);
  return groups;
}
