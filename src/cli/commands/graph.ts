// SPDX-License-Identifier: Apache-2.0
// `tna graph`: the dependency graph as text, JSON, DOT or SVG.

import { TnaError } from '../../model/error.js';
import { drawSvg } from '../../platform/graphviz.js';
import { graphDot, graphJson, graphText } from '../../report/graph.js';
import { loadDomain, look } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';

export async function graphCommand(options: GlobalOptions, format: string): Promise<number> {
  const { graph, desired } = await look(options, await loadDomain(options));
  switch (options.output === 'json' ? 'json' : format) {
    case 'text':
      print(graphText(graph, styleFor(process.stdout)));
      return 0;
    case 'json':
      printJson(graphJson(graph));
      return 0;
    case 'dot':
      print(graphDot(graph, desired));
      return 0;
    case 'svg':
      print(await drawSvg(graphDot(graph, desired)));
      return 0;
    default:
      throw new TnaError('usage', `--format ${format}: give text, json, dot or svg`);
  }
}
