// SPDX-License-Identifier: Apache-2.0
// The topology: objects and the edges that the dependency rules find between them.

import type { Edge, Graph, TnaObject } from '../model/graph.js';
import type { DependencyRule, RuleSet } from '../model/ruleset.js';

/** Joins objects by equal attributes, one hash index per rule: linear in objects and edges. */
export function buildGraph(rules: RuleSet, objects: readonly TnaObject[]): Graph {
  const byType = new Map<string, TnaObject[]>();
  for (const object of objects) {
    const list = byType.get(object.type);
    if (list === undefined) byType.set(object.type, [object]);
    else list.push(object);
  }
  const edges: Edge[] = objects.flatMap((object) =>
    object.base === undefined ? [] : [{ name: 'is', from: object.id, to: object.base, label: 'is' }],
  );
  for (const rule of rules.dependencies) edges.push(...join(rule, byType));
  return { nodes: objects, edges: edges.sort(compareEdges) };
}

function join(rule: DependencyRule, byType: ReadonlyMap<string, readonly TnaObject[]>): Edge[] {
  const joinKey = (object: TnaObject, side: 0 | 1) =>
    rule.on.map((pair) => String(object.attributes[pair[side]])).join('\u0000');
  const targets = new Map<string, TnaObject[]>();
  for (const to of byType.get(rule.to) ?? []) {
    const key = joinKey(to, 1);
    const list = targets.get(key);
    if (list === undefined) targets.set(key, [to]);
    else list.push(to);
  }
  return (byType.get(rule.from) ?? []).flatMap((from) =>
    (targets.get(joinKey(from, 0)) ?? []).map((to) => ({
      name: rule.name,
      from: from.id,
      to: to.id,
      label: rule.label,
    })),
  );
}

function compareEdges(a: Edge, b: Edge): number {
  const left = [a.from, a.name, a.to];
  const right = [b.from, b.name, b.to];
  for (let i = 0; i < 3; i++) {
    const x = left[i] as string;
    const y = right[i] as string;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
