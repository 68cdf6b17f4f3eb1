// SPDX-License-Identifier: Apache-2.0
// The dependency graph as text, JSON and DOT. SVG is drawn from the DOT by an adapter.

import type { Desired } from '../model/desired.js';
import type { Graph, TnaObject } from '../model/graph.js';
import { count, type Style } from './table.js';

export function graphJson(graph: Graph): object {
  return {
    nodes: graph.nodes.map(({ id, type, label, attributes }) => ({ id, type, label, attributes })),
    edges: graph.edges.map(({ name, from, to, label }) => ({ name, from, to, label })),
  };
}

/** Each object that depends on nothing, and below it, indented, what depends on it; of a circle, any one object leads. */
export function graphText(graph: Graph, style: Style): string {
  const children = new Map<string, { label: string; id: string }[]>();
  const dependent = new Set<string>();
  for (const edge of graph.edges) {
    dependent.add(edge.from);
    const list = children.get(edge.to) ?? [];
    list.push({ label: edge.label, id: edge.from });
    children.set(edge.to, list);
  }
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const lines: string[] = [
    style.strong(`${count(graph.nodes.length, 'object')}, ${count(graph.edges.length, 'dependency', 'dependencies')}`),
    '',
  ];
  const drawn = new Set<string>();
  const walk = (node: TnaObject, prefix: string, label: string, path: readonly string[]) => {
    drawn.add(node.id);
    lines.push(`${prefix}${label === '' ? '' : style.dim(`${label}: `)}${node.type} ${style.strong(node.label)}`);
    const below = path.length === 0 ? '' : prefix.replace(/├─ $/, '│  ').replace(/└─ $/, '   ');
    const next = (children.get(node.id) ?? []).filter((child) => !path.includes(child.id));
    next.forEach((child, i) => {
      const object = byId.get(child.id);
      if (object !== undefined)
        walk(object, `${below}${i === next.length - 1 ? '└─ ' : '├─ '}`, child.label, [...path, node.id]);
    });
  };
  for (const node of graph.nodes) if (!dependent.has(node.id)) walk(node, '', '', []);
  for (const node of graph.nodes) if (!drawn.has(node.id)) walk(node, '', '', []);
  return lines.join('\n');
}

/** Accelerated devices are filled. */
export function graphDot(graph: Graph, desired: Desired): string {
  const fast = new Set(desired.interfaces.filter((i) => i.pipeline !== undefined).map((i) => i.name));
  const quote = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const nodes = graph.nodes.map((node) => {
    const fill = fast.has(node.label) ? ', style="rounded,filled", fillcolor="#d7f0d7"' : '';
    return `  ${quote(node.id)} [label=${quote(`${node.type}\n${node.label}`).replaceAll('\n', '\\n')}${fill}];`;
  });
  const edges = graph.edges.map((edge) => `  ${quote(edge.from)} -> ${quote(edge.to)} [label=${quote(edge.label)}];`);
  return [
    'digraph tna {',
    '  rankdir=RL;',
    '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=11];',
    '  edge [fontname="sans-serif", fontsize=9, color="#666666"];',
    ...nodes,
    ...edges,
    '}',
  ].join('\n');
}
