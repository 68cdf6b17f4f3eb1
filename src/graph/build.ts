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
  for (const rule of rules.dependencies) join(rule, byType, edges);
  return { nodes: objects, edges: edges.sort(compareEdges) };
}

function join(rule: DependencyRule, byType: ReadonlyMap<string, readonly TnaObject[]>, edges: Edge[]): void {
  const [single] = rule.on;
  const joinKey = (object: TnaObject, side: 0 | 1) =>
    rule.on.length === 1 && single !== undefined
      ? String(object.attributes[single[side]])
      : rule.on.map((pair) => String(object.attributes[pair[side]])).join('\u0000');
  const targets = new Map<string, TnaObject[]>();
  for (const to of byType.get(rule.to) ?? []) {
    const key = joinKey(to, 1);
    const list = targets.get(key);
    if (list === undefined) targets.set(key, [to]);
    else list.push(to);
  }
  for (const from of byType.get(rule.from) ?? [])
    for (const to of targets.get(joinKey(from, 0)) ?? [])
      edges.push({ name: rule.name, from: from.id, to: to.id, label: rule.label });
}

function compareEdges(a: Edge, b: Edge): number {
  if (a.from !== b.from) return a.from < b.from ? -1 : 1;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.to < b.to ? -1 : a.to > b.to ? 1 : 0;
}
