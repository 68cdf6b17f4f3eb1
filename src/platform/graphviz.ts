// SPDX-License-Identifier: Apache-2.0
// Draws DOT as SVG. The library is large, so it is loaded on first use.

/** @returns an SVG document */
export async function drawSvg(dot: string): Promise<string> {
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz');
  const graphviz = await Graphviz.load();
  return graphviz.dot(dot).trimEnd();
}
