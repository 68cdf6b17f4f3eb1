// SPDX-License-Identifier: Apache-2.0
// Bundles the command line into a few files, in dist/bundle/tna/. Of what a short command costs, finding and compiling some 250
// module files is a third. What is imported on demand stays a file of its own, and names stay as they are.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// As deep below the package as the modules that look for its files relative to themselves (src/platform/package-paths.ts).
const outdir = join(root, 'dist', 'bundle', 'tna');

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: [join(root, 'dist', 'src', 'main.js')],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: true,
  sourcesContent: false,
  // Large and seldom needed.
  external: ['@hpcc-js/wasm-graphviz', 'chokidar'],
  // CommonJS packages inside a module file ask for Node's own modules by require().
  banner: {
    js: "import { createRequire as tnaRequire } from 'node:module';const require = tnaRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
