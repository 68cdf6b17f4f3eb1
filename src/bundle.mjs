// SPDX-License-Identifier: Apache-2.0
// Bundles the command line into one script and compiles it, in dist/bundle/tna/. Of what a short command costs, a third would
// be finding some 250 module files and compiling what they hold. What is imported on demand from packages stays outside.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';
import { ruleTextKey } from '../dist/src/rules/known.js';
import { checkSchema } from '../dist/src/rules/schema-check.js';
import { parseYaml } from '../dist/src/rules/yaml-document.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// As deep below the package as the modules that look for its files relative to themselves (src/platform/package-paths.ts).
const outdir = join(root, 'dist', 'bundle', 'tna');

/** Large and seldom needed. */
const external = ['@hpcc-js/wasm-graphviz', 'chokidar'];
const { outputFiles } = await build({
  entryPoints: { tna: join(root, 'dist', 'src', 'main.js') },
  outdir,
  write: false,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  minifyWhitespace: true,
  minifySyntax: true,
  external,
  define: { 'import.meta.url': 'tnaUrl' },
  plugins: [{ name: 'known-rules', setup: (bundle) => bundle.onLoad({ filter: /\/rules\/known\.js$/ }, knowingRules) }],
  logLevel: 'warning',
});
const [{ text }] = outputFiles;
// Called like the function that Node.js makes of a CommonJS module. Compiled code that is read back has no import() of its own.
const imports = /\bimport\((?=")/g;
if (text.match(imports)?.length !== external.length)
  throw new Error('the bundle imports something else than the external packages');
const body = text.replace(/^#!.*/, '').replaceAll(imports, 'tnaImport(');
const source = `(function (exports, require, module, __filename, __dirname, tnaImport) {const tnaUrl = require('node:url').pathToFileURL(__filename).href;${body}
})`;
// V8 takes compiled code for the source that it belongs to when merely the length agrees: so the name holds a hash.
const name = `tna-${createHash('sha256').update(source).digest('hex').slice(0, 12)}`;

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
writeFileSync(join(outdir, `${name}.cjs`), source);
writeFileSync(join(outdir, `${name}.code`), compiled(source));
writeFileSync(join(outdir, 'main.cjs'), launcher(name), { mode: 0o755 });

/** The module of the rules that are known, with the project's own in it. */
function knowingRules({ path }) {
  const directory = join(root, 'rules');
  const known = readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(directory, file), 'utf8');
      const { document, errors } = parseYaml(file, text);
      // Whoever starts the command is told what is wrong with it.
      if (document === undefined || errors.length > 0 || checkSchema(document).errors.length > 0) return [];
      return [[ruleTextKey(text), document.data]];
    });
  const empty = 'new Map()';
  const module = readFileSync(path, 'utf8');
  if (!module.includes(empty)) throw new Error(`${path} has no place for the rules`);
  return { contents: module.replace(empty, () => `new Map(JSON.parse(${JSON.stringify(JSON.stringify(known))}))`) };
}

/** Every function, not only those that run at the start. The flags must be as they are when the code is read. */
function compiled(source) {
  setFlagsFromString('--no-lazy');
  const script = new Script(source, { filename: `${name}.cjs` });
  setFlagsFromString('--lazy');
  return script.createCachedData();
}

/** Another version of Node.js compiles for itself: then a command starts later, but is the same. */
function launcher(name) {
  return `#!/usr/bin/env node
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const filename = join(__dirname, '${name}.cjs');
const script = new Script(readFileSync(filename, 'utf8'), {
  filename,
  cachedData: readFileSync(join(__dirname, '${name}.code')),
});
script.runInThisContext()(exports, require, module, filename, __dirname, (specifier) => import(specifier));
`;
}
