// SPDX-License-Identifier: Apache-2.0
// Builds the native socket with node-gyp, unless the built one is newer than its sources. Uses the headers installed
// beside the running Node when there are any, so that nothing is downloaded.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const built = join(root, 'build', 'Release', 'netlink_socket.node');
const sources = [
  join(root, 'binding.gyp'),
  process.execPath,
  ...readdirSync(join(root, 'native')).map((name) => join(root, 'native', name)),
];

function isFresh() {
  if (!existsSync(built)) return false;
  const builtAt = statSync(built).mtimeMs;
  return sources.every((path) => statSync(path).mtimeMs < builtAt);
}

if (!isFresh()) {
  const prefix = dirname(dirname(process.execPath));
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const args = [nodeGyp, 'rebuild'];
  if (existsSync(join(prefix, 'include', 'node', 'node.h'))) args.push(`--nodedir=${prefix}`);
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  process.exit(result.status ?? 1);
}
