// SPDX-License-Identifier: Apache-2.0
// Builds the addon with node-gyp against the headers that came with this Node (nothing is downloaded), and only when a
// source is newer than the last build. No clean rebuild: the addon stays loadable until the new one is linked.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const built = join(here, 'build', 'Release', 'bpf_loader_native.node');
const sources = ['binding.gyp', ...readdirSync(join(here, 'native')).map((name) => join('native', name))];
const newest = Math.max(...sources.map((name) => statSync(join(here, name)).mtimeMs));

if (!existsSync(built) || statSync(built).mtimeMs < newest) {
  const prefix = dirname(dirname(process.execPath));
  const nodedir = existsSync(join(prefix, 'include', 'node', 'node.h')) ? [`--nodedir=${prefix}`] : [];
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const run = spawnSync(process.execPath, [nodeGyp, 'configure', 'build', '--loglevel=warn', ...nodedir], {
    cwd: here,
    stdio: 'inherit',
  });
  process.exitCode = run.status ?? 1;
}
