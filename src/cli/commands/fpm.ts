// SPDX-License-Identifier: Apache-2.0
// `tna fpm build` and `tna fpm list`: the library of fast-path modules.

import { buildFpmLibrary } from '../../platform/clang.js';
import { readFpmLibrary } from '../../platform/fpm-library.js';
import { fpmSource, libraryDirectory } from '../../platform/package-paths.js';
import { type Cell, table } from '../../report/table.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';

export async function fpmBuildCommand(
  options: GlobalOptions,
  extra: readonly string[],
  out: string | undefined,
): Promise<number> {
  const source = fpmSource();
  const outDir = out ?? options.library ?? libraryDirectory();
  const library = await buildFpmLibrary({
    moduleDirs: [source.modules, ...extra],
    includeDir: source.include,
    dispatcherDir: source.dispatcher,
    kernels: source.kernels,
    compositions: source.compositions,
    outDir,
  });
  if (options.output === 'json')
    printJson({ directory: outDir, hash: library.hash, modules: library.modules.map((module) => module.name) });
  else print(`${library.modules.length} FPMs in ${outDir} (${library.hash.slice(0, 12)})`);
  return 0;
}

export async function fpmListCommand(options: GlobalOptions): Promise<number> {
  const library = await readFpmLibrary(options.library ?? libraryDirectory());
  if (options.output === 'json') {
    printJson({ hash: library.hash, modules: library.modules });
    return 0;
  }
  const rows = library.modules.map((module): readonly Cell[] => [
    String(module.order),
    module.name,
    module.hooks.join(' '),
    String(module.reasons.length),
    module.summary,
  ]);
  print(
    table(
      [
        { head: 'ORDER', align: 'right' },
        { head: 'FPM' },
        { head: 'HOOKS' },
        { head: 'REASONS', align: 'right' },
        { head: 'WHAT IT DOES' },
      ],
      rows,
      styleFor(process.stdout),
    ),
  );
  return 0;
}
