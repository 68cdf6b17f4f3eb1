// SPDX-License-Identifier: Apache-2.0
// `tna rules check` and `tna rules schema`.

import { readFpmLibrary } from '../../platform/fpm-library.js';
import { libraryDirectory, rulesDirectory, specDirectory } from '../../platform/package-paths.js';
import { protocolsIn } from '../../platform/protocols.js';
import { readRuleFiles } from '../../platform/rule-files.js';
import { count } from '../../report/table.js';
import { compileRules, ruleFileSchemaText } from '../../rules/index.js';
import type { GlobalOptions } from '../options.js';
import { print, printJson, styleFor } from '../output.js';

export async function rulesCheckCommand(options: GlobalOptions): Promise<number> {
  const directory = options.rules ?? rulesDirectory();
  const files = readRuleFiles(directory);
  const library = await readFpmLibrary(options.library ?? libraryDirectory());
  const compiled = compileRules(files, library, protocolsIn(specDirectory(directory)));
  const style = styleFor(process.stdout);
  if ('errors' in compiled) {
    if (options.output === 'json') printJson({ valid: false, errors: compiled.errors });
    else
      print(
        [
          style.bad(`${directory}: ${count(compiled.errors.length, 'error')}`),
          ...compiled.errors.map((error) => error.text),
        ].join('\n'),
      );
    return 1;
  }
  const { sources, objects, dependencies, services } = compiled.ruleSet;
  const counts = {
    files: files.length,
    sources: sources.length,
    objects: objects.length,
    dependencies: dependencies.length,
    services: services.length,
  };
  if (options.output === 'json') printJson({ valid: true, ...counts });
  else {
    const list = Object.entries(counts).map(([what, n]) => `${n} ${what}`);
    print(`${style.good('valid')}: ${list.join(', ')} in ${directory}`);
  }
  return 0;
}

export async function rulesSchemaCommand(): Promise<number> {
  print(ruleFileSchemaText.trimEnd());
  return 0;
}
