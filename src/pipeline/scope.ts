// SPDX-License-Identifier: Apache-2.0
// Binds the variables of a rule's expressions to objects of the graph.

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
}

export function indexGraph(graph: Graph): GraphIndex {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const byType = groupBy(graph.nodes, (node) => node.type);
  const forward = groupBy(graph.edges, (edge) => `${edge.name} ${edge.from}`);
  const backward = groupBy(graph.edges, (edge) => `${edge.name} ${edge.to}`);
  const attributes = new Map<string, readonly Attributes[]>();
  return {
    object: (id) => byId.get(id),
    ofType: (type) => byType.get(type) ?? [],
    along: (edge, id, reverse) => {
      const edges = (reverse ? backward : forward).get(`${edge} ${id}`) ?? [];
      return edges.flatMap((e) => byId.get(reverse ? e.from : e.to) ?? []);
    },
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
  | { readonly scope: Scope; readonly objects: ReadonlyMap<string, TnaObject> }
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
  for (const binding of bindings) {
    if (binding.kind === 'all') {
      scope[binding.variable] = index.attributesOfType(binding.type);
      continue;
    }
    const found = lineage(index, subject).flatMap((object) => index.along(binding.edge, object.id, binding.reverse));
    const first = found[0];
    if (binding.many) scope[binding.variable] = found.map((object) => object.attributes);
    else if (first === undefined) return { missing: binding.variable };
    else {
      scope[binding.variable] = first.attributes;
      objects.set(binding.variable, first);
    }
  }
  return { scope, objects };
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

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const k = key(item);
    const group = groups.get(k);
    if (group === undefined) groups.set(k, [item]);
    else group.push(item);
  }
  return groups;
}
